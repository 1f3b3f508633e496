# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the start and restart of sessions."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import threading
from dataclasses import replace

import pytest

from claude_failover.common.errors import FailoverError
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig, TelemetryConfig
from claude_failover.reporting.status import session_row
from claude_failover.sessions import launch, lifecycle, starter
from claude_failover.sessions.lifecycle_state import LifecycleState
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.starter import SessionStarter
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.store import Store
from claude_failover.tmux.client import Pane, TmuxNotFound


class FakeTmux:
    """A tmux server with one pane, whose process is this one: alive, and no Claude Code."""

    def __init__(self, **values):
        self.values = values
        self.started = []
        self.server_pid = None
        self.gone = False  # the pane closes right after it was listed

    async def panes(self):
        if not self.values:
            return []
        return [
            Pane(
                session_id="$0",
                window_id="@0",
                pane_id="%0",
                exit_status=3,
                exit_signal=None,
                command="bash",
                activity=0,
                width=80,
                height=24,
                in_mode=False,
                active=True,
                **self.values,
            )
        ]

    async def capture(self, pane_id, *, lines):
        if self.gone:
            self.values = {}
            raise TmuxNotFound(f"tmux capture-pane: can't find pane: {pane_id}")
        return []

    async def capture_each(self, pane_ids, *, lines):
        return {pane_id: [] for pane_id in pane_ids}

    async def new_session(self, *arguments):
        self.started.append(arguments)


def configuration(tmp_path, *sessions):
    return Config(
        path=str(tmp_path / "config.yml"),
        accounts=(Account("a", str(tmp_path / "a")),),
        sessions=sessions,
        state_dir=str(tmp_path / "state"),
    )


def make_lifecycle(tmp_path, tmux, *sessions):
    config = configuration(tmp_path, *sessions)
    holder = ConfigHolder(config)

    async def make():  # Python 3.9 makes its events inside of a loop only
        return parts(holder, tmux)

    return (config, *asyncio.run(make()))


def parts(holder, tmux):
    store = Store(holder.current.state_dir)
    registry = SessionRegistry(store)
    table = SessionTable(holder, registry)
    made = SessionStarter(holder, tmux, registry, dict)
    return registry, table, lifecycle.SessionLifecycle(holder, tmux, table, registry, made, LifecycleState(store))


def test_a_program_other_than_claude_code_is_reported_after_a_while(tmp_path, monkeypatch):
    tmux = FakeTmux(session="my main", pid=os.getpid(), dead=False, cwd="/")
    _config, _registry, table, loop = make_lifecycle(tmp_path, tmux, SessionConfig("my main", "/"))
    asyncio.run(loop.check())
    asyncio.run(loop.check())
    assert table.get("my main").reason is None
    monkeypatch.setattr(lifecycle, "READY_WAIT", 0.0)
    asyncio.run(loop.check())
    assert "no sign of Claude Code" in table.get("my main").reason
    assert "attach 'my main'" in table.get("my main").reason
    table.get("my main").record_activity("idle")
    asyncio.run(loop.check())
    assert table.get("my main").reason is None


def test_a_program_of_the_operators_own_need_not_be_claude_code(tmp_path, monkeypatch):
    monkeypatch.setattr(lifecycle, "READY_WAIT", 0.0)
    tmux = FakeTmux(session="main", pid=os.getpid(), dead=False, cwd="/")
    _config, _registry, table, loop = make_lifecycle(
        tmp_path, tmux, SessionConfig("main", "/", ("top",), claude_args=False)
    )
    asyncio.run(loop.check())
    asyncio.run(loop.check())
    assert table.get("main").reason is None


@pytest.mark.parametrize("kind", ["file", "closed", "missing"])
def test_an_inaccessible_folder_is_reported_and_nothing_started(tmp_path, monkeypatch, kind):
    place = tmp_path / "work"
    if kind == "file":
        place.touch()
    elif kind == "closed":
        place.mkdir()
        monkeypatch.setattr(launch.os, "access", lambda path, *_mode, **_more: path != str(place))
    tmux = FakeTmux()
    _config, _registry, table, loop = make_lifecycle(tmp_path, tmux, SessionConfig("main", str(place)))
    asyncio.run(loop.check())
    assert f"cwd {place} is not a directory that this user may enter" in table.get("main").reason
    assert tmux.started == []


def test_a_dead_pane_without_a_configured_session_has_no_folder(tmp_path):
    tmux = FakeTmux(session="hand", pid=os.getpid(), dead=True, cwd="")
    config, registry, table, loop = make_lifecycle(tmp_path, tmux)
    asyncio.run(loop.check())
    assert session_row(table.get("hand"), config, registry, None)["cwd"] is None


@pytest.mark.parametrize("ending", ["unseen", "before the pane was looked at"])
def test_a_session_that_ends_itself_is_not_started_in_a_tight_loop(tmp_path, ending):
    tmux = FakeTmux()
    _config, _registry, table, loop = make_lifecycle(
        tmp_path, tmux, SessionConfig("main", "/", ("sh",), claude_args=False)
    )
    asyncio.run(loop.check())
    assert len(tmux.started) == 1
    if ending != "unseen":
        tmux.values, tmux.gone = {"session": "main", "pid": os.getpid(), "dead": True, "cwd": ""}, True
    for _check in range(3):
        asyncio.run(loop.check())
        assert table.get("main").reason == "its tmux session was ended"
    assert len(tmux.started) == 1


def test_a_session_that_was_ended_between_two_checks_is_started_at_once(tmp_path):
    tmux = FakeTmux(session="main", pid=os.getpid(), dead=False, cwd="/")
    _config, _registry, _table, loop = make_lifecycle(
        tmp_path, tmux, SessionConfig("main", "/", ("sh",), claude_args=False)
    )
    asyncio.run(loop.check())
    tmux.values = {}
    asyncio.run(loop.check())
    assert len(tmux.started) == 1


@pytest.mark.parametrize("claude_args", [True, False])
def test_a_session_of_claude_code_is_started_with_its_telemetry(tmp_path, claude_args):
    tmux = FakeTmux()
    command = ("claude", "--settings", '{"model": "opus"}') if claude_args else ("sh",)
    spec = SessionConfig("a b", "/", command, claude_args=claude_args, env={"OTEL_LOGS_EXPORTER": "none"})
    telemetry = TelemetryConfig("http://collector", "http/json", "/etc/headers.json")
    config = replace(configuration(tmp_path, spec), telemetry=telemetry)

    async def start():
        await parts(ConfigHolder(config), tmux)[2].check()

    asyncio.run(start())
    ((_name, _cwd, words, environment),) = tmux.started
    if not claude_args:
        assert {name for name in environment if "OTEL" in name or "TELEMETRY" in name} == {"OTEL_LOGS_EXPORTER"}
        return
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector"
    assert environment["OTEL_RESOURCE_ATTRIBUTES"].endswith(",claude.session=a%20b")
    assert environment["OTEL_LOGS_EXPORTER"] == "none", "the session's own env wins"
    settings = json.loads(pathlib.Path(words[words.index("--settings") + 1]).read_text())
    assert (settings["otelHeadersHelper"], settings["model"]) == ("cat -- /etc/headers.json", "opus")


@pytest.mark.parametrize(("env", "expected"), [({}, "active"), ({"CLAUDE_CONFIG_DIR": "/mine"}, "/mine")])
def test_a_command_that_runs_as_it_stands_may_have_a_home_of_its_own(tmp_path, env, expected):
    tmux = FakeTmux()
    spec = SessionConfig("main", "/", ("sh",), claude_args=False, env=env)
    config, _registry, _table, loop = make_lifecycle(tmp_path, tmux, spec)
    asyncio.run(loop.check())
    ((_name, _cwd, command, environment),) = tmux.started
    assert command == ["sh"]
    assert environment["CLAUDE_CONFIG_DIR"] == (config.active_link if expected == "active" else expected)


def test_the_loop_begins_with_a_check(tmp_path):
    checks = []

    class Listing(FakeTmux):
        async def panes(self):
            checks.append(len(checks))
            return []

    async def run():
        holder = ConfigHolder(configuration(tmp_path))
        _registry, _table, loop = parts(holder, Listing())
        task = asyncio.ensure_future(loop.run())
        for _turn in range(20):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert checks == [0]


def test_a_conversation_that_is_elsewhere_is_not_started_beside(tmp_path, monkeypatch):
    tmux = FakeTmux()
    _config, registry, table, loop = make_lifecycle(tmp_path, tmux, SessionConfig("main", str(tmp_path)))
    registry.propose("main", RegistryEntry(ONE, "assigned"))

    def elsewhere(_name, known, _config):
        raise FailoverError(f"conversation {known.uuid} is elsewhere")

    monkeypatch.setattr(starter, "newest_conversation", elsewhere)
    asyncio.run(loop.check())
    assert (tmux.started, table.get("main").reason) == ([], f"conversation {ONE} is elsewhere")
    monkeypatch.setattr(starter, "newest_conversation", lambda _name, known, _config: replace(known, uuid=TWO))
    asyncio.run(loop.start(table.get("main"), table.get("main").spec))
    assert tmux.started[0][2][:3] == ["claude", "--session-id", TWO]  # no transcript here
    assert registry.get("main").uuid == TWO


def test_the_search_for_the_newest_conversation_holds_up_nothing_else(tmp_path, monkeypatch):
    """It reads the transcripts of all background jobs: with hundreds that takes longer than the watchdog waits."""
    _config, registry, table, loop = make_lifecycle(tmp_path, FakeTmux(), SessionConfig("main", str(tmp_path)))
    registry.propose("main", RegistryEntry(ONE, "assigned"))
    released = threading.Event()

    def searched(_name, known, _config):
        assert released.wait(10), "the event loop stood still"
        return known

    async def run():
        asyncio.get_running_loop().call_later(0.01, released.set)
        await loop.start(table.get("main"), table.get("main").spec)

    monkeypatch.setattr(starter, "newest_conversation", searched)
    asyncio.run(run())


ONE, TWO = (f"{number}0000000-0000-4000-8000-000000000000" for number in "12")
