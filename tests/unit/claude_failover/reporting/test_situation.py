# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is found in a status."""

from __future__ import annotations

import pytest

from claude_failover.reporting.situation import causes_in, over_summary

SOON, LATER = "2026-11-26T21:00:00.000Z", "2026-11-28T21:00:00.000Z"


def account(name, *exhausted, active=False, organisation=None, **more):
    identity = {"address": "x@example.invalid", "organisation": organisation, "plan": None}
    rows = [{"limit": limit, "until": until} for limit, until in exhausted]
    known = {"enabled": True, "login": "ok", "links": "ok"}
    return {"name": name, "active": active, "identity": identity, "exhausted": rows, **known, **more}


def session(name="main", state="idle", reason=None, configured=True, **more):
    known = {"waits_for": None, "next_try_at": None}
    return {"name": name, "state": state, "reason": reason, "configured": configured, **known, **more}


def found(*, accounts=(), sessions=(), suspended=None, unsaved=(), undone=None, across=False):
    status = {"accounts": list(accounts), "sessions": list(sessions), "suspended": suspended, "unsaved": list(unsaved)}
    return list(causes_in(status, waiting_after=600, across_organizations=across, undone=undone))


def test_a_quiet_host_has_nothing_to_tell():
    assert found(accounts=[account("a", active=True), account("b")], sessions=[session(), session("two", "busy")]) == []
    assert found() == []


@pytest.mark.parametrize(
    ("accounts", "until", "names"),
    [
        ([account("a", ("five_hour", SOON)), account("b", ("seven_day", LATER))], SOON, ["a", "b"]),
        # The later one of an account's limits counts.
        ([account("a", ("five_hour", SOON), ("seven_day", LATER))], LATER, ["a"]),
        # One that no switch leads to is no help, and is not waited for.
        ([account("a", ("seven_day", LATER)), account("b", enabled=False)], LATER, ["a"]),
        ([account("a", ("seven_day", LATER)), account("b", login="expired")], LATER, ["a"]),
        ([account("a", ("seven_day", LATER)), account("b", links="divergent")], LATER, ["a"]),
    ],
)
def test_all_accounts_are_out_until_the_first_of_them_can_be_used(accounts, until, names):
    (cause,) = found(accounts=accounts)
    assert (cause.event, cause.details) == ("accounts_exhausted", {"limit": None, "until": until, "accounts": names})
    assert cause.summary == f"no account can be used until {until}"


@pytest.mark.parametrize(
    "accounts",
    [
        [account("a", ("five_hour", SOON)), account("b")],
        [account("a", ("opus", SOON)), account("b")],
        # Without a login there is no limit that could reset: `login_ends` tells of it.
        [account("a", login="expired"), account("b", login="missing")],
        [],
    ],
)
def test_an_account_that_can_be_used_is_enough(accounts):
    assert found(accounts=accounts) == []


def test_the_limit_of_a_model_is_told_by_its_name_only_where_other_work_goes_on():
    (cause,) = found(accounts=[account("a", ("opus", SOON)), account("b", ("five_hour", LATER))])
    assert cause.details == {"limit": "opus", "until": SOON, "accounts": ["a", "b"]}
    assert cause.summary == f"no account can be used for Opus until {SOON}"
    (cause,) = found(accounts=[account("a", ("opus", LATER), ("five_hour", SOON))])
    assert cause.details["limit"] is None


def test_an_account_of_another_organisation_helps_only_where_the_operator_says_so():
    accounts = [
        account("a", ("five_hour", SOON), active=True, organisation="Acme"),
        account("b", organisation="Home"),
        account("c", ("five_hour", LATER)),
    ]
    (cause,) = found(accounts=accounts)
    assert cause.details["accounts"] == ["a", "c"]
    assert found(accounts=accounts, across=True) == []


def test_a_session_that_is_down_says_how_it_ended_and_nothing_that_it_printed():
    (cause,) = found(sessions=[session(state="down", reason="exited with status 3", last_words="a word of the model")])
    assert (cause.event, cause.session) == ("session_down", "main")
    assert cause.summary == "session main is down: exited with status 3; see: claude-failover sessions"
    assert cause.after > 0
    (cause,) = found(sessions=[session(state="down")])
    assert "it is not known why" in cause.summary
    (cause,) = found(sessions=[session(state="down", reason="cannot start: [Errno 2] no tmux", last_words=None)])
    assert "cannot start: [Errno 2] no tmux; see" in cause.summary
    assert found(sessions=[session(state="down", configured=False)]) == []


@pytest.mark.parametrize("waits_for", ["answer", "background", "bypass", "login", "other", "owner", "theme", "trust"])
def test_a_session_that_waits_says_for_what_and_how_to_get_there(waits_for):
    (cause,) = found(sessions=[session("a b", "waiting", "Do you want to delete it?", waits_for=waits_for)])
    assert (cause.event, cause.after) == ("session_waiting", 600)
    assert cause.details == {"waits_for": waits_for, "seconds": 600}
    assert cause.summary.endswith("; see: claude-failover attach 'a b'")
    assert "delete" not in cause.summary


def test_what_the_disk_refuses_is_one_cause():
    rows = [{"document": f"task-{number:02}", "reason": "[Errno 28] No space left on device"} for number in range(30)]
    (cause,) = found(unsaved=reversed(rows))
    assert cause.details["documents"] == [f"task-{number:02}" for number in range(20)]
    assert cause.summary.startswith("30 documents of the state cannot be stored")


def test_every_cause_has_words_for_its_end():
    for name in ("accounts_exhausted", "session_down", "session_waiting", "switching_suspended", "disk_full"):
        assert over_summary(name, "main") != over_summary("another", "main")
