# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ``claude-failover`` as its parser has it, for what is made from it: completions, manual page."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import Any, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAEMON = os.path.join(ROOT, "roles", "claude_failover", "files")
#: The folder of the files that are made.
MADE = os.path.join(DAEMON, "terminal")
#: A text that only files of this role have; the role replaces and removes no other file.
MARK = "secuaas.claude.claude_failover"
# Metavariables whose values a shell completes.
_KINDS = {"FILE": "file", "DIR": "folder", "ACCOUNT": "accounts", "NAME": "sessions"}


class Argument(NamedTuple):
    """An option, or a positional argument where ``names`` is empty."""

    names: tuple[str, ...]
    value: str | None
    """The metavariable of its value, None where it takes none."""
    choices: tuple[str, ...]
    brief: str
    required: bool

    @property
    def kind(self) -> str:
        """The kind of its values: file, folder, accounts, sessions, words, text or none."""
        if self.value is None:
            return "none"
        return "words" if self.choices else _KINDS.get(self.value, "text")


class Command(NamedTuple):
    """A command, or the program itself; the hook and what no help lists are left out."""

    name: str
    brief: str
    description: str
    epilog: str
    options: tuple[Argument, ...]
    positionals: tuple[Argument, ...]


def read() -> tuple[Command, list[Command]]:
    """Return the program, and its commands in the order of the help."""
    if DAEMON not in sys.path:
        sys.path.insert(0, DAEMON)
    main: Any = importlib.import_module("claude_failover.cli.main")
    parsers: Any = importlib.import_module("claude_failover.cli.command_parser")
    top: argparse.ArgumentParser = main.parser()
    found = parsers.subparsers(top)
    listed = {name: brief for name, brief in parsers.listed_commands(top).items() if name != "hook"}
    return _command(top.prog, "", top), [_command(name, brief, found[name]) for name, brief in listed.items()]


def _command(name: str, brief: str, parser: argparse.ArgumentParser) -> Command:
    arguments = [
        _argument(action)
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction) and action.help != argparse.SUPPRESS
    ]
    return Command(
        name,
        brief,
        parser.description or "",
        parser.epilog or "",
        tuple(argument for argument in arguments if argument.names),
        tuple(argument for argument in arguments if not argument.names),
    )


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    value = None
    if action.nargs != 0:
        value = str(action.metavar or ("{%s}" % ",".join(choices) if choices else action.dest.upper()))
    help_text = (action.help or "").replace("%(prog)s", "claude-failover")
    brief = help_text if help_text[:1].isupper() else help_text[:1].lower() + help_text[1:]
    return Argument(tuple(action.option_strings), value, choices, brief, action.required)


def write(name: str, text: str) -> None:
    """Write a file that is made from the parser."""
    if any(mark in text for mark in ("{{", "{%", "{#")):
        raise ValueError(f"{name}: found what Jinja would read; the role installs it as a template")
    os.makedirs(MADE, exist_ok=True)
    with open(os.path.join(MADE, name), "w", encoding="utf-8") as file:
        file.write(text)
