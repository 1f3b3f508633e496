# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failovers on file systems that are full, read-only or out of inodes: small ones in memory, mounted for the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from ..daemon.conftest import wait_for

RESUME = "continue"
BOUND = 3 + 1  # Enter keys of the daemon in a session without an answer, under two accounts


class SmallDisk:
    """A small file system at a path."""

    def __init__(self, path: str, options: str = "size=256k,nr_inodes=128,mode=0700") -> None:
        self.path = path
        os.makedirs(path, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", options, "small", path)
        self.mounts = 1

    @staticmethod
    def _mount(*arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True, capture_output=True)

    def fill(self) -> None:
        """Leave no block."""
        with open(os.path.join(self.path, "ballast"), "wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(b"\1" * 4096)
            except OSError:
                pass

    def empty(self) -> None:
        """Remove what `fill` and `use_inodes` made."""
        for name in os.listdir(self.path):
            if name.startswith("ballast"):
                os.unlink(os.path.join(self.path, name))

    def use_inodes(self) -> None:
        """Leave no inode."""
        try:
            for number in range(10000):
                os.close(os.open(os.path.join(self.path, f"ballast{number}"), os.O_CREAT | os.O_WRONLY))
        except OSError:
            pass

    def make_read_only(self) -> None:
        """Cover it by itself, read-only: what is open for writing stays so."""
        self._mount("--bind", self.path, self.path)
        self.mounts += 1
        self._mount("-o", "remount,bind,ro", self.path)

    def make_writable(self) -> None:
        self._mount("-o", "remount,bind,rw", self.path)

    def close(self) -> None:
        for _mount in range(self.mounts):
            subprocess.run(["umount", "-l", self.path], check=False, capture_output=True)


@pytest.fixture
def disk(world) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    try:
        disk = SmallDisk(world.path("disk"))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no file system can be mounted here: {error.stderr!r}")
    yield disk
    world.close()
    disk.close()


def start(world, *, link=False):
    """Start with the state on the small disk, and the active link too."""
    world.config["state_dir"] = world.path("disk/state")
    if link:
        os.mkdir(world.path("disk/home"))
        world.config["active_link"] = world.path("disk/home/.claude")
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    wait_for(lambda: world.row("main")["uuid_source"], "the conversation")
    return world


def active(world):
    return os.path.basename(os.readlink(world.config["active_link"])).removeprefix(".claude-")


def goes_on(world):
    """Limit the session, and see it go on under the other account."""
    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("two", RESUME)
    assert active(world) == "two"
    assert len(world.turns("two", RESUME)) == 1
    assert world.daemon.poll() is None


def sent(world):
    """Return how many prompts of the daemon's own became requests."""
    return len([row for row in world.requests() if row.get("prompt") == RESUME and "ended" in row])


def records(world):
    result = world.command("history", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def stored(world):
    path = os.path.join(world.config["state_dir"], "switches.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as stream:
        return stream.readlines()


FAULTS = {
    "full": (SmallDisk.fill, SmallDisk.empty, "No space left"),
    "read-only": (SmallDisk.make_read_only, SmallDisk.make_writable, "Read-only file system"),
    "no inodes": (SmallDisk.use_inodes, SmallDisk.empty, "No space left"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_session_goes_on_while_the_state_cannot_be_stored(world, disk, fault):
    begin, end, words = FAULTS[fault]
    start(world)
    begin(disk)
    goes_on(world)
    (record,) = records(world)
    assert (record["outcome"], record["from_account"], record["to_account"]) == ("switched", "one", "two")
    wait_for(lambda: "switch id=" + record["id"] in world.daemon_log(), "the record in the log")
    assert words in world.daemon_log()
    status = world.status()
    assert status["active_account"] == "two"
    assert any(words in row["reason"] for row in status["unsaved"]), status["unsaved"]
    assert stored(world) == []
    end(disk)
    wait_for(lambda: len(stored(world)) == 1, "the record to be stored")
    wait_for(lambda: world.status()["unsaved"] == [], "everything to be stored")
    assert [row["id"] for row in records(world)] == [record["id"]]
    assert world.daemon_log().count(words) < 40, "it is not logged in every round"
    assert world.stop() == 0
    world.start()
    assert world.status()["active_account"] == "two"
    assert [row["id"] for row in records(world)] == [record["id"]]


@pytest.mark.parametrize("fault", ["full", "no inodes"])
def test_the_link_is_flipped_on_a_full_file_system(world, disk, fault):
    begin, end, _words = FAULTS[fault]
    start(world, link=True)
    begin(disk)
    goes_on(world)
    end(disk)
    wait_for(lambda: len(stored(world)) == 1, "the record to be stored")
    names = sorted(os.listdir(world.path("disk/home")))
    assert names == [".claude", ".claude.failover.lock", ".claude.failover.spare"]


def test_a_link_on_a_read_only_file_system_stays_and_that_is_told(world, disk):
    start(world, link=True)
    disk.make_read_only()
    world.limit("one")
    world.prompt("main", "the big job")
    record = wait_for(lambda: records(world), "the record")[-1]
    assert (record["outcome"], active(world)) == ("failed", "one")
    assert "Read-only file system" in record["detail"]
    disk.make_writable()
    world.answered("two", RESUME)
    assert active(world) == "two"


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_kill_in_that_time_the_link_as_it_is_found_counts(world, disk, fault):
    begin, end, _words = FAULTS[fault]
    start(world)
    begin(disk)
    goes_on(world)
    world.ready("main")
    world.stop(signal.SIGKILL)
    end(disk)
    world.start()
    assert active(world) == "two"
    status = world.status()
    assert status["active_account"] == "two"
    assert status["suspended"] is None
    world.prompt("main", "and more")
    world.answered("two", "and more")
    assert len(world.turns("two", RESUME)) == 1, "it is not resumed a second time"
    assert {row["outcome"] for row in records(world)} == {"switched"}


def test_kills_on_a_full_disk_cost_no_prompts_beyond_the_bound(world, disk):
    start(world)
    disk.fill()
    for account in ("one", "two"):
        world.limit(account)
    world.prompt("main", "the big job")

    for _life in range(5):
        time.sleep(5)
        assert sent(world) <= BOUND
        world.stop(signal.SIGKILL)
        world.start()
    assert sent(world) > 0
    disk.empty()


def test_a_kill_on_a_read_only_disk_costs_one_bound_of_prompts_more_and_no_second_one(world, disk):
    """The counts of that time are lost with the process; no daemon starts until they can be stored."""
    start(world)
    disk.make_read_only()
    for account in ("one", "two"):
        world.limit(account)
    world.prompt("main", "the big job")
    wait_for(lambda: sent(world), "a prompt", deadline=60)
    time.sleep(5)
    assert sent(world) <= BOUND
    for _try in range(2):
        if world.daemon is not None:
            world.stop(signal.SIGKILL)
        assert world.launch().wait(30) == 75, world.daemon_log()
        world.daemon = None
    disk.make_writable()
    for _life in range(3):
        world.start()
        time.sleep(5)
        assert sent(world) <= 2 * BOUND
        world.stop(signal.SIGKILL)


def test_a_daemon_that_is_killed_is_started_again_on_a_full_disk(world, disk):
    start(world)
    disk.fill()
    world.stop(signal.SIGKILL)
    process = world.launch()
    wait_for(lambda: process.poll() is not None or os.path.exists(world.control_socket), "its start, or its end")
    if process.poll() is None:
        goes_on(world)
    else:
        assert process.returncode == 75
    disk.empty()


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        # Folders and links need no block on a file system in memory.
        *[("full", place) for place in ("state_dir", "active_link")],
        *[("read-only", place) for place in ("state_dir", "active_link", "home", "shared_root")],
        *[("no inodes", place) for place in ("state_dir", "active_link", "home", "shared_root")],
    ],
)
def test_a_first_start_on_such_a_file_system_ends_with_75_and_succeeds_later(world, disk, fault, place):
    begin, end, words = FAULTS[fault]
    if place == "home":
        world.config["accounts"].append({"name": "three", "home": world.path("disk/three")})
    else:
        world.config[place] = world.path("disk/" + {"active_link": ".claude"}.get(place, place))
    world.start_tmux()
    begin(disk)
    assert world.launch().wait(30) == 75, world.daemon_log()
    assert words.lower() in world.daemon_log().lower()
    end(disk)
    world.start()
    assert world.status()["active_account"] == "one"
