# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test every sentence of the filter claude_failover_drift."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter import claude_failover_drift as plugin

describe = plugin.FilterModule().filters()["claude_failover_drift"]

UNIT = "/etc/systemd/system/claude-failover.service"
LAUNCHER = "/usr/local/bin/claude-failover"
CONFIG = "/etc/claude-failover/config.yml"
CHANGED = {"changed": True}
UNCHANGED = {"changed": False}
SKIPPED = {"changed": False, "skipped": True}
RESTART = "claude-failover.service: runs older code or configuration than is installed; restart it"

UNMET = [
    {"name": "active_link", "level": "error", "found": "/h is a folder", "expected": "a link"},
    {"name": "shared_links", "level": "error", "found": "divergent", "expected": "a link"},
    {"name": "metrics", "level": "warning", "found": "missing", "expected": "a folder"},
]
WHEN = "at 2026-11-26T08:00:00Z (it eats tasks)"
ROLLED_BACK = {
    "switched": True,
    "release": "2-b",
    "previous": "1-a",
    "rolled_back": {"left": "2-b", "release": "1-a", "time": "2026-11-26T08:00:00Z", "reason": "it eats tasks"},
    "restored": [],
}


def drift(results: Any, **options: Any) -> Any:
    return describe(results, **{"unit_paths": [UNIT], "code_paths": [LAUNCHER, "/opt/claude-failover"], **options})


def service(name: str, **status: str) -> dict[str, Any]:
    return {"changed": True, "name": name, "status": status}


@pytest.mark.parametrize(
    ("results", "options", "expected"),
    [
        ({}, {"missing_packages": ["tmux", "npm"]}, {"host": ["packages missing: tmux npm"]}),
        (
            {"claude_installation": CHANGED},
            {"claude_version": "2.1.332"},
            {"host": ["Claude Code CLI missing: 2.1.332"]},
        ),
        (
            {"claude_link": CHANGED},
            {"claude_version": "2.1.332"},
            {"host": ["/usr/local/bin/claude: not the Claude Code CLI 2.1.332"]},
        ),
        ({}, {"old_claude": ["claude is 2.1.78"]}, {"host": ["claude is 2.1.78"]}),
        ({}, {"missing_user": "claude"}, {"host": ["user missing: claude"]}),
        ({}, {"missing_group": "agents"}, {"host": ["group missing: agents"]}),
        ({"control_group": CHANGED}, {"control_group": "operators"}, {"host": ["group missing: operators"]}),
        (
            {"links": {"links": [{"path": "/a", "status": "missing"}, {"path": "/b", "status": "divergent"}]}},
            {},
            {"links": ["/a: missing", "/b: divergent"]},
        ),
        ({"links": {"failed": True, "msg": "no such owner"}}, {}, {"links": ["no such owner"]}),
        ({"release": {"failed": True, "msg": "refused"}}, {}, {"configuration": ["refused"]}),
        (
            {"release": {"failed": True, "msg": "unmet", "conditions": UNMET, "updated": [CONFIG]}},
            {},
            {"host": ["/h is a folder; expected a link"], "configuration": [f"{CONFIG}: changed"]},
        ),
        ({"release": {"created": [CONFIG]}}, {}, {"configuration": [f"{CONFIG}: missing"]}),
        ({"release": {"updated": [CONFIG]}}, {}, {"configuration": [f"{CONFIG}: changed"]}),
        ({"removal": {"removed": [CONFIG]}}, {}, {"configuration": [f"{CONFIG}: left over"]}),
        ({"release": {"created": [UNIT]}}, {}, {"units": [f"{UNIT}: missing"]}),
        ({"release": {"updated": [UNIT]}}, {}, {"units": [f"{UNIT}: changed"]}),
        ({"removal": {"removed": [UNIT]}}, {}, {"units": [f"{UNIT}: left over"]}),
        ({"release": {"created": [LAUNCHER]}}, {}, {"code": [f"{LAUNCHER}: missing"]}),
        ({"release": {"updated": [LAUNCHER]}}, {}, {"code": [f"{LAUNCHER}: changed"]}),
        (
            {"removal": {"removed": [LAUNCHER, "/opt/claude-failover"]}},
            {},
            {"code": [f"{LAUNCHER}: left over", "/opt/claude-failover: left over"]},
        ),
        ({"release": {"drift": ["/opt/x: content differs"]}}, {}, {"code": ["/opt/x: content differs"]}),
        (
            {"release": {"switched": True, "release": "2-b", "previous": "1-a"}},
            {},
            {"code": ["release 2-b expected, current is 1-a"]},
        ),
        (
            {"release": {"switched": True, "release": "2-b", "previous": None}},
            {},
            {"code": ["release 2-b expected, current is none"]},
        ),
        (
            {"tmux_service": service("claude-failover-tmux.service", ActiveState="failed", UnitFileState="enabled")},
            {},
            {"service": ["claude-failover-tmux.service, failed, enabled"]},
        ),
        (
            {"daemon_service": service("claude-failover.service", ActiveState="inactive", UnitFileState="disabled")},
            {},
            {"service": ["claude-failover.service, inactive, disabled"]},
        ),
        (
            {"daemon_service": {"changed": True, "name": "claude-failover.service"}},
            {},
            {"service": ["claude-failover.service, unknown, unknown"]},
        ),
        ({"release": {"stale": True}}, {}, {"service": [RESTART]}),
        (
            {"release": {**ROLLED_BACK, "updated": [CONFIG, UNIT], "restored": [UNIT]}},
            {},
            {
                "configuration": [f"{CONFIG}: changed"],
                "rollback": [f"release 2-b was left for 1-a {WHEN}; the role goes forward to release 2-b"],
            },
        ),
        (
            {
                "release": {
                    **ROLLED_BACK,
                    "switched": False,
                    "updated": [CONFIG],
                    "restored": [CONFIG],
                    "rolled_back": {**ROLLED_BACK["rolled_back"], "left": "1-a"},
                }
            },
            {},
            {
                "rollback": [
                    f"release 1-a went back to the configuration before {WHEN}; the role goes forward to the new one"
                ]
            },
        ),
        ({"release": {**ROLLED_BACK, "switched": False}}, {}, {}),
    ],
)
def test_each_difference_has_its_sentence(
    results: dict[str, Any], options: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    assert drift(results, **options) == expected


@pytest.mark.parametrize("result", [UNCHANGED, SKIPPED])
def test_a_host_without_differences_has_no_drift(result: dict[str, Any]) -> None:
    release = {**UNCHANGED, "created": [], "updated": [], "drift": [], "switched": False, "stale": False}
    results = {
        "claude_installation": result,
        "claude_link": result,
        "control_group": result,
        "links": {**UNCHANGED, "links": [{"path": "/a", "status": "ok"}]},
        "release": {**release, "release": "2-b", "previous": "2-b", "removed": ["1-a"]},
        "tmux_service": {**result, "name": "claude-failover-tmux.service"},
        "daemon_service": {**result, "name": "claude-failover.service"},
        "removal": {"removed": []},
    }
    assert drift(results, control_group="operators", claude_version="2.1.332") == {}
    assert drift({}) == {}


@pytest.mark.parametrize(("name", "kind"), [("links", "links"), ("release", "configuration")])
def test_a_failure_that_failed_when_has_overruled_is_reported(name: str, kind: str) -> None:
    result = {**UNCHANGED, "failed": False, "failed_when_result": False, "msg": "refused"}
    assert drift({name: result}) == {kind: ["refused"]}


def test_the_links_that_differ_take_precedence_over_the_message() -> None:
    links = [{"path": "/a", "status": "ok"}, {"path": "/b", "status": "not_a_symlink"}]
    assert drift({"links": {"failed": True, "msg": "1 link", "links": links}}) == {"links": ["/b: not_a_symlink"]}


def test_all_kinds_are_reported_together_in_a_fixed_order() -> None:
    found = drift(
        {
            "release": {
                "created": [LAUNCHER, UNIT, CONFIG],
                "updated": ["/etc/claude-failover/tmux.conf"],
                "drift": ["/opt/x: is missing"],
                "switched": True,
                "release": "2-b",
                "previous": "1-a",
                "stale": True,
            },
            "links": {"links": [{"path": "/a", "status": "missing"}]},
            "control_group": CHANGED,
            "tmux_service": service("claude-failover-tmux.service", ActiveState="failed", UnitFileState="enabled"),
            "daemon_service": service("claude-failover.service", ActiveState="failed", UnitFileState="enabled"),
        },
        missing_packages=["tmux"],
        missing_user="claude",
        missing_group="claude",
        control_group="operators",
    )
    assert list(found.items()) == [
        (
            "host",
            ["packages missing: tmux", "user missing: claude", "group missing: claude", "group missing: operators"],
        ),
        ("links", ["/a: missing"]),
        ("configuration", [f"{CONFIG}: missing", "/etc/claude-failover/tmux.conf: changed"]),
        ("units", [f"{UNIT}: missing"]),
        ("code", ["/opt/x: is missing", "release 2-b expected, current is 1-a", f"{LAUNCHER}: missing"]),
        (
            "service",
            ["claude-failover-tmux.service, failed, enabled", "claude-failover.service, failed, enabled", RESTART],
        ),
    ]


@pytest.mark.parametrize("results", [None, [], "text", {"links": None}, {"release": [CONFIG]}])
def test_results_of_another_type_are_an_error(results: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a dictionary of task results"):
        drift(results)


def test_every_option_is_documented() -> None:
    code = plugin.describe_drift.__code__
    options = yaml.safe_load(plugin.DOCUMENTATION)["options"]
    assert list(options)[1:] == list(code.co_varnames[1 : code.co_argcount])
