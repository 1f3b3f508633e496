# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import claude_failover
from claude_failover.common.shared_wake import REST, pause

PACKAGE = Path(claude_failover.__file__).parent


def constant_pauses():
    """Yield module and constant of each pause that is shared, and is no setting."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("shared_pause", "sleep_together"):
                argument = call.args[0]
                if isinstance(argument, ast.Name) and argument.id.isupper():
                    yield ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts), argument.id


PAUSES = sorted(set(constant_pauses()))


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        (100.0, 10.0, 10.0),
        (100.003, 10.0, 9.997),
        (104.0, 10.0, 6.0),
        (104.0, 5.0, 6.0),
        (108.9, 10.0, 11.1),
        (109.9999999, 10.0, 10.0000001),
    ],
)
def test_a_pause_ends_at_a_multiple_and_is_never_next_to_nothing(now, seconds, expected):
    assert pause(now, seconds) == pytest.approx(expected)


def test_pauses_that_began_at_different_moments_end_together():
    assert {round(now + pause(now, 5.0), 6) for now in (100.0, 101.0, 102.4)} == {105.0}
    assert (101.0 + pause(101.0, 10.0)) % 5.0 == pytest.approx(0.0)


@pytest.mark.parametrize(("module", "name"), PAUSES)
def test_what_looks_by_itself_makes_a_daemon_at_rest_wake_no_more_often(module, name):
    seconds = getattr(importlib.import_module(module), name)
    assert seconds % REST == 0.0, f"{module}.{name}: a wake of its own every {seconds:g} s"


def test_the_pauses_are_found():
    assert len(PAUSES) >= 8 and ("claude_failover.failover.rounds", "IDLE_INTERVAL") in PAUSES
