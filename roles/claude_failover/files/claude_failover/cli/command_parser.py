# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser of the command line: messages that can be printed, hints at mistyped words, help of 80 columns."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import Any, NoReturn

from ..common.suggestions import did_you_mean
from ..common.text import printable

COLUMNS = 80


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Fills paragraphs to the terminal's width, 80 columns at most, and keeps lines that are indented."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size((COLUMNS, 24)).columns or COLUMNS, COLUMNS)
        super().__init__(prog, max_help_position=26, width=width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._paragraph(text, width, indent) for text in text.split("\n\n"))

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    @staticmethod
    def _paragraph(text: str, width: int, indent: str) -> str:
        if any(line.startswith(" ") for line in text.split("\n")):
            return textwrap.indent(text, indent)
        return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


class CommandParser(argparse.ArgumentParser):
    """Hints at what a mistyped command may be, and removes control characters from messages, which quote it."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with code 2."""
        super().error(printable(message))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            hint = did_you_mean(value, listed_commands(self))
            raise argparse.ArgumentError(None, f"found no command {value!r}; {self.prog} --help lists them{hint}")
        super()._check_value(action, value)


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands by name, those that the help does not list too."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def listed_commands(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return the commands that the help lists, in its order: name and brief."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {choice.dest: choice.help or "" for action in actions for choice in action._choices_actions}


def refuse_unknown(top: argparse.ArgumentParser, command: str | None, unknown: list[str]) -> None:
    """Exit with code 2 where the command line has arguments that the command does not know; hint at its options."""
    if not unknown:
        return
    parser = subparsers(top).get(command or "", top)
    options = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    first = unknown[0].partition("=")[0]
    hint = did_you_mean(first, options) if first.startswith("--") else ""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
