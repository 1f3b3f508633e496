# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about the units, from the output of ``systemctl show``."""

from __future__ import annotations

import os
import subprocess

import pytest

from claude_failover.doctor import units
from claude_failover.host.finding import ERROR, OK, WARNING

WELL = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NeedDaemonReload": "no",
}
FAILED = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainStatus": "1"}


def shown(**of_daemon):
    blocks = [{"Id": units.UNITS[0], **WELL}, {"Id": units.UNITS[1], **WELL, **of_daemon}]
    return "\n\n".join("\n".join(f"{key}={value}" for key, value in block.items()) for block in blocks) + "\n"


def test_units_that_are_well():
    assert [row.level for row in units.unit_findings(shown())] == [OK, OK]


@pytest.mark.parametrize(
    ("more", "level", "found", "mend"),
    [
        (FAILED, ERROR, "failed (failed, exit-code, exit code 1)", "journalctl -u claude-failover.service"),
        ({"ActiveState": "inactive", "SubState": "dead"}, ERROR, "inactive (dead)", "systemctl restart"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, WARNING, "activating", "systemctl restart"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, WARNING, "there is no unit", "make provision"),
        ({"UnitFileState": "disabled"}, WARNING, "does not start at boot", "systemctl enable"),
        ({"NeedDaemonReload": "yes"}, WARNING, "has changed", "daemon-reload"),
    ],
)
def test_a_unit_that_is_not(more, level, found, mend):
    (row,) = [row for row in units.unit_findings(shown(**more)) if row.level != OK]
    assert row.level == level
    assert found in row.found and mend in row.mend and row.expected


@pytest.mark.parametrize("text", ["", "nonsense", "Id=other.service\n"])
def test_an_output_of_something_else(text):
    assert [row.level for row in units.unit_findings(text)] == [WARNING, WARNING]


def answer(monkeypatch, tmp_path, script):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setattr(units, "SYSTEM_PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(units, "_BOOTED", str(tmp_path))
    # subprocess looks for the program in this process's own PATH.
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_the_host_is_asked(monkeypatch, tmp_path):
    (tmp_path / "text").write_text(shown(**FAILED))
    answer(monkeypatch, tmp_path, f"cat {tmp_path}/text")
    assert [row.level for row in units.check_units()] == [OK, ERROR]


def test_a_systemctl_that_fails_or_hangs_is_told(monkeypatch, tmp_path):
    answer(monkeypatch, tmp_path, "echo Failed to connect >&2; exit 1")
    (row,) = units.check_units()
    assert (row.level, "Failed to connect" in row.found) == (WARNING, True)

    def hang(*_arguments, **_options):
        raise subprocess.TimeoutExpired("systemctl", 10)

    monkeypatch.setattr(subprocess, "run", hang)
    (row,) = units.check_units()
    assert row.level == WARNING


def test_a_host_without_systemd(monkeypatch, tmp_path):
    monkeypatch.setattr(units, "_BOOTED", str(tmp_path / "nothing"))
    assert [row.level for row in units.check_units()] == [OK]
