# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of /proc: odd names, ended processes, and the start time of one that runs."""

from __future__ import annotations

import os
import time

from ansible_collections.secuaas.claude.plugins.module_utils._proc import pids, start_ticks


def put(base: str, pid: int, stat: str) -> None:
    os.mkdir(f"{base}/{pid}")
    with open(f"{base}/{pid}/stat", "w", encoding="utf-8") as stream:
        stream.write(stat)


def test_only_folders_of_processes_are_listed(base: str) -> None:
    for name in ("1", "22", "self", "٣", "2x"):
        os.mkdir(f"{base}/{name}")
    assert sorted(pids(base)) == [1, 22]


def test_a_name_may_hold_blanks_and_parentheses(base: str) -> None:
    put(base, 7, "7 (a) S (b) R " + " ".join(["0"] * 18) + " 4711 0\n")
    assert start_ticks(7, base) == 4711


def test_an_ended_process_has_no_start(base: str) -> None:
    for pid, state in ((1, "Z"), (2, "X")):
        put(base, pid, f"{pid} (x) {state} " + " ".join(["0"] * 18) + " 4711 0\n")
        assert start_ticks(pid, base) is None
    assert start_ticks(3, base) is None


def test_the_start_of_this_process_is_in_the_past_and_after_boot() -> None:
    assert os.getpid() in pids()
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    assert 0 < ticks / os.sysconf("SC_CLK_TCK") <= time.clock_gettime(time.CLOCK_BOOTTIME)
