# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo`` as a person calls it: what it tells, and what it leaves behind."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from import_path import ROOT
from leftovers import left_of

BOUND = 180.0  # seconds; it takes about five
FOLDER = re.compile(r"The scratch folder is (/\S+)")
APT = "sudo apt-get install tmux python3-yaml"
PATH = "/usr/local/bin:/usr/bin:/bin"


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": PATH, "PYTHON": sys.executable, **more}


def demo(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "-C", ROOT, "demo"],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=BOUND,
        check=False,
    )


def folder_in(output: str) -> str:
    found = FOLDER.search(output)
    assert found, output
    return found.group(1)


def normalised(text: str) -> list[str]:
    """Return the lines of an output without what differs from run to run."""
    text = re.sub(r"\d+\.\d s", "N s", re.sub(r"resets \S+", "resets T", text))
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_it_tells_a_failover_and_leaves_nothing(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_of(folder_in(done.stdout)) == []
    assert list(tmp_path.iterdir()) == []
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert "\x1b" not in done.stdout, "no colours where there is no terminal"
    told = normalised(done.stdout)
    limit = told.index("│ ⎿ You've hit your 5-hour limit · resets T (UTC)")
    flip = told.index("│ ~/.claude -> ~/.claude-second")
    goes_on = told.index("│ ❯ continue")
    assert limit < flip < goes_on
    assert told[goes_on + 1] == "│ ● Answered under the account second."


def test_the_readme_shows_what_it_tells(tmp_path: Path) -> None:
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as stream:
        readme = stream.read()
    block = next(part for part in readme.split("```") if part.startswith("console\n$ make demo\n"))
    told = iter(normalised(demo(tmp_path).stdout))
    shown = [line for line in normalised(block)[2:] if line != "…"]
    assert len(shown) > 8
    assert [line for line in shown if line not in told] == [], "each line, in the order of the output"


def test_a_terminal_without_the_signs_gets_others(tmp_path: Path) -> None:
    done = demo(tmp_path, PYTHONIOENCODING="ascii", TERM="dumb")
    assert (done.returncode, done.stdout.isascii()) == (0, True), done.stdout + done.stderr
    assert "| > continue" in done.stdout


class Terminal:
    """``make demo`` on a terminal of its own."""

    def __init__(self, home: Path) -> None:
        self.output = b""
        self.status: int | None = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvpe(
                "make",
                ["make", "--no-print-directory", "-C", ROOT, "demo"],
                environment(home, TERM="xterm", TMUX="/x,1,0"),
            )

    def read_until(self, text: bytes | None) -> None:
        """Read until there is this text, None: until the end."""
        deadline = time.monotonic() + BOUND
        while text is None or text not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self.master], [], [], 1.0)[0]:
                try:
                    read = os.read(self.master, 65536)
                except OSError:  # EIO: the other side is closed
                    read = b""
                if not read:
                    assert text is None, self.output
                    return
                self.output += read

    def end(self) -> str:
        self.read_until(None)
        _pid, status = os.waitpid(self.pid, 0)
        self.status = status
        return self.output.decode()


@pytest.mark.parametrize("scene", ["The scratch folder", "first is active", "is told", "goes on"])
def test_ctrl_c_ends_it_with_nothing_left(tmp_path: Path, scene: str) -> None:
    terminal = Terminal(tmp_path)
    terminal.read_until(scene.encode())
    os.write(terminal.master, b"\x03\x03")
    output = terminal.end()
    os.close(terminal.master)
    assert "interrupted; nothing is left of the rehearsal" in output
    assert terminal.status != 0
    assert left_of(folder_in(output)) == []


def test_the_end_of_the_terminal_ends_it_with_nothing_left(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.read_until(b"first is active")
    folder = folder_in(terminal.output.decode())
    os.close(terminal.master)
    os.waitpid(terminal.pid, 0)
    deadline = time.monotonic() + BOUND
    while left_of(folder):
        assert time.monotonic() < deadline, left_of(folder)
        time.sleep(0.05)


def test_a_reader_that_goes_away_ends_it_with_nothing_left(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["make", "--no-print-directory", "-C", ROOT, "demo"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        output = ""
        while "first is active" not in output:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            output += line
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(BOUND) != 0
    assert "Traceback" not in error
    assert left_of(folder_in(output)) == []


def test_a_missing_tmux_is_told_with_the_line_that_installs_it(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = demo(tmp_path, PATH=str(programs))
    assert (done.returncode, done.stdout) == (2, "")
    assert "found no program 'tmux'" in done.stderr and APT in done.stderr


def test_a_missing_pyyaml_is_told_with_the_line_that_installs_it(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    done = demo(tmp_path, PYTHON=str(bare))
    assert (done.returncode, done.stdout) == (2, "")
    assert "found no PyYAML" in done.stderr and APT in done.stderr


def test_a_missing_python_is_told_with_the_line_that_installs_it(tmp_path: Path) -> None:
    done = demo(tmp_path, PYTHON="/nonexistent/python3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "found no /nonexistent/python3" in done.stderr and APT in done.stderr


def test_it_makes_no_environment(tmp_path: Path) -> None:
    planned = subprocess.run(
        ["make", "--no-print-directory", "-C", ROOT, "-n", "demo"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "rehearse --narrate" in planned
    assert [word for word in ("nox", "venv", "pip ") if word in planned] == []
