# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the command line: the flags of the real CLI that sessions are started with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

# Ignored flags that take a value.
IGNORED_WITH_VALUE = frozenset(
    {
        "--model",
        "--append-system-prompt",
        "--system-prompt",
        "--allowedTools",
        "--disallowedTools",
        "--add-dir",
        "--mcp-config",
        "--effort",
        "--max-turns",
        "--fallback-model",
        "--agents",
        "--name",
        "-n",
    }
)
IGNORED = frozenset({"--verbose", "--debug", "--strict-mcp-config", "--ide", "--chrome", "--no-chrome", "--bare"})
PERMISSION_MODES = ("acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "plan")


class OptionError(Exception):
    """Invalid command line; the text is printed on standard error."""


@dataclass
class Options:
    """The parsed command line. ``resume`` is an id, or ``""`` for the newest conversation."""

    session_id: str | None = None
    resume: str | None = None
    settings: str | None = None
    permission_mode: str | None = None
    print_only: bool = False
    output_format: str = "text"
    version: bool = False
    help: bool = False
    screen_reader: bool = False
    prompt: str | None = None


def parse(argv: list[str]) -> Options:
    """Parse the command line. Raises OptionError."""
    options = Options()
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, attached = word.partition("=")
        if name.startswith("--") and equals:
            words.insert(0, attached)
        else:
            name = word
        if name in ("-v", "--version"):
            options.version = True
        elif name in ("-h", "--help"):
            options.help = True
        elif name in ("-p", "--print"):
            options.print_only = True
        elif name == "--dangerously-skip-permissions":
            options.permission_mode = "bypassPermissions"
        elif name == "--ax-screen-reader":
            options.screen_reader = True
        elif name in ("-c", "--continue"):
            options.resume = ""
        elif name in IGNORED:
            continue
        elif name == "--session-id":
            options.session_id = _identity(_value(name, words))
        elif name in ("-r", "--resume"):
            options.resume = _identity(_value(name, words))
        elif name == "--settings":
            options.settings = _value(name, words)
        elif name == "--permission-mode":
            options.permission_mode = _choice(name, _value(name, words), PERMISSION_MODES)
        elif name == "--output-format":
            options.output_format = _choice(name, _value(name, words), ("text", "json", "stream-json"))
        elif name in IGNORED_WITH_VALUE:
            _value(name, words)
        elif word.startswith("-") and word != "-":
            raise OptionError(f"error: unknown option '{word}'")
        elif options.prompt is None:
            options.prompt = word
        else:
            raise OptionError(f"error: too many arguments: '{word}'")
    return options


def _value(name: str, words: list[str]) -> str:
    if not words:
        raise OptionError(f"error: option '{name} <value>' argument missing")
    return words.pop(0)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise OptionError(
            f"error: option '{name}' argument '{value}' is invalid. Allowed choices are {', '.join(choices)}."
        )
    return value


def _identity(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise OptionError("Error: Invalid session ID. Must be a valid UUID.") from None
