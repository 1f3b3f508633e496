# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything in the status that a person has to see to becomes a finding with what mends it."""

from __future__ import annotations

import pytest

from claude_failover.common.health import SOURCES
from claude_failover.config.model import SessionConfig
from claude_failover.doctor.running_daemon import _SOURCES, status_findings
from claude_failover.host.finding import ERROR, OK, WARNING
from claude_failover.sessions.lifecycle_state import ENDED, LifecycleEntry
from claude_failover.sessions.restart_policy import stays_down

ONCE = SessionConfig("main", "/srv", restart="never")
ENDED_WELL = LifecycleEntry(ENDED, "exited with status 0")


def account(name, **more):
    return {"name": name, "links": "ok", "login": "ok", "exhausted": [], **more}


def session(name="main", state="idle", **more):
    return {"name": name, "state": state, "reason": None, "follows_link": True, **more}


def status(**more):
    return {
        "version": "1",
        "pid": 7,
        "active_account": "a",
        "suspended": None,
        "accounts": [account("a"), account("b")],
        "sessions": [session()],
        "blind": [],
        "unsaved": [],
        "background_jobs": [],
        **more,
    }


def wrong(**more):
    return [row for row in status_findings(status(**more), "1") if row.level != OK]


LIMIT = {"limit": "five_hour", "until": "2026-11-26T10:00:00Z"}
JOB = {"uuid": "u1", "cwd": "/srv", "session": None}


@pytest.mark.parametrize(
    ("more", "name", "level", "found", "mend"),
    [
        ({"version": "0"}, "daemon", WARNING, "of version 0", "systemctl restart claude-failover"),
        ({"suspended": "the link leads to /x"}, "suspended", ERROR, "the link leads to /x", "check-config --host"),
        ({"accounts": [account("b c", login="expired")]}, "login", ERROR, "rejects", "login 'b c'"),
        ({"accounts": [account("b", links="divergent")]}, "account_links", ERROR, "divergent", "validate"),
        ({"accounts": [account("a", exhausted=[LIMIT])]}, "exhausted", WARNING, LIMIT["until"], "wait"),
        ({"sessions": [session(state="down", reason="no cwd")]}, "session", ERROR, "no cwd", "restart main"),
        ({"sessions": [session(state="down", configured=False)]}, "session", WARNING, "down", "stop main"),
        (
            {"sessions": [session(configured=False, reason="no longer configured: it goes on")]},
            "session",
            WARNING,
            "no longer configured",
            "stop main",
        ),
        (
            {"sessions": [session(configured=False, follows_link=False, reason="CLAUDE_CONFIG_DIR=/x")]},
            "session",
            WARNING,
            "no switch moves",
            "attach main",
        ),
        (
            {"sessions": [session(state="down", reason="stopped by hand")]},
            "session",
            WARNING,
            "stopped by hand",
            "restart main",
        ),
        (
            {"sessions": [session(state="down", reason=stays_down(ONCE, ENDED_WELL, None))]},
            "session",
            WARNING,
            "exited with status 0; not started again",
            "restart main",
        ),
        ({"sessions": [session(state="waiting", reason="belongs to b")]}, "session", WARNING, "to b", "attach main"),
        ({"sessions": [session(state="limited")]}, "session", WARNING, "usage limit", "switch --dry-run"),
        ({"sessions": [session(follows_link=False, reason="env")]}, "session", WARNING, "no switch moves", "restart"),
        ({"sessions": [session(restart_needed=True)]}, "session", WARNING, "another configuration", "restart"),
        ({"sessions": [session(state="other", reason="set aside")]}, "session", WARNING, "set aside", "attach main"),
        ({"unsaved": [{"document": "flips", "reason": "full"}]}, "unsaved", ERROR, "flips", "df -h"),
        ({"unsaved": [{"document": "shared .claude.json", "reason": "held"}]}, "unsaved", WARNING, "held", "look"),
        ({"background_jobs": [JOB]}, "background_job", WARNING, "u1", "claude --resume u1"),
    ],
)
def test_each_of_them(more, name, level, found, mend):
    (row,) = wrong(**more)
    assert (row.name, row.level) == (name, level)
    assert found in row.found and mend in row.mend and row.expected


@pytest.mark.parametrize("source", SOURCES)
def test_a_blind_source(source):
    (row,) = wrong(blind=[{"source": source, "since": "then", "reason": "gone"}])
    assert (row.name, row.level, row.mend) == ("blind", ERROR, _SOURCES[source])
    assert f"does not see {source} since then: gone" in row.found


def test_nothing_is_wrong_with_a_daemon_that_is_well():
    found = list(status_findings(status(), "1"))
    assert {row.level for row in found} == {OK}
    assert [row.name for row in found] == ["daemon", "active_account", "session", "blind"]


def test_one_account_that_can_be_used_is_enough():
    assert wrong(accounts=[account("a", exhausted=[LIMIT]), account("b")]) == []


@pytest.mark.parametrize("value", [None, 7, "text", [7], [None], {}, [{}]])
@pytest.mark.parametrize("key", ["accounts", "sessions", "blind", "unsaved", "background_jobs", "suspended"])
def test_an_answer_of_another_release_is_no_bug(key, value):
    list(status_findings(status(**{key: value}), "1"))
    list(status_findings({}, "1"))
