# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify the line of the CLI's own retry: a limit that leaves the turn running, without a hook and without a record.

Seen on 2.1.260 to 2.1.332 with CLAUDE_CODE_RETRY_WATCHDOG=1, reported without: `✻ Weekly limit reached · retrying in 2h
(10:44pm) · attempt 1/300`. The brackets hold the reset; the delay is rounded down and at most six hours (found in the
code of 2.1.332), so it is no reset time. A server throttle (`retrying in 28s · attempt 9/10`) names no limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo

from ..claude.running_turn import INTERRUPTS, spinner_of
from ..claude.screen import ParsedScreen, parse_screen
from . import wordings
from .matching import limit_called, normalise
from .resets import Reset, find_reset
from .verdict import Verdict, snippet_of

#: Rule of a limit within a running turn: no prompt can be sent before Escape.
RETRY_RULE = wordings.RETRYING_LIMIT.name


def classify_retry(screen: ParsedScreen, *, now: datetime, tz: tzinfo) -> Verdict | None:
    """Return the verdict for a screen whose newest line is a retry after a usage limit; None for any other."""
    found = _retry_line(screen)
    if found is None or (screen.read_aloud and not _runs(screen)):
        return None
    until = found.group("reset") or found.group("until")
    reset = find_reset(f"resets {until}", now=now, tz=tz) if until else Reset(None, "no reset time given")
    row = wordings.RETRYING_LIMIT
    named = found.group("name") or found.group("other")
    # Without the delay and the attempt, which change while it is the same refusal.
    snippet = found.string.partition(" · ")[0] + " · retrying" + (f" ({until})" if until else "")
    detail = f"{row.source}; seen on {row.seen}" + (f"; {reset.note}" if reset.note else "")
    return Verdict(True, limit_called(named), reset.at, row.name, snippet_of(snippet), detail)


def waits_for_reset(lines: Sequence[str]) -> bool:
    """Return whether the turn that runs on a screen only waits for the reset of a limit, so that Escape ends it."""
    screen = parse_screen(lines)
    # A draft hides the hint of a turn that runs; it takes no Escape.
    return _retry_line(screen) is not None and (not screen.read_aloud or _runs(screen) or bool(screen.draft))


def _retry_line(screen: ParsedScreen) -> re.Match[str] | None:
    """Return the line of a retry after a usage limit if it is the spinner of a turn above a prompt box."""
    if screen.menu is not None or screen.draft is None:
        return None
    return wordings.RETRYING_LIMIT.pattern.match(normalise(spinner_of(screen.blocks)).lstrip("✻✽✶✳✢*·∗ "))


def _runs(screen: ParsedScreen) -> bool:
    """Return whether the footer says that a turn runs, which a reply of the model's cannot say."""
    return INTERRUPTS in screen.footer_text()
