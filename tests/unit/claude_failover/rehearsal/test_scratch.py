# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the scratch folder of a rehearsal: its place, and the end of what runs in it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from leftovers import left_of

from claude_failover.common.errors import FailoverError
from claude_failover.rehearsal import scratch
from claude_failover.rehearsal.host import RehearsalHost


@pytest.fixture
def places(short_folder: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The system's folders, made up, none of them mounted noexec."""
    made = [os.path.join(short_folder, name) for name in ("one", "two")]
    for folder in made:
        os.mkdir(folder)
    monkeypatch.setattr(scratch, "_SYSTEM_FOLDERS", tuple(made))
    for name in ("TMPDIR", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return made


def mount_noexec(monkeypatch: pytest.MonkeyPatch, *folders: str) -> None:
    monkeypatch.setattr(
        os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_NOEXEC if path in folders else 0), raising=True
    )


def test_it_lies_in_the_first_folder_that_can_be_used(places: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.path.dirname(scratch.make()) == places[0]
    mount_noexec(monkeypatch, places[0])
    assert os.path.dirname(scratch.make()) == places[1]


def test_it_is_this_users_only(places: list[str]) -> None:
    assert os.stat(scratch.make()).st_mode & 0o777 == 0o700


def test_root_does_not_follow_a_variable(places: list[str], short_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.path.join(short_folder, "own")
    os.mkdir(own)
    monkeypatch.setenv("TMPDIR", own)
    mount_noexec(monkeypatch, *places)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(FailoverError):
        scratch.make()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert os.path.dirname(scratch.make()) == own


def test_every_place_that_cannot_be_used_is_told_with_the_reason(
    places: list[str], short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount_noexec(monkeypatch, places[0])
    os.rmdir(places[1])
    long = os.path.join(short_folder, "l" * 60)
    os.mkdir(long)
    monkeypatch.setenv("TMPDIR", long)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(FailoverError) as raised:
        scratch.make()
    text = str(raised.value)
    assert f"{places[0]}: mounted noexec; {places[1]}: no folder; {long}: too long for the path of a socket" in text
    assert "relative" not in text
    assert text.endswith("set TMPDIR to one")


def test_the_longest_path_that_is_taken_has_room_for_a_socket(
    places: list[str], short_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount_noexec(monkeypatch, *places)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    room = scratch.LONGEST_SOCKET - scratch._ENTRY
    for length, taken in ((room, True), (room + 1, False)):
        parent = short_folder + "/" + "l" * (length - len(short_folder) - 1)
        os.mkdir(parent)
        monkeypatch.setenv("TMPDIR", parent)
        if taken:
            assert len(os.path.join(scratch.make(), "control.sock")) == scratch.LONGEST_SOCKET
        else:
            with pytest.raises(FailoverError):
                scratch.make()


def test_a_process_that_does_not_end_by_itself_is_killed(short_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "END_TIMEOUT", 0.2)
    with subprocess.Popen(
        ["sh", "-c", "trap '' HUP TERM; echo ready; while :; do sleep 60; done"],
        env={"HOME": short_folder, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        scratch.end_processes(short_folder)
        reaper.join()
    assert process.returncode == -signal.SIGKILL
    assert scratch._processes_of(short_folder) == []


def test_a_process_of_another_home_is_left_alone(short_folder: str) -> None:
    with subprocess.Popen(["sleep", "60"], env={"HOME": short_folder + "-other", "PATH": "/usr/bin:/bin"}) as process:
        scratch.end_processes(short_folder)
        assert process.poll() is None
        process.kill()


def test_an_interrupt_does_not_stop_the_cleanup() -> None:
    before = signal.getsignal(signal.SIGINT)
    with scratch.undisturbed():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_is_removed_with_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "scratch" / "deep").mkdir(parents=True)
    (tmp_path / "scratch" / "deep" / "file").touch()
    scratch.remove(str(tmp_path / "scratch"))
    assert list(tmp_path.iterdir()) == []


def test_a_signal_is_held_back_until_the_end_of_what_is_undivided() -> None:
    began: list[subprocess.Popen[bytes]] = []

    def start_interrupted() -> None:
        with scratch.undivided():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            began.append(subprocess.Popen(["sleep", "600"]))

    with pytest.raises(KeyboardInterrupt):
        start_interrupted()
    began[0].send_signal(signal.SIGINT)
    assert began[0].wait(10) == -signal.SIGINT, "the program does not inherit it"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_not_there_is_removed(short_folder: str) -> None:
    scratch.remove(os.path.join(short_folder, "gone"))


class InterruptedStart(subprocess.Popen[bytes]):
    """A program whose start is interrupted from the terminal once it runs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_while_a_program_starts_leaves_none(short_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = RehearsalHost(os.path.join(short_folder, "host"), "tmux")
    os.mkdir(host.folder)
    os.mkdir(host.path("home"))
    monkeypatch.setattr(subprocess, "Popen", InterruptedStart)
    with pytest.raises(KeyboardInterrupt):
        host.build()
    with pytest.raises(KeyboardInterrupt):
        host.spawn("sleep", "600")
    host.end()
    host.end()
    assert [process.poll() for process in host.processes] == [-signal.SIGTERM]
    scratch.remove(host.folder)
    assert left_of(host.folder) == []
