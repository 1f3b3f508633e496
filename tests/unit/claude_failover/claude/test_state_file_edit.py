# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test changes of a shared ``.claude.json``, and Claude Code's lock of it."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time

import pytest

from claude_failover.claude import state_file_edit
from claude_failover.claude.state_file_edit import edit_state_file
from claude_failover.claude.state_file_lock import StateFileLocks

# As JSON.parse of Claude Code reads it; the order, and what Python or the daemon's own JSON would refuse, stay.
TEXT = '{"b": "\\ud83d", "a": {"n": 1.5, "big": 1180591620717411303424, "e": 1e-7, "": null}, "é": ["\\u0000", true]}'


class Homes:
    def __init__(self, folder):
        self.folder = folder
        self.target = folder / "shared.json"
        self.target.write_text(TEXT, "utf-8")
        os.chmod(self.target, 0o640)
        self.homes = []
        for name in "ab":
            (folder / name).mkdir()
            os.symlink(self.target, folder / name / ".claude.json")
            self.homes.append(str(folder / name))
        self.passed = 0.0
        self.locks = StateFileLocks(lambda: self.passed)

    def edit(self, change=lambda document: document.update(new=1) is None, **options):
        return edit_state_file(self.homes, change, self.locks, **options)

    @property
    def names(self):
        return sorted(os.listdir(self.folder)), [os.listdir(home) for home in self.homes]


@pytest.fixture
def homes(tmp_path):
    return Homes(tmp_path)


def test_one_key_changes_and_all_else_stays(homes):
    before, inode = homes.names, homes.target.stat().st_ino
    assert homes.edit() is True
    found = json.loads(homes.target.read_text("utf-8"))
    assert list(found.items()) == [*json.loads(TEXT).items(), ("new", 1)]
    assert stat.S_IMODE(homes.target.stat().st_mode) == 0o640
    assert homes.target.stat().st_ino != inode, "replaced, never written in place"
    assert homes.names == before


def test_where_nothing_is_to_be_changed_nothing_is_touched(homes):
    os.mkdir(os.path.join(homes.homes[0], ".claude.json.lock"))  # it is not even wanted
    assert homes.edit(lambda _document: False) is False
    assert homes.target.read_text("utf-8") == TEXT


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"a": NaN}', '{"a": -Infinity}', "[" * 100_000, "\x80"])
def test_what_is_no_json_object_is_left_and_no_text_quotes_it(homes, text):
    homes.target.write_bytes(text.encode("latin-1"))
    with pytest.raises(OSError, match="found no JSON object") as raised:
        homes.edit()
    assert homes.target.read_bytes() == text.encode("latin-1")
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


def test_a_number_that_json_lacks_is_not_written(homes):
    homes.target.write_text('{"a": 1e999}')
    with pytest.raises(OSError, match="a number that JSON lacks"):
        homes.edit()
    assert homes.target.read_text() == '{"a": 1e999}'
    assert homes.names[1] == [[".claude.json"], [".claude.json"]]


def test_the_locks_of_all_homes_are_held_meanwhile(homes, monkeypatch):
    real, seen = state_file_edit.write_atomic, []

    def write(*arguments, **options):
        seen.extend(sorted(os.listdir(home)) for home in homes.homes)
        real(*arguments, **options)

    monkeypatch.setattr(state_file_edit, "write_atomic", write)
    homes.edit()
    assert seen == [[".claude.json", ".claude.json.lock"]] * 2


def test_the_lock_of_another_home_is_waited_for_and_does_without_in_the_end(homes):
    path = os.path.join(homes.homes[1], ".claude.json.lock")
    os.mkdir(path)
    timer = threading.Timer(0.1, os.rmdir, [path])
    timer.start()
    began = time.monotonic()
    assert homes.edit(wait=30) is True
    assert 0.05 < time.monotonic() - began < 25
    timer.join()
    os.mkdir(path)
    assert homes.edit(lambda document: document.update(new=2) is None, wait=0.05) is True
    assert os.path.isdir(path)


def test_a_lock_that_is_held_is_waited_for(homes):
    path = os.path.join(homes.homes[0], ".claude.json.lock")
    os.mkdir(path)
    with pytest.raises(BlockingIOError, match="is held by another process"):
        homes.edit()
    with pytest.raises(BlockingIOError):
        homes.edit(wait=0.05)
    assert (homes.target.read_text("utf-8"), os.path.isdir(path)) == (TEXT, True)
    timer = threading.Timer(0.1, os.rmdir, [path])
    timer.start()
    assert homes.edit(wait=30) is True
    timer.join()
    assert homes.names[1] == [[".claude.json"], [".claude.json"]]


def test_a_lock_is_abandoned_when_it_stayed_as_it_is_for_ten_seconds(homes):
    path = os.path.join(homes.homes[0], ".claude.json.lock")
    os.mkdir(path)
    os.utime(path, (1, 1))  # how old it says that it is does not count: the clock may have been set
    for seconds in (0, 9):
        homes.passed = seconds
        with pytest.raises(BlockingIOError):
            homes.edit()
    os.utime(path)  # its holder is alive
    homes.passed = 15
    with pytest.raises(BlockingIOError):
        homes.edit()
    homes.passed = 25
    assert homes.edit() is True
    assert not os.path.exists(path)


def test_a_lock_that_another_process_has_taken_meanwhile_is_left_to_it_and_nothing_is_written(homes, monkeypatch):
    real, path = state_file_edit.write_atomic, os.path.join(homes.homes[0], ".claude.json.lock")

    def write(*arguments, **options):
        os.rmdir(path)  # as Claude Code does with a lock 10 s old, after a pause of this process
        os.mkdir(path)
        os.utime(path, (5, 5))  # which makes it another one, whatever inode it got
        real(*arguments, **options)

    monkeypatch.setattr(state_file_edit, "write_atomic", write)
    with pytest.raises(BlockingIOError, match="is held by another process"):
        homes.edit()
    assert homes.target.read_text("utf-8") == TEXT
    assert [sorted(names) for names in homes.names[1]] == [[".claude.json", ".claude.json.lock"], [".claude.json"]]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOENT])
def test_another_home_in_which_no_lock_can_be_made_is_done_without_and_told_once(homes, monkeypatch, caplog, number):
    real, refused = os.mkdir, [homes.homes[1]]

    def make(path, *arguments):
        if os.path.dirname(path) in refused:
            raise OSError(number, os.strerror(number), path)
        real(path, *arguments)

    monkeypatch.setattr(os, "mkdir", make)
    assert homes.edit() is True
    assert homes.edit(lambda document: document.update(new=2) is None) is True
    assert json.loads(homes.target.read_text("utf-8"))["new"] == 2
    assert caplog.text.count(f"{homes.homes[1]}/.claude.json.lock cannot be taken ({os.strerror(number)})") == 1
    refused.clear()
    assert homes.edit(lambda document: document.update(new=3) is None) is True
    refused.append(homes.homes[1])
    assert homes.edit(lambda document: document.update(new=4) is None) is True
    assert caplog.text.count("cannot be taken") == 2
    assert homes.names[1] == [[".claude.json"], [".claude.json"]]


def test_the_home_in_use_that_cannot_be_written_is_told(homes, monkeypatch):
    def refuse(path, *_arguments):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(PermissionError):
        homes.edit()
    assert homes.target.read_text("utf-8") == TEXT
