# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of ``claude-failover history``: each switch in words, with the fate of each session (pure).

Records are those of ``history --json``; any text in them may be foreign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..common.limit_words import limit_word
from ..common.text import counted, natural_key, one_line
from .document import as_text, mappings
from .layout import Cell, paint, wrap
from .times import duration, moment, with_moments

_TONES = {"switched": "good", "stayed": "warn", "refused": "warn", "failed": "bad"}
_FATES = {
    "continued": ("went on, and was answered", "good"),
    "sent": ("began a turn, no answer seen", "warn"),
    "moved on": ("had gone on by itself", "good"),
    "under way": ("not finished when the record was closed", "warn"),
    "draft": ("left to you: a draft stands in its prompt box", "warn"),
    "dialog": ("left to you: it asks something", "warn"),
    "bound": ("left to you: its prompts are spent", "warn"),
    "gone": ("gone", "warn"),
    "failed": ("failed", "bad"),
}


def page(
    rows: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    session: str | None = None,
    columns: int | None = None,
    colour: bool = False,
) -> str:
    """Return the page of switches, newest first; of their sessions only ``session``, where it is given."""
    if not rows:
        return "No switches yet."
    return "\n\n".join("\n".join(_switch(row, now, session, columns, colour)) for row in rows)


def concerns(row: Mapping[str, Any], session: str) -> bool:
    """Return whether a switch was made for a session, or has a result of it."""
    return row.get("trigger_session") == session or any(
        each.get("name") == session for each in mappings(row.get("sessions"))
    )


def session_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the sessions in switches, as people count."""
    found = {str(each.get("name")) for row in rows for each in mappings(row.get("sessions"))}
    found |= {str(row["trigger_session"]) for row in rows if row.get("trigger_session") is not None}
    return sorted(found, key=natural_key)


def _switch(
    row: Mapping[str, Any], now: datetime, session: str | None, columns: int | None, colour: bool
) -> Iterator[str]:
    outcome = one_line(as_text(row.get("outcome")))
    took = f" in {_length(row['seconds'])}" if _is_number(row.get("seconds")) else ""
    accounts = one_line(f"{as_text(row.get('from_account'))} -> {as_text(row.get('to_account'))}")
    if outcome == "stayed":
        accounts = one_line(f"with {as_text(row.get('to_account'))}")
    head = f"{moment(row.get('time'), now)}: {outcome} {accounts}{took}"
    first, *more = wrap(head, columns, "  ")
    yield first.replace(f" {outcome} ", f" {paint(outcome, _TONES.get(outcome, ''), colour)} ", 1)
    yield from more
    cause, detail = why(row, now), _detail(row, now)
    # What was done by hand says so in its detail too.
    said = [] if detail and detail[0].text.startswith(cause) else [Cell(cause)]
    for cell in [*said, *detail, *_fates(row, session)]:
        for piece in wrap(f"  {cell.text}", columns, "    "):
            yield paint(piece, cell.tone, colour)


def short(row: Mapping[str, Any], now: datetime) -> Cell:
    """Return a switch in one line, in the tone of its outcome."""
    outcome, accounts = (
        as_text(row.get("outcome")),
        f"{as_text(row.get('from_account'))} -> {as_text(row.get('to_account'))}",
    )
    if outcome == "stayed":
        accounts = f"with {as_text(row.get('to_account'))}"
    told = f"{moment(row.get('time'), now)}: {outcome} {accounts}: {why(row, now)}"
    return Cell(one_line(told), _TONES.get(outcome, ""))


def why(row: Mapping[str, Any], now: datetime) -> str:
    """Return the cause of a switch in words: the session, the limit with its reset, and the account."""
    reason, origin = row.get("reason"), as_text(row.get("from_account"))
    session, limit = row.get("trigger_session"), row.get("limit")
    the_limit = "a limit" if limit is None else f"the {limit_word(limit)} limit"
    resets = f", which resets {moment(row['resets_at'], now)}" if row.get("resets_at") is not None else ""
    seen = f", seen in {session}" if session is not None else ""
    words = {
        "limit": f"{the_limit} of {origin} was reached{seen}{resets}"
        if session is None
        else f"{session} reached {the_limit} of {origin}{resets}",
        "proactive": f"{origin} is nearly used up: {the_limit}{seen}{resets}",
        "failback": "the way back to a preferred account",
        "reset": f"a limit has reset{seen}",
        "manual": "by hand",
        "external": "the active link was changed by hand",
    }
    return one_line(words.get(str(reason), f"{as_text(reason)}{seen}"))


def _detail(row: Mapping[str, Any], now: datetime) -> list[Cell]:
    detail = one_line(str(row["detail"])) if row.get("detail") else ""
    return [Cell(with_moments(detail, now), "dim")] if detail else []


def _fates(row: Mapping[str, Any], session: str | None) -> Iterator[Cell]:
    """Yield a line for each fate, with the sessions that met it."""
    groups: dict[tuple[str, str], list[str]] = {}
    others = 0
    for each in sorted(mappings(row.get("sessions")), key=lambda found: natural_key(as_text(found.get("name")))):
        if session is not None and each.get("name") != session:
            others += 1
            continue
        groups.setdefault(fate(each), []).append(one_line(as_text(each.get("name"))))
    for (words, tone), names in groups.items():
        yield Cell(f"{', '.join(names)}: {words}", tone)
    if others:
        yield Cell(f"and {counted(others, 'other session')}", "dim")


def fate(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the fate of a session in words, and its tone."""
    kind, _colon, detail = one_line(as_text(row.get("result"))).partition(":")
    words, tone = _FATES.get(kind, (kind, ""))
    after = " (restarted)" if row.get("method") == "restart" else ""
    return f"{words}{after}{':' if detail else ''}{detail}", tone


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9
