# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status lines are sent to the daemon when their figures have changed."""

from __future__ import annotations

import errno
import json
import os
import socket

import pytest

from claude_failover import hook


class StatusLines:
    """A session whose status lines go to a daemon in small."""

    def __init__(self, path, server, home, monkeypatch):
        self.path, self.server, self.now = path, server, 1000.0
        self.memory = f"{path}.figures-one%2Ftwo"
        self.environment = {
            "CLAUDE_FAILOVER_SESSION": "one/two",
            "CLAUDE_CONFIG_DIR": str(home / "link"),
            "CLAUDE_PID": "7",
            "TMUX_PANE": "%1",
        }
        os.symlink("account-a", home / "link")
        server.setblocking(False)
        monkeypatch.setattr(hook.time, "monotonic", lambda: self.now)

    def sends(self, percent=9, cost=0, **environment):
        """Return whether a refresh with these figures sends them."""
        limits = {"five_hour": {"used_percentage": percent, "resets_at": 1}}
        payload = json.dumps({"cost": cost, "rate_limits": limits}).encode()
        hook.deliver_figures(self.path, payload, {**self.environment, **environment})
        try:
            connection, _address = self.server.accept()
        except BlockingIOError:
            return False
        connection.setblocking(True)
        with connection, connection.makefile("rb") as stream:
            sent = json.loads(stream.readline())
        assert sent["payload"]["rate_limits"] == limits
        return True


@pytest.fixture
def lines(tmp_path, monkeypatch):
    path = str(tmp_path / "c.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield StatusLines(path, server, tmp_path, monkeypatch)


def test_figures_are_sent_when_they_change(lines):
    seen = [lines.sends(percent, cost) for cost, percent in enumerate((9, 9, 9, 10, 10, 9, 9))]
    assert seen == [True, False, False, True, False, True, False]


def test_figures_are_sent_again_after_a_while(lines):
    assert lines.sends()
    lines.now += hook.RESEND - 1
    assert not lines.sends()
    lines.now += 1
    assert lines.sends()
    assert not lines.sends()
    lines.now = 5.0  # the machine was started anew, and the file has outlived that
    assert lines.sends()


@pytest.mark.parametrize("name", ["CLAUDE_PID", "TMUX_PANE", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CONFIG_DIR"])
def test_another_process_sends_the_same_figures(lines, name):
    assert lines.sends()
    assert lines.sends(**{name: "other"})
    assert lines.sends()


def test_two_sessions_have_memories_of_their_own(lines):
    for _round in range(2):
        answers = [lines.sends(percent, CLAUDE_FAILOVER_SESSION=name) for name, percent in (("a", 5), ("b", 6))]
    assert answers == [False, False]


def test_the_same_figures_are_sent_under_another_account(lines):
    assert lines.sends()
    link = lines.environment["CLAUDE_CONFIG_DIR"]
    os.unlink(link)
    os.symlink("account-b", link)
    assert lines.sends()
    assert not lines.sends()


def test_a_daemon_that_was_started_anew_gets_the_figures(lines):
    assert lines.sends()
    os.unlink(lines.path)
    with socket.socket(socket.AF_UNIX) as lines.server:
        lines.server.bind(lines.path)
        with pytest.raises(ConnectionRefusedError):
            lines.sends()  # it does not listen yet
        lines.server.listen()
        lines.server.setblocking(False)
        assert lines.sends()
        assert not lines.sends()


def test_figures_that_did_not_get_through_are_sent_again(lines, monkeypatch):
    assert lines.sends(9)
    with monkeypatch.context() as broken:
        broken.setattr(hook, "deliver", _full_disk)
        with pytest.raises(OSError, match="No space"):
            lines.sends(10)
    assert lines.sends(10)
    assert lines.sends(9)


def test_without_a_session_all_are_sent(lines):
    del lines.environment["CLAUDE_FAILOVER_SESSION"]
    assert [lines.sends(), lines.sends()] == [True, True]


def _full_disk(*_arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def _read_only(*_arguments):
    raise OSError(errno.EROFS, "Read-only file system")


def test_on_a_read_only_file_system_all_are_sent(lines, monkeypatch):
    monkeypatch.setattr(hook.posix, "open", _read_only)
    assert [lines.sends(), lines.sends()] == [True, True]


def test_on_a_full_disk_all_are_sent(lines, monkeypatch):
    assert lines.sends(9)
    monkeypatch.setattr(hook.posix, "pwrite", _full_disk)
    for percent in (10, 10, 9):
        with pytest.raises(OSError, match="No space"):
            lines.sends(percent)
        connection, _address = lines.server.accept()
        with connection:
            assert connection.recv(1) == b"{"


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "second name", "garbage", "long number", "much"])
def test_a_memory_that_is_none_costs_no_figures_and_no_other_file(lines, tmp_path, kind):
    other = tmp_path / "other"
    other.write_text("mine")
    assert lines.sends()
    with open(lines.memory, "rb") as stream:
        known = stream.read().partition(b" ")[2]
    os.unlink(lines.memory)
    if kind == "fifo":
        os.mkfifo(lines.memory)
    elif kind == "folder":
        os.mkdir(lines.memory)
    elif kind == "link":
        os.symlink(other, lines.memory)
    elif kind == "second name":
        os.link(other, lines.memory)
    else:
        with open(lines.memory, "wb") as stream:
            stream.write(
                {"garbage": b"\xff" * 100, "long number": b"9" * 5000 + b" " + known}.get(kind, b"x" * 200_000)
            )
    assert lines.sends()
    assert other.read_text() == "mine"


def test_figures_that_are_too_long_to_remember_are_sent(lines):
    assert [lines.sends("9" * hook.MEMORY_LIMIT), lines.sends("9" * hook.MEMORY_LIMIT)] == [True, True]
    assert os.path.getsize(lines.memory) == 0


def test_the_memory_is_the_users_own_and_small(lines):
    for percent in range(5):
        assert lines.sends(percent)
    status = os.stat(lines.memory)
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size < 1000
    assert sorted(os.listdir(os.path.dirname(lines.path))) == ["c.sock", "c.sock.figures-one%2Ftwo", "link"]
