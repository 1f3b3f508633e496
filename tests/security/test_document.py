# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SECURITY.md names a test for every place at which root touches the user's folders, and only tests that exist."""

from __future__ import annotations

import os
import re

from claude_failover.cli.commands import COMMANDS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADING = "### Every place"
NAMED = re.compile(r"`((?:tests|molecule)/[\w./-]+)(?:::(\w+))?`")


def rows() -> list[str]:
    """Return the rows of the table of places."""
    with open(os.path.join(ROOT, "SECURITY.md"), encoding="utf-8") as stream:
        section = stream.read().partition(HEADING)[2].partition("\n#")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_each_place_has_a_test() -> None:
    assert len(rows()) >= 15
    assert [row for row in rows() if not NAMED.search(row.split("|")[-2])] == []


def test_each_test_that_is_named_exists() -> None:
    missing = []
    for row in rows():
        for path, name in NAMED.findall(row):
            if not os.path.exists(os.path.join(ROOT, path)):
                missing.append(path)
            elif name:
                with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
                    if f"def {name}(" not in stream.read():
                        missing.append(f"{path}::{name}")
    assert missing == []


def test_each_module_and_each_command_has_a_place() -> None:
    """Root runs every one of them; ``version`` reads nothing of anybody's."""
    table = "\n".join(rows())
    modules = [name[: -len(".py")] for name in os.listdir(os.path.join(ROOT, "plugins", "modules")) if name[0] != "_"]
    commands = {command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS} - {"version"}
    assert len(modules) >= 7
    assert sorted(name for name in modules if f"`{name}`" not in table) == []
    assert sorted(name for name in commands if not re.search(rf"`(claude-failover )?{name}[` ]", table)) == []
