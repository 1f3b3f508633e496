# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A refusal after a flip that bears the old account's limit and reset: whose it is, and what follows from it."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from switch_world import NOW, T0, Harness, World, minutes

from claude_failover.claude.turns import TurnEvent
from claude_failover.failover import policy, resume_queue
from claude_failover.failover.attribution import attribute
from claude_failover.failover.doubt import Doubt, doubt_from_json, doubt_to_json, with_account
from claude_failover.failover.state import FailoverState
from claude_failover.switching import open_records
from claude_failover.switching.flip_log import Flip

FLIPPED = (Flip(T0, "a", "b", "limit"),)


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, "abc")


# -- whose refusal it is -------------------------------------------------------------------------------------------


def attributed(world, evidence, flips=FLIPPED, active="b", answered=None):
    return attribute(
        evidence,
        flips,
        active,
        world.link,
        world.config.accounts,
        world.exhaustion,
        answered=lambda _session: answered,
    )


def refusal(world, limit="five_hour", reset=90, at=60, begun=10):
    """Return a refusal at ``at`` seconds, of a request begun ``begun`` seconds before; ``reset`` in minutes."""
    world.now = T0 + seconds(at)
    resets_in = None if reset is None else minutes(reset) - seconds(at)
    return world.evidence(limit=limit, reset=resets_in, begun=None if begun is None else seconds(begun))


def exhaust(world, **accounts):
    for name, reset in accounts.items():
        world.exhaustion.record(name, "five_hour", T0 + minutes(reset), now=T0)


def test_the_first_refusal_that_bears_the_old_accounts_limit_and_reset_is_in_doubt(world):
    exhaust(world, a=90)
    found = attributed(world, refusal(world))
    assert (found.account, found.follows_link, found.doubted) == (None, True, "b")
    assert "refused under b with the limit and the reset of a" in found.why


@pytest.mark.parametrize("off", [-91, 91, 600])
def test_another_reset_is_the_new_accounts(world, off):
    exhaust(world, a=90)
    found = attributed(world, refusal(world, reset=90 + off / 60))
    assert (found.account, found.doubted) == ("b", None)


@pytest.mark.parametrize(("known", "named", "account"), [(7, 7, None), (7, 8, "b"), (7, 0, None), (0, 59, None)])
def test_resets_with_seconds_are_compared_to_the_second(world, known, named, account):
    """A screen shows minutes, the record in the transcript has the exact time."""
    world.exhaustion.record("a", "five_hour", T0 + minutes(90) + seconds(known), now=T0)
    assert attributed(world, refusal(world, reset=90 + named / 60)).account == account


def test_another_limit_is_the_new_accounts(world):
    exhaust(world, a=90)
    assert attributed(world, refusal(world, limit="seven_day")).account == "b"


@pytest.mark.parametrize(
    ("limit", "known", "reset", "account"),
    [
        ("five_hour", True, None, None),
        ("five_hour", False, None, None),
        ("five_hour", False, 90, "b"),
        ("seven_day", True, None, "b"),
        ("unknown", True, None, "b"),
        ("opus", True, None, None),
    ],
)
def test_a_refusal_that_names_no_reset_is_in_doubt_by_its_limit(world, limit, known, reset, account):
    for recorded in ("five_hour", "opus"):
        world.exhaustion.record("a", recorded, T0 + minutes(90), now=T0, known=known)
    found = attributed(world, refusal(world, limit=limit, reset=reset))
    assert (found.account, found.doubted) == (account, None if account else "b")
    answered = T0 + seconds(30)
    assert attributed(world, refusal(world, limit=limit, reset=reset), answered=answered).account == "b"


def test_a_limit_that_has_reset_is_compared_with_none(world):
    exhaust(world, a=90)
    assert attributed(world, refusal(world, at=91 * 60)).account == "b"


def test_a_limit_that_the_new_account_is_known_for_is_its_own(world):
    exhaust(world, a=90, b=90)
    assert attributed(world, refusal(world)).account == "b"


def test_a_limit_of_any_account_raises_the_doubt_not_only_the_last_ones(world):
    """The session uses the login of a since its start, while others went on to c."""
    exhaust(world, a=90, b=200)
    flips = [Flip(T0, "a", "b", "limit"), Flip(T0 + seconds(20), "b", "c", "limit")]
    assert attributed(world, refusal(world), flips, "c").doubted == "c"
    assert attributed(world, refusal(world), [], "c").doubted == "c"


def test_a_request_begun_before_the_flip_is_the_old_accounts(world):
    exhaust(world, a=90)
    found = attributed(world, refusal(world, begun=61))
    assert (found.account, found.doubted) == ("a", None)


@pytest.mark.parametrize(("answered", "account"), [(-1, None), (0, None), (0.5, "b"), (30, "b")])
def test_an_answer_since_the_other_account_ran_out_ends_the_doubt(world, answered, account):
    """``answered``: seconds after a ran out at which the newest answered request was begun."""
    exhaust(world, a=90)
    found = attributed(world, refusal(world), answered=T0 + seconds(answered))
    assert (found.account, found.doubted) == (account, None if account else "b")


def test_right_after_the_flip_too_an_answer_shows_the_new_account(world):
    """Both end in the same minute; what was answered since the old one ran out does not use it."""
    exhaust(world, a=90)
    assert attributed(world, refusal(world, at=4, begun=1), answered=T0 + seconds(1)).account == "b"
    assert attributed(world, refusal(world, at=4, begun=1)).account == "a"


def test_an_answer_by_another_model_says_nothing_of_a_models_limit(world):
    world.exhaustion.record("a", "opus", T0 + minutes(90), now=T0)
    assert attributed(world, refusal(world, limit="opus"), answered=T0 + seconds(30)).doubted == "b"


def test_a_wording_without_the_limits_name_raises_the_doubt_by_its_reset(world):
    exhaust(world, a=90)
    assert attributed(world, refusal(world, limit="unknown")).doubted == "b"
    assert attributed(world, refusal(world, limit=None)).doubted == "b"


# -- the doubts of a session ---------------------------------------------------------------------------------------


def test_the_accounts_of_a_doubt_are_collected_as_long_as_limit_and_reset_are_the_same(world):
    first = with_account(None, refusal(world), "b", 3600)
    assert first == Doubt("five_hour", T0 + minutes(90), ("b",))
    assert with_account(first, refusal(world), "b", 3600) == first
    assert with_account(first, refusal(world), "c", 3600).accounts == ("b", "c")
    assert with_account(first, refusal(world, reset=300), "c", 3600).accounts == ("c",)
    assert with_account(first, refusal(world, limit="opus"), "c", 3600).accounts == ("c",)
    assert with_account(first, refusal(world, reset=None), "c", 3600) == with_account(first, refusal(world), "c", 3600)
    without = with_account(None, refusal(world, reset=None), "c", 3600)
    assert without == Doubt("five_hour", T0 + seconds(60) + minutes(60), ("c",), known=False)
    assert with_account(without, refusal(world, at=120, reset=None), "b", 3600).accounts == ("c", "b")
    assert with_account(without, refusal(world, at=120, reset=None), "b", 3600).resets_at == T0 + minutes(62)
    told = with_account(without, refusal(world), "b", 3600)
    assert (told.accounts, told.resets_at, told.known) == (("c", "b"), T0 + minutes(90), True)
    assert with_account(told, refusal(world, reset=None), "a", 3600).accounts == ("c", "b", "a")
    assert [doubt_from_json(doubt_to_json(doubt)) for doubt in (first, without)] == [first, without]


# -- what follows --------------------------------------------------------------------------------------------------


class Story:
    """A failover in which sessions of the harness keep the login of a, or not."""

    def __init__(self, world, monkeypatch):
        monkeypatch.setattr(open_records, "STRAGGLERS", 0.0)
        monkeypatch.setattr(open_records, "ANSWERS", 0.0)
        monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 0.0)
        monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 0.0)
        self.world = world
        self.answered = {}
        self.told = []
        self.harness = Harness(
            world,
            answered=self.answered.get,
            on_set_aside=lambda session, why: self.told.append((session, why is not None)),
        )

    @property
    def failover(self):
        return self.harness.failover

    def settle(self, *evidence, after=NOW):
        self.world.now += after

        async def go_on():
            self.harness.record_evidence(*evidence)
            await self.harness.settle()

        asyncio.run(go_on())

    def refuse(self, *sessions, reset=90, after=70, limit="five_hour"):
        """Let sessions be refused, with a turn of its own each; ``after`` in seconds, ``reset`` in minutes."""
        self.world.now += seconds(after)
        resets_in = None if reset is None else T0 + minutes(reset) - self.world.now
        turn = f" at {self.world.now}"
        self.settle(
            *[
                self.world.evidence(name, limit=limit, reset=resets_in, begun=seconds(1), turn=name + turn)
                for name in sessions
            ]
        )

    def answer(self, session, after=2):
        """Let a turn of a session be answered, ``after`` seconds later."""
        self.world.now += seconds(after)
        self.answered[session] = self.world.now - seconds(1)
        self.failover.on_turn(TurnEvent(session, None, "stop", self.world.now))
        self.settle()

    @property
    def switches(self):
        rows = [row for row in self.world.log() if row["outcome"] == "switched"]
        return [(row["from_account"], row["to_account"]) for row in rows]

    @property
    def marked(self):
        return [name for name in "abc" if self.world.exhaustion.status_rows(name, self.world.now)]


@pytest.fixture
def story(world, monkeypatch):
    return Story(world, monkeypatch)


def test_one_session_with_a_login_of_its_own_makes_one_switch_and_marks_one_account(story):
    story.refuse("one")
    for _again in range(5):
        story.refuse("one")
    assert story.switches == [("a", "b")]
    assert story.marked == ["a"]
    assert story.harness.resumer.resumed == ["one"]
    assert story.told[0] == ("one", True)


def test_a_session_in_doubt_is_told_with_the_reason_and_what_to_do(story, caplog):
    story.refuse("one")
    story.refuse("one")
    (note,) = story.harness.resumer.set_aside.values()
    assert "refused under b with the limit and the reset of a" in note
    assert "claude-failover switch ACCOUNT" in note
    assert f"session one: set aside: {note}" in caplog.text


def test_a_session_in_doubt_outlives_a_restart_of_the_daemon(story):
    story.refuse("one")
    story.refuse("one")
    story.harness.restart()
    story.failover.resume_queue.show()
    story.settle()
    assert story.switches == [("a", "b")]
    assert list(story.harness.resumer.set_aside) == ["one"]
    assert FailoverState(story.world.store).doubts["one"].accounts == ("b",)


def test_a_flip_by_hand_gives_a_session_in_doubt_another_try(story):
    story.refuse("one")
    story.refuse("one")
    asyncio.run(story.failover.switch("c"))
    story.settle(after=seconds(1))
    assert story.harness.resumer.resumed == ["one", "one"]
    assert story.told == [("one", True), ("one", False)]


def test_one_that_is_told_no_reset_makes_one_switch_more_and_marks_one_account(story):
    for _again in range(6):
        story.refuse("one", reset=None)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]
    wait = story.world.config.failover.unknown_reset_wait
    story.settle(after=seconds(wait - 60))
    assert story.harness.resumer.resumed == ["one", "one"]
    story.settle(after=minutes(2))
    assert story.harness.resumer.resumed == ["one"] * 3


def test_two_accounts_that_are_out_of_usage_and_name_no_reset_are_left_for_the_third(story):
    story.refuse("one", reset=None)
    story.refuse("one", reset=None)
    story.answer("one")
    assert story.switches == [("a", "b"), ("b", "c")]
    assert FailoverState(story.world.store).doubts == {}


def test_a_models_limit_that_names_no_reset_is_an_accounts_own_once_the_session_was_answered_there(story):
    """As "Opus requires usage credits.", which never names one."""
    story.refuse("one", reset=None, limit="opus")
    story.answer("one")
    story.refuse("one", reset=None, limit="opus")
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a", "b"]


def test_sessions_whose_hook_names_no_reset_and_whose_record_does_move_the_link_no_more(tmp_path, monkeypatch):
    story = Story(World(tmp_path, "abcdef"), monkeypatch)
    for _turn in range(5):
        story.refuse("one", "two", reset=None)
        story.refuse("one", "two", reset=90, after=1)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]


def test_a_record_that_names_another_reset_ends_the_doubt_of_its_hook(story):
    story.refuse("one")
    story.refuse("one", reset=None)
    story.refuse("one", reset=200, after=0.5)
    assert story.marked == ["a", "b"]
    assert FailoverState(story.world.store).doubts == {}


def test_two_that_are_told_no_reset_make_one_more_switch_which_marks_nothing(story):
    story.refuse("one", "two", reset=None)
    story.refuse("one", "two", reset=None)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]
    story.refuse("one", "two", reset=None)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]


def test_at_its_reset_a_session_in_doubt_goes_on(story):
    story.refuse("one")
    story.refuse("one")
    story.settle(after=minutes(80))
    assert story.harness.resumer.resumed == ["one"]
    story.settle(after=minutes(11))
    assert story.harness.resumer.resumed == ["one", "one"]
    assert story.switches == [("a", "b")]


def test_a_doubt_ends_with_its_reset_though_no_answer_is_ever_seen(story, caplog):
    """Without hooks and a transcript, or of a session that is gone."""
    caplog.set_level("INFO", logger="claude_failover.failover.resume_queue")
    story.refuse("one")
    story.refuse("one")
    story.settle(after=minutes(80))
    assert list(FailoverState(story.world.store).doubts) == ["one"]
    story.settle(after=minutes(11))
    assert FailoverState(story.world.store).doubts == {}
    assert "session one: the doubt about its login has ended with the reset" in caplog.text


def test_a_person_who_makes_it_go_on_ends_the_doubt(story):
    story.refuse("one")
    story.refuse("one")
    story.answer("one")
    assert story.failover.resume_queue.limited() == {}
    assert story.told == [("one", True), ("one", False)]
    assert FailoverState(story.world.store).doubts == {}


def test_other_sessions_are_switched_while_one_is_set_aside(story):
    """b runs out of something else."""
    story.refuse("one")
    story.refuse("one")
    story.answer("two")
    story.refuse("two", reset=300)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a", "b"]


def test_a_session_that_was_answered_shows_that_the_new_account_ends_in_the_same_minute(story):
    story.refuse("one")
    story.answer("one")
    story.refuse("one")
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a", "b"]


def test_the_refusal_of_a_session_that_was_answered_decides_for_another_in_doubt_too(story):
    story.refuse("one", "two")
    story.answer("two")
    story.refuse("one")
    assert story.switches == [("a", "b")]
    story.refuse("two")
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a", "b"]
    assert sorted(story.harness.resumer.resumed) == ["one", "one", "two", "two"]


def test_two_sessions_in_doubt_make_one_more_switch_which_marks_nothing(story):
    """The new account may end in the same minute; under the third one they go on."""
    story.refuse("one", "two")
    story.refuse("one")
    assert story.switches == [("a", "b")]
    story.refuse("two")
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]
    assert sorted(story.harness.resumer.resumed) == ["one", "one", "two", "two"]


def test_many_sessions_with_a_login_of_their_own_do_not_go_through_all_accounts(tmp_path, monkeypatch):
    story = Story(World(tmp_path, "abcdef"), monkeypatch)
    sessions = [f"s{number}" for number in range(5)]
    for _again in range(6):
        story.refuse(*sessions)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a"]


def test_two_sessions_in_doubt_make_no_switch_where_another_is_answered(story):
    """So the new account is not out of usage."""
    story.refuse("one", "two")
    story.answer("three")
    story.refuse("one", "two")
    assert story.switches == [("a", "b")]
    assert story.marked == ["a"]


def test_two_sessions_in_doubt_stay_where_no_account_is_left(tmp_path, monkeypatch):
    story = Story(World(tmp_path, "ab"), monkeypatch)
    story.refuse("one", "two")
    for _again in range(3):
        story.refuse("one", "two")
    assert story.switches == [("a", "b")]
    assert len(story.world.log()) == 1, "no record is written again and again"


def test_a_later_source_that_names_another_reset_ends_the_doubt(story):
    """A banner shows minutes, the transcript has the exact time."""
    story.refuse("one")
    story.refuse("one")
    story.refuse("one", reset=200, after=0)
    assert story.switches == [("a", "b"), ("b", "c")]
    assert story.marked == ["a", "b"]
    assert story.told == [("one", True), ("one", False)]


def test_a_session_set_aside_does_not_keep_the_others_from_a_proactive_switch(story):
    story.harness.configure(proactive_threshold=90)
    story.refuse("one")
    story.refuse("one")
    used = {"used_percentage": 95, "resets_at": (T0 + minutes(600)).timestamp()}
    story.world.usage.record("b", {"five_hour": used})
    story.answer("two", after=70)
    assert story.switches == [("a", "b"), ("b", "c")]


def test_a_session_in_doubt_tells_nothing_of_the_active_account(story):
    """Its usage is the other account's, and would lead to a switch as well."""

    class Session:
        name, config_dir, set_aside, foreign_login = "one", story.world.link, None, None

    figures = {"five_hour": {"used_percentage": 100, "resets_at": (T0 + minutes(90)).timestamp()}}
    story.refuse("one")
    story.refuse("one", after=900)
    story.failover.account_signals.on_usage(Session(), figures)
    story.failover.account_signals.on_login_dead(Session(), "Login expired")
    assert story.world.usage.percent("b", story.world.now) == {}
    assert story.world.logins.state(story.world.config.account("b")) == "ok"


def test_a_stored_doubt_that_is_malformed_is_ignored(world):
    world.store.save("failover", {"doubts": {"one": {"accounts": 3}, "two": None}})
    assert FailoverState(world.store).doubts == {}
    world.store.save("failover", {"doubts": 3})
    assert FailoverState(world.store).doubts == {}


def test_evidence_keeps_what_makes_the_login_another(world):
    state = FailoverState(world.store)
    evidence = dataclasses.replace(world.evidence("one"), foreign_login="apiKeyHelper in /x")
    with state.update():
        state.unattributed = [evidence]
    assert FailoverState(world.store).unattributed == [evidence]
