# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the order in which the daemon ends its parts."""

from __future__ import annotations

import asyncio
import os

import pytest

from claude_failover import daemon as module
from claude_failover.common.errors import FailoverError, Refused
from claude_failover.composition import parts
from claude_failover.config.model import Account, Config, DetectionConfig, TmuxConfig, required_shared
from claude_failover.control.server import ControlServer
from claude_failover.daemon import Daemon
from claude_failover.detection.monitor import LimitMonitor
from claude_failover.detection.pane_sweep import PaneSweep
from claude_failover.failover.controller import FailoverController
from claude_failover.reporting.metrics import Metrics
from claude_failover.reporting.notifier import Notifier
from claude_failover.sessions.lifecycle import SessionLifecycle
from claude_failover.storage.locks import Lock
from claude_failover.tasks.dispatcher import Dispatcher
from claude_failover.tmux.client import Tmux, TmuxGone

TASKS = {"lifecycle", "pane sweep", "dispatcher", "metrics"}
LOCKS = ["daemon.lock", ".claude.failover.lock"]
PARTS = ["dispatcher stopped", "failover", "notifier", "monitor", "tmux", *LOCKS]
STOPPED = {
    ControlServer: "control server",
    Dispatcher: "dispatcher stopped",
    FailoverController: "failover",
    Notifier: "notifier",
    LimitMonitor: "monitor",
    Tmux: "tmux",
}
RUNNING = {SessionLifecycle: "lifecycle", PaneSweep: "pane sweep", Dispatcher: "dispatcher", Metrics: "metrics"}


@pytest.fixture
def ended(monkeypatch):
    """The parts that were ended, in order; there is no tmux server."""
    events = []

    def record_stop(kind, name):
        stop = kind.stop

        async def stop_and_record(self):
            events.append(name)
            await stop(self)

        monkeypatch.setattr(kind, "stop", stop_and_record)

    def record_run(kind, name):
        run = kind.run

        async def run_and_record(self):
            try:
                await run(self)
            finally:
                events.append(name)

        monkeypatch.setattr(kind, "run", run_and_record)

    for kind, name in STOPPED.items():
        record_stop(kind, name)
    for kind, name in RUNNING.items():
        record_run(kind, name)

    release = Lock.release

    def release_and_record(self):
        events.append(os.path.basename(self.path))
        release(self)

    monkeypatch.setattr(Lock, "release", release_and_record)

    async def no_panes(_self):
        raise TmuxGone("no tmux server")

    monkeypatch.setattr(Tmux, "panes", no_panes)
    monkeypatch.setattr(module, "TMUX_TIMEOUT", 0.01)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    return events


@pytest.fixture
def config(tmp_path):
    for name in ("a", "shared"):
        (tmp_path / name).mkdir()
    return Config(
        path=str(tmp_path / "config.yml"),
        accounts=(Account("a", str(tmp_path / "a")),),
        active_link=str(tmp_path / ".claude"),
        shared_links=required_shared(str(tmp_path / "shared")),
        state_dir=str(tmp_path / "state"),
        control_socket=str(tmp_path / "control.sock"),
        detection=DetectionConfig(sweep_interval=60.0),
        tmux=TmuxConfig(socket=str(tmp_path / "tmux.sock"), binary="/bin/false"),
    )


class BriefDaemon(Daemon):
    """A daemon whose stop is requested soon after it is ready, when its tasks run."""

    def _report_ready(self):
        super()._report_ready()
        asyncio.get_running_loop().call_later(0.05, self.request_stop)


def run_daemon(config):
    async def scenario():
        return await asyncio.wait_for(BriefDaemon(config).run(), 30)

    return asyncio.run(scenario())


def fail(monkeypatch, kind, name, error):
    async def raise_error(*_arguments):
        raise error

    monkeypatch.setattr(kind, name, raise_error)


def test_the_parts_end_in_reverse_order_of_their_start(ended, config):
    assert run_daemon(config) == 0
    assert set(ended[:4]) == TASKS
    assert ended[4:] == ["control server", *PARTS]
    assert not os.path.lexists(config.control_socket)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("_check_host", []),
        ("_validate_shared_links", LOCKS),
        ("_recover_switch", PARTS),
        ("_start_control_server", PARTS),
        ("_connect_to_tmux", ["control server", *PARTS]),
        ("_start_failover", ["control server", *PARTS]),
    ],
)
def test_a_start_that_fails_ends_only_what_it_had_started(ended, config, monkeypatch, step, expected):
    fail(monkeypatch, Daemon, step, FailoverError("the step failed"))
    with pytest.raises(FailoverError, match="the step failed"):
        run_daemon(config)
    assert ended == expected


def test_a_part_that_cannot_be_created_ends_those_before_it(ended, config, monkeypatch):
    def refuse(_config):
        raise Refused("no notifier")

    monkeypatch.setattr(parts, "Notifier", refuse)
    with pytest.raises(Refused, match="no notifier"):
        run_daemon(config)
    assert ended == ["monitor", "tmux", *LOCKS]


def test_the_second_lock_of_another_daemon_releases_the_first(ended, config):
    os.makedirs(config.state_dir)
    other = Lock(os.path.join(config.state_dir, "daemon.lock"))
    other.acquire()
    with pytest.raises(Refused, match="another claude-failover daemon"):
        run_daemon(config)
    assert ended == [".claude.failover.lock"]
    assert not os.path.lexists(config.active_link)
    other.release()


def test_a_stop_during_the_start_ends_only_what_was_started(ended, config, monkeypatch):
    async def recover(daemon):
        daemon.request_stop()

    monkeypatch.setattr(Daemon, "_recover_switch", recover)
    assert run_daemon(config) == 0
    assert ended == PARTS
    assert not os.path.lexists(config.control_socket)


def test_a_task_that_ends_by_itself_ends_the_daemon_as_a_bug(ended, config, monkeypatch):
    fail(monkeypatch, Metrics, "run", Refused("a refusal would keep systemd from a restart"))
    with pytest.raises(RuntimeError, match="the task metrics ended"):
        run_daemon(config)
    assert set(ended[:3]) == TASKS - {"metrics"}
    assert ended[3:] == ["control server", *PARTS]


def test_a_part_that_fails_to_stop_does_not_keep_the_others_from_it(ended, config, monkeypatch):
    async def stop(_self):
        ended.append("failover")
        raise OSError("No space left on device")

    monkeypatch.setattr(FailoverController, "stop", stop)
    with pytest.raises(OSError, match="No space left"):
        run_daemon(config)
    assert ended[4:] == ["control server", *PARTS]


def test_the_failover_that_ends_by_itself_ends_the_daemon_as_a_bug(ended, config, monkeypatch):
    fail(monkeypatch, FailoverController, "run", KeyError("a bug"))
    with pytest.raises(RuntimeError, match="the task failover ended"):
        run_daemon(config)
