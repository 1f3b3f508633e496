# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as documents: those that parts tell, the one that is made of a switch's record, and what makes any other.

The table of all events is `event_kinds`.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Mapping
from typing import Any

from ..accounts.login_watch import LoginWarning
from ..common import clock
from ..common.health import Blindness
from ..common.limit_words import limit_word
from ..failover.switch_advice import AdvisedSwitch
from ..switching.record import Record, severity_of
from .event_kinds import BEGINS, ERROR, INFO, KINDS, OVER

#: Why a session is set aside: its Claude Code is too old, or its login is in doubt.
VERSION, DOUBT = "version", "doubt"


def switch_event(record: Record) -> dict[str, Any]:
    """Return the record of a switch as an event: its own keys stay, and those of an event are added."""
    return {
        **record,
        "event": "switch",
        "severity": severity_of(record),
        "state": BEGINS,
        "summary": _switch_summary(record),
        "host": socket.gethostname(),
        "session": record["trigger_session"],
        "account": record["to_account"],
        "details": {},
    }


def _switch_summary(record: Record) -> str:
    origin, target, outcome = record["from_account"], record["to_account"], record["outcome"]
    limit = limit_word(record["limit"]) if record["limit"] else None
    reason = ", ".join(filter(None, (record["reason"], limit, record["trigger_session"])))
    if outcome == "switched":
        return f"switched from {origin or 'no account'} to {target or 'no account'} ({reason})"
    what = {"stayed": f"stayed with {target}", "refused": "a switch was refused"}.get(outcome, "a switch has failed")
    return f"{what} ({reason}): {record['detail']}" if record["detail"] else f"{what} ({reason})"


def spent_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that a session's bound of prompts is reached, or, without ``why``, that it is not any more."""
    summary = f"session {session}: {why or 'it is answered or prompted again'}"
    return new_event("prompts_spent", why is not None, summary, session=session)


def set_aside_event(session: str, why: str | None, because: str = VERSION) -> dict[str, Any]:
    """Return the event that a session is left out of the failover, or, without ``why``, that it is not any more."""
    summary = f"session {session} is set aside: {why}" if why else f"session {session} is set aside no more"
    return new_event("session_set_aside", why is not None, summary, session=session, details={"because": because})


def owner_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that the owner dialog is open in a session, or, without ``why``, that it no longer is."""
    summary = f"session {session}: {why or 'Claude Code does not ask any more whose its conversation is'}"
    return new_event("session_owner", why is not None, summary, session=session)


def not_resumed_event(session: str, result: str | None) -> dict[str, Any]:
    """Return the event that a session is not resumed any more, or, without ``result``, that it has gone on."""
    summary = f"session {session}: " + (
        f"it was not resumed ({result}), and is left to you" if result is not None else "it has gone on"
    )
    return new_event(
        "session_not_resumed", result is not None, summary, session=session, details={"result": result or ""}
    )


def context_event(session: str, why: str | None, uuid: str | None = None) -> dict[str, Any]:
    """Return the event that a session's model lost its conversation, or, without ``why``, that it has another one."""
    summary = f"session {session}: {why or 'its model has another summary or conversation now'}"
    return new_event("context_lost", why is not None, summary, session=session, details={"uuid": uuid})


def identity_event(account: str, why: str | None) -> dict[str, Any]:
    """Return the event that an account's home names another login than recorded, or, without ``why``, no longer."""
    summary = f"account {account}: {why or 'its home names the recorded login again'}"
    return new_event("identity_changed", why is not None, summary, account=account)


def links_event(account: str, why: str | None) -> dict[str, Any]:
    """Return the event that an account's shared links are wrong or missing, or, without ``why``, no longer."""
    summary = f"account {account}: {why or 'its shared links are right again'}"
    return new_event("links_divergent", why is not None, summary, account=account)


def login_event(warning: LoginWarning) -> dict[str, Any]:
    """Return the event that an account's login ends soon or has ended, or that it no longer does."""
    details = {"login_expires_at": clock.optional_iso(warning.ends_at), "days": warning.days}
    over = "its login was made anew" if warning.renewed else "its login can be used again"
    summary = f"account {warning.account}: {warning.why or over}"
    event = new_event("login_ends", warning.why is not None, summary, account=warning.account, details=details)
    return {**event, "severity": ERROR} if warning.why is not None and warning.days in (0, 1) else event


def advice_event(advice: AdvisedSwitch | None) -> dict[str, Any]:
    """Return the event that a switch is due and left to a person, or that none is due any more."""
    if advice is None:
        return new_event("switch_advised", False, "no switch is due any more")
    details = advice.to_status()
    session, account = details["trigger_session"], details["from_account"]
    return new_event("switch_advised", True, advice.text(), session=session, account=account, details=details)


def source_event(item: Blindness, begins: bool) -> dict[str, Any]:
    """Return the event that a source does not work, or that it works again."""
    summary = f"the daemon is blind for {item.source}: {item.reason}"
    if not begins:
        summary = f"the daemon is no longer blind for {item.source}"
    details = {"source": item.source, "since": clock.wall_iso(item.since), "reason": item.reason}
    return new_event("source_blind", begins, summary, details=details)


def wording_event(text: str, rule: str) -> dict[str, Any]:
    """Return the event that a text may be a limit in an unknown wording; the text itself is not in it."""
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]
    summary = (
        f"a text that may be a usage limit in an unknown wording ({digest}) switched nothing; the daemon's log has it: "
        "if it is a limit, add a pattern for it to detection.extra_patterns"
    )
    return new_event("unknown_wording", True, summary, details={"digest": digest, "rule": rule})


def new_event(
    name: str,
    begins: bool,
    summary: str,
    *,
    session: str | None = None,
    account: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an event of the usual severity; one that is over is only information."""
    return {
        "id": secrets.token_hex(8),
        "time": clock.iso(clock.wall()),
        "event": name,
        "severity": KINDS[name].severity if begins else INFO,
        "state": BEGINS if begins else OVER,
        "summary": summary,
        "host": socket.gethostname(),
        "session": session,
        "account": account,
        "details": dict(details or {}),
    }
