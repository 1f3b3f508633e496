# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that the Claude CLI answers by itself: on the screen by name, in a transcript by their output. Pure.

A transcript holds the command (``<command-name>``) and then its output (``<local-command-stdout>`` or ``-stderr``), as
user records or as system records of the subtype ``local_command`` (2.1.197, 2.1.332). A command that is a prompt (a
skill, an operator's own) has no output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

#: Commands of 2.1.197 to 2.1.332 that never ask a model. At a limit the CLI itself enters `/rate-limit-options`
#: (2.1.84, 2.1.197). Not here: those that ask a model (`/compact`, `/goal`, `/init`), and `BEGINNINGS`.
NAMES = frozenset(
    """
    add-dir agents allowed-tools bug color config context copy cost doctor effort export extra-usage fast feedback help
    hooks ide install-github-app keybindings low-priority mcp memory mobile model output-style permissions plugin
    plugins privacy-settings rate-limit-options release-notes reload-plugins remote-control remote-env rename sandbox
    settings skills stats status statusline stickers tasks terminal-setup theme upgrade usage usage-credits vim voice
    """.split()  # noqa: SIM905  one name a line would be a page
)
#: Commands after which another login or another place in a conversation counts, unless they were given up.
BEGINNINGS = frozenset(("branch", "clear", "continue", "fork", "login", "logout", "new", "reset", "resume", "rewind"))
#: Commands that end a conversation in its session: with the process, or by another conversation.
ENDINGS = BEGINNINGS | {"exit", "quit"}
_GIVEN_UP = re.compile(r"\b(?:interrupted|dismissed|cancell?ed)\b", re.IGNORECASE)
#: What the CLI prints in place of a command that it does not know; before 2.1.112 in place of the prompt.
_UNKNOWN = re.compile(r"unknown (?:slash )?(?:command|skill): ?/?[\w:.-]+", re.IGNORECASE)
_COMMAND = re.compile(r"<command-name>\s{0,9}(\S{1,200}?)\s{0,9}</command-name>")
_HEAD = 2000  # characters of a record's text in which a command is named
_OUTPUT = re.compile(r"\s*<local-command-std(?:out|err)>")
_CAVEAT = "<local-command-caveat>"
#: The output of a `/compact` whose request was refused begins like this; the command did ask a model. With a second
#: `Error: `: 2.1.81, found in its code.
COMPACTION_ERROR = re.compile(r"(?:error: )?error during compaction: (?:error: )?", re.IGNORECASE)

#: The line of a compaction's summary holds this.
COMPACTION_MARK = b"isCompactSummary"


def is_local_command(prompt: str) -> bool:
    """Return whether a prompt on the screen is a command that the CLI answers without asking a model."""
    words = prompt.split()
    known = bool(words) and words[0].startswith("/") and words[0][1:].lower() in NAMES
    return known or is_unknown_command(prompt)


def is_unknown_command(text: str) -> bool:
    """Return whether a text is what the CLI prints in place of a command that it does not know."""
    return bool(_UNKNOWN.fullmatch(text.strip()))


def moves_on(prompt: str, output: str) -> bool:
    """Return whether a command with this output has begun something else, so that what was before counts no more."""
    words = prompt.split()
    return bool(words) and words[0].lstrip("/").lower() in BEGINNINGS and not _GIVEN_UP.search(output)


def message_text(record: Mapping[str, Any]) -> str:
    """Return the first text block of a record's message."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "text" and isinstance(block.get("text"), str):
            return str(block["text"])
    return ""


def command_state(records: Iterable[Mapping[str, Any]], name: str) -> str | None:
    """Return ``answered`` if the records hold the command and its output, ``begun`` without an output, else None."""
    begun = False
    for record in records:
        text = _command_text(record)
        named = _COMMAND.search(text, 0, _HEAD)
        if named is not None:
            begun = begun or named.group(1).lstrip("/").lower() == name
        elif begun and _OUTPUT.match(text):
            return "answered"
    return "begun" if begun else None


def compaction_error(record: Mapping[str, Any]) -> str | None:
    """Return the message of a refused compaction, without the words around it; None for any other record."""
    text = _command_text(record)
    output = _OUTPUT.match(text)
    error = COMPACTION_ERROR.match(text, output.end()) if output else None
    return text[error.end() :].rpartition("</local-command-std")[0] if error else None


def compaction_summary(record: Mapping[str, Any]) -> str | None:
    """Return the summary that a compaction left, without the words around it; None for any other record."""
    if not record.get("isCompactSummary") or record.get("isSidechain"):
        return None
    return message_text(record).partition("\n\n")[2].partition("\n\nIf you need specific details")[0].strip()


def without_local_commands(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records without the local commands among them and their outputs.

    A refused compaction stays, as the command and the error that answers it.
    """
    kept: list[Mapping[str, Any]] = []
    command: int | None = None  # the index in `kept` of a command whose output has not come yet
    for record in records:
        text = "" if record.get("isSidechain") else _command_text(record)
        named = _COMMAND.search(text, 0, _HEAD)
        if text.lstrip().startswith(_CAVEAT):
            continue
        if _OUTPUT.match(text):
            if compaction_error(record) is not None:
                kept.append(record)
            elif command is not None and not moves_on(_name_of(kept[command]), text):
                del kept[command]
            command = None
        elif is_unknown_command(text):
            continue
        elif named and is_local_command("/" + named.group(1).lstrip("/")):
            command = None
        else:
            if named:
                command = len(kept)
            elif record.get("type") in ("user", "assistant") and not record.get("isSidechain"):
                command = None
            kept.append(record)
    return kept


def _name_of(record: Mapping[str, Any]) -> str:
    found = _COMMAND.search(_command_text(record), 0, _HEAD)
    return found.group(1) if found else ""


def _command_text(record: Mapping[str, Any]) -> str:
    """Return the text of a record that can be a command or its output, "" for any other."""
    if record.get("type") == "user":
        return message_text(record)
    content = record.get("content")
    if record.get("type") == "system" and record.get("subtype") == "local_command" and isinstance(content, str):
        return content
    return ""
