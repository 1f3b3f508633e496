# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the files of a home that commands of settings and of ``.claude.json`` name, without I/O.

A command that names a file by the active link has another file after a switch, or none.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

PERMISSION_EVENTS = ("PreToolUse", "PermissionRequest")
"""Events whose hooks can refuse the use of a tool."""
_COMMANDS = (
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "otelHeadersHelper",
    "proxyAuthHelper",
)
"""Keys of settings whose value is a command (2.1.332)."""
_COMMAND_OBJECTS = ("statusLine", "subagentStatusLine", "fileSuggestion")
_PERSONS_FOLDER = ".claude"
_LONGEST = 1 << 16
"""Characters of a command that is parsed."""
_OPERATORS = "();<>|&\n"
_REDIRECTION = re.compile(r"[&|]?[<>]+[&|]?")
_WRITERS = frozenset(("tee", "touch", "mkdir", "rm"))
"""Programs whose files need not be there before."""
_HOME = re.compile(r"(~|\$HOME|\$\{HOME\})(?=/)")
_CONFIG_DIR = re.compile(r"(\$CLAUDE_CONFIG_DIR|\$\{CLAUDE_CONFIG_DIR(:?-[^}]*)?\})(?=/)")
_SHELL_TEXT = re.compile(r"-[a-z]*c")
_EXPANDED = frozenset("$`*?[{\\")
_LOGIN = ".credentials.json"
"""Each account's own, and never to be moved."""


def called_files(document: Mapping[str, Any], active_link: str) -> dict[str, bool]:
    """Return the files below the active link that commands name, by their path below it.

    The value is True for a file of a hook that can refuse the use of a tool. ``document``: settings, or a
    ``.claude.json``. What a command writes to is not among them; a command that cannot be parsed names none.
    """
    found: dict[str, bool] = {}
    for guards, words in _commands(document):
        for word in words:
            name = _below(word, active_link)
            if name:
                found[name] = found.get(name, False) or guards
    return found


def _commands(document: Mapping[str, Any]) -> Iterator[tuple[bool, list[Any]]]:
    for event, rows in _object(document.get("hooks")).items():
        for row in _items(rows):
            for hook in _items(_object(row).get("hooks")):
                yield event in PERMISSION_EVENTS, _command_words(hook)
    for key in _COMMANDS:
        yield False, _shell_words(document.get(key))
    for key in _COMMAND_OBJECTS:
        yield False, _command_words(document.get(key))
    for item in (document, *_object(document.get("projects")).values()):
        for server in _object(_object(item).get("mcpServers")).values():
            yield False, [_object(server).get("command"), *_items(_object(server).get("args"))]


def _command_words(value: Any) -> list[Any]:
    return [*_shell_words(_object(value).get("command")), *_items(_object(value).get("args"))]


def _shell_words(command: Any) -> list[str]:
    """Return the words of a shell command, but the files that it writes to."""
    if not isinstance(command, str) or len(command) > _LONGEST:
        return []
    lexer = shlex.shlex(command, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        tokens = list(lexer)
    except ValueError:  # a quotation without an end
        return []
    words: list[str] = []
    program = before = ""
    for token in tokens:
        if token and set(token) <= set(_OPERATORS):
            program = program if _REDIRECTION.fullmatch(token) else ""
        elif ">" in before and _REDIRECTION.fullmatch(before):
            pass  # what is written to
        elif os.path.basename(program) not in _WRITERS:
            words += _shell_words(token) if _SHELL_TEXT.fullmatch(before) else [token]
            program = program or ("" if "=" in token else token)
        before = token
    return words


def _below(word: Any, active_link: str) -> str:
    """Return the path below the active link that a word names, or ""."""
    if not isinstance(word, str):
        return ""
    folder, name = os.path.split(active_link)
    if name == _PERSONS_FOLDER:
        word = _HOME.sub(lambda _match: folder, word, count=1) if _HOME.match(word) else word
    word = _CONFIG_DIR.sub(lambda _match: active_link, word, count=1) if _CONFIG_DIR.match(word) else word
    if not os.path.isabs(word):
        return ""
    path = os.path.normpath(word)
    inside, _link, below = path.partition(f"{active_link}/")
    if inside:
        return ""
    is_known = below.isprintable() and not set(below) & _EXPANDED and below != _LOGIN
    return below if is_known else ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
