# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage figures on their way from the real Claude Code's status line to the daemon."""

from __future__ import annotations

import os

import pytest
from conftest import MakeWorld, real
from harness import cli
from harness.driven import begin
from harness.wait import until


def test_the_daemon_has_the_figures_of_each_answer_also_after_a_start(make_world: MakeWorld) -> None:
    world = make_world(real(cli.NEW))
    daemon, main = begin(world)

    def used() -> float | None:
        rows = {row["name"]: row for row in daemon.status()["accounts"]}
        percent: dict[str, float] = rows["A"]["used_percent"]
        return percent.get("five_hour")

    def answer(text: str, percent: int) -> None:
        world.set("A", "warning", utilization=percent / 100)
        main.prompt(text)
        main.answered(text, "A")
        until(lambda: used() == pytest.approx(percent), f"{percent} per cent in the status", show=daemon.log)

    for number, percent in enumerate((40, 41, 41, 60)):
        answer(f"job {number}", percent)
    assert daemon.stop() == 0
    os.unlink(world.path("state", "usage.json"))
    daemon.start()
    answer("another job", 60)
