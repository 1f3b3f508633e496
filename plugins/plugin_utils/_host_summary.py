# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say in one line how a provisioned host is, and what is to be done there next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import rows
from ansible_collections.secuaas.claude.plugins.plugin_utils._user_line import user_line

# What the daemon says of a session whose program is not found.
_NOT_FOUND = "installed, and in the PATH of the session?"
# The daemon's reasons for a session that is down as somebody wanted it.
_MEANT = ("stopped by hand", "not started again (restart:")
_NO_DAEMON = "next: journalctl -u claude-failover (on the host)"
_LAUNCHER = "/usr/local/bin/claude-failover"


def summarize(host: str, answer: str) -> str:
    """Return the line of a host; ``answer`` is the user of the sessions and the status as JSON, a line each.

    Both come from the host, and are printed without control characters.
    """
    user, _newline, text = answer.partition("\n")
    try:
        status = json.loads(text)
    except ValueError:
        return _line(host, ["the daemon does not answer: %s" % (text.strip() or "it says nothing"), _NO_DAEMON])
    document = status if isinstance(status, Mapping) else {}
    sessions, accounts = rows(document, "sessions"), rows(document, "accounts")
    return _line(host, [_session_counts(sessions), _account_counts(accounts), _next_step(user, sessions, accounts)])


def host_that_failed(host: str, task: str, message: str) -> str:
    """Return the line of a host on which a task has failed."""
    return _line(host, ["failed at %r: %s" % (task, message), "next: mend that, and run this again"])


def host_not_reached(host: str, message: str) -> str:
    """Return the line of a host that could not be reached."""
    return _line(host, ["not reached: %s" % message, "next: make it reachable, and run this again"])


def not_installed(host: str) -> str:
    """Return the line of a host from which everything was removed."""
    return _line(host, ["claude-failover was removed; homes, shared folders, links and state stay"])


def _line(host: str, parts: Sequence[str]) -> str:
    shown = " ".join(("%s: %s" % (host, "; ".join(parts))).split())
    return "".join(character for character in shown if character.isprintable())


def _quoted(row: Mapping[str, Any]) -> str:
    """Return the name in a row for a command: whoever answers on the host may say anything."""
    return shlex.quote(str(row.get("name")))


def _session_counts(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of sessions that are up and down, with the reason of each that has one."""
    down = [row for row in found if row.get("state") == "down"]
    counts = "sessions: %d up, %d down" % (len(found) - len(down), len(down))
    reasons = ["%s %s: %s" % (row.get("name"), row.get("state"), row["reason"]) for row in found if row.get("reason")]
    return counts + (" (%s)" % ", ".join(reasons) if reasons else "")


def _account_counts(found: Sequence[Mapping[str, Any]]) -> str:
    counts = "accounts: %d of %d logged in" % (sum(row.get("login") == "ok" for row in found), len(found))
    others = ["%s %s" % (row.get("name"), row.get("login")) for row in found if row.get("login") != "ok"]
    return counts + (" (%s)" % ", ".join(others) if others else "")


def _next_step(user: str, sessions: Sequence[Mapping[str, Any]], accounts: Sequence[Mapping[str, Any]]) -> str:
    reasons = [str(row.get("reason") or "") for row in sessions]
    if any(_NOT_FOUND in reason for reason in reasons):
        return "next: install Claude Code, as with ARGS='-e claude_failover_claude_install=npm'"
    for row in accounts:
        if row.get("login") in ("missing", "expired") and row.get("enabled") is not False:
            return "next: " + user_line(user, _LAUNCHER, "login", str(row.get("name")))
    for row, reason in zip(sessions, reasons):
        if row.get("state") in ("down", "waiting", "other") and reason and not any(text in reason for text in _MEANT):
            return "next: sudo claude-failover attach %s (on the host)" % _quoted(row)
    return "next: nothing to do"
