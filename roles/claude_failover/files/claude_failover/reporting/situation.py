# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what needs a person in the status of the daemon. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..accounts.exhaustion import MODEL_LIMITS
from ..common.limit_words import limit_word
from ..common.text import counted
from ..sessions.restart_policy import is_meant
from .event_kinds import KINDS, EventKind

DOWN_FOR = 30.0  # seconds that a session is down before that is told, and up before that is over
MAY_NEED_A_PERSON = ("down", "waiting")  # states of a session
_MAX_DOCUMENTS = 20  # that an event names

_WAITS = {
    "answer": "Claude Code asks for a permission, or another question",
    "background": "its conversation runs in the background (agents view)",
    "bypass": "Claude Code asks whether it may run without asking for permissions",
    "login": "Claude Code asks for a login",
    "other": "Claude Code asks a question before its first prompt",
    "owner": "Claude Code asks whose its conversation is",
    "theme": "Claude Code asks for a theme",
    "trust": "Claude Code asks whether the folder is trusted",
}


@dataclass(frozen=True)
class Cause:
    """One cause that holds now. It is told once it has held for ``after`` seconds, as over after ``over_after``."""

    event: str
    summary: str
    session: str | None = None
    account: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    after: float = 0.0
    over_after: float = 0.0

    @property
    def kind(self) -> EventKind:
        """The row of its event in the table."""
        return KINDS[self.event]


def causes_in(
    status: Mapping[str, Any],
    *,
    waiting_after: float,
    across_organizations: bool,
    undone: Mapping[str, str] | None,
    missing: Iterable[str] = (),
) -> Iterator[Cause]:
    """Yield what needs a person.

    Args:
        status: the document of ``status --json``.
        waiting_after: ``notify.waiting_after``.
        across_organizations: as in the configuration.
        undone: the installation that the role took back, see `release_state`.
        missing: the programs that are to send events, and are not there.
    """
    yield from _exhausted(status, across_organizations)
    for row in status["sessions"]:
        if row["state"] in MAY_NEED_A_PERSON:
            yield from _of_session(row, waiting_after)
    if status["suspended"] is not None:
        yield Cause("switching_suspended", f"switching is suspended: {status['suspended']}")
    if status["unsaved"]:
        names = sorted(row["document"] for row in status["unsaved"])
        reason = status["unsaved"][0]["reason"]
        yield Cause(
            "disk_full",
            f"{counted(len(names), 'document')} of the state cannot be stored, and would be lost with the daemon: "
            f"{reason}",
            details={"documents": names[:_MAX_DOCUMENTS], "reason": reason},
        )
    for program in missing:
        yield Cause(
            "notify_missing",
            f"nobody is told of events by {program}: found no executable program of that name; see: claude-failover "
            "doctor",
            details={"program": program},
        )
    if undone is not None:
        yield Cause(
            "release_not_ready",
            f"the daemon did not become ready with the installation {undone['left']}, which was taken back: "
            f"{undone['release']} runs",
            details={"left": undone["left"], "release": undone["release"], "at": undone["time"]},
        )


def over_summary(event: str, session: str | None) -> str:
    """Return what is told when a cause is over that was found in the status."""
    return {
        "accounts_exhausted": "an account can be used again",
        "session_down": f"session {session} is up again, or meant to be down",
        "session_waiting": f"session {session} does not wait for an answer any more",
        "switching_suspended": "switching is resumed: the active link leads to a configured account",
        "disk_full": "all documents of the state are stored",
        "notify_missing": "the program that sends events is there, or not needed any more",
        "release_not_ready": "the installation that was taken back is not the newest any more",
    }.get(event, "it is not so any more")


def _of_session(row: Mapping[str, Any], waiting_after: float) -> Iterator[Cause]:
    name, state, reason = row["name"], row["state"], row["reason"] or "it is not known why"
    attach = f"claude-failover attach {shlex.quote(name)}"
    if state == "down" and row["configured"] and not is_meant(reason):
        yield Cause(
            "session_down",
            f"session {name} is down: {reason}; see: claude-failover sessions",
            session=name,
            details={"next_try_at": row["next_try_at"]},
            after=DOWN_FOR,
            over_after=DOWN_FOR,
        )
    elif state == "waiting":
        waits_for = row["waits_for"] or "answer"
        what = _WAITS.get(waits_for, _WAITS["other"])
        yield Cause(
            "session_waiting",
            f"session {name} has waited for a person for more than {waiting_after:g} s: {what}; see: {attach}",
            session=name,
            details={"waits_for": waits_for, "seconds": waiting_after},
            after=waiting_after,
        )


def _exhausted(status: Mapping[str, Any], across_organizations: bool) -> Iterator[Cause]:
    """Yield that no account can be used, for any work, or for that of one model."""
    active = next((row for row in status["accounts"] if row["active"]), None)
    organization = None if across_organizations or active is None else _organization(active)
    rows = [
        row
        for row in status["accounts"]
        if row["enabled"]
        and row["login"] == "ok"
        and row["links"] == "ok"
        and (organization is None or _organization(row) in (None, organization))
    ]
    models = sorted({entry["limit"] for row in rows for entry in row["exhausted"] if entry["limit"] in MODEL_LIMITS})
    for limit in [None, *models]:
        ends = [_usable_from(row["exhausted"], limit) for row in rows]
        known = [end for end in ends if end is not None]
        if rows and len(known) == len(rows):
            work = f" for {limit_word(limit)}" if limit is not None else ""
            yield Cause(
                "accounts_exhausted",
                f"no account can be used{work} until {min(known)}",
                details={"limit": limit, "until": min(known), "accounts": [row["name"] for row in rows]},
            )
            if limit is None:
                return


def _usable_from(exhausted: Iterable[Mapping[str, Any]], limit: str | None) -> str | None:
    """Return when an account can be used for work under a model's limit (None: for any); None if it can be now."""
    bars = [entry["until"] for entry in exhausted if entry["limit"] not in MODEL_LIMITS or entry["limit"] == limit]
    return max(bars, default=None)


def _organization(row: Mapping[str, Any]) -> str | None:
    found = (row.get("identity") or {}).get("organisation")
    return found if isinstance(found, str) else None
