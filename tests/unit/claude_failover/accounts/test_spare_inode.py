# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The spare file beside the active link, which a flip on a full file system gives up."""

from __future__ import annotations

import errno
import os

import pytest

from claude_failover.accounts.active_link import point_active
from claude_failover.accounts.spare_inode import SUFFIX, keep_spare, release_spare
from claude_failover.config.model import Account


@pytest.fixture
def link(tmp_path):
    path = str(tmp_path / ".claude")
    point_active(path, Account("a", "/h/a"))
    keep_spare(path)
    return path


def fill(monkeypatch, link):
    """Let a link be made only while there is no spare file, as where it holds the last inode."""
    symlink = os.symlink

    def full(text, path):
        if os.path.exists(link + SUFFIX):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        symlink(text, path)

    monkeypatch.setattr(os, "symlink", full)


def test_a_flip_takes_the_spare_and_keeps_another(link, monkeypatch, caplog):
    fill(monkeypatch, link)
    for home in ("/h/b", "/h/a"):
        point_active(link, Account("x", home))
        assert os.readlink(link) == home
        assert os.path.getsize(link + SUFFIX) == 4096
    assert sorted(os.listdir(os.path.dirname(link))) == [".claude", ".claude" + SUFFIX]
    assert "spare inode" in caplog.text


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO])
def test_another_fault_takes_no_spare(link, monkeypatch, number):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(OSError, match=os.strerror(number)):
        point_active(link, Account("b", "/h/b"))
    assert os.path.exists(link + SUFFIX)
    assert os.readlink(link) == "/h/a"


@pytest.mark.parametrize("kind", ["text", "large", "folder", "link", "missing"])
def test_what_is_not_ours_at_its_path_stays(link, monkeypatch, kind):
    spare = link + SUFFIX
    os.unlink(spare)
    if kind == "text":
        with open(spare, "w") as stream:
            stream.write("mine")
    elif kind == "large":
        with open(spare, "wb") as stream:
            stream.write(b"\0" * 4097)
    elif kind == "folder":
        os.mkdir(spare)
    elif kind == "link":
        os.symlink("/elsewhere", spare)
    before = os.lstat(spare) if kind != "missing" else None
    assert release_spare(link) is False
    if before is not None:
        keep_spare(link)
        assert os.lstat(spare).st_ino == before.st_ino


def test_without_a_spare_a_full_file_system_is_told(link, monkeypatch):
    os.unlink(link + SUFFIX)

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "symlink", full)
    with pytest.raises(OSError, match="No space left"):
        point_active(link, Account("b", "/h/b"))
    assert os.readlink(link) == "/h/a"


def test_a_folder_that_refuses_the_spare_ends_nothing(tmp_path):
    keep_spare(str(tmp_path / "missing" / ".claude"))
