# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No limit is seen while an account has room: real sessions, whose accounts' windows the stub counts."""

from __future__ import annotations

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.metered import begin_metered


@pytest.mark.unguarded("each switch would need a person in every session, also in the midst of a turn")
def test_no_request_is_refused_while_an_account_has_room(make_world: MakeWorld) -> None:
    """A's window is used by 12 per cent a request, also within a turn of many; B's by 3."""
    work = begin_metered(
        make_world(real(cli.NEW), accounts="AB"),
        3,
        {"A": 12, "B": 3},
        3600,
        proactive_threshold=100,
        cooldown=0,
    )
    prompts = {
        "s0": ["first [[steps 6 1]]", "second [[steps 6 1]]"],
        "s1": [f"one {number} [[slow 1]]" for number in range(4)],
        "s2": [f"two {number} [[slow 1]]" for number in range(4)],
    }
    work.run(prompts, at_once=2)
    assert work.answered == 10
    assert work.refused == []
    assert [(row["reason"], row["to_account"]) for row in work.daemon.switches()] == [("proactive", "B")]
