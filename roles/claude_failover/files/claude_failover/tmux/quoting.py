# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quote text for tmux command lines, formats and targets.

Every argument of a command goes through `quote`. Facts are those of tmux 3.3a, verified by tests against the installed
tmux.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from ..common.errors import FailoverError
from ..common.text import shorten

# A line break ends a command in control mode, a NUL truncates it.
_UNQUOTABLE = re.compile("[\0\n]")

# C0 except newline and tab, DEL, C1. ESC [ 2 0 1 ~ would end a bracketed paste early.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# tmux replaces these with "_" in a session name.
_SEPARATORS = re.compile("[:.]")

# tmux escapes a $ that begins a variable in a session name: a$b becomes a\$b, while a$1 stays.
_VARIABLE = re.compile(r"\$(?=[A-Za-z_{])")

# Control characters, lone surrogates, line and paragraph separators, unassigned code points: tmux writes some of these
# as octal escapes, depending on the C library.
_REWRITTEN = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})

# A run of "#" is halved in a format, unless "[" follows: that begins a style, which is left as it is.
_HASHES = re.compile(r"#+(?![#\[])")

#: The beginning of what tmux expands in a format: a variable, a program, a style, an alias of one letter.
EXPANDED = re.compile(r"#[{(\[DFHIPSTWh]")

_NOT_PLAIN = re.compile("[^A-Za-z0-9 ]")

HOLDER = "_claude_failover"  # the hidden session that keeps the tmux server alive


class QuotingError(FailoverError):
    """The text cannot be passed to tmux."""


def quote(text: str) -> str:
    """Return ``text`` quoted as one argument of a tmux command.

    tmux expands nothing within single quotes: no ``$NAME``, ``~``, backslash, ``;``, ``{`` or ``#``. Raises
    QuotingError for text with a NUL or a line break.
    """
    found = _UNQUOTABLE.search(text)
    if found:
        kind = "NUL" if found.group() == "\0" else "line break"
        # The text is not shown: it can be the value of an environment variable.
        raise QuotingError(
            f"a text of {len(text)} characters contains a {kind} at character {found.start() + 1}: "
            "a tmux command is one line of text, remove it"
        )
    return "'" + text.replace("'", "'\\''") + "'"


def command_line(*commands: Sequence[str]) -> str:
    """Return commands, each a sequence of arguments, as one quoted line.

    tmux stops at the first command that fails. Raises QuotingError.
    """
    return " ; ".join(" ".join(quote(argument) for argument in command) for command in commands)


def literal_format(text: str) -> str:
    """Return ``text`` escaped for an argument in which tmux expands formats.

    In tmux 3.3a these are the name (``-s``) and folder (``-c``) of new-session and the folder of respawn-pane, but not
    ``-e NAME=VALUE`` nor the program and its arguments.
    """
    return _HASHES.sub(lambda run: run.group() * 2, text)


def tmux_name(name: str) -> str:
    """Return the name that tmux gives to a new session ``name`` (without characters of `_REWRITTEN`).

    ``.`` and ``:`` become ``_``, a backslash is doubled, and a ``$`` that begins a variable is escaped.
    (`literal_format` handles ``#``.)
    """
    return _VARIABLE.sub(r"\\$", _SEPARATORS.sub("_", name.replace("\\", "\\\\")))


def name_expected(name: str) -> str | None:
    """Return the expected form if tmux would change the session name ``name``; None if tmux keeps it.

    A session whose name tmux has changed is not found under its configured name and would be started again and again.
    """
    if not name:
        return "a name of at least one character"
    for character in name:
        if unicodedata.category(character) in _REWRITTEN:
            return f"a name without U+{ord(character):04X}, which tmux may write in another way"
    changed = tmux_name(name)
    if changed != name:
        rule = "a name without . and :, backslash, and $ before a letter, _ or {"
        return f"{rule}; tmux would make it {shorten(changed, 60)!r}"
    return None


def session_name(name: str) -> str:
    """Return ``name`` if tmux keeps it as a session name. Raises QuotingError otherwise."""
    expected = name_expected(name)
    if expected is not None:
        raise QuotingError(f"session name: found {name!r}, expected {expected}")
    return name


def window_target(name: str) -> str:
    """Return the target of the current window (or pane) of exactly this session.

    A bare name also matches by prefix and by pattern. Without the colon tmux 3.3a looks for a window called ``=name``.
    """
    return f"={session_name(name)}:"


def search_pattern(anchors: Iterable[str]) -> str:
    """Return an extended regular expression for a ``#{C/r:...}`` format that matches any of the anchors.

    Every character except ASCII letters, digits and blanks becomes ``.``: it could be special in a regular expression
    or a format, and hits are confirmed on the captured text anyway. A straight quote thus also matches a curly one.
    Raises ValueError if there is no anchor or an empty one.
    """
    patterns = [_NOT_PLAIN.sub(".", anchor) for anchor in anchors]
    if not patterns or not all(patterns):
        raise ValueError("a search needs at least one anchor, none of them empty")
    return "|".join(patterns)


def typable(text: str) -> str:
    """Return ``text`` without control characters except ``\\n`` and ``\\t``, safe to type or paste into a pane.

    CR LF and CR become a line break, as they would for the program that reads them.
    """
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
