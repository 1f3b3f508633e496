# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the script that reads the last words of a daemon that did not become ready."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "claude_failover"


def words(folder: Path, last_start: str, before: str) -> list[str]:
    """Run the script on a host whose journal says these texts; the start before belongs to another invocation."""
    (folder / "systemctl").write_text("#!/bin/sh\necho 0123abcd\n", encoding="utf-8")
    for name, text in (("last", last_start), ("before", before)):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "journalctl").write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/calls\n'
        f"case $* in *_SYSTEMD_INVOCATION_ID=0123abcd*) cat {folder}/last ;; *) cat {folder}/before ;; esac\n",
        encoding="utf-8",
    )
    for name in ("systemctl", "journalctl"):
        (folder / name).chmod(0o755)
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    done = subprocess.run(
        ["sh", "-c", variables["__claude_failover_words_script"]],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("last_start", "expected"), [("refused\n", ["refused"]), ("", ["tried before"])], ids=["ended", "tried again"]
)
def test_the_words_are_those_of_the_last_start_that_said_something(
    tmp_path: Path, last_start: str, expected: list[str]
) -> None:
    assert words(tmp_path, last_start, "tried before\n") == expected
    assert "_SYSTEMD_UNIT=claude-failover.service" in (tmp_path / "calls").read_text(encoding="utf-8")


def test_the_words_of_the_daemon_are_bounded_and_plain(tmp_path: Path) -> None:
    assert words(tmp_path, "\x1b[2Jbad\x07\n" + "x" * 5000 + "\n", "") == ["[2Jbad", "x" * 1000]
    assert "--lines=5" in (tmp_path / "calls").read_text(encoding="utf-8")


def test_the_words_of_an_entry_of_many_lines_are_its_last_ones(tmp_path: Path) -> None:
    assert words(tmp_path, "ERROR a bug\n" + "  line\n" * 40 + "  ValueError: x\n", "") == [
        *["  line"] * 4,
        "  ValueError: x",
    ]


def test_the_words_are_those_that_the_daemon_sends_and_those_that_it_prints(tmp_path: Path) -> None:
    words(tmp_path, "refused\n", "")
    calls = (tmp_path / "calls").read_text(encoding="utf-8").split()
    unit = ["_SYSTEMD_UNIT=claude-failover.service", "_SYSTEMD_INVOCATION_ID=0123abcd"]
    assert calls[-7:] == [*unit, "_TRANSPORT=stdout", "+", *unit, "SYSLOG_IDENTIFIER=claude-failover"]
