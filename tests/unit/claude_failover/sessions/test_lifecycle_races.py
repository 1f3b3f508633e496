# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that a stop, a restart and a reload hold, whatever the check of the sessions is at."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading

import pytest
from panes import pane

from claude_failover.common import clock
from claude_failover.common.errors import FailoverError, Refused
from claude_failover.common.processes import read
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions import launch, lifecycle, session_control, starter
from claude_failover.sessions.launch import LAUNCH_VARIABLE
from claude_failover.sessions.lifecycle_state import ENDED, STOPPED, LifecycleEntry, LifecycleState
from claude_failover.sessions.reconciler import SessionReconciler
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.renames import SessionRenames
from claude_failover.sessions.restart_policy import is_meant, stays_down
from claude_failover.sessions.session_control import SessionControl
from claude_failover.sessions.starter import SessionStarter
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.store import Store

UUID = "10000000-0000-4000-8000-000000000000"


class FakeTmux:
    """A tmux server with the panes ``listed``; a respawned pane lives."""

    server_pid = None

    def __init__(self, *listed):
        self.listed = list(listed)
        self.started = []
        self.variables = {}
        self.unset = None
        self.killed = []
        self.captured = asyncio.sleep

    async def panes(self):
        return list(self.listed)

    async def capture(self, _pane_id, lines=0):
        await self.captured(0)
        return []

    async def capture_each(self, pane_ids, lines=0):
        await self.captured(0)
        return {pane_id: [] for pane_id in pane_ids}

    async def screen(self, _pane_id, escapes=False):
        return []

    async def session_variable(self, _session, name):
        return self.variables.get(name)

    async def new_session(self, name, _cwd, command, _env):
        self.started.append((name, list(command)))
        self.listed.append(pane(session=name, pid=os.getpid()))
        return self.listed[-1]

    async def respawn(self, pane_id, _cwd, command, env, unset=()):
        self.started.append((env[launch.SESSION_VARIABLE], list(command)))
        self.unset = list(unset)
        self.listed = [
            dataclasses.replace(each, dead=False, pid=os.getpid()) if each.pane_id == pane_id else each
            for each in self.listed
        ]

    async def kill_pane(self, pane_id):
        self.killed.append(pane_id)


class Daemon:
    """The parts that start and end sessions."""

    def __init__(self, folder, tmux, *sessions):
        self.folder, self.tmux = folder, tmux
        self.holder = ConfigHolder(self.config(*sessions))
        store = Store(str(folder / "state"))
        self.registry, self.state = SessionRegistry(store), LifecycleState(store)
        self.table = SessionTable(self.holder, self.registry)
        made = SessionStarter(self.holder, tmux, self.registry, dict)
        self.lifecycle = lifecycle.SessionLifecycle(self.holder, tmux, self.table, self.registry, made, self.state)
        self.control = SessionControl(tmux, self.table, self.registry, self.lifecycle, self.state)
        parts = [self.lifecycle.rename, self.table.rename]
        self.renames = SessionRenames(self.holder, tmux, self.registry, parts, always=[self.state.rename])

    def config(self, *sessions, **values):
        accounts = (Account("a", str(self.folder / "a")),)
        state_dir = str(self.folder / "state")
        return Config("/x.yml", accounts, sessions=sessions, state_dir=state_dir, **values)


def run(folder, test, tmux, *sessions):
    async def main():  # Python 3.9 makes its events inside of a loop only
        return await test(Daemon(folder, tmux, *sessions))

    return asyncio.run(main())


def searching(monkeypatch):
    """Make the search for a session's newest conversation wait; returns the events of its begin and its end."""
    begun, released = threading.Event(), threading.Event()

    def searched(_name, known, _config):
        begun.set()
        assert released.wait(10)
        return known

    monkeypatch.setattr(starter, "newest_conversation", searched)
    return begun, released


async def until(event):
    assert await asyncio.to_thread(event.wait, 10)


def test_a_stop_holds_while_the_session_is_being_started(tmp_path, monkeypatch):
    begun, released = searching(monkeypatch)

    async def test(daemon):
        daemon.registry.propose("main", RegistryEntry(UUID, "assigned"))
        check = asyncio.ensure_future(daemon.lifecycle.check())
        await until(begun)
        monkeypatch.setattr(session_control, "end_program", ended(daemon))
        stop = asyncio.ensure_future(daemon.control.stop("main"))
        await asyncio.sleep(0.05)
        released.set()
        await asyncio.gather(check, stop)
        assert daemon.state.is_stopped("main")
        await daemon.lifecycle.check()
        assert [each.dead for each in daemon.tmux.listed] == [True]

    run(tmp_path, test, FakeTmux(), SessionConfig("main", str(tmp_path)))


@pytest.mark.parametrize("force", [False, True])
def test_a_session_is_not_ended_while_its_answer_is_being_written(tmp_path, monkeypatch, force):
    async def test(daemon):
        daemon.table.observe(await daemon.tmux.panes())
        tracked = daemon.table.get("main")
        ages = []

        async def end(_tracked, *, force):
            ages.append((clock.now() - tracked.activity_at).total_seconds())
            await ended(daemon)(_tracked, force=force)

        monkeypatch.setattr(session_control, "end_program", end)
        tracked.record_activity("idle")
        await daemon.control.stop("main", force)
        (age,) = ages
        assert age >= 0.5

    tmux = FakeTmux(pane(session="main", pid=os.getpid()))
    run(tmp_path, test, tmux, SessionConfig("main", str(tmp_path)))


def ended(daemon):
    async def end(_tracked, *, force):
        daemon.tmux.listed = [dataclasses.replace(each, dead=True) for each in daemon.tmux.listed]

    return end


def test_a_stop_holds_while_the_end_of_the_session_is_being_recorded(tmp_path):
    tmux = FakeTmux(pane(session="main", dead=True, exit_status=0))

    async def test(daemon):
        begun, released = asyncio.Event(), asyncio.Event()

        async def captured(_seconds):
            begun.set()
            await released.wait()

        tmux.captured = captured
        check = asyncio.ensure_future(daemon.lifecycle.check())
        await begun.wait()
        stop = asyncio.ensure_future(daemon.control.stop("main"))
        await asyncio.sleep(0.05)
        released.set()
        await asyncio.gather(check, stop)
        assert daemon.state.is_stopped("main")
        await daemon.lifecycle.check()

    run(tmp_path, test, tmux, SessionConfig("main", str(tmp_path), ("sh",), claude_args=False))


@pytest.mark.parametrize("how", ["check", "restart"])
def test_a_session_that_is_renamed_while_it_is_started_begins_no_new_conversation(tmp_path, monkeypatch, how):
    begun, released = searching(monkeypatch)
    tmux = FakeTmux(pane(session="old", dead=True, exit_status=0))

    async def test(daemon):
        daemon.registry.propose("old", RegistryEntry(UUID, "assigned"))
        if how == "check":
            daemon.tmux.listed = []
            work = asyncio.ensure_future(daemon.lifecycle.check())
        else:
            work = asyncio.ensure_future(daemon.control.restart("old"))
        await until(begun)
        daemon.holder.replace(daemon.config(SessionConfig("new", str(tmp_path), renamed_from="old")))
        released.set()
        (problem,) = await asyncio.gather(work, return_exceptions=True)
        assert problem is None or isinstance(problem, FailoverError)
        assert (daemon.tmux.started, daemon.registry.get("old")) == ([], None)
        assert daemon.registry.get("new").uuid == UUID

    run(tmp_path, test, tmux, SessionConfig("old", str(tmp_path)))


@pytest.mark.parametrize("after", ["renamed", "removed"])
def test_a_session_that_is_changed_while_it_is_ended_for_a_restart(tmp_path, monkeypatch, after):
    tmux = FakeTmux(pane(session="old", pid=os.getpid()))
    monkeypatch.setattr(starter, "newest_conversation", lambda _name, known, _config: known)

    async def test(daemon):
        daemon.registry.propose("old", RegistryEntry(UUID, "assigned"))
        sessions = [SessionConfig("new", str(tmp_path), renamed_from="old")] if after == "renamed" else []

        async def end(_tracked, *, force):
            daemon.holder.replace(daemon.config(*sessions))
            name = "new" if sessions else "old"
            tmux.listed = [dataclasses.replace(each, session=name, dead=True) for each in tmux.listed]
            assert daemon.lifecycle.holds(name), "a check would start it a second time"

        monkeypatch.setattr(session_control, "end_program", end)
        (found,) = await asyncio.gather(daemon.control.restart("old"), return_exceptions=True)
        if after == "renamed":
            assert (found["session"], [name for name, _command in tmux.started]) == ("new", ["new"])
            assert UUID in tmux.started[0][1]
        else:
            assert isinstance(found, Refused) and "no such session any more" in str(found)
            assert tmux.started == []
        assert not daemon.lifecycle.holds("old") and not daemon.lifecycle.holds("new")

    run(tmp_path, test, tmux, SessionConfig("old", str(tmp_path)))


@pytest.mark.parametrize("entry", [LifecycleEntry(STOPPED), LifecycleEntry(ENDED, "exited with status 0")])
def test_a_session_without_a_conversation_stays_down_under_its_new_name(tmp_path, entry):
    def spec(name, old=None):
        return SessionConfig(name, "/", ("sh",), claude_args=False, restart="never", renamed_from=old)

    async def test(daemon):
        daemon.state.record("old", entry)
        daemon.holder.replace(daemon.config(spec("new", "old")))
        assert (daemon.state.get("new"), daemon.state.get("old")) == (entry, None)
        await daemon.lifecycle.check()
        assert daemon.tmux.started == []

    run(tmp_path, test, FakeTmux(), spec("old"))


def test_a_daemon_killed_between_two_writes_of_a_rename_loses_no_stop(tmp_path, monkeypatch):
    state = LifecycleState(Store(str(tmp_path)))
    state.record("old", LifecycleEntry(STOPPED))
    seen = []
    write = Store.save

    def save(store, name, data):
        write(store, name, data)
        seen.append(data)

    monkeypatch.setattr(Store, "save", save)
    state.rename("old", "new")
    assert seen
    assert all(len(data) == 1 for data in seen)


def test_a_stop_of_before_a_reboot_ends_no_process_that_has_its_pid_now(tmp_path):
    mine = read(os.getpid())
    tmux = FakeTmux(pane(session="main", pid=mine.pid))

    async def test(daemon):
        stopped = []

        async def stop(session, force=False):
            stopped.append((session, force))

        daemon.control.stop = stop
        daemon.table.observe(tmux.listed)
        reconciler = SessionReconciler(daemon.holder, daemon.table, daemon.control)
        daemon.state.record("main", LifecycleEntry(STOPPED, force=True, pid=mine.pid, started=mine.start - 1))
        await reconciler.check()
        assert stopped == []
        daemon.state.record("main", LifecycleEntry(STOPPED, force=True, pid=mine.pid, started=mine.start))
        await reconciler.check()
        assert stopped == [("main", True)]

    run(tmp_path, test, tmux, SessionConfig("main", "/", ("sh",), claude_args=False))


def test_the_command_that_starts_a_session_again_can_be_copied():
    spec = SessionConfig("my $(main)", "/", ("sh",), claude_args=False, restart="never")
    reason = stays_down(spec, LifecycleEntry(ENDED, "exited with status 0"), None)
    assert reason.endswith("claude-failover restart 'my $(main)'")
    assert is_meant(reason)


@pytest.mark.parametrize(
    ("stored", "reason", "words"),
    [
        ({"reason": "exited with status 1: no: room"}, "exited with status 1", "no: room"),
        ({"reason": "ended by signal 9: bye"}, "ended by signal 9", "bye"),
        ({"reason": "exited with status 1"}, "exited with status 1", None),
        ({"reason": "its tmux session was ended"}, "its tmux session was ended", None),
        ({"reason": "exited with status 1", "last_words": "a: b"}, "exited with status 1", "a: b"),
    ],
)
def test_the_reason_and_the_last_words_are_two_also_where_an_earlier_daemon_stored_them_as_one(
    tmp_path, stored, reason, words
):
    store = Store(str(tmp_path))
    store.save("lifecycle", {"main": {"state": ENDED, "failed": True, **stored}})
    entry = LifecycleState(store).get("main")
    assert (entry.reason, entry.last_words) == (reason, words)
    spec = SessionConfig("main", "/", ("sh",), claude_args=False, restart="never")
    assert stays_down(spec, entry, None).startswith(f"{reason}; not started again (restart: never): ")


def test_a_variable_that_a_person_has_changed_keeps_no_session_from_its_start(tmp_path):
    tmux = FakeTmux(pane(session="main", dead=True, exit_status=0))
    tmux.variables[LAUNCH_VARIABLE] = '{"cwd": "/", "digests": {}, "variables": ["A B", "", "OLD", "X=1", 3]}'

    async def test(daemon):
        tracked = daemon.table.get("main")
        daemon.table.observe(tmux.listed)
        await daemon.lifecycle.start(tracked, tracked.spec)
        assert tmux.unset == ["OLD"]

    run(tmp_path, test, tmux, SessionConfig("main", "/", ("sh",), claude_args=False))
