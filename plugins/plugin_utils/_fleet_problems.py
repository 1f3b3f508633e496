# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what needs a person on one host, from its status (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_words import clock_time, moment, one_line
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import rows

ERROR, WARNING, INFO, OK = "error", "warning", "info", "ok"
LEVELS = (ERROR, WARNING, INFO, OK)
_LOGIN_ENDS_WITHIN = timedelta(days=3)
# The daemon's reasons for a session that is down as somebody wanted it.
_AS_MEANT = re.compile(r"stopped by hand|.*; not started again \(restart: [a-z_]+\)$")
# The problem that an open event of the daemon tells of, by its name.
_KINDS = {
    "session_down": "session",
    "session_waiting": "session",
    "session_owner": "session",
    "session_set_aside": "session",
    "session_not_resumed": "session",
    "prompts_spent": "session",
    "login_ends": "login",
    "accounts_exhausted": "exhausted",
    "source_blind": "blind",
    "switching_suspended": "suspended",
    "switch_advised": "advised",
    "disk_full": "unsaved",
    "links_divergent": "links",
}


class Problem(NamedTuple):
    """A thing that needs a person: its kind, and the session or account."""

    level: str
    text: str
    kind: str
    subject: str = ""


def problems_of(status: Mapping[str, Any], now: datetime) -> list[Problem]:
    """Return the problems of a host, worst first; what an open event of the daemon tells of is told once."""
    events = [_event(row) for row in rows(status, "open_events")]
    told = {(event.kind, event.subject) for event in events} | {(event.kind, "") for event in events}
    own = [found for found in _looked_at(status, now) if (found.kind, found.subject) not in told]
    return sorted([*events, *own], key=lambda found: LEVELS.index(found.level))


def is_out(account: Mapping[str, Any]) -> bool:
    """Return whether an account cannot be used now: it is exhausted, held out, or has no login."""
    dead = account.get("login") in ("missing", "expired")
    return bool(rows(account, "exhausted")) or dead or account.get("enabled") is False


def exhausted_until(account: Mapping[str, Any]) -> datetime | None:
    """Return when an account's last limit is over, None where it is not exhausted."""
    ends = [moment(row.get("until")) for row in rows(account, "exhausted")]
    return max((end for end in ends if end is not None), default=None)


def _event(row: Mapping[str, Any]) -> Problem:
    severity = row.get("severity")
    kind = _KINDS.get(str(row.get("event")), one_line(row.get("event"), 40))
    subject = one_line(row.get("session") or row.get("account"))
    since = clock_time(moment(row.get("since")))
    text = one_line(row.get("summary")) or one_line(row.get("event"))
    return Problem(
        severity if severity in (ERROR, WARNING, INFO) else WARNING,
        "%s (since %s)" % (text, since) if since else text,
        kind,
        subject if kind in ("session", "login", "links") else "",
    )


def _looked_at(status: Mapping[str, Any], now: datetime) -> Iterator[Problem]:
    if status.get("suspended"):
        yield Problem(ERROR, "no switch is made: %s" % one_line(status["suspended"]), "suspended")
    for row in rows(status, "unsaved"):
        yield Problem(ERROR, "%s is not on the disk: %s" % (row.get("document"), row.get("reason")), "unsaved")
    yield from _account_problems(status, now)
    for row in rows(status, "sessions"):
        yield from _session_problems(row)
    for row in rows(status, "blind"):
        yield Problem(WARNING, "blind for %s: %s" % (row.get("source"), row.get("reason")), "blind")
    if status.get("advised_switch"):
        yield Problem(WARNING, "a switch is due, and left to a person: claude-failover switch", "advised")


def _account_problems(status: Mapping[str, Any], now: datetime) -> Iterator[Problem]:
    accounts = rows(status, "accounts")
    if accounts and all(is_out(row) for row in accounts):
        ends = [end for row in accounts if row.get("enabled") is not False for end in [exhausted_until(row)] if end]
        when = "until %s UTC" % clock_time(min(ends)) if ends else "and none will be by waiting"
        yield Problem(ERROR, "no account can be used, %s" % when, "exhausted")
    elif status.get("active_account") is None:
        yield Problem(ERROR, "the active link leads to no account", "suspended")
    for row in accounts:
        name, login = one_line(row.get("name")), row.get("login")
        if row.get("links") == "divergent":
            yield Problem(ERROR, "account %s: its shared links are divergent" % name, "links", name)
        if row.get("enabled") is False:
            continue
        end = moment(row.get("login_expires_at"))
        if login in ("missing", "expired"):
            text = "account %s is not logged in (%s): claude-failover login %s" % (name, login, name)
            yield Problem(ERROR if row.get("active") is True else WARNING, text, "login", name)
        elif end is not None and end - now < _LOGIN_ENDS_WITHIN:
            text = "account %s: its login ends at %s UTC: claude-failover login %s" % (name, clock_time(end), name)
            yield Problem(WARNING, text, "login", name)


def _session_problems(row: Mapping[str, Any]) -> Iterator[Problem]:
    state, reason = row.get("state"), one_line(row.get("reason"))
    name = one_line(row.get("name"))
    text = "session %s is %s%s" % (name, state, ": %s" % reason if reason else "")
    if state == "down":
        meant = _AS_MEANT.match(reason) is not None or row.get("configured") is False
        yield Problem(INFO if meant else ERROR, text, "session", name)
    elif state in ("waiting", "limited"):
        yield Problem(WARNING, text, "session", name)
