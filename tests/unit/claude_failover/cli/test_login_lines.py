# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from claude_failover.cli import render
from claude_failover.cli.login_lines import login_line

NOW = datetime(2026, 11, 22, 20, 54, 0, tzinfo=timezone.utc)
ANN = {"address": "ann@example.invalid", "organisation": "Acme", "plan": "claude_team"}


@pytest.mark.parametrize(
    ("state", "end", "words"),
    [
        ("ok", "2026-12-16T20:54:00.000Z", "logged in until 2026-12-16 20:54Z (in 24 d)"),
        ("ok", None, "logged in, until when is not known (Claude Code before 2.1.260 writes no date)"),
        ("expired", "2026-11-20T20:54:00.000Z", "its login ended at 2026-11-20 20:54Z (2 d ago)"),
        ("expired", "2026-12-16T20:54:00.000Z", "its login is dead, emptied or refused"),
        ("expired", None, "its login is dead, emptied or refused"),
        ("missing", None, "not logged in"),
        ("unknown", None, "its credentials cannot be read"),
        ("odd\x1b", None, "its login is odd"),
    ],
)
def test_a_line_says_who_and_until_when(state: str, end: str | None, words: str) -> None:
    row: dict[str, Any] = {"name": "a", "login": state, "login_expires_at": end, "identity": ANN}
    assert login_line(row, NOW) == f"a: ann@example.invalid, Acme, claude_team; {words}"
    assert login_line({**row, "identity": None}, NOW) == f"a: who it is is not known; {words}"


@pytest.mark.parametrize(
    ("keys", "mark"),
    [
        ({"enabled": True, "standby": False}, ""),
        ({"enabled": False, "standby": True}, " (held out)"),
        ({"enabled": True, "standby": True}, " (standby)"),
    ],
)
def test_a_line_marks_an_account_that_is_set_apart(keys: dict[str, Any], mark: str) -> None:
    row = {"name": "a", "login": "missing", "login_expires_at": None, "identity": None, **keys}
    assert login_line(row, NOW) == f"a{mark}: who it is is not known; not logged in"


def test_the_page_of_the_status_has_a_line_for_each_account() -> None:
    row = {"name": "a", "login": "ok", "login_expires_at": "2026-12-16T20:54:00.000Z", "identity": {"plan": "max\x1b"}}
    page = render.status({"accounts": [row, {**row, "name": "b", "identity": ANN}]}, NOW)
    end = "logged in until 2026-12-16 20:54Z (in 24 d)"
    assert f"\n\n  a: max; {end}\n  b: ann@example.invalid, Acme, claude_team; {end}\n\nNo sessions." in page


def test_the_page_of_a_daemon_of_the_release_before_has_none() -> None:
    assert "login" not in render.status({"accounts": [{"name": "a", "login": "ok"}]}, NOW)
