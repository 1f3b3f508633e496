# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular files, and everything else that can be in the place of one."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from claude_failover.storage import files, regular_file
from claude_failover.storage.regular_file import (
    NotARegularFileError,
    TooLargeError,
    lines_from_end,
    open_regular,
    read_regular,
    require_replaceable,
)
from claude_failover.storage.store import Store

KINDS = ["a FIFO", "a directory", "a socket", "a device"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A function that puts something other than a file to a path, and returns the path."""

    def put(kind, name="x"):
        path = str(tmp_path / name)
        if kind == "a FIFO":
            os.mkfifo(path)
        elif kind == "a directory":
            os.mkdir(path)
        elif kind == "a socket":
            with monkeypatch.context() as patch, socket.socket(socket.AF_UNIX) as bound:
                patch.chdir(tmp_path)  # a socket's path is short
                bound.bind(name)
        else:
            os.symlink("/dev/zero", path)
        return path

    return put


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_CREAT])
def test_every_other_kind_is_named_at_once(place, kind, flags):
    path = place(kind)
    with pytest.raises(NotARegularFileError, match=f"is {kind}, not a regular file"):
        open_regular(path, flags)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT])
def test_nothing_but_a_regular_file_is_opened_even_for_a_moment(place, flags):
    """By a link that root is told to check, a user could have a device opened."""
    path = place("a FIFO")
    writer = threading.Thread(target=lambda: os.close(os.open(path, os.O_WRONLY)))  # waits until it has a reader
    writer.start()
    try:
        time.sleep(0.2)  # it waits now
        with pytest.raises(NotARegularFileError):
            open_regular(path, flags)
        writer.join(0.2)
        assert writer.is_alive()
    finally:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        writer.join()


def test_a_file_is_made_once_and_never_through_a_link(tmp_path):
    path = str(tmp_path / "x")
    os.close(open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640))
    assert os.stat(path).st_mode & 0o777 & ~0o640 == 0
    with pytest.raises(FileExistsError):
        open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.symlink("nowhere", tmp_path / "link")
    with pytest.raises(OSError, match="exists"):
        open_regular(str(tmp_path / "link"), os.O_RDWR | os.O_CREAT)
    assert not os.path.exists(tmp_path / "nowhere")


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        open_regular(str(tmp_path / "missing"))
    assert caught.value.filename == str(tmp_path / "missing")


def test_a_link_is_followed_only_where_that_is_wanted(tmp_path):
    (tmp_path / "file").write_text("a")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(str(tmp_path / "link")) == b"a"
    with pytest.raises(NotARegularFileError, match="is a symlink"):
        open_regular(str(tmp_path / "link"), os.O_RDWR | os.O_NOFOLLOW)


def test_a_loop_of_links_is_an_error_of_the_system(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links") as caught:
        read_regular(str(tmp_path / "loop"))
    assert not isinstance(caught.value, NotARegularFileError)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_regular_file_may_be_replaced(tmp_path, place, kind):
    require_replaceable(str(tmp_path / "missing"))
    (tmp_path / "file").write_text("a")
    require_replaceable(str(tmp_path / "file"))
    with pytest.raises(NotARegularFileError):
        require_replaceable(place(kind))


def test_a_file_without_end_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(regular_file, "MAX_BYTES", 100)
    path = str(tmp_path / "x")
    Path(path).write_bytes(b"x" * 101)
    with pytest.raises(TooLargeError, match="more than 100 bytes"):
        read_regular(path)
    assert read_regular(path, 7) == b"xxxxxxx"
    os.truncate(path, 100)
    assert len(read_regular(path)) == 100


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\n\n", b"a", b"a\n", b"one\ntwo", b"one\ntwo\n", b"\none\n\nlonger than a block\n\n", b"\0\0"],
)
def test_the_lines_of_a_file_come_from_its_end(tmp_path, monkeypatch, content, block):
    monkeypatch.setattr(regular_file, "_BLOCK", block)
    (tmp_path / "log").write_bytes(content)
    assert list(lines_from_end(str(tmp_path / "log"))) == content.splitlines()[::-1]


def test_no_more_of_a_file_is_read_than_is_asked_for(tmp_path, monkeypatch):
    """What is read of a log does not grow with it."""
    path, read = tmp_path / "log", []
    path.write_bytes(b"x" * 99 + b"\n" + b"y" * (8 << 20) + b"\nlast but one\nlast\n")
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: read.append(size) or pread(fd, size, at))
    lines = lines_from_end(str(path))
    assert [next(lines), next(lines)] == [b"last", b"last but one"]
    assert sum(read) <= 64 << 10
    assert [len(line) for line in lines] == [8 << 20, 99]
    assert sum(read) == path.stat().st_size


def test_a_document_without_end_is_set_aside(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(regular_file, "MAX_BYTES", 100)
    (tmp_path / "usage.json").write_text(" " * 101)
    assert Store(str(tmp_path)).load("usage", {}) == {}
    assert "usage.json is a file of more than 100 bytes: set aside" in caplog.text
    assert len(list(tmp_path.glob("*.set-aside"))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_is_appended_to_a_regular_file_only(place, kind):
    path = place(kind)
    with pytest.raises(NotARegularFileError, match="a symlink" if kind == "a device" else kind):
        files.append_line(path, "{}")
