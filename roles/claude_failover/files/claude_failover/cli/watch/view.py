# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the screen of ``status --watch`` as lines for a terminal of a size (pure; with rich 11 or newer).

Every text comes from elsewhere: it is made printable by `content.text_of`, and is never markup.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from .. import history_page, render
from ..document import mappings
from ..layout import wrap
from ..times import age
from .account_lines import account_lines
from .content import LastAnswers, counts, session_groups, text_of
from .keys import ViewState

_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "strong": "bold", "": ""}
SMALLEST = (30, 8)  # columns and lines
_WIDE = 120  # columns from which a session's folder, and the whole end of a login, have room
_NARROWEST_NAME = 10  # columns of a session's name
_REASON_LINES = 2
_LEAST_SESSIONS = 4  # lines


class Frame(NamedTuple):
    """The lines of the screen, top to bottom, and of the sessions those in view and all."""

    lines: list[str]
    page: int
    session_lines: int


def draw(
    answers: LastAnswers, state: ViewState, now: datetime, *, width: int, height: int, colour: bool = True
) -> Frame:
    """Return the screen: ``height`` lines of at most ``width`` columns, with the colours of the terminal's theme."""
    if width < SMALLEST[0] or height < SMALLEST[1]:  # rich 11.2 does not end in columns of no width
        return Frame([*"a larger terminal is needed"[:width].splitlines(), *[""] * height][:height], 1, 0)
    painter = _Painter(width, colour)
    document = answers.document
    sessions = painter.sessions(document, state, now)
    top = [*painter.heading(document, now), *painter.problem(answers)]
    # What gives way where there is little room: notices and switches before accounts, and those before sessions.
    least = len(top) + 2 + _LEAST_SESSIONS
    accounts = painter.accounts(document, now, most=max(3, (height - least) // 3), room=height - least - 4)
    notices = painter.notices(document, now, most=max(1, min(6, (height - least - len(accounts)) // 3)))
    left = height - least - len(accounts) - len(notices)
    switches = painter.switches(answers, now, most=max(0, min(5, left // 3)))
    page = max(height - len(top) - len(accounts) - len(notices) - len(switches) - 2, 1)
    first = max(0, min(state.top, len(sessions) - page))
    title = painter.sessions_title(state, first, page, sessions)
    shown = [painter.line(text) for text in sessions[first : first + page]]
    body = [*top, *accounts, *notices, title, *shown, *[""] * (page - len(shown)), *switches]
    lines = [*body[: height - 1], painter.footer(state)][-height:]
    return Frame(lines, page, len(sessions))


class _Painter:
    """Renders with a console of the terminal's width that writes nowhere."""

    def __init__(self, width: int, colour: bool) -> None:
        self._width = width
        self._wide = width >= _WIDE
        self._console = Console(
            file=io.StringIO(),
            width=width,
            height=100,
            force_terminal=True,
            color_system="standard",
            no_color=not colour,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def _lines(self, renderable: RenderableType) -> list[str]:
        with self._console.capture() as capture:
            self._console.print(renderable, no_wrap=True, overflow="ellipsis", crop=True)
        return capture.get().rstrip("\n").split("\n")

    def line(self, text: Text) -> str:
        """Return a line of the screen."""
        return self._lines(text)[0]

    def _title(self, words: str, right: str = "") -> str:
        text = Text(f"─ {words} ", "bold cyan")
        end = f" {right}" if right else ""
        text.append("─" * max(self._width - cell_len(text.plain) - cell_len(end), 0), "cyan")
        text.append(end, "cyan")
        return self.line(text)

    def heading(self, document: Mapping[str, Any], now: datetime) -> list[str]:
        """Return the line that says most: the active account, and the sessions by state."""
        active = document.get("active_account")
        rows = mappings(document.get("sessions"))
        clock = f" {now:%H:%M:%S}Z"
        text = Text("claude-failover  " if self._wide else "")
        text.append("active: ")
        text.append(text_of(active) if active else "none", "bold green" if active else "bold red")
        if cell_len(text.plain) + len(clock) > self._width:
            return [self.line(text)]  # the whole name says more than the time
        text.append(f"  sessions: {counts(rows) or 'none'}")
        text.truncate(self._width - len(clock), overflow="ellipsis", pad=True)
        text.append(clock, "dim")
        return [self.line(text)]

    def problem(self, answers: LastAnswers) -> list[str]:
        """Return the line that says that the picture is old."""
        if answers.problem is None:
            return []
        since = f"{answers.problem_since:%H:%M:%S}Z" if answers.problem_since is not None else "-"
        text = f" no answer since {since}, asked again: {text_of(answers.problem)}"
        line = Text(text, "reverse bold red")
        line.truncate(self._width, overflow="ellipsis", pad=True)
        return [self.line(line)]

    # -- accounts ----------------------------------------------------------------------------------------------

    def accounts(self, document: Mapping[str, Any], now: datetime, *, most: int, room: int) -> list[str]:
        """Return the accounts below their title."""
        rows = mappings(document.get("accounts"))
        lines = account_lines(rows, now, columns=self._width, wide=self._wide, most=most, room=room)
        return [self._title("accounts"), *(self.line(line) for line in lines)]

    # -- notices and switches ----------------------------------------------------------------------------------

    def notices(self, document: Mapping[str, Any], now: datetime, *, most: int) -> list[str]:
        """Return the open events, and below them what else a person may have to know."""
        events = render.open_events(document, now)
        cells = events or render.blind_sources(document, now)
        cells = [*cells, *render.notices(document, now)]
        if not cells:
            return []
        shown = cells if len(cells) <= most else cells[: max(most - 1, 1)]
        found = [self.line(Text(cell.text, _STYLES[cell.tone])) for cell in shown]
        if len(shown) < len(cells):
            found.append(self.line(Text(f"and {len(cells) - len(shown)} more: claude-failover status", "dim")))
        count = f"{len(events)} open" if events else ""
        return [self._title("events" if events else "notices", count), *found]

    def switches(self, answers: LastAnswers, now: datetime, *, most: int) -> list[str]:
        """Return the last switches, each in a line."""
        last = answers.document.get("last_switch")
        rows = list(answers.switches) or ([last] if isinstance(last, Mapping) else [])
        if not rows or most < 1:
            return []
        cells = [history_page.short(row, now) for row in rows[:most]]
        return [self._title("last switches"), *(self.line(Text(cell.text, _STYLES[cell.tone])) for cell in cells)]

    # -- sessions ----------------------------------------------------------------------------------------------

    def sessions(self, document: Mapping[str, Any], state: ViewState, now: datetime) -> list[Text]:
        """Return the lines of the sessions that the filter lets through: a group for each state, worst first."""
        rows = mappings(document.get("sessions"))
        groups = session_groups(rows, state.filter)
        if not groups:
            return [Text("  no session has that in it" if rows else "  no sessions", "dim")]
        cells = [[text_of(row.get("name")), _account(row)] for group in groups for row in group.rows]
        names, accounts = (max(map(cell_len, column)) for column in zip(*cells))
        # The account is whole, and the name gives way.
        most = max(min(self._width // 3, self._width - accounts - 4), _NARROWEST_NAME)
        widths = [min(names, most), accounts]
        found: list[Text] = []
        for group in groups:
            style = _STYLES[render.tone(group.state)]
            found.append(Text(f"{group.state} ({len(group.rows)})", style or "bold"))
            for row in group.rows:
                found += self._session(row, now, widths)
        return found

    def _session(self, row: Mapping[str, Any], now: datetime, widths: Sequence[int]) -> Iterable[Text]:
        line = Text("  ")
        own = row.get("follows_link") is not False
        for text, width, style in zip(
            (text_of(row.get("name")), _account(row)), widths, ("bold", "" if own else "yellow")
        ):
            part = Text(text, style)
            part.truncate(width, overflow="ellipsis", pad=True)
            line.append_text(part).append("  ")
        line.append(f"{age(row.get('last_event_at'), now):<14}", "dim")
        line.append(text_of(row.get("cwd")), "dim")
        yield line
        reason = render.reason(row, now)
        if reason:
            for piece in wrap(f"    {reason}", self._width - 1, "    ")[:_REASON_LINES]:
                yield Text(piece, _STYLES["warn"])

    def sessions_title(self, state: ViewState, first: int, page: int, lines: Sequence[Text]) -> str:
        """Return the line above the sessions: the filter, and the part that is in view."""
        words = f"sessions with {text_of(state.filter)}" if state.filter.strip() else "sessions"
        if len(lines) <= page:
            return self._title(words)
        arrows = ("↑" if first else " ") + ("↓" if first + page < len(lines) else " ")
        return self._title(words, f"lines {first + 1}-{first + page} of {len(lines)} {arrows}")

    def footer(self, state: ViewState) -> str:
        """Return the last line: the keys, or the filter that is typed."""
        if state.typing:
            text = Text("filter: ", "bold")
            text.append(f"{state.filter}▏")
            return self.line(text.append("   Enter keeps it, Esc drops it", "dim"))
        clear = "   Esc: all" if state.filter else ""
        return self.line(Text(f"q: end   ↑ ↓ PgUp PgDn: scroll   /: filter{clear}", "dim"))


def _account(row: Mapping[str, Any]) -> str:
    """Return the account of a session; ``!`` marks one that does not follow the active link."""
    return text_of(row.get("account")) + (" !" if row.get("follows_link") is False else "")
