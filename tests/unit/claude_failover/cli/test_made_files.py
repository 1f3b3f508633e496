# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The completions and the manual page are what the parser of the command line makes."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml

GATES = str(pathlib.Path(__file__).parents[4] / "tests" / "gates")
sys.path.insert(0, GATES)
import command_line  # noqa: E402
import completions  # noqa: E402
import man_page  # noqa: E402

sys.path.remove(GATES)
MADE = {**completions.files(), man_page.NAME: man_page.page()}


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_file_is_what_the_parser_makes(name: str) -> None:
    program = "man_page.py" if name == man_page.NAME else "completions.py"
    made = pathlib.Path(command_line.MADE, name).read_text(encoding="utf-8")
    assert made == MADE[name], f"run: python tests/gates/{program}"


def test_the_role_installs_every_made_file_with_its_mark() -> None:
    role = pathlib.Path(command_line.ROOT, "roles", "claude_failover")
    variables: dict[str, Any] = yaml.safe_load((role / "vars" / "main.yml").read_text(encoding="utf-8"))
    entries = variables["__claude_failover_terminal_files"]
    assert sorted(entry["src"] for entry in entries) == [f"files/terminal/{name}" for name in sorted(MADE)]
    assert sorted(os.listdir(command_line.MADE)) == sorted(MADE)
    for entry in entries:
        assert entry["mark"] in (role / entry["src"]).read_text(encoding="utf-8")


def test_every_command_and_option_is_in_every_file() -> None:
    program, commands = command_line.read()
    for name, text in MADE.items():
        plain = text.replace("\\-", "-")
        for command in commands:
            assert command.name in plain, name
            for option in {option for option in command.options if option not in program.options}:
                long = option.names[-1]
                assert (f" -l {long[2:]} " if name.endswith("fish") and long.startswith("--") else long) in plain, name
        assert "hook" not in [command.name for command in commands]


@pytest.mark.parametrize(("shell", "name"), [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")])
def test_the_shell_can_read_its_file(shell: str, name: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"SKIPPED: there is no {shell}")
    path = os.path.join(command_line.MADE, f"claude-failover.{name}")
    done = subprocess.run([program, "-n", path], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manual_page_is_one_without_warnings(tmp_path: pathlib.Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("SKIPPED: there is no groff")
    path = os.path.join(command_line.MADE, man_page.NAME)
    command = [groff, "-man", "-ww", "-Tutf8", "-P-cbou", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("claude-failover history [-n N] [--session NAME] [--json]", "… | claude-failover", "EXIT STATUS"):
        assert words.replace("…", "...") in done.stdout
