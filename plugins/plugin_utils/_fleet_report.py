# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the report of a fleet from the status of each host (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_problems import (
    ERROR,
    LEVELS,
    OK,
    WARNING,
    Problem,
    exhausted_until,
    problems_of,
)
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_words import (
    by_state,
    clock_time,
    homes_of,
    moment,
    one_line,
    people_count,
    state_rank,
    time_left,
    usable_shares,
    used,
    window_word,
    without_homes,
)
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import rows, section

RUNNING, NOT_RUNNING, FAILED, UNREACHABLE = "running", "not running", "failed", "unreachable"
_UNFINISHED = ("queued", "sent", "accepted")
Row = dict[str, Any]


def fleet_report(answers: Mapping[str, Any], now: datetime, addresses: bool) -> Row:
    """Return the report: hosts, worst first; accounts over all hosts; warnings; a summary."""
    statuses = {name: _status(answer) for name, answer in answers.items()}
    copied = _copied_logins(statuses)
    hosts = [_host(name, answers[name], statuses[name], copied, now, addresses) for name in answers]
    hosts.sort(key=lambda host: (LEVELS.index(host["level"]), -host["errors"], people_count(host["name"])))
    accounts = _accounts(statuses, copied, now, addresses)
    return {
        "time": clock_time(now),
        "summary": {
            "hosts": len(hosts),
            **{level: sum(host["level"] == level for host in hosts) for level in (ERROR, WARNING, OK)},
            "sessions": _added(host["sessions"] for host in hosts),
            "accounts": len(accounts),
        },
        "hosts": hosts,
        "accounts": accounts,
        "warnings": [_copied_text(name, found) for name, found in copied.values()],
    }


def _status(answer: Any) -> Mapping[str, Any]:
    return section(answer, "status") if isinstance(answer, Mapping) and answer.get("running") is True else {}


def _state(answer: Any) -> tuple[str, str]:
    """Return the state of a host's daemon, and the reason for which nothing is known of it."""
    if not isinstance(answer, Mapping):
        return FAILED, "found no answer; expected one of claude_failover_info"
    if answer.get("unreachable"):
        return UNREACHABLE, one_line(answer.get("msg")) or "the host cannot be reached"
    if answer.get("running") is True:
        return RUNNING, ""
    if answer.get("failed") or answer.get("msg") or "running" not in answer:
        return FAILED, one_line(answer.get("msg")) or "claude_failover_info gave no answer"
    return NOT_RUNNING, one_line(answer.get("reason")) or "the daemon is not running"


def _host(
    name: str,
    answer: Any,
    status: Mapping[str, Any],
    copied: Mapping[str, tuple[str, list[str]]],
    now: datetime,
    addresses: bool,
) -> Row:
    state, error = _state(answer)
    found = [Problem(ERROR, error, state)] if error else problems_of(status, now)
    for row in rows(status, "accounts"):
        if str(row.get("login_digest")) in copied:
            text = _copied_text(*copied[str(row["login_digest"])])
            found.append(Problem(WARNING, text, "copied"))
    found.sort(key=lambda problem: LEVELS.index(problem.level))
    homes = homes_of(status)
    accounts = [_account(row, now, addresses) for row in rows(status, "accounts")]
    active = next((row for row in accounts if row["active"]), None)
    levels = [problem.level for problem in found if problem.level in (ERROR, WARNING)]
    return {
        "name": one_line(name),
        "level": min(levels, key=LEVELS.index, default=OK),
        "state": state,
        "version": one_line(status.get("version"), 40),
        "errors": levels.count(ERROR),
        "problems": [
            {"level": each.level, "text": without_homes(one_line(each.text), homes), "kind": each.kind}
            for each in found
        ],
        "active": active,
        "accounts": accounts,
        "sessions": by_state(one_line(row.get("state"), 20) for row in rows(status, "sessions")),
        "session_list": _sessions(status, homes),
        "queue": _queue(status),
        "last_switch": _switch_row(section(status, "last_switch")),
    }


def _account(row: Mapping[str, Any], now: datetime, addresses: bool) -> Row:
    until, end = exhausted_until(row), moment(row.get("login_expires_at"))
    identity = section(row, "identity")
    return {
        "name": one_line(row.get("name"), 64),
        "active": row.get("active") is True,
        "enabled": row.get("enabled") is not False,
        "standby": row.get("standby") is True,
        "used": used(row.get("used_percent")),
        "used_percent": usable_shares(row.get("used_percent")),
        "exhausted": [window_word(limit.get("limit")) for limit in rows(row, "exhausted")],
        "exhausted_until": clock_time(until),
        "exhausted_for": time_left(until, now) if until is not None else None,
        "login": one_line(row.get("login"), 20),
        "login_ends": clock_time(end),
        "login_days": max(0, (end - now).days) if end is not None else None,
        "identity_digest": one_line(row.get("identity_digest"), 64) or None,
        "address": (one_line(identity.get("address")) or None) if addresses else None,
    }


def _sessions(status: Mapping[str, Any], homes: Mapping[str, str]) -> list[Row]:
    found = [
        {
            "name": one_line(row.get("name"), 100),
            "state": one_line(row.get("state"), 20),
            "reason": without_homes(one_line(row.get("reason")), homes),
            "account": one_line(row.get("account"), 64) or None,
            "dedicated": row.get("dedicated") is True,
        }
        for row in rows(status, "sessions")
    ]
    return sorted(found, key=lambda row: (state_rank(row["state"]), people_count(row["name"])))


def _queue(status: Mapping[str, Any]) -> Row:
    counts = section(status, "queue")
    found = {name: counts[name] for name in (*_UNFINISHED, "failed") if isinstance(counts.get(name), int)}
    return {"unfinished": sum(found.get(name, 0) for name in _UNFINISHED), **found}


def _switch_row(record: Mapping[str, Any]) -> Row | None:
    if not record:
        return None
    return {
        "time": clock_time(moment(record.get("time"))),
        "from": one_line(record.get("from_account"), 64) or None,
        "to": one_line(record.get("to_account"), 64) or None,
        "reason": one_line(record.get("reason"), 40),
        "outcome": one_line(record.get("outcome"), 40),
    }


# -- accounts over all hosts -----------------------------------------------------------------------------------


def _accounts(
    statuses: Mapping[str, Mapping[str, Any]],
    copied: Mapping[str, tuple[str, list[str]]],
    now: datetime,
    addresses: bool,
) -> list[Row]:
    """Return the accounts of the fleet by who they are, the most used ones first.

    The server counts what an account uses on all hosts together, and each host was told that figure at another time:
    the highest one is the newest. What the hosts have of their own, the sessions, is added.
    """
    groups: dict[str, list[tuple[str, Mapping[str, Any], Mapping[str, Any]]]] = {}
    for host, status in statuses.items():
        for row in rows(status, "accounts"):
            if isinstance(row.get("identity_digest"), str):
                groups.setdefault(row["identity_digest"], []).append((host, status, row))
    found = [_fleet_account(digest, places, copied, now, addresses) for digest, places in groups.items()]
    return sorted(found, key=lambda row: (-(row["used"]["percent"] or 0), people_count(row["name"])))


def _fleet_account(
    digest: str,
    places: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]],
    copied: Mapping[str, tuple[str, list[str]]],
    now: datetime,
    addresses: bool,
) -> Row:
    seen = [_account(row, now, addresses) for _host, _status, row in places]
    shares: dict[str, int] = {}
    for account in seen:
        for window, share in account["used_percent"].items():
            shares[window] = max(share, shares.get(window, 0))
    untils = [end for _host, _status, row in places for end in [exhausted_until(row)] if end is not None]
    states = [
        one_line(session.get("state"), 20)
        for _host, status, row in places
        for session in rows(status, "sessions")
        if session.get("account") == row.get("name")
    ]
    return {
        "identity_digest": one_line(digest, 64),
        "name": " / ".join(dict.fromkeys(account["name"] for account in seen)),
        "hosts": sorted((one_line(host) for host, _status, _row in places), key=people_count),
        "active_on": sorted((one_line(host) for host, _status, row in places if row.get("active") is True)),
        "used": used(shares),
        "used_percent": shares,
        "exhausted_until": clock_time(max(untils, default=None)),
        "login_ends": min((account["login_ends"] for account in seen if account["login_ends"]), default=None),
        "sessions": by_state(states),
        "copied": any(str(row.get("login_digest")) in copied for _host, _status, row in places),
        "address": next((account["address"] for account in seen if account["address"]), None),
    }


def _copied_logins(statuses: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, list[str]]]:
    """Return the account's name and the hosts of each login that stands on more than one host, by its digest."""
    places: dict[str, tuple[str, list[str]]] = {}
    for host, status in statuses.items():
        for row in rows(status, "accounts"):
            digest = row.get("login_digest")
            if isinstance(digest, str) and digest:
                _name, hosts = places.setdefault(digest, (one_line(row.get("name"), 64), []))
                if host not in hosts:
                    hosts.append(host)
    return {digest: found for digest, found in places.items() if len(found[1]) > 1}


def _copied_text(name: str, hosts: Sequence[str]) -> str:
    return (
        "account %s: found one login on %s, which was copied; expected one of its own on each host: claude-failover "
        "login %s on all but one" % (name, ", ".join(one_line(host) for host in hosts), name)
    )


def _added(counts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, number in each.items():
            total[name] = total.get(name, 0) + number
    return {name: total[name] for name in sorted(total, key=state_rank)}
