# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links made by root while their owner swaps what they lead through."""

from __future__ import annotations

import os
import shutil
import signal
import time

from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    as_owner,
    in_the_name_of_the_owner,
    needs_root,
    picture,
    scratch,
    some_user,
)


@needs_root
def test_links_swapped_by_the_owner_during_many_runs_lead_nowhere() -> None:
    base = scratch()
    home, roots = f"{base}/home", f"{base}/roots"
    os.mkdir(home)
    os.chown(home, some_user().pw_uid, some_user().pw_gid)
    os.mkdir(roots, 0o755)
    in_the_name_of_the_owner(lambda: os.makedirs(f"{home}/real"))
    in_the_name_of_the_owner(lambda: os.makedirs(f"{home}/a"))
    in_the_name_of_the_owner(lambda: os.symlink("real", f"{home}/shared"))
    before = picture(roots)
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(some_user().pw_gid)
            os.setuid(some_user().pw_uid)
            while True:
                for leads_to in (roots, f"{home}/real"):
                    os.symlink(leads_to, f"{home}/next")
                    os.rename(f"{home}/next", f"{home}/shared")
        finally:
            os._exit(1)
    try:
        seen: set[bool] = set()
        deadline = time.monotonic() + 60
        runs = 0
        while (runs < 50 or seen != {True, False}) and time.monotonic() < deadline:
            failures, _reports = as_owner([f"{home}/a"], home)
            seen.add(bool(failures))
            for name in os.listdir(f"{home}/a"):
                os.unlink(f"{home}/a/{name}")
            for name in os.listdir(f"{home}/real"):
                os.rmdir(f"{home}/real/{name}")
            runs += 1
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the owner is still at it"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert seen == {True, False}, f"in {runs} runs the swap must have been met both ways"
    assert picture(roots) == before
    shutil.rmtree(base)
