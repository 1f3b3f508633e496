# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process, the conversation and the version of each session, and those that are set aside for it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from dataclasses import replace

import pytest

from claude_failover.claude.versions import MINIMUM
from claude_failover.common import clock, processes
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.failover.idle_sessions import IdleSessions
from claude_failover.reporting.events import set_aside_event
from claude_failover.reporting.status import session_row
from claude_failover.sessions.launch import LAUNCH_VARIABLE, SESSION_VARIABLE, launch_of
from claude_failover.sessions.registry import SessionRegistry
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.store import Store
from claude_failover.tmux.client import Pane

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"


class World:
    """A table, and a session ``main`` whose process is the one that `start` made last."""

    def __init__(self, folder):
        self.home = os.path.join(folder, "a")
        self.config = Config(
            path=os.path.join(folder, "config.yml"),
            accounts=(Account("a", self.home),),
            active_link=os.path.join(folder, "link"),
            state_dir=os.path.join(folder, "state"),
        )
        os.makedirs(os.path.join(self.home, "sessions"))
        self.registry = SessionRegistry(Store(self.config.state_dir))
        self.table = SessionTable(ConfigHolder(self.config), self.registry)
        self.told = []
        self.table.on_set_aside = lambda session, why: self.told.append((session, why))
        self.process = self.below = None

    def start(self, version, **variables):
        """Start a process that writes its session file as a Claude Code of that version; None: without one."""
        self.end()
        # With a process below it, as Claude Code has its own daemon and the background jobs.
        self.process = subprocess.Popen(
            ["sh", "-c", "sleep 600 & echo $!; wait"],
            env={"PATH": os.environ["PATH"], "CLAUDE_CONFIG_DIR": self.config.active_link, **variables},
            stdout=subprocess.PIPE,
        )
        self.below = int(self.process.stdout.readline())
        self.write_file(self.process.pid, ONE, **({"version": version} if version else {}))

    def path(self, pid):
        return os.path.join(self.home, "sessions", f"{pid}.json")

    def write_file(self, pid, uuid, **more):
        start = str(processes.read(pid).start)
        data = {"pid": pid, "sessionId": uuid, "cwd": "/srv", "procStart": start, "status": "idle", **more}
        with open(self.path(pid), "w", encoding="utf-8") as stream:
            json.dump(data, stream)

    def end(self):
        if self.process is not None:
            os.kill(self.below, signal.SIGKILL)
            self.process.kill()
            self.process.communicate()

    def kill(self, pid):
        """Kill a process, and wait until it has ended; its parent need not have reaped it."""
        ended = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            assert select.select([ended], [], [], 30)[0], "it lives on"
        finally:
            os.close(ended)

    def observe(self, here=True):
        values = ("main", "$0", "@0", "%0", self.process.pid, False, None, None, "claude", "/", 0, 80, 24, False, True)
        self.table.observe([Pane(*values)] if here else [])
        return self.table.get("main")

    def row(self):
        return session_row(self.table.get("main"), self.config, self.registry, self.config.accounts[0])


@pytest.fixture
def world(tmp_path):
    made = World(str(tmp_path))
    yield made
    made.end()


def test_the_version_of_a_session_file_is_shown(world):
    world.start("2.1.332")
    assert world.observe().state == "idle"
    assert (world.row()["version"], world.row()["reason"], world.row()["account"]) == ("2.1.332", None, "a")
    assert world.told == []


@pytest.mark.parametrize("rank", ["process", "hook"])
def test_a_background_job_below_the_pane_is_never_its_session(world, rank):
    """At its end Claude Code removes its session file a moment before its process is gone; its jobs live on."""
    world.start("2.1.332")
    world.write_file(world.process.pid, ONE, parkedJobId="22222222", version="2.1.332")
    world.write_file(world.below, TWO, kind="bg", version="2.1.332")
    world.observe()
    if rank == "hook":
        world.registry.propose("main", replace(world.registry.get("main"), source="hook"))
    os.remove(world.path(world.process.pid))
    tracked = world.observe()
    assert world.registry.get("main").uuid == ONE
    assert tracked.claude is None or tracked.claude.pid == world.process.pid
    world.kill(world.process.pid)  # a moment before tmux tells that the pane is dead
    tracked = world.observe()
    assert world.registry.get("main").uuid == ONE
    assert tracked.claude is None or tracked.claude.pid != world.below


def test_a_session_stays_moved_while_its_file_cannot_be_read(world):
    """The file is written anew now and then, and gone a moment before the process is."""
    world.start("2.1.332")
    world.write_file(world.process.pid, ONE, parkedJobId="22222222", version="2.1.332")
    assert world.observe().parked_job == "22222222"
    with open(world.path(world.process.pid), "w", encoding="utf-8"):
        pass
    assert world.observe().parked_job == "22222222"
    world.write_file(world.process.pid, ONE, version="2.1.332")
    assert world.observe().parked_job is None, "it is back in the pane"


def test_a_session_of_an_old_version_is_set_aside_until_it_is_another(world, caplog):
    world.start("2.1.78")
    assert world.observe().state == world.observe().state == "other"
    row = world.row()
    assert (row["version"], row["state"], row["account"]) == ("2.1.78", "other", None)
    assert f"found Claude Code 2.1.78, expected {MINIMUM} or newer" in row["reason"]
    assert IdleSessions(world.table).not_idle() == [], "it keeps no other from a failback"
    assert world.table.set_aside("main") == row["reason"]
    world.start("2.1.332")
    assert world.observe().state == "idle"
    assert world.told == [("main", row["reason"]), ("main", None)]
    assert [record.levelname for record in caplog.records if "set aside" in record.message] == ["WARNING"]
    assert world.table.set_aside("main") is None


@pytest.mark.parametrize(("activity", "state"), [("idle", "limited"), ("busy", "busy")])
def test_a_session_at_a_limit_of_its_own_is_limited_until_it_works(world, activity, state):
    world.start("2.1.332")
    world.observe().record_activity(activity)
    row = session_row(world.table.get("main"), world.config, world.registry, None, "it has hit a limit")
    assert (row["state"], row["reason"]) == (state, "it has hit a limit")


def test_a_session_that_is_gone_is_set_aside_no_more(world):
    world.start("2.1.78")
    world.observe()
    world.observe(here=False)
    assert [why is None for _session, why in world.told] == [False, True]
    assert world.table.set_aside("main") is None


def test_a_version_that_only_the_transcript_names_is_kept_for_that_process(world):
    world.start(None)
    tracked = world.observe()
    assert (tracked.version, tracked.set_aside) == (None, None), "what is not known is as before"
    tracked.record_version([{"version": "2.1.78", "timestamp": clock.iso(clock.wall())}])
    tracked.record_version([{"version": "2.1.332", "timestamp": clock.iso(clock.wall())}])
    assert world.observe().version == "2.1.78", "a running program does not change"
    world.start(None)
    assert world.observe().version is None


def test_the_events_of_a_session_that_is_set_aside():
    begins, over = set_aside_event("main", "it is too old"), set_aside_event("main", None)
    assert (begins["event"], begins["state"], begins["severity"]) == ("session_set_aside", "begins", "warning")
    assert (begins["session"], begins["summary"]) == ("main", "session main is set aside: it is too old")
    assert (over["event"], over["state"], over["severity"]) == ("session_set_aside", "over", "info")


def test_a_plain_shell_is_other_and_keeps_nothing_waiting(world):
    """Also once the Claude Code in it has ended."""
    world.start(None)
    os.remove(world.path(world.process.pid))
    world.write_file(world.below, ONE, version="2.1.332")
    assert world.observe().state == "idle"
    os.kill(world.process.pid, signal.SIGSTOP)  # a shell that goes on
    world.kill(world.below)
    os.remove(world.path(world.below))
    assert world.observe().state == "other"
    assert world.row()["reason"] == "no Claude Code runs in it"
    assert IdleSessions(world.table).not_idle() == []
    assert world.told == [], "it is not set aside"


@pytest.mark.parametrize("was", [False, True])
def test_a_command_that_is_configured_as_claude_code_meanwhile_is_other_until_its_restart(world, was):
    """What runs counts, not what is configured: else it would be starting for ever, and a failback would wait."""
    after = SessionConfig("main", "/", ("claude",))
    before = replace(after, command=("sh",), claude_args=was)
    world.config = replace(world.config, sessions=(after,))
    world.table = SessionTable(ConfigHolder(world.config), world.registry)
    launch = launch_of(before, world.config).to_text()
    world.start(None, **{SESSION_VARIABLE: "main", LAUNCH_VARIABLE: launch, "PWD": "/"})
    os.remove(world.path(world.process.pid))
    tracked = world.observe()
    assert (tracked.state, tracked.claude is None) == (("starting", False) if was else ("other", True))
    assert IdleSessions(world.table).not_idle() == (["main (starting)"] if was else [])
    assert world.row()["reason"].startswith("restart needed for command")


def test_a_removed_session_without_claude_code_is_told_as_removed(world):
    launch = launch_of(SessionConfig("main", "/", ("sh",), claude_args=False), world.config).to_text()
    world.start(None, **{SESSION_VARIABLE: "main", LAUNCH_VARIABLE: launch, "PWD": "/"})
    os.remove(world.path(world.process.pid))
    assert world.observe().state == "other"
    assert world.row()["reason"].startswith("no longer configured: it goes on, and is not started again")
