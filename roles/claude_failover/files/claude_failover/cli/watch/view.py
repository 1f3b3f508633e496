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
from rich.table import Table
from rich.text import Text

from ...common.limit_words import limit_word
from .. import history_page, render
from ..document import mappings
from ..layout import wrap
from ..times import age, duration, moment, remaining
from .content import LastAnswers, counts, session_groups, text_of
from .keys import ViewState

_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "strong": "bold", "": ""}
SMALLEST = (30, 8)  # columns and lines
_WIDE = 120  # columns from which a session's folder, and the whole end of a login, have room
_LOGIN_ENDS = 7 * 86400  # seconds before it, in which it is told
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
    accounts = painter.accounts(document, now, most=max(3, (height - least) // 3))
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
        clock = f"{now:%H:%M:%S}Z"
        text = Text("claude-failover  " if self._wide else "")
        text.append("active: ")
        text.append(text_of(active) if active else "none", "bold green" if active else "bold red")
        text.append(f"  sessions: {counts(rows) or 'none'}")
        text.truncate(max(self._width - len(clock) - 1, 0), overflow="ellipsis", pad=True)
        text.append(f" {clock}", "dim")
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

    def accounts(self, document: Mapping[str, Any], now: datetime, *, most: int) -> list[str]:
        """Return the accounts: use with bars, until when they are exhausted, the end of the login."""
        rows = mappings(document.get("accounts"))
        shown = rows if len(rows) <= most else _active_first(rows)[: most - 1]
        windows = _windows(rows, most=4 if self._wide else 2)
        table = Table.grid(padding=(0, 2, 0, 0), expand=False)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=max(self._width // 4, 10))
        for _window in windows:
            table.add_column(no_wrap=True)
        table.add_column(min_width=10)  # the one that gives way; its cells are not wrapped
        table.add_column(no_wrap=True)
        login = "login" if self._wide else "login ends"
        titles = ["  account", *(text_of(limit_word(window)) for window in windows), "exhausted", login]
        table.add_row(*(Text(title, "dim") for title in titles))
        for row in shown:
            used = row.get("used_percent")
            percents = used if isinstance(used, Mapping) else {}
            name = Text("* " if row.get("active") else "  ", "bold green")
            name.append(text_of(row.get("name")), "bold" if row.get("active") else "")
            bars = [self._bar(percents.get(window)) for window in windows]
            table.add_row(name, *bars, self._exhausted(row, now), self._login(row, now))
        found = [self._title("accounts"), *self._lines(table)]
        if len(shown) < len(rows):
            found.append(self.line(Text(f"  and {len(rows) - len(shown)} more", "dim")))
        return found

    def _bar(self, used: Any) -> Text:
        if not isinstance(used, (int, float)) or isinstance(used, bool) or not 0 <= used < 1e6:
            return Text("-", "dim")
        room = 20 if self._width >= 180 else 10 if self._wide else 4
        # Full and empty are said by 100 and 0 only.
        filled = room if used >= 100 else min(room - 1, max(int(used > 0), round(used * room / 100)))
        style = "red" if used >= 100 else "yellow" if used >= 80 else "green"
        text = Text("█" * filled, style)
        text.append("░" * (room - filled), "dim")
        return text.append(f" {min(used, 999):3.0f}%")

    def _exhausted(self, row: Mapping[str, Any], now: datetime) -> Text:
        entries = mappings(row.get("exhausted"))
        if not self._wide:
            entries = sorted(entries, key=lambda entry: str(entry.get("until")))[-1:]
        told = [f"{limit_word(entry.get('limit'))} until {moment(entry.get('until'), now)}" for entry in entries]
        if told:
            return _clipped(text_of(", ".join(told)), "yellow")
        if row.get("links") not in ("ok", None):
            return _clipped(f"links {text_of(row.get('links'))}", "bold red")
        apart = "held out" if row.get("enabled") is False else "standby" if row.get("standby") is True else "no"
        return Text(apart, "dim")

    def _login(self, row: Mapping[str, Any], now: datetime) -> Text:
        login, end = text_of(row.get("login")), row.get("login_expires_at")
        if login != "ok":
            return Text(login, "bold red" if login in ("expired", "missing") else "yellow")
        if end is None:
            return Text("ok", "green")
        left = remaining(end, now)
        style = "green" if left is None or left > _LOGIN_ENDS else "yellow" if left > 0 else "bold red"
        if self._wide or left is None or left <= 0:
            return Text(text_of(f"until {moment(end, now)}"), style)
        return Text(f"in {duration(left)}", style)

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
        widths = [min(max(map(cell_len, column)), most) for column, most in zip(zip(*cells), self._most())]
        found: list[Text] = []
        for group in groups:
            style = _STYLES[render.tone(group.state)]
            found.append(Text(f"{group.state} ({len(group.rows)})", style or "bold"))
            for row in group.rows:
                found += self._session(row, now, widths)
        return found

    def _most(self) -> tuple[int, int]:
        return (max(self._width // 3, 12), max(self._width // 4, 10))

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


def _clipped(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _account(row: Mapping[str, Any]) -> str:
    """Return the account of a session; ``!`` marks one that does not follow the active link."""
    return text_of(row.get("account")) + (" !" if row.get("follows_link") is False else "")


def _active_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: not row.get("active"))


def _windows(rows: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """Return the windows of use that are known of any account, those first that everybody has."""
    found = dict.fromkeys(("five_hour", "seven_day"))
    for row in rows:
        used = row.get("used_percent")
        found.update(dict.fromkeys(map(str, used if isinstance(used, Mapping) else ())))
    known = {str(key) for row in rows if isinstance(row.get("used_percent"), Mapping) for key in row["used_percent"]}
    return [window for window in found if window in known][:most]
