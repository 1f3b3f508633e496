# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the line of a host at the end of a provisioning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.plugin_utils import _host_summary as summary

from claude_failover.config.model import SessionConfig
from claude_failover.sessions.lifecycle_state import ENDED, STOPPED, LifecycleEntry
from claude_failover.sessions.restart_policy import is_meant, stays_down

UP = {"name": "main", "state": "idle", "reason": None}
GONE = "exited with status 127 (is claude installed, and in the PATH of the session?)"
LOGGED_IN = {"name": "one", "login": "ok"}
NOBODY = {"name": "two", "login": "missing"}
LOGIN = 'sudo env -i TERM="$TERM" /usr/sbin/runuser --pty -u ubuntu -- /usr/local/bin/claude-failover login two'


def line(sessions: list[Any], accounts: list[Any]) -> str:
    return summary.summarize("vm1", "ubuntu\n" + json.dumps({"sessions": sessions, "accounts": accounts}))


@pytest.mark.parametrize(
    ("sessions", "accounts", "expected"),
    [
        (
            [UP, {**UP, "name": "pool"}],
            [LOGGED_IN],
            "vm1: sessions: 2 up, 0 down; accounts: 1 of 1 logged in; next: nothing to do",
        ),
        (
            [UP],
            [LOGGED_IN, NOBODY],
            f"vm1: sessions: 1 up, 0 down; accounts: 1 of 2 logged in (two missing); next: {LOGIN}",
        ),
        (
            [UP, {"name": "pool", "state": "down", "reason": GONE}],
            [NOBODY],
            (
                f"vm1: sessions: 1 up, 1 down (pool down: {GONE}); accounts: 0 of 1 logged in (two missing); "
                "next: install Claude Code, as with ARGS='-e claude_failover_claude_install=npm'"
            ),
        ),
        (
            [{"name": "main", "state": "waiting", "reason": "the trust dialog"}],
            [{"name": "one", "login": "unknown"}],
            (
                "vm1: sessions: 1 up, 0 down (main waiting: the trust dialog); accounts: 0 of 1 logged in "
                "(one unknown); next: sudo claude-failover attach main (on the host)"
            ),
        ),
        (
            [{"name": "main", "state": "down", "reason": "stopped by hand"}],
            [{**NOBODY, "enabled": False}],
            (
                "vm1: sessions: 0 up, 1 down (main down: stopped by hand); accounts: 0 of 1 logged in (two missing); "
                "next: nothing to do"
            ),
        ),
        ([], [], "vm1: sessions: 0 up, 0 down; accounts: 0 of 0 logged in; next: nothing to do"),
        (
            [UP],
            [{"name": "two; reboot #", "login": "missing"}],
            (
                "vm1: sessions: 1 up, 0 down; accounts: 0 of 1 logged in (two; reboot # missing); "
                f"next: {LOGIN[:-3]}'two; reboot #'"
            ),
        ),
        (
            [{"name": "$(reboot) now", "state": "waiting", "reason": "x"}],
            [LOGGED_IN],
            (
                "vm1: sessions: 1 up, 0 down ($(reboot) now waiting: x); accounts: 1 of 1 logged in; "
                "next: sudo claude-failover attach '$(reboot) now' (on the host)"
            ),
        ),
        (
            [{"name": "a\x1b[2J", "state": "down", "reason": "x\ny"}],
            [LOGGED_IN],
            (
                "vm1: sessions: 0 up, 1 down (a[2J down: x y); accounts: 1 of 1 logged in; "
                "next: sudo claude-failover attach 'a[2J' (on the host)"
            ),
        ),
    ],
)
def test_a_host_has_one_line(sessions: list[Any], accounts: list[Any], expected: str) -> None:
    assert line(sessions, accounts) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("ubuntu\nclaude-failover: it is not running\n", "claude-failover: it is not running"),
        ("ubuntu\n", "it says nothing"),
    ],
)
def test_a_host_without_a_daemon_is_told(answer: str, expected: str) -> None:
    assert summary.summarize("vm1", answer) == (
        f"vm1: the daemon does not answer: {expected}; next: journalctl -u claude-failover (on the host)"
    )


@pytest.mark.parametrize("document", ["[]", "1", "null", '{"sessions": 1, "accounts": [1]}'])
def test_an_answer_of_another_form_is_no_error(document: str) -> None:
    assert summary.summarize("vm1", f"ubuntu\n{document}").startswith("vm1: sessions: 0 up")


def test_a_host_that_failed_or_was_not_reached_has_its_reason() -> None:
    assert summary.host_that_failed("vm1", "Install", "no\nroom") == (
        "vm1: failed at 'Install': no room; next: mend that, and run this again"
    )
    assert summary.host_not_reached("vm1", "no route").startswith("vm1: not reached: no route; next: ")
    assert "removed" in summary.not_installed("vm1")


@pytest.mark.parametrize("restart", ["on_failure", "never"])
def test_what_is_down_as_meant_is_known_by_the_daemons_own_words(restart: str) -> None:
    spec = SessionConfig("main", "/", restart=restart)
    meant = [stays_down(spec, LifecycleEntry(state, "exited with status 0"), None) for state in (STOPPED, ENDED)]
    for reason in meant:
        assert reason is not None
        assert is_meant(reason)
        assert line([{"name": "main", "state": "down", "reason": reason}], []).endswith("next: nothing to do")
    assert not is_meant(GONE)
