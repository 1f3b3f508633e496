# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text on its way into a tmux command line, a tmux format or a tmux target.

There is one way to quote, `quote`, and everything that becomes a part of a command goes through it. Facts
are those of tmux 3.3a, held by tests against the tmux that is installed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from ..common.errors import FailoverError
from ..common.text import shorten

# A line break ends a command in control mode, and a NUL cuts it short.
_UNQUOTABLE = re.compile("[\0\n]")

# C0 but newline and tab, DEL and C1: none is text, and ESC [ 2 0 1 ~ would end a bracketed paste early.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# In a session name tmux puts "_" in place of these two.
_SEPARATORS = re.compile("[:.]")

# What could be a variable gets a backslash in a session name: a$b becomes a\$b, while a$1 stays.
_VARIABLE = re.compile(r"\$(?=[A-Za-z_{])")

# Control characters, halves of surrogate pairs, line and paragraph separators, and what has no meaning yet: some of
# these tmux writes as octal escapes, which ones depends on its C library.
_REWRITTEN = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})

# A run of "#" is an escape of itself unless "[" follows it: then tmux takes it for a style and leaves it.
_HASHES = re.compile(r"#+(?![#\[])")

_NOT_PLAIN = re.compile("[^A-Za-z0-9 ]")

HOLDER = "_claude_failover"  # the hidden session that keeps the tmux server alive


class QuotingError(FailoverError):
    """A text cannot be given to tmux as it is."""


def quote(text: str) -> str:
    """Write ``text`` as one argument of a tmux command.

    tmux expands nothing between single quotes: no ``$NAME``, ``~``, backslash, ``;``, ``{`` or ``#``.
    Raises QuotingError for a text with a NUL or a line break.
    """
    found = _UNQUOTABLE.search(text)
    if found:
        kind = "NUL" if found.group() == "\0" else "line break"
        # The text itself is not shown: it can be the value of somebody's environment variable.
        raise QuotingError(
            f"a text of {len(text)} characters holds a {kind} at character {found.start() + 1}: "
            "a tmux command is one line of text, take it out"
        )
    return "'" + text.replace("'", "'\\''") + "'"


def command_line(*commands: Sequence[str]) -> str:
    """Write commands, each a sequence of arguments, as one line that tmux runs in one go.

    tmux stops at the first command that fails. Raises QuotingError.
    """
    return " ; ".join(" ".join(quote(argument) for argument in command) for command in commands)


def literal_format(text: str) -> str:
    """Write ``text`` so that it comes out unchanged where tmux expands formats.

    In tmux 3.3a that is: the name (``-s``) and folder (``-c``) of new-session, the folder of respawn-pane.
    It is not: ``-e NAME=VALUE``, and the program with its arguments.
    """
    return _HASHES.sub(lambda run: run.group() * 2, text)


def tmux_name(name: str) -> str:
    """Return the name that tmux gives to a session that is to be called ``name``, without `_REWRITTEN`.

    ``.`` and ``:`` become ``_``, a backslash is doubled, and one is put before a ``$`` that begins a variable.
    (``#`` begins a format, which `literal_format` sees to.)
    """
    return _VARIABLE.sub(r"\\$", _SEPARATORS.sub("_", name.replace("\\", "\\\\")))


def name_expected(name: str) -> str | None:
    """Return what is expected in place of a session name that tmux would not keep; None for one that it keeps.

    tmux would find nothing under the name that it was given: the session would be made again and again.
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
    """Return ``name`` if tmux keeps a session name as it stands. Raises QuotingError for any other."""
    expected = name_expected(name)
    if expected is not None:
        raise QuotingError(f"session name: found {name!r}, expected {expected}")
    return name


def window_target(name: str) -> str:
    """Return the target of the current window, or pane, of exactly this session.

    A bare name would match by prefix and by pattern. Without the colon tmux 3.3a takes ``=name`` for the name of a
    window, and finds none.
    """
    return f"={session_name(name)}:"


def search_pattern(anchors: Iterable[str]) -> str:
    """Return the extended regular expression, for use in a ``#{C/r:...}`` format, that finds any anchor.

    Whatever is no ASCII letter, digit or blank becomes ``.``: such characters mean something in a regular
    expression or in a format, and a hit is confirmed on the captured text anyway. It also finds a curly
    quote where the anchor has a straight one. Raises ValueError without anchors, or for an empty one.
    """
    patterns = [_NOT_PLAIN.sub(".", anchor) for anchor in anchors]
    if not patterns or not all(patterns):
        raise ValueError("a search needs at least one anchor, and none may be empty")
    return "|".join(patterns)


def typable(text: str) -> str:
    """Return ``text`` as it may be typed or pasted into a pane: without control characters but ``\\n``, ``\\t``.

    CR LF and CR count as a line break, as they would for the program that reads them.
    """
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
