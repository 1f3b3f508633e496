# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is told across restarts, renames and short faults; the stories of all events are in test_event_table."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import shutil
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from event_world import EventWorld

from claude_failover.common import clock
from claude_failover.config.model import Account, NotifyConfig, SessionConfig
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.reporting import cause_book
from claude_failover.reporting.event_kinds import KINDS
from claude_failover.reporting.event_log import EventLog
from claude_failover.reporting.event_reporter import MAX_WORDINGS, SETTLE
from claude_failover.storage.store import Store
from claude_failover.switching import open_records

LASTING = [name for name, kind in KINDS.items() if kind.lasts]


def told(world, name):
    return [(event["state"], event["session"] or event["account"]) for event in world.told if event["event"] == name]


def states(world, name):
    return [state for state, _name in told(world, name)]


def open_names(world):
    return [row["event"] for row in world.status["open_events"]]


def run(scenario):
    asyncio.run(scenario())


# -- restarts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LASTING)
def test_a_restart_tells_no_cause_again_that_still_holds(tmp_path, name):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin(name)
            assert states(world, name) == ["begins"]
        async with EventWorld(tmp_path) as again:
            assert open_names(again) == [name]
            await again.begin(name)
            again.round()
            assert states(again, name) == []
            await again.end()
            assert states(again, name) == ["over"]
            assert open_names(again) == []

    run(scenario)


RETOLD = [name for name, kind in KINDS.items() if kind.lasts and (kind.retold or kind.found == "round")]


@pytest.mark.parametrize("name", RETOLD)
def test_what_is_not_found_again_after_a_restart_is_over_once_all_had_the_time_to_look(tmp_path, name, caplog):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin(name)
            await world.end()
            event = next(event for event in world.told if event["event"] == name)
            world.parts.events.report(event)
            assert open_names(world) == [name]
        async with EventWorld(tmp_path) as again:
            again.round(SETTLE - 1)
            assert open_names(again) == [name]
            caplog.clear()
            with caplog.at_level(logging.INFO):
                again.round(2)
            assert states(again, name) == ["over"]
            assert not again.told[-1]["summary"].startswith(event["summary"]), "it is no alarm any more"
            assert [line.name.rpartition(".")[2] for line in caplog.records] == ["event_reporter"]

    run(scenario)


def test_a_session_set_aside_in_doubt_stays_told_after_a_restart(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            verdict = Verdict(True, "five_hour", None, "usage-limit-reached", "You've hit your limit", "in a test")
            evidence = Evidence("main", None, "hook", verdict, clock.now())
            world.parts.failover.resume_queue.add(evidence, None, "a", "it bears another account's limit")
            assert told(world, "session_set_aside") == [("begins", "main")]
        async with EventWorld(tmp_path) as again:
            again.parts.failover.resume_queue.show()
            again.round(SETTLE + 1)
            assert told(again, "session_set_aside") == []
            again.parts.failover.resume_queue.remove("main")
            assert told(again, "session_set_aside") == [("over", "main")]

    run(scenario)


def test_a_part_of_the_table_that_is_broken_is_left_out(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin("source_blind")
        document = Store(world.config.state_dir).load("told-causes", [])
        broken = [{}, {"event": {**document[0]["event"], "event": "of a newer release"}, "since": "x"}, *document]
        Store(world.config.state_dir).save("told-causes", broken)
        async with EventWorld(tmp_path) as again:
            assert open_names(again) == ["source_blind"]

    run(scenario)


@pytest.mark.parametrize(("name", "ways"), [("login_ends", "account b"), ("prompts_spent", "session main")])
def test_what_a_release_without_the_table_has_told_is_open_after_the_upgrade(tmp_path, name, ways, caplog):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin(name)
            Store(world.config.state_dir).save("told-causes", [])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            async with EventWorld(tmp_path) as again:
                (row,) = again.status["open_events"]
                assert (row["event"], row["summary"].partition(":")[0]) == (name, ways)
                assert [event["event"] for event in again.logged()] == [name, name]
        assert [line.name.rpartition(".")[2] for line in caplog.records] == ["event_reporter"]
        async with EventWorld(tmp_path) as third:
            assert open_names(third) == [name]
            assert len(third.logged()) == 2
            await third.begin(name)
            await third.end()
            assert states(third, name) == ["over"]

    run(scenario)


def test_the_spent_prompts_of_a_session_that_is_gone_are_not_told_at_each_start(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin("prompts_spent")
        for expected in (["over"], []):
            again = EventWorld(tmp_path)
            again.config = dataclasses.replace(again.config, sessions=())
            async with again:
                assert states(again, "prompts_spent") == expected
                assert again.status["open_events"] == []

    run(scenario)


# -- names -------------------------------------------------------------------------------------------------------------


def test_a_session_and_an_account_with_another_name_keep_their_causes(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin("session_owner")
            await world.begin("links_divergent")
            world.parts.events.rename_session("main", "other")
            world.parts.events.rename_accounts({"b": "c"})
            rows = world.status["open_events"]
            assert [(row["event"], row["session"], row["account"]) for row in rows] == [
                ("links_divergent", None, "c"),
                ("session_owner", "other", None),
            ]
            world.parts.events.on_owner_question("other", None)
            assert told(world, "session_owner") == [("begins", "main"), ("over", "other")]

    run(scenario)


@pytest.mark.parametrize(("name", "gone"), [("session_owner", "session main is gone"), ("login_ends", "account b")])
def test_the_causes_of_a_session_or_account_that_is_gone_are_over(tmp_path, name, gone, caplog):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.begin(name)
            world.configure(
                accounts=world.config.accounts[:1],
                sessions=(SessionConfig("another", world.folder),),
            )
            world.parts.sessions.observe([])
            with caplog.at_level(logging.INFO):
                world.round()
            assert states(world, name) == ["begins", "over"]
            assert gone in world.told[-1]["summary"]
            world.round(100)
            assert states(world, name) == ["begins", "over"]

    run(scenario)
    assert f"event {name} is over: {gone}" in caplog.text


# -- how long ----------------------------------------------------------------------------------------------------------


def test_a_session_that_is_started_again_at_once_is_not_told(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.main.pane = None
            world.round()
            world.round(20)
            world.show()
            world.round(5)
            world.round(100)
            assert told(world, "session_down") == []

    run(scenario)


def test_a_session_that_ends_again_and_again_is_told_once(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            for _time in range(5):
                world.main.pane = None
                world.round(5)
                world.round(15)
                world.show()
                world.round(5)
            assert states(world, "session_down") == ["begins"]

    run(scenario)


def test_a_program_that_prints_the_words_of_the_configuration_is_told(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.main.pane, world.main.reason = None, "exited with status 1: it is not started again (restart: no)"
            world.round()
            world.round(1000)
            assert states(world, "session_down") == ["begins"]

    run(scenario)


@pytest.mark.parametrize(
    "reason", ["stopped by hand", "ended; not started again (restart: never): claude-failover restart main"]
)
def test_a_session_that_is_down_as_meant_is_not_told(tmp_path, reason):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.main.pane, world.main.reason = None, reason
            world.round()
            world.round(1000)
            assert told(world, "session_down") == []

    run(scenario)


def test_the_bound_of_waiting_is_the_configured_one(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.configure(notify=NotifyConfig(waiting_after=30))
            world.main.question = "whose is it"
            world.round()
            world.round(29)
            assert told(world, "session_waiting") == []
            world.round(2)
            event = next(event for event in world.told if event["event"] == "session_waiting")
            assert event["details"] == {"waits_for": "owner", "seconds": 30}
            assert "for more than 30 s: Claude Code asks whose its conversation is" in event["summary"]

    run(scenario)


# -- stages and order --------------------------------------------------------------------------------------------------


def test_a_login_is_told_at_each_of_its_days_and_over_once(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            for days in (6.5, 2.5, 0.5, 27):
                world.log_in("b", days=days)
                world.parts.login_watch.check()
            found = [
                (event["state"], event["severity"], event["details"]["days"])
                for event in world.told
                if event["event"] == "login_ends"
            ]
            assert found == [
                ("begins", "warning", 7),
                ("begins", "warning", 3),
                ("begins", "error", 1),
                ("over", "info", 1),
            ]

    run(scenario)


def test_a_reason_that_changes_is_shown_and_not_told_again(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.parts.events.on_links_change("b", "one is missing")
            world.parts.events.on_links_change("b", "two are missing")
            assert states(world, "links_divergent") == ["begins"]
            (row,) = world.status["open_events"]
            assert row["summary"] == "account b: two are missing"

    run(scenario)


def test_the_open_events_are_the_worst_first_then_the_oldest(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            for name in ("source_blind", "session_owner", "links_divergent"):
                await world.begin(name)
            assert open_names(world) == ["links_divergent", "source_blind", "session_owner"]

    run(scenario)


def test_both_reasons_to_set_a_session_aside_are_told_and_over_by_themselves(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            world.parts.events.on_set_aside("main", "too old")
            world.parts.events.on_doubt("main", "another account's limit")
            world.parts.events.on_doubt("main", None)
            rows = world.status["open_events"]
            assert [row["summary"] for row in rows] == ["session main is set aside: too old"]

    run(scenario)


# -- unknown wordings --------------------------------------------------------------------------------------------------


def test_unknown_wordings_are_bounded_and_over_a_day_later(tmp_path, monkeypatch):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            for number in range(MAX_WORDINGS + 5):
                world.parts.events.on_unknown_wording(f"limit number {number}", "unknown")
            assert len(world.status["open_events"]) == MAX_WORDINGS
            later = clock.wall() + timedelta(days=1, seconds=1)
            monkeypatch.setattr(clock, "wall", lambda: later)
            world.round()
            assert world.status["open_events"] == []

    run(scenario)


# -- faults ------------------------------------------------------------------------------------------------------------


def test_a_subscriber_with_a_bug_keeps_the_others_from_nothing(tmp_path, caplog):
    async def scenario():
        async with EventWorld(tmp_path) as world:

            def broken(_event):
                raise ValueError("broken")

            after = []
            world.parts.events.subscribe(broken)
            world.parts.events.subscribe(after.append)
            await world.begin("source_blind")
            assert len(after) == 1

    run(scenario)
    assert "a bug in what is told of source_blind" in caplog.text


def test_a_bug_in_a_round_ends_nothing(tmp_path, caplog):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            began = asyncio.Event()

            def broken():
                began.set()
                raise KeyError("no such key")

            world.parts.events.status = broken
            task = asyncio.ensure_future(world.parts.events.run())
            await asyncio.wait_for(began.wait(), 30)
            assert not task.done()
            task.cancel()

    run(scenario)
    assert "events: a bug" in caplog.text


def test_a_disk_that_refuses_the_table_is_told_like_any_other_and_harms_nothing(tmp_path, monkeypatch):
    async def scenario():
        async with EventWorld(tmp_path) as world:

            def refuse(*_arguments, **_more):
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(Store, "save", refuse)
            monkeypatch.setattr(Store, "append", refuse)
            await world.begin("source_blind")
            world.round()
            world.round()
            assert [event["event"] for event in world.told] == ["source_blind", "disk_full"]
            assert world.logged() == []
            monkeypatch.undo()
            world.parts.store.unsaved.retry()
            world.round()
            assert [event["event"] for event in world.logged()] == ["source_blind", "disk_full", "disk_full"]
            assert world.logged() == world.told

    run(scenario)


def test_the_paths_of_a_new_configuration_are_left_out_too(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            moved = Account("b", "/srv/people/somebody/.claude-b")
            world.configure(accounts=(world.config.accounts[0], moved))
            world.parts.events.on_links_change("b", f"found nothing at {moved.home}/projects")
            assert world.told[-1]["summary"] == "account b: found nothing at [home of b]/projects"

    run(scenario)


def test_a_switch_that_failed_is_an_error_and_one_that_stays_by_hand_is_none(tmp_path):
    async def scenario():
        async with EventWorld(tmp_path) as world:
            await world.parts.failover.switch("b")
            record = world.parts.failover.history(1)[0]
            for outcome, reason, severity in (
                ("switched", "limit", "info"),
                ("stayed", "limit", "warning"),
                ("stayed", "manual", "info"),
                ("stayed", "reset", "info"),
                ("refused", "limit", "warning"),
                ("failed", "proactive", "error"),
            ):
                world.parts.events.on_record({**record, "outcome": outcome, "reason": reason})
                event = world.told[-1]
                assert (event["severity"], event["state"]) == (severity, "begins")
                assert reason in event["summary"]
            assert world.status["open_events"] == []

    run(scenario)


def test_more_causes_than_are_kept_are_logged_once_and_hide_nothing_of_the_host(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(cause_book, "MAX_CAUSES", 2)

    async def scenario():
        async with EventWorld(tmp_path) as world:
            for name in ("one", "two", "three", "four"):
                world.parts.events.on_spent(name, "its bound is reached")
            assert states(world, "prompts_spent") == ["begins", "begins"]
            await world.begin("source_blind")
            assert states(world, "source_blind") == ["begins"]
            world.parts.events.on_spent("one", None)
            world.parts.events.on_spent("two", None)
            world.parts.events.on_spent("three", "its bound is reached")
            assert states(world, "prompts_spent") == ["begins", "begins", "over", "over", "begins"]

    run(scenario)
    assert [record.getMessage() for record in caplog.records].count(
        "events: found 2 open causes; no more is told of sessions until some are over"
    ) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_a_switch_is_told_leaves_one_event_and_one_count(tmp_path, monkeypatch, moment):
    """Killed before or after the event is on the disk: the next start tells it if it is not, and counts it once."""
    state, killed = tmp_path / "state", tmp_path / "killed"
    append = EventLog.append

    def killed_at(log, event):
        if moment == "after":
            append(log, event)
        if event["event"] == "switch":
            shutil.copytree(state, killed)

    async def scenario():
        monkeypatch.setattr(EventLog, "append", killed_at)
        async with EventWorld(tmp_path) as world:
            await world.begin("switch")
        monkeypatch.setattr(EventLog, "append", append)
        shutil.rmtree(state)
        killed.rename(state)
        async with EventWorld(tmp_path) as again:
            records = again.parts.failover._records
            monkeypatch.setattr(open_records, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 60))
            records.close_due(False, lambda _record: [])
            switches = [event for event in again.logged() if event["event"] == "switch"]
            history = again.parts.failover.history()
            assert [event["id"] for event in switches] == [record["id"] for record in history]
            assert len(history) == 1
            assert again.parts.tallies.switches["manual", "switched"] == 1
        async with EventWorld(tmp_path) as third:
            assert third.parts.tallies.switches["manual", "switched"] == 1
            assert third.parts.failover.switcher.journal.open_records() == []

    run(scenario)
