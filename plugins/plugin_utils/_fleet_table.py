# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay out the report of a fleet as lines for a terminal (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

MARKS = {"error": "✖", "warning": "▲", "info": "·", "ok": "✔"}
_HOSTS = (
    "HOST",
    "STATE",
    "ACCOUNT",
    "USED",
    "EXHAUSTED UNTIL",
    "LOGIN ENDS",
    "SESSIONS",
    "LAST SWITCH",
    "TASKS",
    "OPEN",
)
_ACCOUNTS = ("ACCOUNT", "HOSTS", "IN USE ON", "USED", "EXHAUSTED UNTIL", "LOGIN ENDS", "SESSIONS")
_MOST_PROBLEMS = 8


def fleet_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines of a report: a summary, the hosts with their problems, the accounts, the warnings."""
    hosts, summary = report["hosts"], report["summary"]
    counts = ", ".join("%d %s" % (summary[level], level) for level in ("error", "warning", "ok") if summary[level])
    lines = ["%s UTC: %d hosts%s" % (report["time"], summary["hosts"], ": %s" % counts if counts else ""), ""]
    table = _columns(_HOSTS, [_host_cells(host) for host in hosts])
    lines.append(table[0])
    for host, line in zip(hosts, table[1:]):
        lines += [line, *_problem_lines(host["problems"])]
    if report["accounts"]:
        lines += ["", *_columns(_ACCOUNTS, [_account_cells(row) for row in report["accounts"]])]
    if report["warnings"]:
        lines += ["", *("%s %s" % (MARKS["warning"], text) for text in report["warnings"])]
    return lines


def _host_cells(host: Mapping[str, Any]) -> list[str]:
    active = host["active"]
    running = host["state"] == "running"
    word = host["level"] if running else host["state"]
    return [
        host["name"],
        "%s %s" % (MARKS[host["level"]], word),
        *(_use_cells(active, active["name"]) if active else ["-"] * 3),
        (active["login_ends"] or active["login"]) if active else "-",
        _states(host["sessions"]) if running else "-",
        _switch_cell(host["last_switch"]),
        str(host["queue"]["unfinished"]) if running else "-",
        str(sum(problem["level"] != "info" for problem in host["problems"])),
    ]


def _account_cells(account: Mapping[str, Any]) -> list[str]:
    name = "%s <%s>" % (account["name"], account["address"]) if account["address"] else account["name"]
    first, *rest = _use_cells(account, name)
    return [
        first,
        str(len(account["hosts"])),
        str(len(account["active_on"])),
        *rest,
        account["login_ends"] or "-",
        _states(account["sessions"]),
    ]


def _use_cells(account: Mapping[str, Any], name: str) -> list[str]:
    """Return the cells of an account: name, use, and until when it is exhausted."""
    share = account["used"]
    shown = "-" if share["percent"] is None else "%s %3d%% %s" % (share["bar"], share["percent"], share["window"])
    return [name, shown, account["exhausted_until"] or "-"]


def _states(counts: Mapping[str, int]) -> str:
    return ", ".join("%d %s" % (number, state) for state, number in counts.items()) or "none"


def _switch_cell(record: Optional[Mapping[str, Any]]) -> str:
    if record is None:
        return "-"
    return "%s %s → %s (%s)" % (record["time"] or "?", record["from"] or "?", record["to"] or "?", record["reason"])


def _problem_lines(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    shown = ["    %s %s" % (MARKS[problem["level"]], problem["text"]) for problem in problems[:_MOST_PROBLEMS]]
    more = len(problems) - _MOST_PROBLEMS
    return [*shown, "    … and %d more" % more] if more > 0 else shown


def _columns(head: Sequence[str], table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, as wide as its cells."""
    widths = [max(map(len, column)) for column in zip(head, *table)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in (head, *table)]
