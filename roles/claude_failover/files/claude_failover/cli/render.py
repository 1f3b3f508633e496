# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render pages and tables for a terminal (pure).

Any input text may be foreign (a session's name, a reason), so all of it is made printable here.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..common.limit_words import limit_word
from ..common.text import one_line
from .document import as_text, mappings
from .layout import Cell, fit, fits, paint, paragraphs, table, wrap
from .login_lines import login_line
from .times import age, moment, with_moments

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
_SEVERITIES = {"error": "bad", "warning": "warn"}


def status(
    document: Mapping[str, Any],
    now: datetime,
    *,
    columns: int | None = None,
    colour: bool = False,
    height: int | None = None,
) -> str:
    """Return the page of ``claude-failover status`` for the document of ``status --json``.

    Of a page that has more lines than ``height``, events are left out and sessions, those first that need nobody.
    """
    needs = open_events(document, now) or blind_sources(document, now)
    accounts = mappings(document.get("accounts"))
    last = document.get("last_switch")
    switched = [Cell(with_moments(f"Last switch: {_switch(last, now)}", now))] if isinstance(last, Mapping) else []
    below = paragraphs([*notices(document, now), *switched], columns, colour)
    rows = mappings(document.get("sessions"))

    def page(told: Sequence[Cell], listed: Sequence[Mapping[str, Any]], shown: int) -> str:
        blocks = (
            _heading(document, now, columns, colour),
            paragraphs(told, columns, colour),
            _accounts(listed, now, columns, colour),
            _logins(listed, now, columns, colour),
            sessions(rows, now, columns=columns, colour=colour, shown=shown),
            below,
        )
        return "\n\n".join(block for block in blocks if block) + "\n"

    whole = page(needs, accounts, len(rows))
    if height is None or whole.count("\n") <= height:
        return whole
    needs = _first_lines(needs, height // 5, columns)
    accounts = sorted(accounts, key=lambda row: not row.get("active"))
    most, over = 0, len(rows) + 1
    while over - most > 1:
        middle = (most + over) // 2
        fitting = page(needs, accounts, middle).count("\n") <= height
        most, over = (middle, over) if fitting else (most, middle)
    return "".join(page(needs, accounts, most).splitlines(keepends=True)[:height])


def _first_lines(lines: Sequence[Cell], most: int, columns: int | None) -> list[Cell]:
    """Return the first of the lines that have room in ``most`` rows of the terminal, and how many are left out."""
    shown: list[Cell] = []
    for line in lines:
        if sum(len(wrap(each.text, columns, "  ")) for each in [*shown, line]) > most - (len(lines) > 1):
            break
        shown.append(line)
    shown = shown or [Cell(fit(line.text, columns or len(line.text)), line.tone) for line in lines[:1]]
    left_out = len(lines) - len(shown)
    return [*shown, Cell(f"and {left_out} more: claude-failover status")] if left_out else shown


def _account_cell(row: Mapping[str, Any]) -> Cell:
    """Return the cell of a session's account; ``!`` marks one that does not follow the active link."""
    account = as_text(row.get("account"))
    return Cell(f"{account} !", "warn") if row.get("follows_link") is False else Cell(account)


def sessions(
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    columns: int | None = None,
    colour: bool = False,
    shown: int | None = None,
) -> str:
    """Return the table of sessions, with their reasons below it; ``shown``: how many of them, with no reasons of the
    others."""
    if not rows:
        return "No sessions."
    listed = rows if shown is None or shown >= len(rows) else _most_needed(rows, shown)
    cells = []
    for row in listed:
        state = as_text(row.get("state"))
        conversation = as_text(row.get("uuid"))
        source = row.get("uuid_source")
        cells.append(
            [
                Cell(as_text(row.get("name")), "strong"),
                Cell(state, _TONES.get(state, "")),
                _account_cell(row),
                Cell("dedicated" if row.get("dedicated") else "pool" if row.get("dedicated") is False else "-"),
                Cell(age(row.get("last_event_at"), now)),
                Cell(as_text(row.get("pid"))),
                Cell(conversation[:8] + (f" ({source})" if source else "")),
                Cell(as_text(row.get("cwd"))),
            ]
        )
    head = ("SESSION", "STATE", "ACCOUNT", "KIND", "LAST EVENT", "PID", "CONVERSATION", "FOLDER")
    page = table(head, cells, columns=columns, colour=colour, whole=("STATE", "ACCOUNT"))
    if not fits(page, columns):
        lines = [Cell(one_line(f"{name.text}: {state.text}, {account.text}")) for name, state, account, *_more in cells]
        page = paragraphs(lines, columns, colour)
    if len(listed) < len(rows):
        page += f"\n... {len(rows) - len(listed)} more: claude-failover sessions"
    reasons = [line for row in listed if row.get("reason") for line in _reason(row, now, columns, colour)]
    return page + ("\n\n" + "\n".join(reasons) if reasons else "")


def _most_needed(rows: Sequence[Mapping[str, Any]], number: int) -> list[Mapping[str, Any]]:
    """Return some of the sessions in their order: those first that have a reason, and that are not idle."""
    ranked = sorted(range(len(rows)), key=lambda i: (not rows[i].get("reason"), rows[i].get("state") == "idle"))
    return [rows[i] for i in sorted(ranked[:number])]


def tone(state: object) -> str:
    """Return the tone of a state of a session, an account or a link."""
    return _TONES.get(str(state), "")


def reason(row: Mapping[str, Any], now: datetime) -> str:
    """Return why a session is as it is, and when it is started next; empty where nothing is told."""
    if not row.get("reason"):
        return ""
    next_try = f"; next start {moment(row['next_try_at'], now)}" if row.get("next_try_at") else ""
    words = row.get("last_words")
    last_words = f"; its last words: {one_line(str(words))}" if words else ""
    return f"{with_moments(one_line(str(row['reason'])), now)}{next_try}{last_words}"


def _reason(row: Mapping[str, Any], now: datetime, columns: int | None, colour: bool) -> list[str]:
    name = one_line(as_text(row.get("name")))
    first, *more = wrap(f"  {name}: {reason(row, now)}", columns, "    ")
    painted = f"  {paint(name, 'strong', colour)}{first[2 + len(name) :]}" if first.startswith(f"  {name}:") else first
    return [painted, *more]


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
    details = ["  " + with_moments(one_line(f"{row['id']}: {row['detail']}"), now) for row in rows if row["detail"]]
    return page + ("\n\n" + "\n".join(details) if details else "")


def links(reports: Sequence[Mapping[str, Any]], *, columns: int | None = None, colour: bool = False) -> str:
    """Return the table of shared links; each report has ``path, status, target, found``."""
    rows = [
        [
            Cell(as_text(report.get("status")), _TONES.get(as_text(report.get("status")), "")),
            Cell(as_text(report.get("path"))),
            Cell(as_text(report.get("target"))),
        ]
        for report in reports
    ]
    return table(("STATUS", "LINK", "TARGET"), rows, columns=columns, colour=colour)


def blind_sources(document: Mapping[str, Any], now: datetime) -> list[Cell]:
    """Return a line for each source that does not work."""
    return [Cell(_blind(row, now), "bad") for row in mappings(document.get("blind"))]


def _blind(row: Mapping[str, Any], now: datetime) -> str:
    since, reason = moment(row.get("since"), now), as_text(row.get("reason"))
    return one_line(f"BLIND: {as_text(row.get('source'))} since {since}: {reason}")


def _heading(document: Mapping[str, Any], now: datetime, columns: int | None, colour: bool) -> str:
    active = document.get("active_account")
    shown = paint(one_line(str(active)), "strong", colour) if active else paint("none", "bad", colour)
    since = moment(document.get("started_at"), now)
    version, pid = one_line(as_text(document.get("version"))), one_line(as_text(document.get("pid")))
    daemon = paragraphs([Cell(f"Daemon {version}, pid {pid}, started {since}")], columns, colour)
    return f"Active account: {shown}\n{daemon}"


def _accounts(rows: Sequence[Mapping[str, Any]], now: datetime, columns: int | None, colour: bool) -> str:
    """Return the table of accounts; where it is too wide, each limit has a line of its own below its account."""
    cells = []
    for row in rows:
        links_state, login = as_text(row.get("links")), as_text(row.get("login"))
        limits = ", ".join(_limits(row, now))
        cells.append(
            [
                Cell("*" if row.get("active") else "", "good"),
                Cell(as_text(row.get("name")), "strong" if row.get("active") else ""),
                Cell(login, _TONES.get(login, "")),
                Cell(links_state, _TONES.get(links_state, "")),
                Cell(limits or "-", "warn" if limits else "dim"),
                Cell(_used(row.get("used_percent"))),
                Cell(as_text(row.get("home"))),
            ]
        )
    titles = ["", "ACCOUNT", "LOGIN", "LINKS", "EXHAUSTED", "USED", "HOME"]
    page = table(titles, cells, columns=columns, colour=colour, whole=titles[:6])
    if fits(page, columns):
        return page
    narrow = [*titles[:4], *titles[5:]], [[*line[:4], *line[5:]] for line in cells]
    for whole in (("", "ACCOUNT", "USED"), ("", "ACCOUNT")):
        page = table(*narrow, columns=columns, colour=colour, whole=whole)
        if fits(page, columns):
            break
    head, *lines = page.split("\n")
    found = [head]
    for line, row in zip(lines, rows):
        limits_below = [Cell(f"   {text}", "warn") for text in _limits(row, now)]
        found += [line, *([paragraphs(limits_below, columns, colour)] if limits_below else [])]
    return "\n".join(found)


def _logins(rows: Sequence[Mapping[str, Any]], now: datetime, columns: int | None, colour: bool) -> str:
    """Return who each account is logged in as, and until when; a daemon of a release before tells nothing of it."""
    told = [Cell(f"  {login_line(row, now)}") for row in rows if "login_expires_at" in row]
    return paragraphs(told, columns, colour)


def _limits(row: Mapping[str, Any], now: datetime) -> list[str]:
    """Return the limits of an account, each with its reset."""
    return [
        one_line(f"{limit_word(entry.get('limit'))} until {moment(entry.get('until'), now)}")
        for entry in mappings(row.get("exhausted"))
    ]


def _used(value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return "-"
    parts = []
    for window, used in value.items():
        shown = f"{used:.0f}" if isinstance(used, (int, float)) else as_text(used)
        parts.append(f"{limit_word(window)} {shown} %")
    return ", ".join(parts)


def notices(document: Mapping[str, Any], now: datetime) -> list[Cell]:
    """Return what a person may have to know beside accounts and sessions, each in a line."""
    return [Cell(with_moments(line.text, now), line.tone) for line in _notices(document, now)]


def open_events(document: Mapping[str, Any], now: datetime) -> list[Cell]:
    """Return the events that have begun and are not over, the worst first, as the daemon has them."""
    cells = []
    for row in mappings(document.get("open_events")):
        severity = one_line(as_text(row.get("severity")))
        told = one_line(as_text(row.get("summary") or row.get("event")))
        tone = _SEVERITIES.get(severity, "")
        since = one_line(as_text(row.get("since")))
        cells.append(Cell(with_moments(f"{severity}: {told}, since {since}", now), tone))
    return cells


def _notices(document: Mapping[str, Any], now: datetime) -> list[Cell]:
    lines = []
    for row in mappings(document.get("accounts")):
        if row.get("login") in ("missing", "expired"):
            name = one_line(as_text(row.get("name")))
            lines.append(Cell(f"{name} is not logged in: claude-failover login {shlex.quote(name)}", "warn"))
    suspended = document.get("suspended")
    if suspended:
        reason = "" if suspended is True else f": {one_line(str(suspended))}"
        lines.append(Cell(f"Switching is suspended{reason}", "bad"))
    for row in mappings(document.get("unsaved")):
        name, reason = one_line(as_text(row.get("document"))), one_line(as_text(row.get("reason")))
        lines.append(Cell(f"Not stored yet, kept in memory: {name}: {reason}", "bad"))
    for row in mappings(document.get("background_jobs")):
        job, session = one_line(as_text(row.get("id"))), row.get("session")
        of_session = f" of session {one_line(str(session))}" if session else ""
        where = f"pid {one_line(as_text(row.get('pid')))}, in {one_line(as_text(row.get('cwd')))}"
        lines.append(Cell(f"Not watched: background job {job}{of_session} ({where})"))
    advised = document.get("advised_switch")
    if isinstance(advised, Mapping):
        origin, target = one_line(as_text(advised.get("from_account"))), one_line(as_text(advised.get("to_account")))
        due = f"A switch from {origin} to {target} is due since {moment(advised.get('since'), now)}"
        lines.append(Cell(f"{due}, and left to you: claude-failover switch {shlex.quote(target)}", "warn"))
    elif document.get("automatic") is False:
        lines.append(Cell("Switches are made by hand only (failover.automatic is false)"))
    switching = document.get("switching")
    if switching:
        phase = "" if switching is True else f" ({one_line(str(switching))})"
        lines.append(Cell(f"A switch is in progress{phase}", "warn"))
    if document.get("cooldown_until"):
        lines.append(Cell(f"No automatic switch before {moment(document['cooldown_until'], now)}"))
    pace = document.get("pace")
    if isinstance(pace, Mapping) and isinstance(pace.get("per_hour"), (int, float)):
        end = pace.get("runs_out_at")
        out = f"used up at {moment(end, now)}" if end else "not used up before it resets"
        lines.append(Cell(f"Pace: {pace['per_hour']:.0f} % an hour, {out}", "warn" if end else ""))
    failback = document.get("failback")
    if isinstance(failback, Mapping) and failback.get("waits_for"):
        lines.append(Cell(f"The way back to a preferred account waits for {one_line(str(failback['waits_for']))}"))
    queue = document.get("queue")
    if isinstance(queue, Mapping) and any(queue.values()):
        lines.append(Cell("Queue: " + ", ".join(one_line(f"{n} {state}") for state, n in queue.items() if n)))
    return lines


def _switch(record: Mapping[str, Any], now: datetime) -> str:
    """Return a switch record in one line."""
    accounts = f"{as_text(record.get('from_account'))} -> {as_text(record.get('to_account'))}"
    outcome = as_text(record.get("outcome"))
    limit = record.get("limit")
    reason = reason_word(record.get("reason")) + (f", {limit_word(limit)}" if limit else "")
    session = record.get("trigger_session")
    reason += f", seen in {session}" if session else ""
    return one_line(f"{moment(record.get('time'), now)}: {outcome} {accounts} ({reason})")


def reason_word(reason: Any) -> str:
    """Return the words for the reason of a switch."""
    return {"manual": "by hand", "external": "flipped by hand"}.get(str(reason), as_text(reason))
