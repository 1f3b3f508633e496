# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of releases: odd names, containers, old kernels and processes that end meanwhile."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_processes
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.module_utils._release_processes import (
    Service,
    is_stale,
    releases_in_use,
    running_daemons,
    service_of,
)


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


def daemon_of(base: str, pid: str, uid: int, *cgroups: str) -> None:
    """Write what /proc shows of a process with the words of the daemon."""
    fields = " ".join(["S", *["0"] * 18, "100", "0"])
    os.mkdir(f"{base}/{pid}")
    for file, text in (
        ("cmdline", "python3\0-I\0/opt/cf/releases/r%s/lib\0run\0" % pid),
        ("stat", f"{pid} (python3) {fields}\n"),
        ("status", f"Name:\tpython3\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nNSpid:\t{pid}\n"),
        ("cgroup", "".join(f"{line}\n" for line in cgroups)),
    ):
        with open(f"{base}/{pid}/{file}", "w", encoding="utf-8") as stream:
            stream.write(text)


UNIT = "claude-failover.service"
USER_UNIT = f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/{UNIT}"


@pytest.mark.parametrize(
    ("uid", "cgroups", "counted"),
    [
        (1000, [f"0::/system.slice/{UNIT}"], True),
        (1000, [f"4:memory:/x/{UNIT}", f"1:name=systemd:/system.slice/{UNIT}", "0::/"], True),
        (1001, [f"0::/system.slice/{UNIT}"], False),  # another user's
        (0, [f"0::/system.slice/{UNIT}"], False),
        (1000, ["0::/user.slice/user-1000.slice/session-1.scope"], False),  # the same user's, by hand
        (1000, ["0::/system.slice/claude-failover-tmux.service"], False),  # by Claude's tools
        (1000, [USER_UNIT], False),  # of the same name, and the user's own
        (1000, [f"4:memory:/system.slice/{UNIT}", "1:name=systemd:/"], False),
        (1000, [], False),
    ],
)
def test_a_daemon_is_of_its_user_and_its_unit(base: str, uid: int, cgroups: list[str], counted: bool) -> None:
    layout = Layout("/opt/cf", sys.executable)
    daemon_of(base, "7", uid, *cgroups)
    assert bool(running_daemons(layout, base, Service(1000, UNIT))) is counted
    assert bool(running_daemons(layout, base, Service(1000, None))) is (uid == 1000)
    assert bool(running_daemons(layout, base)) is True
    assert is_stale(layout, [], base, Service(1000, UNIT)) is counted


def test_a_user_who_does_not_exist_runs_no_daemon(base: str) -> None:
    daemon_of(base, "7", 1000, f"0::/system.slice/{UNIT}")
    assert running_daemons(Layout("/opt/cf", sys.executable), base, service_of("no-such-user", UNIT)) == []
    assert service_of(None, None) is None
    assert service_of("root", None) == Service(0, None)


def test_a_process_that_does_not_let_its_arguments_be_read_holds_nobody_up(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can lie in a file system of the user's that never answers; a FIFO stands for it."""
    monkeypatch.setattr(_release_processes, "_ONE_USER", 0.3)
    layout = Layout("/opt/cf", sys.executable)
    for pid, uid in (("1", 0), ("2", 1001), ("3", 1001), ("4", 1002)):
        daemon_of(base, pid, uid)
    os.unlink(f"{base}/2/cmdline")
    os.mkfifo(f"{base}/2/cmdline")
    late = threading.Timer(20, lambda: os.close(os.open(f"{base}/2/cmdline", os.O_WRONLY | os.O_NONBLOCK)))
    late.daemon = True
    late.start()
    start = time.monotonic()
    told: list[str] = []
    assert releases_in_use(layout, base, told.append) == {"r1", "r4"}
    late.cancel()
    assert time.monotonic() - start < 10
    assert len(told) == 1
    assert told[0].startswith("a look at the processes of user 1001 did not end within 0.3 s and was killed; they are")
