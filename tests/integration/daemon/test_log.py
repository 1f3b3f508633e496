# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the level of the daemon's log, and the priorities of its lines where standard error is the journal."""

from __future__ import annotations

import os
import re

import pytest

from .conftest import wait_for


def levels(log: str) -> set[str]:
    return {word for line in log.splitlines() for word in line.split()[:4] if re.fullmatch("(<.>)?[A-Z]{4,}", word)}


def test_a_reload_sets_the_level_of_the_log(host) -> None:
    host.config["log"] = {"level": "warning"}
    host.start_tmux()
    host.start()
    assert "INFO" not in levels(host.daemon_log())
    host.config["log"] = {"level": "debug"}
    host.write_config()
    assert host.command("reload").returncode == 0
    assert "INFO" in levels(wait_for(lambda: "reloaded" in host.daemon_log() and host.daemon_log(), "the reload"))
    host.config["log"] = {"level": "error"}
    host.write_config()
    assert host.command("reload").returncode == 0
    quiet = len(host.daemon_log())
    assert host.stop() == 0
    assert levels(host.daemon_log()[quiet:]) == set()


def test_a_refused_start_is_an_error_in_the_journal(host) -> None:
    open(host.path("daemon.log"), "ab").close()
    found = os.stat(host.path("daemon.log"))
    host.environment["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
    os.symlink(host.path("elsewhere"), host.path("user/.claude"))
    assert host.launch().wait(30) == 1
    host.daemon = None
    lines = host.daemon_log().splitlines()
    assert "active_link" in lines[-1]
    assert [line for line in lines if not re.match("<6>INFO |<4>WARNING |<3>ERROR |<3>claude-failover: ", line)] == []
    assert lines[-1].startswith("<3>claude-failover: ")


@pytest.mark.parametrize("level", ["loud", "INFO", None])
def test_a_level_that_there_is_not_is_refused(host, level) -> None:
    host.config["log"] = {"level": level}
    host.write_config()
    checked = host.command("check-config")
    assert checked.returncode == 2
    assert "log.level" in checked.stderr + checked.stdout
