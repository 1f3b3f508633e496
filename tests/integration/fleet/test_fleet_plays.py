# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks ``status``, ``switch`` and ``dispatch`` on a fleet of small daemons: pages, order, calls, refusals."""

from __future__ import annotations

import json
import os
import re
import stat
from html.parser import HTMLParser
from typing import Any

import pytest
from fake_control import FakeControl, account, done, refused, session, status
from playbook_run import on_a_controller

from .conftest import Fleet

pytestmark = on_a_controller

ADDRESS = "pierre.dupont@example.com"
TOKEN = "sk-ant-oat01-planted_TOKEN-1"
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def rows(digest: str = "d1", **active: Any) -> list[dict[str, Any]]:
    identity = {"address": ADDRESS, "organisation": f"{ADDRESS}'s Organization", "plan": "max"}
    return [
        account("one", active=True, identity_digest=digest, identity=identity, login_digest=f"l-{digest}", **active),
        account("two", identity_digest=f"{digest}-two", login_expires_at="2099-12-20T07:30:00.000Z"),
    ]


def answers(*sessions: dict[str, Any], accounts: Any = None, **more: Any) -> dict[str, Any]:
    """Return the answer to ``status``."""
    found = status(active_account="one", accounts=accounts or rows(), sessions=list(sessions), **more)
    return {"status": done(found)}


class Page(HTMLParser):
    """The elements, attributes and texts of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        with open(path, encoding="utf-8") as stream:
            self.source = stream.read()
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def test_the_status_of_a_fleet_is_a_table_a_page_and_a_document(fleet: Fleet) -> None:
    until = [{"limit": "five_hour", "until": "2099-11-26T14:00:00.000Z"}]
    used = rows(used_percent={"five_hour": 62, "seven_day": 8}, exhausted=until)
    well = fleet.add_fake("vm1", **answers(session("main"), session("pool-1", state="busy"), accounts=used))
    reason = (
        f"asks {ADDRESS} {TOKEN} in /home/pierre/secret {{{{ lookup('ansible.builtin.pipe', 'touch evaluated') }}}}"
    )
    fleet.add_fake("vm2", **answers(session(HOSTILE, state="down", reason=reason)))
    fleet.add("bare", fleet.path("nobody"))
    fleet.add_fake("odd", status=refused("<b>not</b> now\x1b[2J"))
    fleet.add_unreachable("away")
    page, report = fleet.path("fleet.html"), fleet.path("fleet.json")
    variables = {"claude_failover_status_html": page, "claude_failover_status_json": report}

    done_ = fleet.run("secuaas.claude.status", "--check", **variables)

    assert done_.returncode == 0, done_.stdout + done_.stderr
    assert well.ops() == ["status"]
    with open(report, encoding="utf-8") as stream:
        document = json.load(stream)
    assert [(host["name"], host["state"]) for host in document["hosts"]] == [
        *(("away", "unreachable"), ("bare", "not running"), ("odd", "failed"), ("vm2", "running"), ("vm1", "running"))
    ]
    assert document["accounts"][0]["hosts"] == ["vm1", "vm2"]
    assert "found one login on vm1, vm2" in document["warnings"][0]
    table = done_.stdout[done_.stdout.index("5 hosts: 4 error, 1 warning") :]
    assert re.search(r"vm1 +▲ warning +one +██████░░░░  62% 5-hour +2099-11-26 14:00 +ok +1 busy, 1 idle", table), table
    assert table.index("✖ unreachable") < table.index("✖ not running") < table.index("vm1 ")

    shown = Page(page)
    assert "script" not in shown.tags and "img" not in shown.tags and "b" not in shown.tags
    assert not [name for name, _value in shown.attributes if name.startswith("on") or name in ("src", "href")]
    assert "alert(1)" in shown.text and "62 % of 5-hour" in shown.text and "<b>not</b> now" in shown.text
    assert ("content", "light dark") in shown.attributes and ("lang", "en") in shown.attributes
    assert "http" not in re.sub(r'http-equiv="', "", shown.source), "it reaches no network"
    assert all(f"{word}" in shown.text for word in ("✖ error", "▲ warning", "✔ 0 ok", "✖ unreachable"))
    for text in (shown.source, json.dumps(document), done_.stdout):
        assert not [secret for secret in (ADDRESS, "pierre", "example.com", TOKEN, "\x1b") if secret in text]
    assert not os.path.exists(fleet.path("evaluated"))
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (page, report)] == [0o600, 0o600]


def test_addresses_are_shown_where_they_are_asked_for(fleet: Fleet) -> None:
    fleet.add_fake("vm1", **answers(session("main")))
    page = fleet.path("fleet.html")
    done_ = fleet.run("secuaas.claude.status", claude_failover_status_html=page, claude_failover_status_addresses=True)
    assert done_.returncode == 0, done_.stdout + done_.stderr
    assert ADDRESS in Page(page).text and ADDRESS in done_.stdout
    assert "Organization" not in Page(page).text


def test_fifty_hosts_are_fifty_calls_of_a_module(fleet: Fleet) -> None:
    servers = [fleet.add_fake(f"vm{number}", **answers(session("main"))) for number in range(1, 51)]
    page = fleet.path("fleet.html")
    done_ = fleet.run("secuaas.claude.status", "-f", "10", "-v", claude_failover_status_html=page)
    assert done_.returncode == 0, done_.stdout + done_.stderr
    assert [server.ops() for server in servers] == [["status"]] * 50
    recap = done_.stdout[done_.stdout.index("PLAY RECAP") :]
    assert recap.count("unreachable=0    failed=0") == 51, "the hosts, and the controller's look at the pattern"
    # A host's own tasks: the module, and none of the report but those of the first host.
    assert recap.count("ok=1 ") == 50
    assert Page(page).tags.count("article") == 50 + 2


@pytest.mark.parametrize("name", ["status", "switch", "dispatch"])
def test_an_inventory_without_the_group_is_an_error(fleet: Fleet, name: str) -> None:
    fleet.add("vm1", "/nowhere")
    done_ = fleet.run(f"secuaas.claude.{name}", claude_failover_hosts="nothing")
    assert done_.returncode != 0
    assert "Found no host nothing in the inventory" in done_.stdout + done_.stderr


# -- switch ------------------------------------------------------------------------------------------------------


def switches(outcome: str) -> Any:
    record = {"outcome": outcome, "from_account": "one", "to_account": "two", "detail": "by hand; {{ 1 + 1 }}"}
    return refused("refused: two: its login is expired") if outcome == "refused" else done(record)


def switch(fleet: Fleet, *options: str, **variables: Any) -> tuple[int, str]:
    done_ = fleet.run("secuaas.claude.switch", *options, claude_failover_switch_account="two", **variables)
    return done_.returncode, done_.stdout + done_.stderr


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_every_host_is_switched_in_turn(fleet: Fleet, options: list[str]) -> None:
    servers = [fleet.add_fake(f"vm{n}", switch=switches(each)) for n, each in enumerate(["switched", "stayed"])]
    code, out = switch(fleet, *options, claude_failover_switch_reason="a test")
    assert code == 0, out
    assert [server.requests for server in servers] == [
        [{"op": "switch", "account": "two", "reason": "a test", "force": False, "dry_run": options != []}]
    ] * 2
    assert re.search(r"vm0 .*changed=1", out) and re.search(r"vm1 .*changed=0", out)
    assert "switched: by hand; {{ 1 + 1 }}" in out


def test_the_first_failure_leaves_the_rest_alone(fleet: Fleet) -> None:
    names = ("vm1", "vm2", "vm3", "vm4")
    servers = [fleet.add_fake(name, switch=switches("refused" if name == "vm2" else "switched")) for name in names]
    code, out = switch(fleet)
    assert code != 0
    assert [len(server.requests) for server in servers] == [1, 1, 0, 0]
    assert '"msg": "refused: two: its login is expired"' in out
    assert out.count('"msg": "left alone: too many hosts had failed before"') == 2, out


def test_as_many_failures_as_are_allowed_do_not_stop_it(fleet: Fleet) -> None:
    fleet.add("bare", fleet.path("nobody"))
    fleet.add_unreachable("away")
    last = fleet.add_fake("vm3", switch=switches("switched"))
    code, out = switch(fleet, claude_failover_switch_max_failures=2)
    assert code != 0 and len(last.requests) == 1, out
    assert "unreachable: " in out and "the daemon is not running" in out
    code, out = switch(fleet, claude_failover_switch_max_failures=1, claude_failover_switch_serial=1)
    assert code != 0 and len(last.requests) == 1, out


@pytest.mark.parametrize(
    "wrong",
    [
        {"claude_failover_switch_serial": "two"},
        {"claude_failover_switch_serial": "-1"},
        {"claude_failover_switch_max_failures": "some"},
        {"claude_failover_switch_max_failures": "10%"},
    ],
)
def test_a_wrong_bound_is_told_before_a_host_is_switched(fleet: Fleet, wrong: dict[str, str]) -> None:
    server = fleet.add_fake("vm1", switch=switches("switched"))
    code, out = switch(fleet, **wrong)
    assert code != 0 and server.requests == []
    ((name, value),) = wrong.items()
    assert f"{name}: {value}" in " ".join(out.split()) and "expected a number of hosts" in " ".join(out.split()), out


def test_a_share_of_the_hosts_or_a_list_is_a_right_bound(fleet: Fleet) -> None:
    servers = [fleet.add_fake(f"vm{number}", switch=switches("switched")) for number in range(3)]
    code, out = switch(fleet, claude_failover_switch_serial=[1, "50%"], claude_failover_switch_max_failures=1)
    assert code == 0 and [len(server.requests) for server in servers] == [1, 1, 1], out


# -- dispatch ----------------------------------------------------------------------------------------------------


class Tasks:
    """The tasks of a small daemon."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def dispatch(self, request: dict[str, Any]) -> Any:
        known = [row for row in self.rows if row["request_id"] == request["request_id"]]
        if known:
            return done({**known[0], "known": True})
        row = {"id": "4c6c5b0e", "state": "accepted", "session": request.get("session"), "prompt": request["prompt"]}
        row.update(request_id=request["request_id"], wanted_session=request.get("session"))
        if request.get("dry_run"):
            return done({**row, "id": None, "state": "queued", "known": False})
        self.rows.append(row)
        return done({**row, "known": False})

    def queue(self, _request: dict[str, Any]) -> Any:
        return done(self.rows)


def add_pool(fleet: Fleet, name: str, *sessions: dict[str, Any]) -> FakeControl:
    tasks = Tasks()
    return fleet.add_fake(name, dispatch=tasks.dispatch, queue=tasks.queue, **answers(*sessions))


def sent(server: FakeControl) -> list[dict[str, Any]]:
    return [request for request in server.requests if request["op"] == "dispatch"]


DEDICATED = {"dedicated": True, "in_pool": False}


def test_a_prompt_goes_to_the_least_busy_session_and_it_is_told_where(fleet: Fleet) -> None:
    first = add_pool(fleet, "vm1", session("main", **DEDICATED), session("pool-1", state="busy"))
    second = add_pool(fleet, "vm2", session("main", **DEDICATED), session("pool-7"))
    fleet.add_unreachable("away")
    prompt = "do it, {{ lookup('ansible.builtin.pipe', 'touch evaluated') }}"
    with open(fleet.path("prompt.md"), "w", encoding="utf-8") as stream:
        stream.write(prompt + "\n")
    variables = {"claude_failover_dispatch_file": fleet.path("prompt.md")}

    foreseen = fleet.run("secuaas.claude.dispatch", "--check", **variables)
    assert foreseen.returncode == 0, foreseen.stdout + foreseen.stderr
    assert [request["dry_run"] for request in sent(second)] == [True]
    second.requests.clear()
    done_ = fleet.run("secuaas.claude.dispatch", "-v", **variables)

    assert done_.returncode == 0, done_.stdout + done_.stderr
    assert (sent(first), [request["session"] for request in sent(second)]) == ([], ["pool-7"])
    assert sent(second)[0]["prompt"].strip() == prompt
    assert "vm2: task 4c6c5b0e is accepted, session pool-7, request id" in " ".join(done_.stdout.split()), done_.stdout
    assert "do it, " not in done_.stdout and not os.path.exists(fleet.path("evaluated"))


def test_a_repeat_is_the_same_task_on_the_same_host(fleet: Fleet) -> None:
    first, second = add_pool(fleet, "vm1", session("a")), add_pool(fleet, "vm2", session("b"))
    variables = {"claude_failover_dispatch_prompt": "do it", "claude_failover_dispatch_request_id": "nightly"}
    done_ = fleet.run("secuaas.claude.dispatch", **variables)
    assert done_.returncode == 0 and "changed=1" in done_.stdout, done_.stdout
    first.answers.update(answers(session("a", state="busy")))
    done_ = fleet.run("secuaas.claude.dispatch", **variables)
    assert done_.returncode == 0 and "changed=1" not in done_.stdout, done_.stdout
    assert (len(sent(first)), len(sent(second))) == (2, 0)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"claude_failover_dispatch_prompt": "x", "claude_failover_dispatch_session": "main"},
            "which never gets a task",
        ),
        ({"claude_failover_dispatch_prompt": "x", "claude_failover_dispatch_cwd": "/srv/o"}, "that works in /srv/o"),
        ({}, "Found no prompt, or two"),
        (
            {"claude_failover_dispatch_prompt": "x", "claude_failover_dispatch_file": "/etc/hosts"},
            "Found no prompt, or two",
        ),
    ],
)
def test_what_no_session_may_get_is_refused(fleet: Fleet, variables: dict[str, Any], words: str) -> None:
    server = add_pool(fleet, "vm1", session("main", **DEDICATED), session("a"))
    done_ = fleet.run("secuaas.claude.dispatch", **variables)
    assert done_.returncode != 0 and sent(server) == []
    assert words in " ".join((done_.stdout + done_.stderr).split())
