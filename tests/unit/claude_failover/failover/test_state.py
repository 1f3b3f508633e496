# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from switch_world import T0, World, minutes

from claude_failover.failover.state import FailoverState, LimitedSession, ResetWait


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_the_state_outlives_a_restart(world):
    state = FailoverState(world.store)
    with state.update():
        state.cooldown_until = T0 + minutes(1)
        state.reset_wait = ResetWait("a", "opus", T0 + minutes(2))
        state.unattributed = [world.evidence("one"), world.evidence("two")]
        state.limited_sessions = {"three": LimitedSession(world.evidence("three"), "b")}
    again = FailoverState(world.store)
    assert again.cooldown_until == state.cooldown_until
    assert again.reset_wait == state.reset_wait
    assert again.unattributed == state.unattributed
    assert again.limited_sessions == state.limited_sessions


def test_an_empty_state_is_valid(world, caplog):
    for _start in range(2):
        state = FailoverState(world.store)
        assert (state.cooldown_until, state.reset_wait) == (None, None)
        assert (state.unattributed, state.limited_sessions) == ([], {})
        with state.update():
            pass
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("cooldown_until", 7, "failover: the cooldown is invalid"),
        ("waiting", {"account": 3}, "failover: the reset wait is invalid and ignored: TypeError('found no account"),
        ("inbox", 3, "failover: the list of evidence is invalid and ignored: TypeError('found int"),
        ("inbox", [1], "failover: a piece of evidence is invalid"),
        ("held", 3, "failover: the list of limited sessions is invalid and ignored: TypeError('found int"),
        ("held", [{"evidence": {}}], "failover: a limited session is invalid"),
    ],
)
def test_an_invalid_part_of_the_state_is_logged_and_copied(world, caplog, key, value, text):
    world.store.save("failover", {key: value})
    state = FailoverState(world.store)
    assert text in caplog.text
    assert "failover.json has an invalid part: copied to" in caplog.text
    assert (state.cooldown_until, state.reset_wait) == (None, None)
    assert (state.unattributed, state.limited_sessions) == ([], {})
