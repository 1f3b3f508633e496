# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages of `make test` begin as far as the machine has room for them."""

from __future__ import annotations

import pathlib
import sys
from typing import Optional

import pytest

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "gates"))
from loads import LOADS, ROOM, UNKNOWN, next_stage  # noqa: E402

sys.path.remove(str(ROOT / "tests" / "gates"))
STAGES = ["lint", "unit", "unit", "faults", "docs", "changelog", "sanity", "build", "importer", "page", "security"]
STAGES += ["molecule", "e2e"]


@pytest.mark.parametrize(
    ("waiting", "running", "cores", "begins"),
    [
        (["lint", "unit", "molecule"], [], 2, "molecule"),
        (["lint", "unit", "e2e"], ["molecule"], 2, "e2e"),
        (["lint", "unit", "sanity"], ["molecule"], 2, "sanity"),  # none that fills the cores
        (["lint", "unit", "e2e"], ["unit"], 2, None),
        (["unit", "faults"], ["molecule", "e2e"], 4, "faults"),
        (["lint", "faults"], ["e2e", "molecule"], 2, None),
        (["lint", "docs"], ["e2e"], 2, "lint"),
        (["new one", "changelog"], [], 2, "changelog"),
        (["new one"], ["lint"], 2, "new one"),
        (["unit"], ["molecule"], 1, None),  # in a row on one core
        (["unit"], [], 1, "unit"),
        ([], ["unit"], 2, None),
        ([], [], 2, None),
    ],
)
def test_the_first_in_rank_begins_for_which_there_is_room(
    waiting: list[str], running: list[str], cores: int, begins: Optional[str]
) -> None:
    chosen = next_stage(waiting, running, cores)
    assert (None if chosen is None else waiting[chosen]) == begins


@pytest.mark.parametrize("cores", [1, 2, 4, 64])
def test_every_stage_has_its_turn_and_the_cores_are_not_overcommitted(cores: int) -> None:
    waiting, running, ended = list(STAGES), list[str](), list[str]()
    while waiting or running:
        chosen = next_stage(waiting, running, cores)
        if chosen is None:
            ended.append(running.pop(0))
        else:
            running.append(waiting.pop(chosen))
            load = sum(LOADS.get(stage, UNKNOWN).on(cores) for stage in running)
            assert len(running) == 1 or load <= cores * ROOM
    assert sorted(ended) == sorted(STAGES)


def test_the_stages_with_a_rank_are_sessions_of_nox() -> None:
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert [stage for stage in LOADS if f"\ndef {stage}(session: nox.Session)" not in sessions] == []
