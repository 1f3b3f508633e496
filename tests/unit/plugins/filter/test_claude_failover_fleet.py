# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report of a fleet: order, problems, one account over all hosts, copied logins, and what never gets into it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter.claude_failover_fleet import report_on_fleet
from ansible_collections.secuaas.claude.plugins.filter.claude_failover_fleet_table import lay_out_fleet
from ansible_collections.secuaas.claude.plugins.plugin_utils import _fleet_words
from fake_control import account, session, status
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common import limit_words

NOW = "2026-11-26T12:00:00Z"


def answer(*sessions: dict[str, Any], accounts: Any = None, **more: Any) -> dict[str, Any]:
    if accounts is None:
        accounts = [account("one", active=True, identity_digest="d1"), account("two", identity_digest="d2")]
    return {"running": True, "reason": "", "status": status(accounts=accounts, sessions=list(sessions), **more)}


def running(*sessions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return answer(*sessions, **{"active_account": "one", **more})


def report(**hosts: Any) -> dict[str, Any]:
    return report_on_fleet(hosts, now=NOW)


def only(**more: Any) -> dict[str, Any]:
    """Return the row of one host."""
    (host,) = report(vm1=running(**more))["hosts"]
    return host


def texts(host: dict[str, Any]) -> list[str]:
    return [f"{problem['level']}: {problem['text']}" for problem in host["problems"]]


def test_a_host_that_is_well_has_no_problem() -> None:
    found = report(vm1=running(session("main"), session("s2", state="busy")))
    (host,) = found["hosts"]
    assert (host["level"], host["problems"], host["sessions"]) == ("ok", [], {"busy": 1, "idle": 1})
    assert found["summary"] == {
        "hosts": 1,
        "error": 0,
        "warning": 0,
        "ok": 1,
        "sessions": {"busy": 1, "idle": 1},
        "accounts": 2,
    }
    assert found["time"] == "2026-11-26 12:00"


def test_the_worst_host_is_the_first_and_hosts_are_sorted_as_people_count() -> None:
    found = report(
        vm10=running(),
        vm2=running(),
        warns=running(session("a", state="waiting")),
        bad=running(session("a", state="down"), session("b", state="down")),
        away={"unreachable": True, "msg": "no route"},
        bare={"running": False, "reason": "nobody listens", "status": {}},
        broken={"running": False, "reason": "refused", "msg": "refused", "failed": False},
        lost={},
    )
    assert [host["name"] for host in found["hosts"]] == [
        *("bad", "away", "bare", "broken", "lost", "warns", "vm2", "vm10")
    ]
    assert [host["state"] for host in found["hosts"]] == [
        *("running", "unreachable", "not running", "failed", "failed", "running", "running", "running")
    ]
    assert texts(found["hosts"][2]) == ["error: nobody listens"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"suspended": "a foreign link"}, "error: no switch is made: a foreign link"),
        ({"active_account": None}, "error: the active link leads to no account"),
        ({"unsaved": [{"document": "flips", "reason": "full"}]}, "error: flips is not on the disk: full"),
        ({"blind": [{"source": "panes", "reason": "no tmux"}]}, "warning: blind for panes: no tmux"),
        ({"advised_switch": {"x": 1}}, "warning: a switch is due, and left to a person: claude-failover switch"),
    ],
)
def test_what_needs_a_person_is_told(more: dict[str, Any], expected: str) -> None:
    assert texts(only(**more)) == [expected]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"state": "down", "reason": "exited"}, ["error: session s is down: exited"]),
        ({"state": "down", "reason": "stopped by hand"}, ["info: session s is down: stopped by hand"]),
        (
            {"state": "down", "reason": "exited with status 0; not started again (restart: never)"},
            ["info: session s is down: exited with status 0; not started again (restart: never)"],
        ),
        ({"state": "down", "configured": False}, ["info: session s is down"]),
        ({"state": "waiting"}, ["warning: session s is waiting"]),
        ({"state": "limited"}, ["warning: session s is limited"]),
        ({"state": "busy"}, []),
    ],
)
def test_a_session_that_needs_a_person_is_told(row: dict[str, Any], expected: list[str]) -> None:
    (host,) = report(vm1=running(session("s", **row)))["hosts"]
    assert texts(host) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"login": "expired", "active": True}, "error: account a is not logged in (expired): claude-failover login a"),
        ({"login": "missing"}, "warning: account a is not logged in (missing): claude-failover login a"),
        (
            {"login_expires_at": "2026-11-28T12:00:00.000Z"},
            "warning: account a: its login ends at 2026-11-28 12:00 UTC: claude-failover login a",
        ),
        ({"links": "divergent"}, "error: account a: its shared links are divergent"),
        ({"login_expires_at": "2026-11-30T12:00:00.000Z"}, None),
        ({"login": "expired", "enabled": False}, None),
    ],
)
def test_an_account_that_needs_a_person_is_told(row: dict[str, Any], expected: str | None) -> None:
    host = only(accounts=[account("a", **row), account("b")])
    assert texts(host) == ([expected] if expected else [])


def test_a_host_whose_accounts_are_all_exhausted_says_until_when() -> None:
    until = [{"limit": "five_hour", "until": f"2026-11-26T{hour}:00:00.000Z"} for hour in (14, 13)]
    host = only(accounts=[account("a", active=True, exhausted=until[:1]), account("b", exhausted=until[1:])])
    assert texts(host) == ["error: no account can be used, until 2026-11-26 13:00 UTC"]
    assert (host["active"]["exhausted_until"], host["active"]["exhausted_for"]) == ("2026-11-26 14:00", "2 h 0 min")
    assert host["active"]["exhausted"] == ["5-hour"]


def test_an_open_event_of_the_daemon_is_told_once() -> None:
    event = {
        "event": "session_down",
        "severity": "error",
        "since": "2026-11-26T11:00:00.000Z",
        "session": "s",
        "account": None,
        "summary": "session s is down for an hour",
    }
    (host,) = report(vm1=running(session("s", state="down"), session("t", state="down"), open_events=[event]))["hosts"]
    assert texts(host) == [
        "error: session s is down for an hour (since 2026-11-26 11:00)",
        "error: session t is down",
    ]


def test_a_limited_session_that_an_event_tells_of_is_told_once() -> None:
    event = {
        "event": "prompts_spent",
        "severity": "error",
        "session": "s",
        "summary": "session s: the bound is reached",
    }
    (host,) = report(vm1=running(session("s", state="limited"), open_events=[event]))["hosts"]
    assert texts(host) == ["error: session s: the bound is reached"]


def test_the_use_of_an_account_is_the_highest_figure_and_its_sessions_are_added() -> None:
    def host(percent: int, *states: str, **more: Any) -> dict[str, Any]:
        rows = [account("one", active=True, identity_digest="d1", used_percent={"five_hour": percent}, **more)]
        return running(*(session(f"s{n}", state=state, account="one") for n, state in enumerate(states)), accounts=rows)

    until = [{"limit": "five_hour", "until": "2026-11-26T14:00:00.000Z"}]
    found = report(vm1=host(40, "busy", "idle"), vm2=host(62, "busy", exhausted=until), vm3=host(5))
    (one,) = found["accounts"]
    assert one["used"] == {"window": "5-hour", "percent": 62, "bar": "██████░░░░"}
    assert (one["sessions"], one["hosts"]) == ({"busy": 2, "idle": 1}, ["vm1", "vm2", "vm3"])
    assert (one["exhausted_until"], one["copied"]) == ("2026-11-26 14:00", False)


def test_a_limit_has_the_word_that_the_daemon_has_for_it() -> None:
    names = [*limit_words._WORDS, "spend", "seven_day_other"]
    assert [_fleet_words.window_word(name) for name in names] == [limit_words.limit_word(name) for name in names]


def test_a_copied_login_is_a_warning_on_each_of_its_hosts_and_an_own_login_is_none() -> None:
    def host(login: str) -> dict[str, Any]:
        return running(accounts=[account("one", active=True, identity_digest="d1", login_digest=login)])

    found = report(vm1=host("l1"), vm2=host("l1"), vm3=host("l2"))
    (warning,) = found["warnings"]
    assert warning.startswith("account one: found one login on vm1, vm2, which was copied; expected one of its own")
    assert {row["name"]: row["level"] for row in found["hosts"]} == {"vm1": "warning", "vm2": "warning", "vm3": "ok"}
    assert found["accounts"][0]["copied"] is True
    assert report(vm1=host("l1"), vm2=host("l2"))["warnings"] == []


def test_no_home_or_user_and_no_control_character_gets_into_it() -> None:
    reason = "it was started with the home /home/pierre/.claude-one, not /home/pierre/x or /root/y\n\x1b[2J\u202e"
    rows = [account("one", active=True, home="/home/pierre/.claude-one")]
    found = report(vm1=running(session("main", state="waiting", reason=reason, cwd="/home/pierre/w"), accounts=rows))
    text = json.dumps(found, ensure_ascii=False)
    assert "pierre" not in text and "/root" not in text and text.isprintable()
    expected = "it was started with the home the home of one, not ~/x or ~/y [2J"
    assert found["hosts"][0]["session_list"][0]["reason"] == expected
    assert all(line.isprintable() for line in lay_out_fleet(found))


def test_an_address_gets_into_it_only_where_it_is_asked_for() -> None:
    rows = [account("one", active=True, identity_digest="d1", identity={"address": "me@example.com"})]
    hosts = {"vm1": running(accounts=rows)}
    assert "me@example.com" not in json.dumps(report_on_fleet(hosts, now=NOW))
    asked = report_on_fleet(hosts, addresses=True, now=NOW)
    assert asked["accounts"][0]["address"] == asked["hosts"][0]["active"]["address"] == "me@example.com"
    assert any("one <me@example.com>" in line for line in lay_out_fleet(asked))


def test_the_table_has_a_line_for_each_host_with_its_problems_below() -> None:
    until = [{"limit": "five_hour", "until": "2026-11-26T14:00:00.000Z"}]
    rows = [
        account("one", active=True, used_percent={"five_hour": 100, "seven_day": 7}, exhausted=until),
        account("two", login_expires_at="2026-12-20T07:30:00.000Z"),
    ]
    last = {"time": "2026-11-26T11:58:00.000Z", "from_account": "two", "to_account": "one", "reason": "limit"}
    queue = {"queued": 1, "sent": 0, "accepted": 2, "done": 9, "failed": 0, "cancelled": 0}
    lines = lay_out_fleet(
        report(
            vm1=running(session("main"), accounts=rows, last_switch=last, queue=queue),
            vm2={"unreachable": True, "msg": "no route to host"},
        )
    )
    assert lines[0] == "2026-11-26 12:00 UTC: 2 hosts: 1 error, 1 ok"
    head, away, why, well = lines[2:6]
    assert head.split()[:4] == ["HOST", "STATE", "ACCOUNT", "USED"]
    assert away.startswith("vm2   ✖ unreachable") and why == "    ✖ no route to host"
    assert "██████████ 100% 5-hour" in well and "2026-11-26 14:00" in well and "1 idle" in well
    assert "2026-11-26 11:58 two → one (limit)" in well and well.split()[-2:] == ["3", "0"]


def test_many_problems_do_not_hide_the_next_host() -> None:
    down = [session(f"s{number}", state="down") for number in range(20)]
    lines = lay_out_fleet(report(vm1=running(*down), vm2=running()))
    assert "    … and 12 more" in lines
    assert len(lines) < 20


def test_the_answers_are_left_as_they_are() -> None:
    hosts = {"vm1": running(session("a", state="down")), "vm2": {}}
    before = copy.deepcopy(hosts)
    report_on_fleet(hosts, now=NOW)
    assert hosts == before


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted({*status(), *account(""), *session(""), "open_events", "limit", "until", "severity", "event", "time"})
ROW = st.dictionaries(st.sampled_from(KEYS), ANY, max_size=6)
STATUS = st.dictionaries(st.sampled_from(KEYS), ANY | st.lists(ROW, max_size=3), max_size=8)


@given(st.dictionaries(st.text(max_size=5), st.builds(lambda found: {"running": True, "status": found}, STATUS) | ANY))
def test_whatever_a_host_says_is_a_report(hosts: dict[str, Any]) -> None:
    found = report_on_fleet(hosts, now=NOW)
    json.dumps(found).encode()
    assert len(found["hosts"]) == len(hosts)
    assert all(line.isprintable() for line in lay_out_fleet(found))


@pytest.mark.parametrize("wrong", [None, [], "x"])
def test_what_is_no_dictionary_is_refused(wrong: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a dictionary"):
        report_on_fleet(wrong)
    with pytest.raises(AnsibleFilterError, match="no report"):
        lay_out_fleet(wrong)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="ISO 8601"):
        report_on_fleet({}, now="soon")


@pytest.mark.parametrize(
    ("share", "percent", "full"), [(0, 0, 0), (0.2, 1, 1), (9, 9, 1), (91, 91, 9), (99.7, 99, 9), (100, 100, 10)]
)
def test_a_share_is_all_or_nothing_only_where_it_is(share: float, percent: int, full: int) -> None:
    rows = [account("one", active=True, identity_digest="d1", used_percent={"five_hour": share})]
    (one,) = report(vm1=running(accounts=rows))["accounts"]
    assert (one["used"]["percent"], one["used"]["bar"].count("█")) == (percent, full)
