# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a soak, also of one that was interrupted before it had anything to measure."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from soak import plan
from soak.figures import judgement, table
from soak.soak import WARM_UP, Soak
from soak.violation import LOST, TWICE, Violation
from soak.world import Sample, SoakWorld


@pytest.fixture
def soak(tmp_path):
    return Soak(SoakWorld(str(tmp_path), "", 2, 1), 1, 600, lambda _text: None)


def rows(soak):
    return dict(re.split("  +", line, maxsplit=1) for line in table(soak).splitlines())


def test_a_soak_that_has_not_begun_has_a_table_of_nothing(soak):
    found = rows(soak)
    assert (found["sessions"], found["limits"], found["flips"], found["prompts"]) == ("0", "0", "0", "0")
    assert "memory" not in found


def test_what_was_measured_so_far_is_in_the_table(soak):
    soak.counts["kill"] = 2
    soak.accounts.limits = 7
    soak.elapsed = 90.0
    began = time.monotonic()
    soak.samples = [(began + second, 0, Sample(memory=2048 + second, descriptors=9, threads=3)) for second in range(60)]
    found = rows(soak)
    assert (found["kills"], found["limits"], found["minutes"]) == ("2", "7", "1.5")
    assert (found["memory"], found["by the minute"]) == ("2.0 MiB (too short to judge)", "2.0")


def test_the_growth_is_that_after_the_warm_up(soak):
    began = time.monotonic()
    memory = [1024 if second < WARM_UP else 2048 + second for second in range(400)]
    soak.samples = [(began + second, 0, Sample(memory[second], descriptors=9, threads=3)) for second in range(400)]
    found = rows(soak)
    assert (found["memory"], found["growth"]) == ("2.0 to 2.4 MiB", "+17.0%")
    assert (found["descriptors"], found["threads"]) == ("9 to 9", "3 to 3")


class Typist:
    """Stands in for people and dispatcher: the daemon has more memory and descriptors while it types than after."""

    def __init__(self, soak):
        self.soak, self.ending = soak, False

    async def use(self, _session):
        while not self.ending:
            self._measure(Sample(memory=2048, descriptors=12, threads=3))
            await asyncio.sleep(0)
        self._measure(Sample(memory=1024, descriptors=9, threads=3))

    def _measure(self, sample):
        self.soak.samples.append((time.monotonic(), 0, sample))

    def end(self):
        self.ending = True

    async def run(self):
        """Dispatch nothing."""

    follow = run


def test_the_end_is_measured_while_people_type(soak, monkeypatch):
    monkeypatch.setattr(plan, "plan", lambda _seed, _seconds: [])
    soak.seconds = 0.05
    soak.sessions = dict.fromkeys(soak.world.people)
    soak.people = soak.dispatcher = Typist(soak)
    asyncio.run(soak._disturb())
    assert min(sample.memory for _at, _life, sample in soak.samples) == 1024
    assert soak.at_end == soak.window(0, 60) == Sample(memory=2048, descriptors=12, threads=3)


def test_each_kind_of_violation_is_counted(soak):
    soak.violations = [Violation(LOST, "a"), Violation(LOST, "b"), Violation(TWICE, "c")]
    assert judgement(soak).startswith("lost=2 twice=1 unaccounted=0")
