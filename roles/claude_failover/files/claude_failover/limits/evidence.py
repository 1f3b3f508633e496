# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence: one observation of a usage limit, with its JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock
from . import Verdict


@dataclass(frozen=True)
class Evidence:
    """One observation of a usage limit in a session.

    ``source``: ``hook``, ``transcript`` or ``pane``; ``at``: when the limit was shown; ``request_at``: when the refused
    request started (the record that it answers), None if unknown; ``config_dir``: the home that the session's
    process uses, None if unknown; ``turn``: the turn's id, ``prompt_id`` in hooks and ``promptId`` in transcripts
    (2.1.330; None on older versions); ``ended``: whether the turn is known to have ended, ``interrupted``: whether by
    Escape; these two are not stored; ``foreign_login``: what makes the process's login another than that of its home,
    None if nothing is found.
    """

    session: str
    uuid: str | None
    source: str
    verdict: Verdict
    at: datetime
    request_at: datetime | None = None
    config_dir: str | None = None
    turn: str | None = None
    ended: bool = False
    interrupted: bool = False
    foreign_login: str | None = None
    earlier_process: bool = False


def moved_on(newest: Evidence | None, seen: Evidence) -> bool:
    """Return whether a session has continued since ``seen``: its newest turn is later, and not limited.

    A hook can arrive before the limit's transcript record is written (Claude Code 2.1.330), so an older turn does not
    count.
    """
    return newest is not None and not newest.verdict.limited and newest.at > seen.at


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """Return the stored form of evidence."""
    return {
        "session": evidence.session,
        "uuid": evidence.uuid,
        "source": evidence.source,
        "verdict": evidence.verdict.to_json(),
        "at": clock.iso(evidence.at),
        "request_at": clock.optional_iso(evidence.request_at),
        "config_dir": evidence.config_dir,
        "turn": evidence.turn,
        **({"foreign_login": evidence.foreign_login} if evidence.foreign_login is not None else {}),
        **({"earlier_process": True} if evidence.earlier_process else {}),
    }


def evidence_from_json(value: Any) -> Evidence:
    """Return evidence from its stored form. Raises ValueError if it is malformed."""
    try:
        verdict = value["verdict"]
        return Evidence(
            session=str(value["session"]),
            uuid=_optional_text(value["uuid"]),
            source=str(value["source"]),
            verdict=Verdict(
                limited=bool(verdict["limited"]),
                limit=_optional_text(verdict["limit"]),
                resets_at=_optional_time(verdict["resets_at"]),
                rule=str(verdict["rule"]),
                snippet=str(verdict["snippet"]),
                detail=str(verdict["detail"]),
            ),
            at=clock.parse_iso(value["at"]),
            request_at=_optional_time(value["request_at"]),
            config_dir=_optional_text(value["config_dir"]),
            turn=_optional_text(value.get("turn")),
            foreign_login=_optional_text(value.get("foreign_login")),
            earlier_process=bool(value.get("earlier_process", False)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no evidence: {error!r}") from None


def _optional_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _optional_time(value: Any) -> datetime | None:
    return None if value is None else clock.parse_iso(value)
