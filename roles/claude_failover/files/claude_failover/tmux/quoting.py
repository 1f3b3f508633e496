# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text on its way into a tmux command line, a tmux format or a tmux target.

There is one way to quote, `quote`, and everything that becomes a part of a command goes through it. Facts
are those of tmux 3.3a, held by tests against the tmux that is installed.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..errors import FailoverError

# A line break ends a command in control mode, and a NUL cuts it short.
_UNQUOTABLE = re.compile("[\0\n]")

# C0 but newline and tab, DEL and C1: none is text, and ESC [ 2 0 1 ~ would end a bracketed paste early.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# tmux puts "_" in place of the first two, and would find nothing under the name that it was given.
_CHANGED_IN_NAMES = re.compile("[:.\x00-\x1f\x7f-\x9f]")

# A run of "#" is an escape of itself unless "[" follows it: then tmux takes it for a style and leaves it.
_HASHES = re.compile(r"#+(?![#\[])")

_NOT_PLAIN = re.compile("[^A-Za-z0-9 ]")


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


def session_name(name: str) -> str:
    """Return ``name`` if tmux keeps a session name as it stands.

    Raises QuotingError for an empty name and for characters that tmux would change.
    """
    found = _CHANGED_IN_NAMES.search(name)
    if found or not name:
        what = f"holds {found.group()!r}" if found else "is empty"
        raise QuotingError(
            f"session name {name!r} {what}: tmux would not keep it; "
            "use letters, digits, '-' and '_' (no '.', ':' or control character)"
        )
    return name


def session_target(name: str) -> str:
    """Return the target of exactly this session; a bare name would match by prefix and by pattern."""
    return "=" + session_name(name)


def window_target(name: str) -> str:
    """Return the target of the current window, or pane, of exactly this session.

    Without the colon tmux 3.3a takes ``=name`` for the name of a window, and finds none.
    """
    return session_target(name) + ":"


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
