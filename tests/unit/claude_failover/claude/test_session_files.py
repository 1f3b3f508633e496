# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session files of running Claude Code processes."""

from __future__ import annotations

import json
import os

import pytest

from claude_failover.claude.session_files import SessionFiles
from claude_failover.common import clock
from claude_failover.common.processes import read
from claude_failover.sessions.tracked_session import TrackedSession

ONE = "11111111-1111-4111-8111-111111111111"


def write(home, process, **changes):
    folder = home / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        "pid": process.pid,
        "sessionId": ONE.upper(),
        "cwd": "/srv/work",
        "startedAt": 1795387626509,
        "procStart": str(process.start),
        "status": "busy",
        "statusUpdatedAt": 1795387626941,
        **changes,
    }
    (folder / f"{process.pid}.json").write_text(json.dumps(data))
    (folder / f"{process.pid}.0123.key").write_text("a key of the program")


def test_the_file_of_a_running_process(tmp_path):
    me = read(os.getpid())
    write(tmp_path / "a", me)
    file = SessionFiles([str(tmp_path / "a"), str(tmp_path / "missing")]).of(me)
    assert (file.uuid, file.cwd, file.status) == (ONE, "/srv/work", "busy")
    assert file.status_at.isoformat() == "2026-11-22T22:47:06.941000+00:00"


def test_the_version_is_the_files(tmp_path):
    me = read(os.getpid())
    for value, version in [("2.1.332", "2.1.332"), ("soon", None), (2, None), ("2.1." + "9" * 99, None)]:
        write(tmp_path, me, version=value)
        assert SessionFiles([str(tmp_path)]).of(me).version == version


def test_a_file_without_the_start_of_its_process_is_known_by_its_own(tmp_path):
    """2.1.78 to 2.1.112 write pid, sessionId, cwd and startedAt only."""
    me = read(os.getpid())
    path = tmp_path / "sessions" / f"{me.pid}.json"
    path.parent.mkdir()

    def found(started_at):
        path.write_text(json.dumps({"pid": me.pid, "sessionId": ONE, "cwd": "/srv", "startedAt": started_at}))
        return SessionFiles([str(tmp_path)]).of(me)

    began = clock.to_wall(clock.of_ticks(me.start)).timestamp() * 1000
    file = found(clock.wall().timestamp() * 1000)
    assert (file.uuid, file.cwd, file.status, file.version) == (ONE, "/srv", None, None)
    assert found(began + 50) is not None
    assert found(began - 5000) is None, "of an earlier process with this pid"
    assert found(clock.wall().timestamp() * 1000 + 3_600_000) is None, "a time to come is unknown"
    for broken in (None, "yesterday", [], 1e300):
        assert found(broken) is None


@pytest.mark.parametrize(("parked", "expected"), [("512df970", "512df970"), ("", None), (5, None), (None, None)])
def test_the_job_that_the_conversation_was_moved_to(tmp_path, parked, expected):
    me = read(os.getpid())
    write(tmp_path / "a", me, parkedJobId=parked)
    assert SessionFiles([str(tmp_path / "a")]).of(me).parked_job == expected


def test_after_a_flip_the_newest_of_two_homes_counts(tmp_path):
    me = read(os.getpid())
    write(tmp_path / "a", me)
    write(tmp_path / "b", me, status="idle", statusUpdatedAt=1795387626999)
    assert SessionFiles([str(tmp_path / "a"), str(tmp_path / "b")]).of(me).status == "idle"


def test_a_status_from_the_future_is_older_than_any_other(tmp_path):
    """The clock was set back; what a hook has told since counts, until the file says something new."""
    me = read(os.getpid())
    ahead = int(clock.wall().timestamp() * 1000) + 3_600_000
    write(tmp_path / "a", me, status="idle", statusUpdatedAt=ahead)
    homes = [str(tmp_path / "a")]
    file = SessionFiles(homes).of(me)
    tracked = TrackedSession("main")
    tracked.record_activity(file.status, file.status_at)
    assert tracked.activity == "idle", "nothing else is known"
    tracked.record_activity("busy")
    tracked.record_activity(file.status, file.status_at)
    assert tracked.activity == "busy"
    write(tmp_path / "a", me, status="waiting", statusUpdatedAt=int(clock.wall().timestamp() * 1000) + 1)
    file = SessionFiles(homes).of(me)
    tracked.record_activity(file.status, file.status_at)
    assert tracked.activity == "waiting"


@pytest.mark.parametrize(
    "changes",
    [
        {"procStart": "1"},
        {"pid": 1},
        {"procStart": None},
        {"sessionId": None, "procStart": "x"},
    ],
)
def test_a_file_of_another_process_is_ignored(tmp_path, changes):
    me = read(os.getpid())
    write(tmp_path, me, **changes)
    assert SessionFiles([str(tmp_path)]).of(me) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "{}", "[" * 60_000])
def test_a_torn_file_is_ignored(tmp_path, content):
    me = read(os.getpid())
    write(tmp_path, me)
    (tmp_path / "sessions" / f"{me.pid}.json").write_text(content)
    assert SessionFiles([str(tmp_path)]).of(me) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_fifo_or_directory_is_ignored_without_blocking(tmp_path, make):
    me = read(os.getpid())
    (tmp_path / "sessions").mkdir()
    make(tmp_path / "sessions" / f"{me.pid}.json")
    assert SessionFiles([str(tmp_path)]).of(me) is None


def test_an_unknown_status_is_none(tmp_path):
    me = read(os.getpid())
    write(tmp_path, me, status="pondering")
    assert SessionFiles([str(tmp_path)]).of(me).status is None


@pytest.mark.parametrize("name", ["².json", "٣.json", "9" * 200 + ".json", "\udcff.json", "\n\x1b[2J.json"])
def test_the_name_of_another_file_ends_nothing(tmp_path, name):
    me = read(os.getpid())
    write(tmp_path, me)
    (tmp_path / "sessions" / name).write_text("{}")
    assert SessionFiles([str(tmp_path)]).of(me).status == "busy"


@pytest.mark.parametrize(
    "changes",
    [{"procStart": "²"}, {"procStart": "9" * 5000}, {"statusUpdatedAt": 1e300}, {"statusUpdatedAt": "x"}, {"pid": []}],
)
def test_a_value_that_is_no_number_ends_nothing(tmp_path, changes):
    me = read(os.getpid())
    write(tmp_path, me, **changes)
    assert SessionFiles([str(tmp_path)]).of(me) is None


def test_texts_are_texts_that_can_be_written_again(tmp_path):
    me = read(os.getpid())
    write(tmp_path, me, sessionId="\ud800", cwd=["/"])
    file = SessionFiles([str(tmp_path)]).of(me)
    assert (file.uuid, file.cwd) == ("\ufffd", None)


def test_a_status_without_a_time_is_of_the_files(tmp_path):
    """Else it would be the newest at each look."""
    me = read(os.getpid())
    write(tmp_path, me, statusUpdatedAt=None)
    os.utime(tmp_path / "sessions" / f"{me.pid}.json", (1795387626.5, 1795387626.5))
    assert SessionFiles([str(tmp_path)]).of(me).status_at.isoformat() == "2026-11-22T22:47:06.500000+00:00"
