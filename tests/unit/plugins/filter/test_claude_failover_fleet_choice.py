# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choice of a session for a task: the least busy one that fits, never a dedicated one, and one host for one request."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter.claude_failover_fleet_choice import choose_in_fleet
from fake_control import account, session, status
from hypothesis import given
from hypothesis import strategies as st

DEDICATED = {"dedicated": True, "in_pool": False}


def host(*sessions: dict[str, Any], queued: int = 0, tasks: Any = None, **active: Any) -> dict[str, Any]:
    queue = {"queued": queued, "sent": 0, "accepted": 0, "done": 5, "failed": 1, "cancelled": 0}
    found = status(sessions=list(sessions), queue=queue, accounts=[account("one", active=True, **active)])
    return {"running": True, "status": found, **({} if tasks is None else {"tasks": tasks})}


def place(hosts: dict[str, Any], **wish: Any) -> tuple[Any, Any]:
    found = choose_in_fleet(hosts, **wish)
    return found["host"], found["session"]


def test_an_idle_session_comes_before_a_busy_one() -> None:
    hosts = {"vm1": host(session("a", state="busy")), "vm2": host(session("b"))}
    assert place(hosts) == ("vm2", "b")


@pytest.mark.parametrize(
    "busier",
    [
        host(session("a"), used_percent={"five_hour": 30}),
        host(session("a"), session("x", state="busy")),
        host(session("a"), queued=1),
        host(session("a"), exhausted=[{"limit": "five_hour", "until": None}]),
        host(session("a"), login="expired"),
    ],
)
def test_the_host_that_has_less_to_do_is_chosen(busier: dict[str, Any]) -> None:
    hosts = {"vm1": busier, "vm2": host(session("b"), used_percent={"five_hour": 20})}
    assert place(hosts) == ("vm2", "b")


def test_equal_hosts_are_taken_as_people_count() -> None:
    assert place({"vm10": host(session("a")), "vm9": host(session("b"))}) == ("vm9", "b")


def test_where_none_is_idle_the_queue_of_the_least_busy_host_gets_it() -> None:
    hosts = {"vm1": host(session("a", state="busy"), queued=2), "vm2": host(session("b", state="busy"))}
    found = choose_in_fleet(hosts)
    assert (found["host"], found["session"]) == ("vm2", None)
    assert found["why"].startswith("none is idle")
    assert place(hosts, session="a") == ("vm1", "a")


@pytest.mark.parametrize("row", [DEDICATED, {"in_pool": False}, {"dedicated": True}, {"in_pool": None}])
def test_a_session_that_never_gets_tasks_is_never_chosen(row: dict[str, Any]) -> None:
    hosts = {"vm1": host(session("main", **row)), "vm2": host(session("b", state="busy"))}
    assert place(hosts) == ("vm2", None)
    refused = choose_in_fleet(hosts, session="main")
    assert refused["host"] is None
    if row != {"dedicated": True}:
        assert "found main on vm1, which never gets a task" in refused["why"]


@pytest.mark.parametrize("state", ["down", "waiting", "other", "unheard", None, 5])
def test_a_session_that_waits_for_a_person_is_not_chosen(state: Any) -> None:
    found = choose_in_fleet({"vm1": host(session("a", state=state))})
    assert found["host"] is None and "found no session of a pool" in found["why"]


def test_a_folder_and_a_name_are_asked_for() -> None:
    hosts = {"vm1": host(session("a", cwd="/srv/one")), "vm2": host(session("b", cwd="/srv/two/"), session("c"))}
    assert place(hosts, cwd="/srv/two") == ("vm2", "b")
    assert place(hosts, session="c") == ("vm2", "c")
    why = choose_in_fleet(hosts, session="a", cwd="/srv/two")["why"]
    assert "called a that works in /srv/two" in why


def test_a_repeat_goes_to_the_host_that_has_the_task() -> None:
    task = {"id": "1", "state": "done", "session": "b", "wanted_session": "b", "request_id": "x"}
    hosts = {"vm1": host(session("a"), tasks=[]), "vm2": host(session("b", state="down"), tasks=[task])}
    found = choose_in_fleet(hosts, request_id="x")
    assert (found["host"], found["session"], found["known"]) == ("vm2", "b", True)
    assert choose_in_fleet(hosts, request_id="y")["host"] == "vm1"


def test_a_request_that_a_silent_host_may_know_goes_nowhere() -> None:
    task = {"id": "1", "state": "done", "request_id": "x"}
    hosts = {"vm1": host(session("a"), tasks=[task]), "vm2": {"unreachable": True}}
    assert choose_in_fleet(hosts, request_id="x")["host"] == "vm1"
    found = choose_in_fleet(hosts, request_id="y")
    assert found["host"] is None and "may be that of a task on vm2" in found["why"]
    assert choose_in_fleet(hosts)["host"] == "vm1"


def test_hosts_without_a_daemon_are_left_out() -> None:
    hosts: dict[str, Any] = {"vm1": {"running": False, "status": {}}, "vm2": {}, "vm3": None}
    found = choose_in_fleet(hosts)
    assert found["host"] is None and "of 3 hosts nothing is known" in found["why"]


SESSIONS = st.lists(
    st.builds(
        session,
        st.sampled_from(["a", "b", "c"]),
        state=st.sampled_from(["idle", "busy", "down", "waiting", "limited"]),
        dedicated=st.booleans() | st.none(),
        in_pool=st.booleans() | st.none(),
    ),
    max_size=4,
)


@given(st.dictionaries(st.sampled_from(["vm1", "vm2", "vm3"]), SESSIONS.map(lambda rows: host(*rows))))
def test_what_is_chosen_may_get_tasks(hosts: dict[str, Any]) -> None:
    found = choose_in_fleet(hosts)
    if found["host"] is None:
        return
    rows = hosts[found["host"]]["status"]["sessions"]
    allowed = [row for row in rows if row["in_pool"] is True and row["dedicated"] is False]
    assert allowed
    assert found["session"] is None or (found["session"], "idle") in [(row["name"], row["state"]) for row in allowed]


def test_what_is_no_dictionary_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="expected a dictionary"):
        choose_in_fleet([])  # type: ignore[arg-type]
