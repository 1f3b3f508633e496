# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Crashes at every step of a switch, and the recovery at the next start."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys

import pytest
import switch_world
from switch_world import Harness, World

from claude_failover.claude import state_file_lock
from claude_failover.switching import open_records
from claude_failover.switching.steps import ROLL_BACK, STEPS

DIED = 77
# One interpreter with everything imported; each case dies in a fork of it.
FORKS = """
import asyncio, errno, json, os, signal, sys, traceback
sys.path.insert(0, sys.argv[1])
from claude_failover.accounts import active_link
from claude_failover.claude import state_file_edit
from claude_failover.storage import store
from claude_failover.switching import open_records
from switch_world import Harness, World

open_records.STRAGGLERS = 0.0
open_records.ANSWERS = 0.0
os.fsync = os.fstat  # a process dies, the machine does not

def die(*_arguments):
    os._exit(77)

def no_room(path, *_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

def switch(folder, moment, step, full):
    world = World(folder, "abc")
    if full:
        store.write_atomic = store.append_line = no_room
    harness = Harness(world)
    switcher = world.switcher

    def checkpoint(at, name):
        if name == "verify" and at == "begin" and step == "back":
            world.break_link("b")
        if (at, name) == (moment, step):
            die()

    switcher.procedure.checkpoint = checkpoint
    if step == "in-point":  # the new link exists under its temporary name
        active_link.os.rename = die
    if step == "in-flip":  # the link is flipped, but not in the flip log
        switcher.flip_log.add = die
    if step.startswith("in-name"):  # the shared .claude.json is to be renamed over, or was
        write = state_file_edit.write_atomic
        before = {"before_rename": die} if step == "in-name" else {}
        state_file_edit.write_atomic = lambda *data, **_before: (write(*data, **before), die())
    if step == "in-end":  # all but the record
        switcher.journal.add_record = die
    if step == "in-close":  # the record is in the log, and still in the journal
        world.store.append = lambda *arguments, append=world.store.append: (append(*arguments), die())

    async def main():
        harness.record_evidence(world.evidence("one"), world.evidence("two"))
        await harness.settle()

    asyncio.run(main())

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            switch(*json.loads(line))
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    print(os.waitpid(pid, 0)[1], flush=True)
"""

POINTS = [
    *[(moment, step.name) for step in STEPS for moment in ("begin", "end")],
    ("end", "record"),
    *[("in", f"in-{place}") for place in ("point", "flip", "name", "named", "end", "close")],
]
BEFORE = {
    ("begin", "prepare"),
    ("end", "prepare"),
    ("begin", "wait"),
    ("end", "wait"),
    ("begin", "flip"),
    ("in", "in-point"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(open_records, "STRAGGLERS", 0.0)
    monkeypatch.setattr(open_records, "ANSWERS", 0.0)
    monkeypatch.setattr(state_file_lock, "STALE", 0.0)  # as if 10 s had passed since the crash


@pytest.fixture(scope="module")
def forks(python_path):
    """A process that runs each case it receives in a fork of itself, and answers with the wait status."""
    support = os.path.dirname(switch_world.__file__)
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FORKS, support],
        env={"PYTHONPATH": python_path, "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()
        assert process.wait(60) == 0


def crash(tmp_path, forks, moment, step, *, full=False):
    """Let a switch die at a step, on a full disk if it is ``full``."""
    World(tmp_path, "abc").share_state_file()
    print(json.dumps([str(tmp_path), moment, step, full]), file=forks.stdin, flush=True)
    assert os.waitstatus_to_exitcode(int(forks.stdout.readline())) == DIED


def restart(tmp_path):
    """Recover and run rounds, as the next start of the daemon does."""
    world = World(tmp_path, "abc")
    harness = Harness(world)

    async def go_on():
        await harness.failover.recover()
        await harness.settle()

    asyncio.run(go_on())
    assert world.named == world.active
    assert world.state_document["numStartups"] == 7
    assert world.store.unsaved.problems == {}
    return world, harness


def switched(world):
    return [row for row in world.log() if row["outcome"] == "switched"]


@pytest.mark.parametrize(("moment", "step"), POINTS)
def test_after_a_crash_there_is_one_switch_and_every_session_goes_on(tmp_path, forks, moment, step):
    crash(tmp_path, forks, moment, step)
    flipped = os.readlink(tmp_path / ".claude").endswith("-b")
    assert flipped is ((moment, step) not in BEFORE)
    world, harness = restart(tmp_path)
    assert world.active == "b"
    rows = switched(world)
    assert [(row["reason"], row["from_account"], row["to_account"]) for row in rows] == [("limit", "a", "b")]
    assert [row["outcome"] for row in world.log()] == ([] if flipped else ["failed"]) + ["switched"]
    assert len({row["id"] for row in world.log()}) == len(world.log())
    assert world.switcher.journal.open_records() == []
    assert world.switcher.journal.entry is None
    assert [(flip.origin, flip.target) for flip in world.switcher.flip_log.all()] == [("a", "b")]
    assert harness.failover.resume_queue.limited() == {}
    if step != "in-close":  # else they were resumed before the crash
        assert sorted(harness.resumer.resumed) == ["one", "two"]
        assert sorted(row["name"] for row in rows[0]["sessions"]) == ["one", "two"]
    assert [name for name in os.listdir(tmp_path) if re.fullmatch(r"\.claude\.[0-9a-f]{12}", name)] == []
    assert os.stat(world.credentials("b")).st_mtime > 0
    assert {row["limit"] for row in world.exhaustion.status_rows("a", world.now)} == {"five_hour"}
    if not step.startswith("in-name"):  # there Claude Code removes the locks, once they are 10 s old
        names = [name for folder in world.config.homes for name in os.listdir(folder)]
        assert [name for name in names if name.endswith(".lock")] == []


@pytest.mark.parametrize(
    ("moment", "step"), [point for point in POINTS if point not in BEFORE and point[1] != "in-close"]
)
def test_a_crash_on_a_full_disk_loses_no_trigger(tmp_path, forks, moment, step):
    crash(tmp_path, forks, moment, step, full=True)
    world, _harness = restart(tmp_path)
    assert world.active == "b"
    (row,) = world.log()
    assert (row["reason"], row["outcome"], row["from_account"], row["to_account"]) == ("limit", "switched", "a", "b")
    assert (row["limit"], row["trigger_session"]) == ("five_hour", "one")


@pytest.mark.parametrize("moment", ["begin", "end"])
def test_a_crash_while_flipping_back_is_flipped_back(tmp_path, forks, moment):
    crash(tmp_path, forks, moment, ROLL_BACK)
    world, _harness = restart(tmp_path)
    failed = world.log()[0]
    assert (failed["outcome"], failed["to_account"]) == ("failed", "b")
    assert world.active == "c", "the first target is banned, the next one is selected"
    assert [(row["from_account"], row["to_account"]) for row in switched(world)] == [("a", "c")]


@pytest.mark.parametrize(("moment", "step"), POINTS)
def test_a_link_that_leads_elsewhere_after_a_crash_is_kept_and_recorded(tmp_path, forks, moment, step):
    crash(tmp_path, forks, moment, step)
    World(tmp_path, "abc").flip_by_hand("c")
    world, _harness = restart(tmp_path)
    assert world.active == "c"
    rows = world.log()
    assert [row["reason"] for row in rows].count("external") == 1
    external = next(row for row in rows if row["reason"] == "external")
    assert (external["to_account"], external["outcome"]) == ("c", "switched")
    assert sum(row["reason"] == "limit" for row in rows) <= 1
    assert len({row["id"] for row in rows}) == len(rows)


def test_foreign_files_beside_the_link_are_kept(tmp_path, forks):
    World(tmp_path, "abc")
    os.symlink("/nowhere", tmp_path / ".claude.0123456789ab")
    (tmp_path / ".claude.ba9876543210").write_text("a note")
    crash(tmp_path, forks, "in", "in-point")
    strays = [name for name in os.listdir(tmp_path) if re.fullmatch(r"\.claude\.[0-9a-f]{12}", name)]
    assert len(strays) == 3
    restart(tmp_path)
    left = [name for name in os.listdir(tmp_path) if re.fullmatch(r"\.claude\.[0-9a-f]{12}", name)]
    assert sorted(left) == [".claude.0123456789ab", ".claude.ba9876543210"]


def test_a_crash_during_recovery_comes_to_the_same_end(tmp_path, forks):
    crash(tmp_path, forks, "end", "flip")
    world = World(tmp_path, "abc")

    def stop(moment, step):
        if (moment, step) == ("begin", "verify"):
            raise KeyboardInterrupt

    world.switcher.procedure.checkpoint = stop
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(world.switcher.recover())
    world, _harness = restart(tmp_path)
    assert [(row["from_account"], row["to_account"]) for row in switched(world)] == [("a", "b")]
