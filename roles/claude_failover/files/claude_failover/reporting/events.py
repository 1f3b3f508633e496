# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events for ``notify``, beside the records of switches."""

from __future__ import annotations

import secrets
import socket
from typing import Any

from ..accounts.login_watch import LoginWarning
from ..common import clock
from ..common.health import Blindness
from ..failover.switch_advice import AdvisedSwitch


def spent_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that a session's bound of prompts is reached, or, without ``why``, that it is not any more."""
    summary = f"session {session}: {why or 'it is answered or prompted again'}"
    return _event("prompts_spent", "error", why is not None, summary, session=session)


def set_aside_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that a session is left out of the failover, or, without ``why``, that it is not any more."""
    summary = f"session {session} is set aside: {why}" if why else f"session {session} is set aside no more"
    return _event("session_set_aside", "warning", why is not None, summary, session=session)


def owner_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that the owner dialog is open in a session, or, without ``why``, that it no longer is."""
    summary = f"session {session}: {why or 'Claude Code does not ask any more whose its conversation is'}"
    return _event("session_owner", "warning", why is not None, summary, session=session)


def context_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that a session's model lost its conversation, or, without ``why``, that it has another one."""
    summary = f"session {session}: {why or 'its model has another summary or conversation now'}"
    return _event("context_lost", "warning", why is not None, summary, session=session)


def identity_event(account: str, why: str | None) -> dict[str, Any]:
    """Return the event that an account's home names another login than recorded, or, without ``why``, no longer."""
    summary = f"account {account}: {why or 'its home names the recorded login again'}"
    return {**_event("identity_changed", "warning", why is not None, summary), "account": account}


def links_event(account: str, why: str | None) -> dict[str, Any]:
    """Return the event that an account's shared links are wrong or missing, or, without ``why``, no longer."""
    summary = f"account {account}: {why or 'its shared links are right again'}"
    return {**_event("links_divergent", "error", why is not None, summary), "account": account}


def login_event(warning: LoginWarning) -> dict[str, Any]:
    """Return the event that an account's login ends soon or has ended, or that it no longer does."""
    details = {"login_expires_at": clock.optional_iso(warning.ends_at), "days": warning.days}
    severity = "error" if warning.days in (0, 1) else "warning"
    over = "its login was made anew" if warning.renewed else "its login can be used again"
    summary = f"account {warning.account}: {warning.why or over}"
    event = _event("login_ends", severity, warning.why is not None, summary, details=details)
    return {**event, "account": warning.account}


def advice_event(advice: AdvisedSwitch | None) -> dict[str, Any]:
    """Return the event that a switch is due and left to a person, or that none is due any more."""
    if advice is None:
        return _event("switch_advised", "warning", False, "no switch is due any more")
    details = advice.to_status()
    session, account = details["trigger_session"], details["from_account"]
    event = _event("switch_advised", "warning", True, advice.text(), session=session, details=details)
    return {**event, "account": account}


def source_event(item: Blindness, begins: bool) -> dict[str, Any]:
    """Return the event that a source does not work, or that it works again."""
    summary = f"the daemon is blind for {item.source}: {item.reason}"
    if not begins:
        summary = f"the daemon is no longer blind for {item.source}"
    details = {"source": item.source, "since": clock.wall_iso(item.since), "reason": item.reason}
    return _event("source_blind", "warning", begins, summary, details=details)


def _event(
    name: str,
    severity: str,
    begins: bool,
    summary: str,
    *,
    session: str | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an event; one that is over is only information."""
    return {
        "id": secrets.token_hex(8),
        "time": clock.iso(clock.wall()),
        "event": name,
        "severity": severity if begins else "info",
        "state": "begins" if begins else "over",
        "summary": summary,
        "host": socket.gethostname(),
        "session": session,
        "account": None,
        "details": details or {},
    }
