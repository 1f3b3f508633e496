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
    """The contents of the screen.

    ``vim`` is the mode of vim that is shown, ``screen_reader`` whether the look is the one for screen readers.
    """

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
    vim: str = ""
    screen_reader: bool = False
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
    below = []
    if view.continues:
        below += _wrapped("  ", f"⚠ Usage limit reached · limit resets {view.continues}", width)
        below += _wrapped("    ", f"Continuing automatically at {view.continues} · Esc to cancel", width)
    below += [f"  {line}" for line in view.status_lines]
    gauge = [" " * max(0, width - len(view.gauge) - 2) + f"\x1b[38;5;220m{view.gauge}{PLAIN}"] if view.gauge else []
    return [*(gauge or top), rule, *inside, rule, *below, mode_line(view, width)]


def mode_line(view: View, width: int) -> str:
    """Return the last line: the permission mode, and a hint that a narrow terminal cuts."""
    insert = f"-- {view.vim} -- " if view.vim else ""
    mode, cycle = texts.MODES[view.mode].removesuffix(texts.CYCLE), texts.CYCLE
    if not texts.MODES[view.mode].endswith(cycle):
        cycle = ""
    hint = "" if view.draft else " · esc to interrupt" if view.busy else " · ← for agents"
    # Without room for both, the way to interrupt goes before the way to cycle.
    kept = hint if view.busy else ""
    if 4 + len(insert + mode + cycle + kept) > width:
        cycle = ""
    room = max(0, width - 4 - len(insert + mode + cycle))
    hint = hint if len(hint) <= room else hint[: max(0, room - 1)] + "…" if room > 3 else ""
    return f"  {DIM}{insert}\x1b[38;5;220m{mode}{DIM}{cycle}{hint}{PLAIN}"


def _wrapped(indent: str, text: str, width: int) -> list[str]:
    return [indent + piece for piece in wrap(text, width - 2 - len(indent))]


def render(view: View, width: int, height: int) -> list[str]:
    """Return exactly ``height`` lines, none wider than ``width`` columns."""
    width = max(width, 24)
    if view.screen_reader:
        return read_aloud(view, width, height)
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


# -- the look for screen readers: no colours, no marks, no box (2.1.332)

_SPEAKERS = {"prompt": "you: ", "answer": "claude: ", "tool": "tool: "}


def read_aloud(view: View, width: int, height: int) -> list[str]:
    """Return exactly ``height`` lines of the look for screen readers."""
    rows = ["[Screen Reader Mode: on via flag]", f"Claude Code v{view.version}", f"Opus 5.5 · {view.account}", view.cwd]
    rows += [_SPEAKERS.get(entry.kind, "") + entry.text for entry in view.entries]
    if view.busy and view.dialog is None:
        rows.append(view.busy)
    if view.dialog is not None:
        rows += [*(["you: /rate-limit-options"] if view.dialog.kind == "limit_menu" else []), *view.dialog.spoken()]
    else:
        if view.continues:
            rows.append(f"⚠ Usage limit reached · limit resets {view.continues}")
            rows.append(f"Continuing automatically at {view.continues} · Esc to cancel")
        rows += view.status_lines
        busy = "  ·  esc to interrupt" if view.busy and not view.draft else ""
        insert = f"-- {view.vim} -- " if view.vim else ""
        rows.append(insert + texts.MODES[view.mode].partition(" ")[2].removesuffix(" · ? for shortcuts") + busy)
        rows += [view.toast or "effort: medium · /effort", f"$\xa0 {view.draft}" if view.draft else "$"]
    lines = [line for row in rows for line in wrap(row, width)][-height:]
    return [*lines, *([""] * (height - len(lines)))]
