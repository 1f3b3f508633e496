# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of tmux commands."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.errors import FailoverError


class TmuxError(FailoverError):
    """tmux rejected a command; the message holds the command's name and tmux's own text."""


class TmuxNotFound(TmuxError):
    """The target session or pane does not exist."""


class TmuxGone(TmuxError):
    """No tmux server answers: none is running, or the connection was lost before the reply."""


class TmuxTimeout(TmuxGone):
    """The server did not reply in time, and the connection was dropped.

    The command may have run. One that was on its way to a stopped server can still run, once, when that server
    continues (seen on tmux 3.3a, in one of two attempts).
    """


def command_error(command: str, lines: Sequence[str]) -> TmuxError:
    """Return the exception for the lines that a failed command printed."""
    text = " ".join(lines)
    missing = text.startswith(("can't find ", "no such ", "session not found"))
    return (TmuxNotFound if missing else TmuxError)(f"tmux {command}: {text or 'refused without a reason'}")
