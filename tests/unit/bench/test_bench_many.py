# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row that several failovers of as many sessions make."""

from __future__ import annotations

import os
import sys

from import_path import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))

from bench_many import LightWorld, Sample, row_of


def sample(last: float, switches: int = 1, continued: int = 10) -> Sample:
    return Sample(switches, continued, 0.1, 0.5, last, fsyncs=60, daemon_cpu_s=0.2, tmux_cpu_s=0.1)


def test_a_row_has_medians_and_the_spread_of_the_last_session() -> None:
    row = row_of(LightWorld, 10, [sample(1.0), sample(2.0), sample(9.0)])
    assert (row["samples"], row["last_s"], row["last_low_s"], row["last_high_s"]) == (3, 2.0, 1.5, 5.5)
    assert (row["first_s"], row["middle_s"], row["fsyncs"]) == (0.1, 0.5, 60)


def test_one_sample_has_no_spread() -> None:
    row = row_of(LightWorld, 200, [sample(2.0)])
    assert (row["samples"], row["last_s"], row["last_low_s"], row["last_high_s"]) == (1, 2.0, None, None)


def test_one_failover_in_which_a_session_stands_or_the_link_moves_twice_shows_in_its_row() -> None:
    row = row_of(LightWorld, 10, [sample(1.0), sample(1.0, continued=9), sample(1.0, switches=2)])
    assert (row["switches"], row["continued"]) == (2, 9)
