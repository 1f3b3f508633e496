# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sources say, in one shape: a limit that was seen, and the turns of a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..common import clock
from . import Verdict


@dataclass(frozen=True)
class Evidence:
    """One sighting of a usage limit in a session.

    ``source`` is ``hook``, ``transcript`` or ``pane``; ``at`` when the limit was shown; ``request_at`` when the refused
    request was begun (the record that it answers), None when that is not known; ``config_dir`` the
    CLAUDE_CONFIG_DIR of the session's process, None when that is not known; ``turn`` is the id that Claude Code
    gives to a prompt, in hooks as ``prompt_id``, in transcripts as ``promptId`` (2.1.330; None on older ones).
    """

    session: str
    uuid: str | None
    source: str
    verdict: Verdict
    at: datetime
    request_at: datetime | None = None
    config_dir: str | None = None
    turn: str | None = None


def moved_on(newest: Evidence | None, seen: Evidence) -> bool:
    """Tell whether a session has gone on since its limit was seen: its newest turn is a later one, and not limited.

    A hook can come before the record of the limit is written (Claude Code 2.1.330); what is older than the
    sighting says nothing against it.
    """
    return newest is not None and not newest.verdict.limited and newest.at > seen.at


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as it is kept durably."""
    return {
        "session": evidence.session,
        "uuid": evidence.uuid,
        "source": evidence.source,
        "verdict": evidence.verdict.to_json(),
        "at": clock.iso(evidence.at),
        "request_at": clock.optional_iso(evidence.request_at),
        "config_dir": evidence.config_dir,
        "turn": evidence.turn,
    }


def evidence_from_json(value: Any) -> Evidence:
    """Return what `evidence_to_json` wrote. Raises ValueError for anything else."""
    try:
        verdict = value["verdict"]
        return Evidence(
            session=str(value["session"]),
            uuid=_text(value["uuid"]),
            source=str(value["source"]),
            verdict=Verdict(
                limited=bool(verdict["limited"]),
                limit=_text(verdict["limit"]),
                resets_at=_moment(verdict["resets_at"]),
                rule=str(verdict["rule"]),
                snippet=str(verdict["snippet"]),
                detail=str(verdict["detail"]),
            ),
            at=clock.parse_iso(value["at"]),
            request_at=_moment(value["request_at"]),
            config_dir=_text(value["config_dir"]),
            turn=_text(value.get("turn")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no evidence: {error!r}") from None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _moment(value: Any) -> datetime | None:
    return None if value is None else clock.parse_iso(value)
