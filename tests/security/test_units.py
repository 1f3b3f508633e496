# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units start programs of root's only, and start them as the sessions' user."""

from __future__ import annotations

import os
import re

import pytest

TEMPLATES = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    "roles",
    "claude_failover",
    "templates",
)
UNITS = [name for name in sorted(os.listdir(TEMPLATES)) if name.endswith(".service.j2")]
ROOTS_PROGRAM = re.compile(r"(?:-?(?:/usr/bin/|/bin/)[a-z-]+|\{\{ __claude_failover_launcher \}\})(?: |$)")


def settings(name: str) -> list[tuple[str, str]]:
    """Return the settings of a unit's template in their order."""
    with open(os.path.join(TEMPLATES, name), encoding="utf-8") as stream:
        pairs = [line.rstrip("\n").partition("=") for line in stream if re.match(r"[A-Z]\w+=", line)]
    return [(key, value) for key, _equals, value in pairs]


def test_the_units_are_there() -> None:
    assert len(UNITS) >= 2


@pytest.mark.parametrize("name", UNITS)
def test_each_program_is_roots_and_runs_as_the_sessions_user(name: str) -> None:
    found = settings(name)
    assert [value for key, value in found if key == "User"] == ["{{ claude_failover_user }}"]
    programs = [value for key, value in found if key.startswith("Exec")]
    assert programs
    # A prefix + or ! would give the program root's rights; systemd.service(5).
    assert [value for value in programs if not ROOTS_PROGRAM.match(value)] == []
    keys = {key for key, _value in found}
    assert not keys & {
        "PermissionsStartOnly",
        "PIDFile",
        "EnvironmentFile",
        "StandardOutput",
        "StandardError",
        "RootDirectory",
    }
