# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the watch of the transcripts ends with nothing that happens to their folder: real folders, real inotify."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import subprocess
import time

import pytest
from permissions import permissions_bind_root

from claude_failover.common.health import SourceHealth
from claude_failover.detection import folder_watch
from claude_failover.detection import transcript_watcher as module
from claude_failover.detection.transcript_watcher import TranscriptWatcher

ONE = "11111111-1111-4111-8111-111111111111"
DEADLINE = 10.0


class World:
    """A folder of transcripts, the watcher of it, and what that reported."""

    def __init__(self, folder):
        self.folder = folder
        self.projects = os.path.join(folder, "projects")
        os.makedirs(os.path.join(self.projects, "-srv"))
        self.got = []
        self.gaps = 0
        self.health = SourceHealth()
        self.watcher = TranscriptWatcher(lambda: self.projects, self.on_records, on_gap=self.on_gap, health=self.health)

    def on_records(self, uuid, records):
        self.got += [record["n"] for record in records]

    def on_gap(self):
        self.gaps += 1

    def path(self, name=ONE, folder="-srv"):
        return os.path.join(self.projects, folder, name + ".jsonl")

    def add(self, *numbers, name=ONE, folder="-srv"):
        os.makedirs(os.path.join(self.projects, folder), exist_ok=True)
        with open(self.path(name, folder), "a", encoding="utf-8") as stream:
            stream.writelines(json.dumps({"n": number}) + "\n" for number in numbers)

    @staticmethod
    def write(path, data):
        with open(path, "ab") as stream:
            stream.write(data)

    def move_away(self):
        os.rename(self.projects, self.projects + ".away")

    async def until(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < end, f"no {what}; got {self.got}, blind {self.health.rows()}"
            await asyncio.sleep(0.01)

    async def comes(self, *numbers):
        await self.until(lambda: len(self.got) >= len(numbers), f"records {numbers}")
        await asyncio.sleep(0.3)  # for a record that should not come
        assert sorted(self.got) == sorted(numbers)

    async def blind(self, *words):
        await self.until(self.health.rows, "blindness")
        (row,) = self.health.rows()
        assert row["source"] == "transcripts"
        for word in words:
            assert word in row["reason"]

    async def sees(self):
        await self.until(lambda: not self.health.rows(), "end of the blindness")

    def run(self, scenario):
        async def whole():
            await self.watcher.start()
            try:
                await scenario()
            finally:
                await self.watcher.stop()

        asyncio.run(whole())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(module, "REST_INTERVAL", 0.1)


@pytest.fixture
def world(tmp_path):
    return World(str(tmp_path))


def test_a_folder_removed_and_made_again_is_followed(world):
    world.add(1)

    async def scenario():
        shutil.rmtree(world.projects)
        await asyncio.sleep(0.05)
        os.makedirs(os.path.join(world.projects, "-srv"))
        await world.until(lambda: world.gaps, "look at what was missed")
        world.add(2, name="new")
        await world.comes(2)
        await world.sees()

    world.run(scenario)


def test_a_folder_that_is_gone_is_told_until_it_is_back(world):
    async def scenario():
        shutil.rmtree(world.projects)
        await world.blind(world.projects, "No such file", "hooks and panes only")
        os.makedirs(world.projects)
        await world.sees()
        world.add(1)
        await world.comes(1)

    world.run(scenario)


def test_a_restore_loses_no_new_line_and_reads_no_old_one_twice(world, tmp_path):
    """The restored files are other files with the same lines; the session went on while nothing looked."""
    world.add(1, 2)
    world.add(3, name="other")

    async def scenario():
        world.add(4)
        await world.comes(4)
        shutil.copytree(world.projects, tmp_path / "backup")
        shutil.rmtree(world.projects)
        await world.blind()
        os.rename(tmp_path / "backup", world.projects)
        world.add(5)
        await world.comes(4, 5)
        world.add(6)
        world.add(7, name="new")
        await world.comes(4, 5, 6, 7)

    world.run(scenario)


@pytest.mark.parametrize("how", ["restored", "another path"])
def test_unknown_files_of_a_folder_that_is_first_seen_are_old_ones(world, how):
    """What a mount or a restore brings, or the folder of another account, is years of old lines."""
    other = os.path.join(world.folder, "other")
    os.makedirs(os.path.join(other, "-srv"))
    World.write(os.path.join(other, "-srv", "old.jsonl"), b'{"n": 1}\n')

    async def scenario():
        if how == "restored":
            world.move_away()
            os.rename(other, world.projects)
        else:
            world.projects = other
            world.watcher.check()
        await world.until(lambda: world.gaps, "look at what was missed")
        world.add(2, name="old")
        await world.comes(2)

    world.run(scenario)


def test_a_file_restored_in_place_is_not_read_twice(world, tmp_path):
    world.add(1)

    async def scenario():
        world.add(2, 3)
        await world.comes(2, 3)
        shutil.copy(world.path(), tmp_path / "copy")
        os.unlink(world.path())
        await asyncio.sleep(0.05)
        for byte in (tmp_path / "copy").read_bytes():  # as tar and cp do: another file that grows
            world.write(world.path(), bytes([byte]))
            await asyncio.sleep(0)
        world.add(4)
        await world.comes(2, 3, 4)
        shutil.copy(world.path(), tmp_path / "copy")
        os.rename(tmp_path / "copy", world.path())  # as rsync does
        world.add(5)
        await world.comes(2, 3, 4, 5)

    world.run(scenario)


@pytest.mark.parametrize("rest", [0.1, 1000.0])
def test_an_older_copy_goes_on_at_its_end(world, tmp_path, monkeypatch, rest):
    monkeypatch.setattr("claude_failover.detection.followed_file.HOLD", 0.2)
    monkeypatch.setattr(module, "REST_INTERVAL", rest)
    world.add(1)

    async def scenario():
        world.add(2)
        await world.comes(2)
        shutil.copy(world.path(), tmp_path / "copy")
        world.add(3, 4)
        await world.comes(2, 3, 4)
        os.rename(tmp_path / "copy", world.path())
        await asyncio.sleep(0.5)
        world.add(5)
        await world.comes(2, 3, 4, 5)

    world.run(scenario)


def test_another_file_of_the_name_is_read_from_its_beginning(world):
    async def scenario():
        world.add(1, 2)
        await world.comes(1, 2)
        os.truncate(world.path(), 0)
        world.add(3)
        await world.comes(1, 2, 3)
        os.rename(world.path(), world.path() + ".old")
        world.add(4)
        await world.comes(1, 2, 3, 4)

    world.run(scenario)


@pytest.mark.parametrize("how", ["removed", "moved away", "renamed", "replaced by rename"])
def test_a_projects_folder_that_is_replaced_is_followed(world, how):
    world.add(1)
    place = os.path.join(world.projects, "-srv")

    async def scenario():
        if how == "removed":
            shutil.rmtree(place)
        elif how == "moved away":
            os.rename(place, os.path.join(world.folder, "elsewhere"))
        elif how == "renamed":
            os.rename(place, os.path.join(world.projects, "-other"))
            await asyncio.sleep(0.05)
            world.add(2, name="b", folder="-other")
        else:
            os.mkdir(place + ".new")
            os.rename(place, os.path.join(world.folder, "elsewhere"))
            os.rename(place + ".new", place)
        await asyncio.sleep(0.05)
        world.add(3, name="c")
        await world.comes(*([2, 3] if how == "renamed" else [3]))
        world.add(4, name="c")
        await world.comes(*([2, 3, 4] if how == "renamed" else [3, 4]))

    world.run(scenario)


def test_another_folder_in_its_place_is_followed_and_the_old_one_no_longer(world):
    async def scenario():
        os.makedirs(os.path.join(world.folder, "next", "-srv"))
        world.move_away()
        os.rename(os.path.join(world.folder, "next"), world.projects)
        await world.until(lambda: world.gaps, "look at what was missed")
        world.write(os.path.join(world.projects + ".away", "-srv", "old.jsonl"), b'{"n": 1}\n')
        world.add(2)
        await world.comes(2)
        await world.sees()

    world.run(scenario)


@pytest.mark.parametrize("below", [".", "-srv"])
def test_a_mount_over_it_is_followed_and_its_end_too(world, below, monkeypatch):
    """A mount makes no event at all."""
    place = os.path.join(world.projects, below)

    def mount():
        return subprocess.run(["mount", "-t", "tmpfs", "none", place], capture_output=True, text=True, check=False)

    mounted = mount()
    if mounted.returncode:
        pytest.skip(f"this user may not mount: {mounted.stderr.strip()}")

    def unmount():
        subprocess.run(["umount", place], check=True)

    unmount()
    real, checks = folder_watch.FolderWatch.refresh, []

    def counted(self, root):
        checks.append(root)
        return real(self, root)

    monkeypatch.setattr(folder_watch.FolderWatch, "refresh", counted)

    async def checked():
        reached = len(checks)
        await world.until(lambda: len(checks) > reached, "check")

    async def scenario():
        mount()
        try:
            await checked()
            world.add(1)
            await world.comes(1)
        finally:
            unmount()
        await checked()
        world.add(2, name="below")
        await world.comes(1, 2)
        await world.sees()

    world.run(scenario)


def test_a_folder_that_is_missing_at_the_start_is_followed_once_it_appears(world):
    """Its old lines are no news; the newest turns are looked at, as at a start."""
    world.add(1)
    world.move_away()

    async def scenario():
        await world.blind("No such file")
        os.rename(world.projects + ".away", world.projects)
        await world.sees()
        await world.until(lambda: world.gaps, "look at what was missed")
        world.add(2)
        await world.comes(2)

    world.run(scenario)


def test_a_start_is_no_gap(world):
    async def scenario():
        await asyncio.sleep(0.3)
        assert world.gaps == 0

    world.run(scenario)


def test_the_folder_of_a_new_configuration_is_followed(world):
    async def scenario():
        world.projects = os.path.join(world.folder, "moved")
        os.mkdir(world.projects)
        world.watcher.check()
        world.add(1)
        await world.comes(1)

    world.run(scenario)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_without_inotify_the_files_are_read_in_turns_until_it_is_back(world, monkeypatch, number, caplog):
    world.add(1)
    gone = [True]
    real = folder_watch.Inotify

    class Used(real):
        def __init__(self):
            if number == errno.EMFILE and gone[0]:
                raise OSError(number, os.strerror(number), "inotify_init1")
            super().__init__()

        def watch(self, folder, mask):
            if gone[0]:
                raise OSError(number, os.strerror(number), folder)
            return super().watch(folder, mask)

    monkeypatch.setattr(folder_watch, "Inotify", Used)
    limit = {errno.EMFILE: "max_user_instances", errno.ENOSPC: "max_user_watches"}[number]

    async def scenario():
        await world.blind(limit, "read every")
        world.add(2)
        world.add(3, name="new")
        await world.comes(2, 3)
        gone[0] = False
        await world.sees()
        monkeypatch.setattr(module, "CHECK_INTERVAL", 1000.0)
        monkeypatch.setattr(module, "REST_INTERVAL", 1000.0)
        world.add(4)
        await world.comes(2, 3, 4)

    world.run(scenario)
    assert [record.message.split()[0] for record in caplog.records].count("blind:") == 1


@pytest.mark.parametrize("rest", [0.1, 1000.0])
def test_a_watch_of_one_folder_that_cannot_be_had_is_told_and_tried_again(world, monkeypatch, rest):
    """Also where it is refused between two checks, of which the next one is far away."""
    monkeypatch.setattr(module, "REST_INTERVAL", rest)
    real, refused = folder_watch.Inotify, [os.path.join(world.projects, "-more")]

    class Refusing(real):
        def watch(self, folder, mask):
            if folder in refused:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)
            return super().watch(folder, mask)

    monkeypatch.setattr(folder_watch, "Inotify", Refusing)

    async def scenario():
        world.add(1, folder="-more")
        await world.blind("-more", "max_user_watches")
        await world.comes(1)
        world.add(2, folder="-more")
        await world.comes(1, 2)
        refused.clear()
        await world.sees()

    world.run(scenario)


def test_a_queue_that_overflows_loses_no_record(world):
    """Alternating writes are not merged by the kernel, and nobody reads the queue."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as stream:
        length = int(stream.read())

    def flood():
        with open(world.path("a"), "a", encoding="ascii") as a, open(world.path("b"), "a", encoding="ascii") as b:
            for _turn in range(length // 2 + 100):
                for stream in (a, b):
                    stream.write(" ")
                    stream.flush()
            a.write("\n")
            b.write("\n")

    async def scenario():
        flood()
        world.add(1, name="after")
        await world.comes(1)
        world.add(2, name="after")
        await world.comes(1, 2)

    world.run(scenario)


def test_a_queue_that_overflows_while_the_folder_goes_ends_nothing(world, monkeypatch):
    real = folder_watch.Inotify

    class Overflowing(real):
        def read(self):
            yield folder_watch.inotify.InotifyEvent(-1, folder_watch.inotify.OVERFLOW, "")
            yield from super().read()

    monkeypatch.setattr(folder_watch, "Inotify", Overflowing)

    async def scenario():
        shutil.rmtree(world.projects)
        await world.blind()
        os.mkdir(world.projects)
        await world.until(lambda: world.gaps, "look at what was missed")
        world.add(1)
        await world.comes(1)

    world.run(scenario)


@pytest.mark.parametrize("what", ["root", "folder", "file"])
def test_a_permission_that_is_lost_is_told_and_regained(what, world, caplog):
    world.add(1)
    place = {"root": world.projects, "folder": os.path.dirname(world.path()), "file": world.path()}[what]

    async def scenario():
        with open(world.path(), "a", encoding="ascii") as stream:  # noqa: ASYNC230 - as a session that holds its file open
            os.chmod(place, 0)
            stream.write('{"n": 2}\n')
            stream.flush()
            await world.blind("Permission denied")
            stream.write('{"n": 3}\n')
        await asyncio.sleep(0.3)  # three more checks, which tell it no second time
        os.chmod(place, 0o700)
        await world.comes(2, 3)
        await world.sees()

    with permissions_bind_root():
        world.run(scenario)
    assert [record.message.split()[0] for record in caplog.records].count("blind:") == 1


def test_a_bug_with_one_file_costs_no_other_its_records(world):
    real = world.on_records

    def broken(uuid, records):
        if uuid == "a":
            raise KeyError("a bug")
        real(uuid, records)

    world.watcher = TranscriptWatcher(lambda: world.projects, broken, on_gap=world.on_gap, health=world.health)

    async def scenario():
        world.add(1, name="a")
        world.add(2, name="b")
        await world.comes(2)

    world.run(scenario)


def test_what_is_no_transcript_is_told_once_on_one_line(world, caplog):
    name = "x\nERROR forged\x1b[2J"

    async def scenario():
        os.mkfifo(world.path(name))
        os.symlink("/etc/passwd", world.path("link"))
        for _turn in range(3):
            os.utime(world.path(name))
            os.rename(world.path(name), world.path("y"))
            os.rename(world.path("y"), world.path(name))
            await asyncio.sleep(0.05)
        world.add(1)
        await world.comes(1)
        await world.sees()

    world.run(scenario)
    told = [record.getMessage() for record in caplog.records if "forged" in record.getMessage()]
    assert len(told) == 1
    assert "\n" not in told[0]
    assert "\x1b" not in told[0]


def test_what_cannot_be_read_between_two_checks_does_not_wait_for_the_next_one(world, monkeypatch):
    monkeypatch.setattr(module, "REST_INTERVAL", 1000.0)
    real, refusals = module.FollowedFile.read, [OSError(errno.EMFILE, os.strerror(errno.EMFILE))] * 2

    def read(self, root, size):
        if refusals:
            raise refusals.pop()
        return real(self, root, size)

    async def scenario():
        world.add(1)
        await world.comes(1)
        monkeypatch.setattr(module.FollowedFile, "read", read)
        world.add(2)
        await world.comes(1, 2)
        assert not refusals
        await world.sees()

    world.run(scenario)


def test_a_folder_that_comes_with_files_nobody_may_look_at_does_not_wait_for_the_next_check(
    world, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "REST_INTERVAL", 1000.0)
    folder = tmp_path / "-new"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"n": 1}\n')

    async def scenario():
        await world.sees()
        folder.chmod(0o600)
        folder.rename(os.path.join(world.projects, folder.name))
        await world.blind("Permission denied")
        os.chmod(os.path.join(world.projects, folder.name), 0o700)
        await world.comes(1)
        await world.sees()

    with permissions_bind_root():
        world.run(scenario)


def test_a_folder_that_is_gone_costs_no_time_between_the_tries(tmp_path, monkeypatch):
    """Tries are made with growing pauses, and none is logged after the first."""
    tries = []
    real = folder_watch.FolderWatch.refresh

    def counted(self, path):
        tries.append(path)
        return real(self, path)

    monkeypatch.setattr(folder_watch.FolderWatch, "refresh", counted)
    monkeypatch.setattr(module, "CHECK_INTERVAL", 5.0)
    world = World(str(tmp_path))

    async def scenario():
        shutil.rmtree(world.projects)
        await asyncio.sleep(1.0)
        assert 2 <= len(tries) <= 8

    world.run(scenario)
