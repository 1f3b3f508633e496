# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the filter claude_failover_settings converts text and refuses what is impossible."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter import claude_failover_settings as plugin

convert = plugin.FilterModule().filters()["claude_failover_settings"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("create_user", "false", False),
        ("create_user", "False", False),
        ("create_user", "no", False),
        ("create_user", "0", False),
        ("create_user", "true", True),
        ("create_user", "yes", True),
        ("create_user", 0, False),
        ("create_user", True, True),
        ("keep_releases", "5", 5),
        ("keep_releases", 5, 5),
        ("failover", {"failback": "off", "cooldown": "60"}, {"failback": False, "cooldown": 60}),
        ("failover", {"cooldown": 60, "unknown_reset_wait": "1.5e3"}, {"cooldown": 60, "unknown_reset_wait": 1500.0}),
        ("failover", {"proactive_threshold": None}, {"proactive_threshold": None}),
        ("failover", '{"failback": false, "strategy": "headroom"}', {"failback": False, "strategy": "headroom"}),
        ("failover", None, {}),
        ("detection", {"panes": "false", "capture_lines": "80"}, {"panes": False, "capture_lines": 80}),
        ("lifecycle", {"restart_backoff": ["1", "60"]}, {"restart_backoff": [1, 60]}),
        ("lifecycle", {"check_interval": "0.5", "unknown": "5"}, {"check_interval": 0.5, "unknown": "5"}),
        ("sessions", None, []),
        (
            "sessions",
            [{"name": "a", "dedicated": "false", "claude_args": "yes", "env": {"N": "5", "ON": "false"}}, {}],
            [{"name": "a", "dedicated": False, "claude_args": True, "env": {"N": "5", "ON": "false"}}, {}],
        ),
        ("sessions", '[{"name": "a", "dedicated": "no"}]', [{"name": "a", "dedicated": False}]),
    ],
)
def test_every_value_gets_its_type(name: str, given: Any, expected: Any) -> None:
    found = convert({name: given})[name]
    # JSON tells 60 from 60.0 and true from 1.
    assert plugin.json.dumps(found) == plugin.json.dumps(expected)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("create_user", "maybe", 'claude_failover_create_user is "maybe"; expected true or false.'),
        ("create_user", None, "claude_failover_create_user is null; expected true or false."),
        ("create_user", 2, "claude_failover_create_user is 2; expected true or false."),
        ("create_user", [True], "claude_failover_create_user is a list; expected true or false."),
        ("keep_releases", "three", 'claude_failover_keep_releases is "three"; expected a whole number.'),
        ("keep_releases", "3.5", 'claude_failover_keep_releases is "3.5"; expected a whole number.'),
        ("keep_releases", "1_0", 'claude_failover_keep_releases is "1_0"; expected a whole number.'),
        ("keep_releases", True, "claude_failover_keep_releases is true; expected a whole number."),
        ("failover", {"cooldown": "1h"}, 'claude_failover_failover.cooldown is "1h"; expected a number.'),
        ("failover", {"cooldown": "1e999"}, 'claude_failover_failover.cooldown is "1e999"; expected a number.'),
        ("failover", {"cooldown": "nan"}, 'claude_failover_failover.cooldown is "nan"; expected a number.'),
        ("failover", {"failback": "x" * 99}, "…; expected true or false."),
        ("failover", "failback=no", "claude_failover_failover is text; expected a dictionary."),
        ("lifecycle", {"restart_backoff": [1, "long"]}, "claude_failover_lifecycle.restart_backoff[1] is"),
        ("lifecycle", {"restart_backoff": 5}, "restart_backoff is a number; expected a list."),
        ("sessions", [{}, {"dedicated": "perhaps"}], 'claude_failover_sessions[1].dedicated is "perhaps"; expected'),
        ("sessions", ["main"], "claude_failover_sessions[0] is text; expected a dictionary."),
    ],
)
def test_an_impossible_value_is_refused_by_its_name(name: str, given: Any, sentence: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        convert({name: given})
    assert sentence in str(raised.value)
    assert len(str(raised.value)) < 150


def test_every_impossible_value_is_reported_at_once() -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        convert({"create_user": "maybe", "seed_trust": "perhaps", "keep_releases": "few"})
    assert str(raised.value).count("; expected ") == 3


@pytest.mark.parametrize(
    "given",
    [
        "TOKEN=planted",
        [{"name": "a", "env": "TOKEN=planted"}],
        [{"name": "a", "env": ["planted"]}],
        [{"name": "a", "command": "claude --key planted"}],
        ["planted"],
        {"planted": "planted"},
    ],
)
def test_a_refusal_shows_no_value_that_may_be_secret(given: Any) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        convert({"sessions": given})
    assert "; expected a " in str(raised.value)
    assert "planted" not in str(raised.value)


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="claude_failover_no_such is no variable of the role"):
        convert({"no_such": 1})
