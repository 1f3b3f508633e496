# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the manual page claude-failover(1) from the parser of the command line.

``python tests/gates/man_page.py`` writes it. It has neither date nor version, so that it changes with the parser only.
"""

from __future__ import annotations

import command_line
from command_line import MARK, Argument

NAME = "claude-failover.1"
_HEAD = f"""\
.\\" Copyright: (c) 2026, secuaas.claude contributors
.\\" GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
.\\" SPDX-License-Identifier: GPL-3.0-or-later
.\\" Installed by {MARK}; made by tests/gates/man_page.py from the command line's parser: change that.
.TH CLAUDE\\-FAILOVER 1 "" "secuaas.claude" "User Commands"
.ad l
.nh
.SH NAME
claude\\-failover \\- keep Claude Code sessions working when their account hits a usage limit
"""
_FILES = (
    ("/etc/claude-failover/config.yml", "the configuration, unless $CLAUDE_FAILOVER_CONFIG or --config names another"),
    ("/run/claude-failover/control.sock", "the control socket of the daemon, which the commands ask"),
    ("/var/lib/claude-failover", "the state of the daemon: tasks, the registry of sessions, switches.jsonl"),
)
_ENVIRONMENT = (
    ("CLAUDE_FAILOVER_CONFIG", "the configuration file, where --config is not given"),
    ("NO_COLOR", "where it is set and not empty, no page has colours"),
    ("CLAUDE_FAILOVER_DEBUG", "where it is set, a bug is told with its traceback"),
)


def page() -> str:
    """Return the manual page."""
    program, commands = command_line.read()
    usage = [*program.options, Argument((), "COMMAND ...", (), "", True)]
    lines = [".SH SYNOPSIS", *_synopsis("", usage), ".SH DESCRIPTION", *_paragraphs(program.description)]
    lines += [*_block(program.epilog, "first steps:"), ".SH OPTIONS", *_arguments(program.options)]
    lines += [".SH COMMANDS", _line("Every command also takes --help and --config.")]
    for command in commands:
        arguments = [*(each for each in command.options if each not in program.options), *command.positionals]
        lines += [f".SS {_text(command.name)}", *_synopsis(command.name, arguments), ".PP"]
        lines += [*_paragraphs(command.description), *_arguments(arguments), *_block(command.epilog, "example")]
        codes = _items(command.epilog)
        if codes != _items(program.epilog):
            lines += [".PP", "Exit codes:", *_definitions(codes)]
    lines += [".SH EXIT STATUS", *_definitions(_items(program.epilog))]
    lines += [".SH FILES", *_definitions(_FILES), ".SH ENVIRONMENT", *_definitions(_ENVIRONMENT)]
    lines += [".SH SEE ALSO", ".BR tmux (1),", ".BR systemctl (1),", ".BR journalctl (1)"]
    return _HEAD + "\n".join(lines) + "\n"


def _synopsis(name: str, arguments: list[Argument]) -> list[str]:
    parts = [part for argument in arguments for part in (_usage(argument),) if argument.names != ("-h", "--help")]
    command = f"claude-failover {name}".rstrip()
    return [".HP", f".B {_text(command)}", *parts]


def _usage(argument: Argument) -> str:
    value = "" if argument.value is None else f"\\fI{_text(argument.value)}\\fR"
    name = f"\\fB{_text(argument.names[-1])}\\fR" if argument.names else ""
    shown = " ".join(part for part in (name, value) if part)
    return shown if argument.required else f"[{shown}]"


def _arguments(arguments: list[Argument] | tuple[Argument, ...]) -> list[str]:
    lines = []
    for argument in arguments:
        names = ", ".join(f"\\fB{_text(name)}\\fR" for name in argument.names)
        value = "" if argument.value is None else f"\\fI{_text(argument.value)}\\fR"
        lines += [".TP", f"{names} {value}".strip(), _line(argument.brief)]
    return lines


def _block(epilog: str, title: str) -> list[str]:
    """Return the indented lines below the title of an epilog that begins so."""
    for block in epilog.split("\n\n"):
        head, *rest = block.split("\n")
        if head.startswith(title):
            return [
                ".PP",
                f"{_line(head.capitalize())}",
                ".PP",
                ".nf",
                ".RS",
                *map(_line, _dedented(rest)),
                ".RE",
                ".fi",
            ]
    return []


def _items(epilog: str) -> tuple[tuple[str, str], ...]:
    """Return the exit codes of an epilog, each with its meaning."""
    block = next(block for block in epilog.split("\n\n") if block.startswith("exit codes:"))
    rows = (line.split(None, 1) for line in block.split("\n")[1:])
    return tuple((code, meaning) for code, meaning in rows)


def _definitions(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for name, meaning in rows for line in (".TP", f".B {_text(name)}", _line(meaning))]


def _paragraphs(text: str) -> list[str]:
    found: list[str] = []
    for paragraph in text.split("\n\n"):
        found += [".PP", _line(" ".join(paragraph.split()))]
    return found[1:]


def _dedented(lines: list[str]) -> list[str]:
    return [line[2:] if line.startswith("  ") else line for line in lines]


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "...")


def _line(text: str) -> str:
    """Return a line of text that roff does not take for a request."""
    written = _text(text)
    return ("\\&" if written.startswith((".", "'")) else "") + written


if __name__ == "__main__":
    command_line.write(NAME, page())
