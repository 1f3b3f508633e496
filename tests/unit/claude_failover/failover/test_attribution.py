# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
from datetime import timedelta

import pytest
from switch_world import T0, World, minutes

from claude_failover.failover.attribution import attribute, is_same_entry
from claude_failover.storage.store import Store
from claude_failover.switching.flip_log import Flip, FlipLog, account_at


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, "abc")


def attributed(world, evidence, flip_log=()):
    return attribute(evidence, flip_log, "b" if flip_log else "a", world.link, world.config.accounts, world.exhaustion)


FLIPPED = [Flip(T0, "a", "b", "limit")]


def test_a_limit_of_a_session_that_is_set_aside_is_no_accounts(world):
    found = attribute(
        world.evidence(), FLIPPED, "b", world.link, world.config.accounts, world.exhaustion, "it is too old"
    )
    assert (found.account, found.follows_link, found.why) == (None, False, "it is too old")


def test_without_a_flip_it_is_the_active_account(world):
    found = attributed(world, world.evidence())
    assert (found.account, found.follows_link) == ("a", True)


@pytest.mark.parametrize(
    ("begun", "account"),
    [(-60, "a"), (-0.001, "a"), (0, "b"), (0.5, "b"), (4.5, "b"), (5.5, "b"), (3600, "b")],
)
def test_the_account_that_the_request_was_begun_under(world, begun, account):
    world.exhaustion.record("a", "five_hour", T0 + minutes(30), now=T0)
    world.now = T0 + seconds(4000)
    evidence = world.evidence(begun=seconds(4000 - begun), reset=minutes(200))
    found = attributed(world, evidence, FLIPPED)
    assert found.account == account


@pytest.mark.parametrize(("after", "account"), [(0.5, "a"), (4.5, "a"), (5.5, None), (3600, None), (None, "a")])
def test_a_known_limit_of_the_old_account_is_attributed_to_it(world, after, account):
    """Claude Code reads the new credentials some time after the flip; until then the old account answers.

    Later it may be either account's, and is neither's.
    """
    world.exhaustion.record("a", "five_hour", T0 + minutes(90), now=T0)
    world.now = T0 + seconds(4000 if after == 3600 else 20)
    passed = world.now - T0
    evidence = world.evidence(reset=minutes(90) - passed, begun=None if after is None else passed - seconds(after))
    found = attributed(world, evidence, FLIPPED)
    assert (found.account, found.doubted) == (account, None if account else "b")


def test_a_known_limit_of_both_accounts_is_the_active_ones(world):
    for name in "ab":
        world.exhaustion.record(name, "five_hour", T0 + minutes(90), now=T0)
    world.now = T0 + seconds(20)
    assert attributed(world, world.evidence(reset=minutes(90), begun=None), FLIPPED).account == "b"


def test_of_two_accounts_with_the_limit_the_one_with_its_reset_is_recognised(world):
    world.exhaustion.record("a", "five_hour", T0 + minutes(90), now=T0)
    world.exhaustion.record("b", "five_hour", T0 + minutes(30), now=T0)
    assert attributed(world, world.evidence(reset=minutes(90), begun=None), FLIPPED).account == "a"


@pytest.mark.parametrize(("limit", "account"), [("opus", "b"), ("sonnet", None)])
def test_a_models_limit_of_the_old_account_explains_a_refusal_of_that_model_only(world, limit, account):
    """A request begun at the flip and refused with a reset that is not the old account's."""
    world.exhaustion.record("a", "opus", T0 + minutes(90), now=T0)
    world.now = T0 + seconds(2)
    evidence = world.evidence(limit=limit, reset=minutes(200), begun=seconds(1.5))
    assert attributed(world, evidence, FLIPPED).account == account


def test_a_request_begun_at_the_flip_is_attributed_to_no_account(world):
    world.now = T0 + seconds(2)
    found = attributed(world, world.evidence(begun=seconds(1.5)), [Flip(T0, "a", "b", "manual")])
    assert (found.account, found.follows_link) == (None, True)
    world.exhaustion.record("a", "five_hour", T0 + minutes(1), now=T0)
    assert attributed(world, world.evidence(begun=seconds(1.5)), [Flip(T0, "a", "b", "limit")]).account == "b"


def older(world, **kind):
    """Return a refusal that is older than the session's process."""
    return dataclasses.replace(world.evidence(**kind), earlier_process=True)


@pytest.mark.parametrize("flips", [(), FLIPPED])
def test_a_refusal_that_is_older_than_the_process_marks_no_account(world, flips):
    """The process before it can have had another login; the session goes on, and is asked again."""
    world.now = T0 + seconds(60)
    found = attributed(world, older(world), flips)
    assert (found.account, found.follows_link, found.doubted) == (None, True, None)
    assert "older than the session's process" in found.why


def test_one_from_before_a_flip_is_the_account_of_that_time(world):
    world.now = T0 - seconds(60)
    assert attributed(world, older(world), FLIPPED).account == "a"


@pytest.mark.parametrize("reset", [None, 90])
def test_one_whose_limit_is_recorded_for_the_account_is_its(world, reset):
    """It marks nothing anew, and the session waits with the others, over a reboot too."""
    world.exhaustion.record("a", "five_hour", T0 + minutes(90), now=T0, known=reset is not None)
    evidence = older(world, reset=None if reset is None else minutes(reset))
    assert attributed(world, evidence).account == "a"


def test_evidence_without_the_requests_time_is_attributed_by_its_own_time(world):
    world.now = T0 - seconds(1)
    assert attributed(world, world.evidence(begun=None), FLIPPED).account == "a"
    world.now = T0 + seconds(1)
    assert attributed(world, world.evidence(begun=None), FLIPPED).account == "b"


def test_any_earlier_account_is_recognised_by_its_limit(world):
    flip_log = [Flip(T0, "a", "c", "limit"), Flip(T0 + seconds(90), "c", "b", "limit")]
    world.exhaustion.record("a", "five_hour", T0 + minutes(90), now=T0)
    world.now = T0 + seconds(200)
    evidence = world.evidence(reset=minutes(90) - seconds(200), begun=None)
    assert attributed(world, evidence, flip_log).account == "a"


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_process_with_a_home_of_its_own_reports_for_that_account_only(world, name):
    found = attributed(world, world.evidence(config_dir=world.home(name) + "/"))
    assert (found.account, found.follows_link) == (name, False)


@pytest.mark.parametrize("config_dir", [None, "/somewhere/else", ""])
def test_of_unknown_origin_it_never_switches(world, config_dir):
    found = attributed(world, world.evidence(config_dir=config_dir))
    assert (found.account, found.follows_link) == (None, False)
    assert found.why


@pytest.mark.parametrize("folder", ["link", "a"])
def test_a_login_of_its_own_never_switches_and_marks_no_account(world, folder):
    config_dir = world.link if folder == "link" else world.home("a")
    evidence = world.evidence(config_dir=config_dir, foreign_login="ANTHROPIC_AUTH_TOKEN in its environment")
    found = attributed(world, evidence, FLIPPED)
    assert (found.account, found.follows_link) == (None, False)
    assert "ANTHROPIC_AUTH_TOKEN in its environment" in found.why


def test_the_link_by_another_spelling_is_still_the_link(world, tmp_path_factory):
    other = tmp_path_factory.mktemp("x") / "home"
    os.symlink(world.folder, other)
    for spelling in (world.link + "/", os.path.join(world.folder, "x", "..", ".claude"), str(other / ".claude")):
        found = attributed(world, world.evidence(config_dir=spelling))
        assert found.follows_link, spelling
    assert not is_same_entry(world.link, world.home("a"))


@pytest.mark.parametrize(
    ("flips", "begun", "config_dir", "fact"),
    [
        ((), 0, None, "the account's home that the session's process uses is not known"),
        ((), 0, "/elsewhere", "/elsewhere"),
        ((), 0, "a", "started with the home of a"),
        ((), 0, "link", "the link was never flipped"),
        (FLIPPED, 10, "link", "the request was begun before the last flip"),
        (FLIPPED, None, "link", "no earlier account's limit matches"),
        (FLIPPED, -6, "link", "the request was begun after the last flip"),
        (FLIPPED, -4, "link", "the request was begun after the last flip"),
        (FLIPPED, -1, "link", "begun as the link was flipped: either account may have refused it"),
    ],
)
def test_the_reason_of_an_attribution(world, flips, begun, config_dir, fact):
    """``begun``: seconds before the flip."""
    folder = {"a": world.home("a"), "link": world.link}.get(config_dir, config_dir)
    world.now = T0 + seconds(20)
    begun = None if begun is None else seconds(20 + begun)
    assert fact in attributed(world, world.evidence(begun=begun, config_dir=folder), flips).why


def test_an_answer_before_the_flip_is_attributed_by_the_answer(world):
    world.now = T0 - seconds(1)
    found = attributed(world, world.evidence(begun=None), FLIPPED)
    assert "answered before the last flip" in found.why


def test_a_request_of_a_known_time_is_compared_with_the_last_origin_only(world):
    flip_log = [Flip(T0 - minutes(9), "a", "c", "limit"), Flip(T0, "c", "b", "limit")]
    world.exhaustion.record("a", "five_hour", T0 + minutes(90), now=T0)
    world.now = T0 + seconds(20)
    evidence = world.evidence(reset=minutes(90) - seconds(20), begun=seconds(16))
    found = attributed(world, evidence, flip_log)
    assert (found.account, found.doubted) == (None, "b")


def test_entries_of_one_name_in_two_folders_differ():
    assert not is_same_entry("/one/.claude", "/two/.claude")


def test_account_at_walks_the_flips():
    flip_log = [
        Flip(T0, "a", "b", "limit"),
        Flip(T0 + minutes(1), "b", None, "external"),
        Flip(T0 + minutes(2), None, "c", "external"),
    ]
    moments = [-1, 0, 0.5, 1, 1.5, 2, 9]
    assert [account_at(T0 + minutes(moment), flip_log, "z") for moment in moments] == [
        "a",
        "b",
        "b",
        None,
        None,
        "c",
        "c",
    ]
    assert account_at(T0, [], "z") == "z"


def test_the_last_100_flips_outlive_a_restart(tmp_path):
    store = Store(str(tmp_path))
    flip_log = FlipLog(store)
    assert (flip_log.linked_account, flip_log.last) == (None, None)
    flip_log.record_initial("a")
    assert FlipLog(store).linked_account == "a"
    for number in range(150):
        flip_log.add(Flip(T0 + minutes(number), "a", f"n{number}", "manual"))
    again = FlipLog(store)
    assert again.all() == flip_log.all()
    assert len(again.all()) == 100
    assert again.linked_account == again.last.target == "n149"


@pytest.mark.parametrize("data", [{"flips": 3, "known": 4}, {"flips": [None, {"at": "now"}]}])
def test_an_invalid_flip_log_is_ignored(tmp_path, data):
    store = Store(str(tmp_path))
    store.save("flips", data)
    assert FlipLog(store).all() == ()
    assert FlipLog(store).linked_account is None
