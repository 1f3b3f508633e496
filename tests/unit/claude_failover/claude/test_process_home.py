# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test which configuration directory a process of Claude Code uses."""

from __future__ import annotations

import subprocess

import pytest

from claude_failover.claude.process_home import process_home


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CLAUDE_CONFIG_DIR": "/srv/home"}, "/srv/home"),
        ({"CLAUDE_CONFIG_DIR": "../home"}, "{above}/home"),
        ({"CLAUDE_CONFIG_DIR": "", "HOME": "/home/u"}, "/home/u/.claude"),
        ({"HOME": "/home/u"}, "/home/u/.claude"),
        ({"OTHER": "x"}, None),
    ],
)
def test_the_directory_of_a_process_is_read_from_its_environment(tmp_path, variables, expected):
    command = ["/bin/sh", "-c", "echo up; read line"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"up\n"
        found = process_home(process.pid)
        process.communicate(b"\n")
    assert found == (expected.format(above=tmp_path.parent) if expected else None)
    assert process_home(process.pid) is None
