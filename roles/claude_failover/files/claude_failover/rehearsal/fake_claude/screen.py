# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the screen: the conversation above, the prompt box or a dialog below (pure).

Colours, rules, markers and blanks were seen on Claude Code 2.1.330 in a terminal of 120 columns.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from . import texts
from .dialogs import FakeDialog

DIM, PLAIN = "\x1b[38;5;246m", "\x1b[0m"
SPINNER = "Prestidigitating…"


@dataclass
class Entry:
    """One item of the conversation. ``kind``: prompt, answer, notice, limit, error, done, tool, result, note, hint."""

    kind: str
    text: str


@dataclass
class View:
    """The contents of the screen."""

    version: str
    account: str
    cwd: str
    mode: str
    entries: list[Entry] = field(default_factory=list)
    draft: str = ""
    ghost: str = ""
    busy: str = ""
    dialog: FakeDialog | None = None
    continues: str = ""
    gauge: str = ""
    toast: str = ""
    status_lines: list[str] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        """Add an entry to the conversation."""
        self.entries.append(Entry(kind, text))


def width_of(character: str) -> int:
    """Return the columns of a character: 0, 1 or 2."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, width: int) -> list[str]:
    """Wrap text to lines of at most ``width`` columns, at blanks where possible."""
    lines = []
    for paragraph in text.split("\n"):
        line, used, blank = "", 0, -1
        for character in paragraph:
            size = width_of(character)
            if used + size > width:
                if blank > 0:
                    lines.append(line[:blank])
                    line = line[blank + 1 :]
                else:
                    lines.append(line)
                    line = ""
                used, blank = sum(map(width_of, line)), -1
            if character == " ":
                blank = len(line)
            line, used = line + character, used + size
        lines.append(line)
    return lines


def entry_lines(entry: Entry, width: int) -> list[str]:
    """Return the lines of one item of the conversation, with the blank line above it."""
    first, rest, colour, gap = {
        "prompt": ("❯ ", "  ", "\x1b[48;5;237m\x1b[38;5;231m", True),
        "answer": ("● ", "  ", "", True),
        "notice": ("● ", "  ", DIM, True),
        "error": ("● ", "  ", "\x1b[38;5;220m", True),
        "limit": ("  ⎿ \xa0", "     ", "\x1b[38;5;211m", False),
        "note": ("  ⎿ \xa0", "     ", DIM, False),
        "hint": ("     ", "     ", DIM, False),
        "tool": ("● ", "  ", "", True),
        "result": ("  ⎿  ", "     ", DIM, False),
        "done": ("✻ ", "  ", DIM, True),
        "retry": ("✻ ", "  ", "\x1b[38;5;220m", True),
    }[entry.kind]
    pieces = wrap(entry.text, width - 4)
    lines = [f"{DIM if entry.kind == 'prompt' else ''}{first}{colour}{pieces[0]}{PLAIN}"]
    lines += [f"{colour}{rest}{piece}{PLAIN}" for piece in pieces[1:]]
    return ["", *lines] if gap else lines


def box_lines(view: View, width: int) -> list[str]:
    """Return the prompt box: a rule, the draft or a dim suggestion, a rule, and the lines below."""
    rule = f"\x1b[38;5;244m{'─' * width}\x1b[39m"
    right = view.toast or "◐ medium · /effort"
    top = [" " * max(0, width - len(right) - 2) + f"{DIM}{right}{PLAIN}"]
    if view.draft:
        pieces = wrap(view.draft, width - 3)
        inside = [f"❯\xa0{pieces[0]}", *(f"  {piece}" for piece in pieces[1:])]
        inside[-1] += f"\x1b[7m {PLAIN}"
    elif view.ghost:
        inside = [f"❯\xa0\x1b[7m{view.ghost[0]}\x1b[0;2m{view.ghost[1:]}{PLAIN}"]
    else:
        inside = [f"❯\xa0\x1b[7m {PLAIN}"]
    mode = f"  \x1b[38;5;220m{texts.MODES[view.mode]}\x1b[39m"
    if view.busy and not view.draft:
        mode += f"{DIM} · esc to interrupt{PLAIN}"
    elif not view.draft:
        mode += f"{DIM} · ← for agents{PLAIN}"
    below = []
    if view.continues:
        below += [
            f"  ⚠ Usage limit reached · limit resets {view.continues}",
            f"    Continuing automatically at {view.continues} · Esc to cancel",
        ]
    below += [f"  {line}" for line in view.status_lines]
    gauge = [" " * max(0, width - len(view.gauge) - 2) + f"\x1b[38;5;220m{view.gauge}{PLAIN}"] if view.gauge else []
    return [*(gauge or top), rule, *inside, rule, *below, mode]


def render(view: View, width: int, height: int) -> list[str]:
    """Return exactly ``height`` lines, none wider than ``width`` columns."""
    width = max(width, 24)
    if view.dialog is not None and view.dialog.kind in ("trust", "bypass", "theme"):
        return _fit(view.dialog.lines(width), [], height)
    above = [
        f" \x1b[38;5;174m▐▛███▛█\x1b[39m   \x1b[1mClaude Code\x1b[0m {DIM}v{view.version} (fake Claude){PLAIN}",
        f"\x1b[38;5;174m▝▜██████▀\x1b[39m  {DIM}Opus 5.5 · {view.account}{PLAIN}",
        f" \x1b[38;5;174m▝▝   ▝▝\x1b[39m   {DIM}{view.cwd}{PLAIN}",
    ]
    for entry in view.entries:
        above += entry_lines(entry, width)
    if view.busy:
        above += ["", f"\x1b[38;5;174m✻ {view.busy}\x1b[39m"]
    below = view.dialog.lines(width, view.toast) if view.dialog is not None else box_lines(view, width)
    return _fit(above, ["", *below], height)


def _fit(above: list[str], below: list[str], height: int) -> list[str]:
    """Place ``below`` at the bottom, and as many of the last lines of ``above`` over it as fit."""
    below = below[-height:]
    room = height - len(below)
    above = above[-room:] if room else []
    return [*above, *([""] * (room - len(above))), *below]
