# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forensic record of a switch: trigger, outcome, and the result of every session.

Its keys are a contract (``switches.jsonl``, ``history --json``). It holds nothing from an account's files, so no
token.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.text import one_line, shorten
from ..limits.evidence import Evidence
from ..limits.verdict import snippet_of

KEYS = (
    "id",
    "time",
    "reason",
    "trigger_session",
    "source",
    "pattern",
    "snippet",
    "limit",
    "resets_at",
    "from_account",
    "to_account",
    "outcome",
    "detail",
    "sessions",
    "seconds",
)

_TEXTS = ("id", "reason", "outcome", "detail")
_TEXTS_OR_NULL = tuple(key for key in KEYS if key not in (*_TEXTS, "time", "sessions", "seconds"))

REASONS = ("limit", "manual", "proactive", "failback", "reset", "external")
OUTCOMES = ("switched", "stayed", "refused", "failed")
_DETAIL_MAX = 4000
_SOURCE = {"manual": "manual", "external": "manual", "proactive": "statusline"}

Record = dict[str, Any]


def new_record(
    reason: str,
    began: datetime,
    *,
    origin: str | None,
    target: str | None,
    outcome: str,
    detail: str = "",
    trigger: Evidence | None = None,
    record_id: str | None = None,
) -> Record:
    """Return the record of one switch, without sessions.

    Args:
        reason: one of `REASONS`.
        began: when the switch began, in steady time.
        origin: the active account before the switch, None when there was none.
        target: the account switched to or refused; for ``stayed`` the active one.
        outcome: one of `OUTCOMES`.
        detail: the reasons, in a sentence for the operator.
        trigger: the evidence that led to the switch.
        record_id: the id given to the switch when it began; a new one when None.
    """
    verdict = trigger.verdict if trigger is not None else None
    return {
        "id": record_id or new_id(),
        "time": clock.wall_iso(began),
        "reason": reason,
        "trigger_session": trigger.session if trigger is not None else None,
        "source": trigger.source if trigger is not None else _SOURCE.get(reason),
        "pattern": verdict.rule if verdict is not None else None,
        "snippet": snippet_of(verdict.snippet) if verdict is not None else None,
        "limit": verdict.limit if verdict is not None else None,
        "resets_at": clock.optional_iso(verdict.resets_at) if verdict is not None else None,
        "from_account": origin,
        "to_account": target,
        "outcome": outcome,
        "detail": shorten(one_line(detail), _DETAIL_MAX),
        "sessions": [],
        "seconds": 0.0,
    }


def new_id() -> str:
    """Return an id for a switch."""
    return secrets.token_hex(8)


def is_record(value: Any) -> bool:
    """Return whether a stored value has every key of a record, each with its type. Further keys are allowed."""
    if not isinstance(value, dict) or any(key not in value for key in KEYS):
        return False
    try:
        clock.parse_iso(value["time"])
    except (ValueError, TypeError, AttributeError, OverflowError):
        return False
    rows, seconds = value["sessions"], value["seconds"]
    return (
        all(isinstance(value[key], str) for key in _TEXTS)
        and all(value[key] is None or isinstance(value[key], str) for key in _TEXTS_OR_NULL)
        and isinstance(rows, list)
        and all(isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows)
        and isinstance(seconds, (int, float))
        and abs(seconds) < 1e9  # excludes infinity and NaN
    )


def session_row(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of ``sessions`` from the result of a resumption."""
    return {key: result.get(key) for key in ("name", "uuid", "method", "result", "seconds")}


def severity_of(record: Record) -> str:
    """Return how much a record concerns a person: ``info``, ``warning`` or ``error``.

    To stay is usual where the switch was asked for by hand, or the active account has reset.
    """
    outcome = record["outcome"]
    if outcome == "switched" or (outcome == "stayed" and record["reason"] in ("manual", "reset")):
        return "info"
    return "error" if outcome == "failed" else "warning"


def log_line(record: Record) -> str:
    """Return the record as one line of ``key=value`` fields, for the log."""
    fields = {
        "id": record["id"],
        "reason": record["reason"],
        "outcome": record["outcome"],
        "from": record["from_account"],
        "to": record["to_account"],
        "limit": record["limit"],
        "resets_at": record["resets_at"],
        "session": record["trigger_session"],
        "sessions": len(record["sessions"]),
        "seconds": record["seconds"],
    }
    return _fields(fields) + (f" detail={_field(record['detail'])}" if record["detail"] else "")


def result_line(result: Mapping[str, Any]) -> str:
    """Return the result of a session's resumption as ``key=value`` fields, for the log; without its name."""
    return _fields({key: value for key, value in session_row(result).items() if key != "name"})


def _fields(fields: Mapping[str, object]) -> str:
    return " ".join(f"{key}={_field(value)}" for key, value in fields.items() if value is not None)


def _field(value: object) -> str:
    text = shorten(one_line(str(value)), _DETAIL_MAX)
    return '"' + text.replace('"', "'") + '"' if " " in text or "=" in text else text
