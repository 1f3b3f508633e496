# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a check of the sessions reads: those of processes that are known, and not again without a change."""

from __future__ import annotations

import builtins
import functools
import json
import os
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pytest

from claude_failover.claude import session_files
from claude_failover.common import processes
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions.registry import SessionRegistry
from claude_failover.sessions.table import SessionTable
from claude_failover.storage.store import Store
from claude_failover.tmux.client import Pane

UUID = "11111111-1111-4111-8111-{:012}"


def sleeper(**environment):
    return subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], **environment})


class World:
    """Sessions s0, s1, … whose processes have written their session files."""

    def __init__(self, folder, monkeypatch):
        self.home = os.path.join(folder, "a")
        os.makedirs(os.path.join(self.home, "sessions"))
        self.config = Config(
            path=os.path.join(folder, "config.yml"),
            accounts=(Account("a", self.home),),
            active_link=os.path.join(folder, "link"),
            state_dir=os.path.join(folder, "state"),
            sessions=tuple(SessionConfig(f"s{number}", "/srv") for number in range(4)),
        )
        self.registry = SessionRegistry(Store(self.config.state_dir))
        self.table = SessionTable(ConfigHolder(self.config), self.registry)
        self.running = []
        self.reads = Counter()  # by the name of a file in a process's folder of /proc
        for module, opens in ((processes, builtins.open), (os, os.open)):
            monkeypatch.setattr(module, "open", functools.partial(self._open, opens), raising=False)
        for number in range(4):
            self.start(number)

    def _open(self, opens, path, *arguments, **options):
        if str(path).startswith("/proc/"):
            self.reads[os.path.basename(path)] += 1
        return opens(path, *arguments, **options)

    def start(self, number):
        name = f"s{number}"
        process = sleeper(CLAUDE_CONFIG_DIR=self.config.active_link, CLAUDE_FAILOVER_SESSION=name, PWD="/srv")
        while processes.read(process.pid).name != "sleep":  # between fork and exec
            assert process.poll() is None
        self.running[number : number + 1] = [process]
        self.write(number)

    def write(self, number, **more):
        pid = self.running[number].pid
        start = str(processes.read(pid).start)
        data = {"pid": pid, "sessionId": UUID.format(number), "cwd": "/srv", "procStart": start, "status": "idle"}
        with open(os.path.join(self.home, "sessions", f"{pid}.json"), "w", encoding="utf-8") as stream:
            json.dump({**data, **more}, stream)

    def check(self):
        """Observe the sessions; return what was read."""
        self.reads.clear()
        self.table.observe([pane_of(number, process.pid) for number, process in enumerate(self.running)])
        return dict(self.reads)

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()


def pane_of(number, pid):
    values = (f"%{number}", pid, False, None, None, "claude", "/srv", 0, 80, 24, False, True)
    return Pane(f"s{number}", f"${number}", f"@{number}", *values)


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(str(tmp_path), monkeypatch)
    yield made
    made.close()


@pytest.fixture
def settled(monkeypatch):
    """Let a file's times tell of each change, as they do once it was left alone for a second."""
    monkeypatch.setattr(session_files, "_SETTLED", -(10**18))


def test_the_processes_that_are_read_do_not_grow_with_those_of_the_host(world):
    world.check()
    before = world.check()
    others = [sleeper() for _number in range(30)]
    try:
        assert world.check()["stat"] == before["stat"]
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_of_a_session_without_a_change_only_the_process_is_looked_at(world, settled):
    first, again = world.check(), world.check()
    assert first["environ"] > 0
    # A process that has just been started may still be about to execute its program, which is a change.
    for _look in range(50):
        if set(again) == {"stat"}:
            break
        time.sleep(0.05)
        again = world.check()
    assert set(again) == {"stat"}
    # Each session's own, and those above: this one and its parents.
    above, process = 0, processes.read(os.getpid())
    while process is not None:
        above, process = above + 1, processes.read(process.parent)
    assert again["stat"] <= len(world.running) + above


def test_a_session_file_is_parsed_again_only_when_it_has_changed(world, settled, monkeypatch):
    world.check()
    parsed = []
    read = session_files.read_session_file
    monkeypatch.setattr(
        session_files, "read_session_file", lambda path, process: parsed.append(path) or read(path, process)
    )
    world.check()
    assert parsed == []
    world.write(2, status="waiting", parkedJobId="22222222")
    world.check()
    assert len(parsed) == 1
    tracked = world.table.get("s2")
    assert (tracked.activity, tracked.parked_job) == ("waiting", "22222222")
    assert world.table.get("s1").activity == "idle"


def test_an_end_a_new_process_and_a_file_that_is_gone_are_noticed(world, settled):
    world.check()
    world.check()
    old = world.table.get("s1").claude
    world.running[1].kill()
    world.running[1].wait()
    world.check()
    assert world.table.get("s1").claude is None
    world.start(1)
    world.check()
    assert world.table.get("s1").claude.pid == world.running[1].pid != old.pid
    os.unlink(os.path.join(world.home, "sessions", f"{world.running[3].pid}.json"))
    world.check()
    assert world.table.get("s3").file_at is None


def test_a_background_job_is_seen_wherever_it_runs(world, settled):
    world.check()
    assert not world.table.background_seen
    world.running.append(sleeper())
    world.write(4, kind="bg")
    try:
        world.table.observe([])
        assert world.table.background_seen
    finally:
        world.close()
    world.table.observe([])
    assert not world.table.background_seen


def test_another_conversation_in_the_registry_is_taken_over_at_the_next_check(world, settled):
    world.check()
    world.check()
    world.write(0, sessionId=UUID.format(77))
    world.check()
    assert world.registry.get("s0").uuid == UUID.format(77)


def test_settings_that_change_later_are_noticed_in_a_session_without_a_change(world, settled):
    for _check in range(3):
        world.check()
    path = os.path.join(world.home, "settings.json")
    with open(path, "w", encoding="ascii") as stream:
        json.dump({"env": {"ANTHROPIC_AUTH_TOKEN": "x"}}, stream)
    world.check()
    assert all(path in world.table.get(f"s{number}").foreign_login for number in range(4))


def test_the_settings_of_a_folder_that_a_session_was_new_in_are_looked_at_in_each_check(world, settled, tmp_path):
    world.check()
    world.check()
    os.makedirs(tmp_path / "project" / ".claude")
    world.running[2].kill()
    world.running[2].wait()
    world.start(2)
    world.write(2, cwd=str(tmp_path / "project"))
    world.check()
    world.check()
    assert world.table.get("s2").foreign_login is None
    (tmp_path / "project" / ".claude" / "settings.json").write_text('{"env": {"ANTHROPIC_API_KEY": "x"}}')
    world.check()
    found = [world.table.get(f"s{number}").foreign_login for number in range(4)]
    assert [why is not None for why in found] == [False, False, True, False]


def test_a_pane_whose_pid_another_process_has_now_is_observed_anew(world, settled, monkeypatch):
    """The pid was used again: the session file that lies there is another process's."""
    world.check()
    world.check()
    old, parsed = world.table.get("s1").claude, processes._parsed
    assert old is not None

    def reused(pid, text):
        process = parsed(pid, text)
        return replace(process, start=process.start + 1) if pid == old.pid else process

    monkeypatch.setattr(processes, "_parsed", reused)
    world.table._processes = processes.ProcessMemory()  # the text of a process's stat has its start in it
    world.check()
    tracked = world.table.get("s1")
    assert (tracked.claude.start, tracked.file_at) == (old.start + 1, None)
    assert world.table.get("s2").file_at is not None
