# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render pages and tables for a terminal (pure).

Any input text may be foreign (a session's name, a reason), so all of it is made printable here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..common.clock import parse_iso
from ..common.limit_words import limit_word
from ..common.text import one_line

_COLOURS = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "strong": "1"}
_TONES = {
    "ok": "good",
    "idle": "good",
    "busy": "good",
    "active": "good",
    "created": "good",
    "missing": "warn",
    "unknown": "warn",
    "waiting": "warn",
    "other": "warn",
    "starting": "dim",
    "resuming": "warn",
    "limited": "warn",
    "divergent": "bad",
    "expired": "bad",
    "down": "bad",
    "not_a_symlink": "bad",
    "error": "bad",
}
_TASK_TONES = {
    "done": "good",
    "accepted": "good",
    "sent": "good",
    "queued": "warn",
    "failed": "bad",
    "cancelled": "dim",
}
_NARROWEST = 8


class Cell(NamedTuple):
    """A table cell: its text and its tone, ``good``, ``bad``, ``warn``, ``dim``, ``strong`` or empty."""

    text: str
    tone: str = ""


def width(text: str) -> int:
    """Return the width of ``text`` in terminal columns: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    total = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        total += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return total


def fit(text: str, columns: int) -> str:
    """Return ``text`` cut to at most ``columns`` columns, with ``…`` at the cut."""
    if width(text) <= columns:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > columns - 1:
            break
        kept += character
    return kept + "…"


def paint(text: str, tone: str, colour: bool) -> str:
    """Return ``text`` in the colour of ``tone`` if ``colour`` is true."""
    return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if colour and tone and text else text


def table(
    head: Sequence[str], rows: Sequence[Sequence[Cell]], *, columns: int | None = None, colour: bool = False
) -> str:
    """Return an aligned table, narrowed to ``columns`` where possible."""
    texts = [[one_line(cell.text) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(head, *texts)]
    if columns is not None:
        while sum(widths) + 2 * (len(widths) - 1) > columns and max(widths) > _NARROWEST:
            widths[widths.index(max(widths))] -= 1
    lines = [_line(list(head), widths, ["dim"] * len(head), colour)]
    for row, row_texts in zip(rows, texts):
        lines.append(_line(row_texts, widths, [cell.tone for cell in row], colour))
    return "\n".join(lines)


def _line(texts: list[str], widths: list[int], tones: list[str], colour: bool) -> str:
    parts = []
    for text, columns, tone in zip(texts, widths, tones):
        fitted = fit(text, columns)
        parts.append(paint(fitted, tone, colour) + " " * (columns - width(fitted)))
    return "  ".join(parts).rstrip()


def duration(seconds: float) -> str:
    """Format seconds in the one or two largest units: ``42 min``, ``3 h 5 min``, ``2 d``."""
    left = int(abs(seconds))
    if left < 60:
        return f"{left} s"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and unit == "h" and parts[0].endswith("d")):
            break
    return " ".join(parts)


def moment(value: Any, now: datetime) -> str:
    """Format an ISO time, absolute and relative: ``21:36Z (in 42 min)``, with the date if it is another day."""
    when = _time(value)
    if when is None:
        return one_line(_text(value))
    offset = when - now
    length = duration(offset.total_seconds())
    relative = f"in {length}" if offset > timedelta(0) else f"{length} ago"
    if abs(offset) < timedelta(seconds=1):
        relative = "now"
    date = "" if when.date() == now.date() else when.strftime("%Y-%m-%d ")
    return f"{date}{when.strftime('%H:%M')}Z ({relative})"


def age(value: Any, now: datetime) -> str:
    """Format the time elapsed since an ISO time; ``-`` if there is none."""
    when = _time(value)
    return "-" if when is None else f"{duration((now - when).total_seconds())} ago"


def _time(value: Any) -> datetime | None:
    try:
        return parse_iso(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def status(document: Mapping[str, Any], now: datetime, *, columns: int | None = None, colour: bool = False) -> str:
    """Return the page of ``claude-failover status`` for the document of ``status --json``."""
    blocks = [_heading(document, now, colour)]
    blind = _blind(_mappings(document.get("blind")), now, colour)
    blocks += [blind] if blind else []
    blocks.append(_accounts(_mappings(document.get("accounts")), now, columns, colour))
    sessions_found = _mappings(document.get("sessions"))
    blocks.append(sessions(sessions_found, now, columns=columns, colour=colour))
    footer = _footer(document, now, colour)
    return "\n\n".join(blocks + ([footer] if footer else [])) + "\n"


def _account_cell(row: Mapping[str, Any]) -> Cell:
    """Return the cell of a session's account; ``!`` marks one that does not follow the active link."""
    account = _text(row.get("account"))
    return Cell(f"{account} !", "warn") if row.get("follows_link") is False else Cell(account)


def sessions(
    rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int | None = None, colour: bool = False
) -> str:
    """Return the table of sessions, with their reasons below it."""
    if not rows:
        return "No sessions."
    cells = []
    reasons = []
    for row in rows:
        state = _text(row.get("state"))
        conversation = _text(row.get("uuid"))
        source = row.get("uuid_source")
        cells.append(
            [
                Cell(_text(row.get("name")), "strong"),
                Cell(state, _TONES.get(state, "")),
                _account_cell(row),
                Cell("dedicated" if row.get("dedicated") else "pool" if row.get("dedicated") is False else "-"),
                Cell(age(row.get("last_event_at"), now)),
                Cell(_text(row.get("pid"))),
                Cell(conversation[:8] + (f" ({source})" if source else "")),
                Cell(_text(row.get("cwd"))),
            ]
        )
        if row.get("reason"):
            name = paint(one_line(_text(row.get("name"))), "strong", colour)
            reasons.append(f"  {name}: {one_line(str(row['reason']))}")
    head = ("SESSION", "STATE", "ACCOUNT", "KIND", "LAST EVENT", "PID", "CONVERSATION", "FOLDER")
    page = table(head, cells, columns=columns, colour=colour)
    return page + ("\n\n" + "\n".join(reasons) if reasons else "")


def task(row: Mapping[str, Any]) -> str:
    """Return a task of the queue in one line."""
    session = f" to {row['session']}" if row["session"] and row["state"] in ("sent", "queued") else ""
    by = f" by {row['session']}" if row["session"] and not session else ""
    detail = f": {row['detail']}" if row["detail"] else ""
    return one_line(f"task {row['id']}: {row['state']}{session}{by}{detail}")


def tasks(rows: Sequence[Mapping[str, Any]], now: datetime, *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of tasks, with their details below it."""
    if not rows:
        return "No tasks."
    cells = [
        [
            Cell(row["id"], "strong"),
            Cell(row["state"], _TASK_TONES.get(row["state"], "")),
            Cell(row["session"] or "-"),
            Cell(age(row["created_at"], now)),
            Cell(one_line(row["prompt"])[:60]),
        ]
        for row in rows
    ]
    page = table(("TASK", "STATE", "SESSION", "CREATED", "PROMPT"), cells, columns=columns, colour=colour)
    details = ["  " + one_line(f"{row['id']}: {row['detail']}") for row in rows if row["detail"]]
    return page + ("\n\n" + "\n".join(details) if details else "")


def links(reports: Sequence[Mapping[str, Any]], *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of shared links; each report has ``path, status, target, found``."""
    rows = [
        [
            Cell(_text(report.get("status")), _TONES.get(_text(report.get("status")), "")),
            Cell(_text(report.get("path"))),
            Cell(_text(report.get("target"))),
        ]
        for report in reports
    ]
    return table(("STATUS", "LINK", "TARGET"), rows, columns=columns, colour=colour)


def _heading(document: Mapping[str, Any], now: datetime, colour: bool) -> str:
    active = document.get("active_account")
    shown = paint(one_line(str(active)), "strong", colour) if active else paint("none", "bad", colour)
    since = moment(document.get("started_at"), now)
    version, pid = one_line(_text(document.get("version"))), one_line(_text(document.get("pid")))
    return f"Active account: {shown}\nDaemon {version}, pid {pid}, started {since}"


def _blind(rows: Sequence[Mapping[str, Any]], now: datetime, colour: bool) -> str:
    """Return one line for each source that does not work."""
    return "\n".join(
        paint(f"BLIND: {one_line(_text(row.get('source')))}", "bad", colour)
        + f" since {moment(row.get('since'), now)}: {one_line(_text(row.get('reason')))}"
        for row in rows
    )


def _accounts(rows: Sequence[Mapping[str, Any]], now: datetime, columns: int | None, colour: bool) -> str:
    cells = []
    for row in rows:
        links_state, login = _text(row.get("links")), _text(row.get("login"))
        exhausted = _exhausted(row.get("exhausted"), now)
        cells.append(
            [
                Cell("*" if row.get("active") else "", "good"),
                Cell(_text(row.get("name")), "strong" if row.get("active") else ""),
                Cell(login, _TONES.get(login, "")),
                Cell(links_state, _TONES.get(links_state, "")),
                Cell(exhausted or "-", "warn" if exhausted else "dim"),
                Cell(_used(row.get("used_percent"))),
                Cell(_text(row.get("home"))),
                Cell(_who(row.get("identity"))),
            ]
        )
    titles = ["", "ACCOUNT", "LOGIN", "LINKS", "EXHAUSTED", "USED", "HOME", "WHO"]
    if not any(row.get("identity") for row in rows):
        cells, titles = [line[:-1] for line in cells], titles[:-1]
    return table(titles, cells, columns=columns, colour=colour)


def _who(identity: Any) -> str:
    if not isinstance(identity, Mapping):
        return "-"
    parts = [_text(identity.get(key)) for key in ("address", "organisation", "plan") if identity.get(key)]
    return ", ".join(parts) or "-"


def _exhausted(value: Any, now: datetime) -> str:
    return ", ".join(
        f"{limit_word(entry.get('limit'))} until {moment(entry.get('until'), now)}" for entry in _mappings(value)
    )


def _used(value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return "-"
    parts = []
    for window, used in value.items():
        shown = f"{used:.0f}" if isinstance(used, (int, float)) else _text(used)
        parts.append(f"{limit_word(window)} {shown} %")
    return ", ".join(parts)


def _footer(document: Mapping[str, Any], now: datetime, colour: bool) -> str:
    lines = []
    for row in _mappings(document.get("accounts")):
        if row.get("login") in ("missing", "expired"):
            name = one_line(_text(row.get("name")))
            lines.append(paint(f"{name} is not logged in: claude-failover login {name}", "warn", colour))
    suspended = document.get("suspended")
    if suspended:
        reason = "" if suspended is True else f": {one_line(str(suspended))}"
        lines.append(paint(f"Switching is suspended{reason}", "bad", colour))
    for row in _mappings(document.get("unsaved")):
        name, reason = one_line(_text(row.get("document"))), one_line(_text(row.get("reason")))
        lines.append(paint(f"Not stored yet, kept in memory: {name}: {reason}", "bad", colour))
    for row in _mappings(document.get("background_jobs")):
        job, session = one_line(_text(row.get("id"))), row.get("session")
        of_session = f" of session {one_line(str(session))}" if session else ""
        where = f"pid {one_line(_text(row.get('pid')))}, in {one_line(_text(row.get('cwd')))}"
        lines.append(f"Not watched: background job {job}{of_session} ({where})")
    switching = document.get("switching")
    if switching:
        phase = "" if switching is True else f" ({one_line(str(switching))})"
        lines.append(paint(f"A switch is in progress{phase}", "warn", colour))
    if document.get("cooldown_until"):
        lines.append(f"No automatic switch before {moment(document['cooldown_until'], now)}")
    failback = document.get("failback")
    if isinstance(failback, Mapping) and failback.get("waits_for"):
        lines.append(f"The way back to a preferred account waits for {one_line(str(failback['waits_for']))}")
    queue = document.get("queue")
    if isinstance(queue, Mapping) and any(queue.values()):
        lines.append("Queue: " + ", ".join(one_line(f"{n} {state}") for state, n in queue.items() if n))
    last = document.get("last_switch")
    if isinstance(last, Mapping):
        lines.append(f"Last switch: {_switch(last, now)}")
    return "\n".join(lines)


def _switch(record: Mapping[str, Any], now: datetime) -> str:
    """Return a switch record in one line."""
    accounts = f"{_text(record.get('from_account'))} -> {_text(record.get('to_account'))}"
    outcome = _text(record.get("outcome"))
    limit = record.get("limit")
    reason = reason_word(record.get("reason")) + (f", {limit_word(limit)}" if limit else "")
    session = record.get("trigger_session")
    reason += f", seen in {session}" if session else ""
    return one_line(f"{moment(record.get('time'), now)}: {outcome} {accounts} ({reason})")


def reason_word(reason: Any) -> str:
    """Return the words for the reason of a switch."""
    return {"manual": "by hand", "external": "flipped by hand"}.get(str(reason), _text(reason))


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
