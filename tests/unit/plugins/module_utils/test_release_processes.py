# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of releases: odd names, containers, old kernels and processes that end meanwhile."""

from __future__ import annotations

import os
import sys
import time

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.module_utils._release_processes import releases_in_use, running_daemons


def test_what_is_read_of_a_process(base: str) -> None:
    """The name of a program may look like the fields behind it; a daemon in a container has a second number."""
    layout = Layout("/opt/cf", sys.executable)
    fields = " ".join(["S", *["0"] * 18, str(100 * os.sysconf("SC_CLK_TCK")), "0"])
    for pid, name, status in (
        ("1", "1.0.0", "Name:\tx\nNSpid:\t1\n"),
        ("2", "contained", "NSpid:\t2\t1\n"),
        ("3", "old-kernel", "Name:\tx\n"),
        ("4", "ended", None),
        ("self", "no-process", ""),
    ):
        os.mkdir(f"{base}/{pid}")
        for file, text in (
            ("cmdline", f"python3\0-I\0/opt/cf/releases/{name}/lib\0run\0"),
            ("stat", f"{pid} (a) b (c) {fields}\n"),
            ("status", status),
        ):
            if text is not None:
                with open(f"{base}/{pid}/{file}", "w", encoding="utf-8") as stream:
                    stream.write(text)
    found = {daemon.release: daemon.started for daemon in running_daemons(layout, base)}
    assert sorted(found) == ["1.0.0", "old-kernel"]
    expected = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + 100
    assert found["1.0.0"] == pytest.approx(expected, abs=5)
    assert releases_in_use(layout, base) == {"1.0.0", "contained", "old-kernel", "ended"}
