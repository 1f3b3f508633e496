# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and formats by which the server reads panes, and searches them (pure). Facts are those of tmux 3.3a."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from .quoting import search_pattern


def capture_command(lines: int, *, join: bool, escapes: bool) -> list[str]:
    """Return the command that prints the last lines of a pane, but for the pane."""
    return ["capture-pane", "-p", *["-J"] * join, *["-e"] * escapes, "-S", str(-lines), "-t"]


def captured(found: list[str], lines: int, escapes: bool) -> list[str]:
    """Return the last lines of what was printed."""
    if not escapes:
        # -J keeps trailing blanks. A no-break space is text: Claude Code prints one after its prompt sign.
        found = [line.rstrip(" ") for line in found]
    return found[-lines:]


def output_since(moment: int) -> str:
    """Return the filter of panes whose window has shown anything from an epoch second on."""
    return f"#{{e|>=:#{{window_activity}},{moment:d}}}"


def search_filter(anchors: Sequence[str], since: Optional[int]) -> str:
    """Return the filter of panes that show one of the anchors in a row, with output from ``since`` on."""
    condition = f"#{{C/r:{search_pattern(anchors)}}}"
    return condition if since is None else f"#{{?{output_since(since)},{condition},0}}"
