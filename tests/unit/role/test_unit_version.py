# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of the tmux server logs a Claude Code that does not follow a switch; the daemon's unit starts none."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from claude_failover.claude.versions import MINIMUM

TEMPLATES = pathlib.Path(__file__).resolve().parents[3] / "roles" / "claude_failover" / "templates"


def started(unit: str) -> list[str]:
    """Return the lines of a unit's template that start a program."""
    lines = (TEMPLATES / unit).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("Exec")]


def logged(*programs: str) -> str:
    """Run the look of the tmux server's unit at these programs; return what it logs."""
    [line] = [line for line in started("claude-failover-tmux.service.j2") if "--version" in line]
    script = re.search(r"/bin/sh -c '(.*)' sh \{\{ __claude_failover_claude_minimum \}\}", line)
    assert script is not None, line
    done = subprocess.run(
        ["/bin/sh", "-c", script[1].replace("$$", "$"), "sh", MINIMUM, *programs],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout


@pytest.fixture
def program(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "a claude")


def write(path: str, *lines: str) -> None:
    file = pathlib.Path(path)
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    file.chmod(0o755)


@pytest.mark.parametrize("version", ["2.1.80", "2.1.9", "1.0.128", "2.0.77"])
def test_an_old_one_is_logged_as_a_warning_with_what_to_do(program: str, version: str) -> None:
    write(program, f"echo '{version} (Claude Code)'")
    text = logged("/bin/true", program)
    assert text.startswith(f"<4>{program} is Claude Code {version}, expected {MINIMUM} or newer: ")
    assert "Update it, then restart them." in text


@pytest.mark.parametrize(
    "line",
    [f"echo '{MINIMUM} (Claude Code)'", "echo '2.1.332 (Claude Code)'", "echo '3.0.0'", "echo bash 5.2", "exit 1"],
)
def test_the_minimum_a_newer_one_and_another_program_are_not_told(program: str, line: str) -> None:
    write(program, line)
    assert logged(program, f"{program}-that-is-missing") == ""


def test_the_daemons_unit_starts_no_claude() -> None:
    """Its MemoryDenyWriteExecute= kills 2.1.81."""
    unit = (TEMPLATES / "claude-failover.service.j2").read_text(encoding="utf-8")
    assert re.search(r"^MemoryDenyWriteExecute=", unit, re.MULTILINE)
    assert [
        line for line in started("claude-failover.service.j2") if "--version" in line or "claude_programs" in line
    ] == []
