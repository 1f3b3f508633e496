# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short soak, so that `make soak` works when it is wanted; and its end by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from ..daemon.conftest import wait_for

pytestmark = pytest.mark.slow
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "soak", "run.py")


def processes_in(folder: str) -> list[int]:
    """Return the processes that have the folder in their environment."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/environ", "rb") as stream:
                if folder.encode() in stream.read():
                    found.append(int(entry))
        except OSError:
            pass  # it has ended, or is another user's
    return found


def figures(output: str) -> dict[str, str]:
    """Return the lines of the table."""
    return dict(re.findall(r"^(\w[\w ]*?) {2,}(\S.*)$", output, re.MULTILINE))


def test_nothing_is_lost_in_half_a_minute_of_everything():
    command = [sys.executable, PROGRAM, "--minutes", "0.5", "--sessions", "20", "--seed", "13"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    found = figures(done.stdout)
    assert int(found["sessions"]) == 20
    for name in ("limits", "flips", "restarts", "kills", "reloads", "prompts", "tasks"):
        assert int(found[name]) > 0, done.stdout
    assert re.fullmatch(r"[1-9]\d*\.\d MiB \(too short to judge\)", found["memory"]), done.stdout
    assert done.stdout.rstrip().endswith("lost=0 twice=0 unaccounted=0 grown=0 broken=0")


def test_ctrl_c_ends_everything_and_shows_what_was_measured(tmp_path):
    shown = tmp_path / "shown"
    command = [sys.executable, "-u", PROGRAM, "--minutes", "5", "--sessions", "3", "--seed", "1"]
    with open(shown, "wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as soak:
        wait_for(lambda: "sessions are ready" in shown.read_text() or soak.poll() is not None, "the sessions", 300)
        folder = re.search(r"in (/tmp/\S+)$", shown.read_text(), re.MULTILINE)
        assert folder is not None, shown.read_text()
        assert processes_in(folder[1])
        soak.send_signal(signal.SIGINT)
        code = soak.wait(120)

    assert code == 130, shown.read_text()
    assert "Traceback" not in shown.read_text()
    assert "interrupted" in shown.read_text()
    assert figures(shown.read_text())["sessions"] == "3"
    assert "lost=" not in shown.read_text(), "half a soak is not judged"
    assert processes_in(folder[1]) == []
    assert not os.path.exists(folder[1])
