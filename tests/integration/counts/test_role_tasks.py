# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of the role on a host where nothing is to be changed: each that runs a module is a round trip."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playbook_run import on_a_controller
from scratch_role import ScratchHosts

pytestmark = [
    on_a_controller,
    pytest.mark.skipif(
        not os.path.exists("/etc/debian_version"), reason="SKIPPED, NOT TESTED: the role takes Debian and Ubuntu only"
    ),
]
#: All tasks, with those that are skipped, and the commands that a connection is given: one for each module.
MOST_TASKS, MOST_ROUND_TRIPS = 38, 7


def test_an_unchanged_host_takes_no_more_tasks_and_round_trips(tmp_path: Path, python_path: str) -> None:
    hosts = ScratchHosts(str(tmp_path), python_path)
    first = hosts.apply()
    assert first.returncode == 0, first.stdout + first.stderr
    again = hosts.apply("-vvv")
    recap = re.search(r"^host0 .* ok=(\d+) +changed=0 .* failed=0 +skipped=(\d+)", again.stdout, re.MULTILINE)
    assert recap is not None, f"expected a host where nothing is changed, found {again.stdout[-2000:]}{again.stderr}"
    round_trips = again.stdout.count("<host0> EXEC ")
    assert 0 < round_trips <= MOST_ROUND_TRIPS
    assert int(recap[1]) + int(recap[2]) <= MOST_TASKS
