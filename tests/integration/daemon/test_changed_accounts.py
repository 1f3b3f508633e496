# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what becomes of a running daemon and its session when the accounts of the configuration change."""

from __future__ import annotations

import json
import os
import signal

import pytest

from .conftest import wait_for


@pytest.fixture(params=["reload", "restart"])
def apply(host, request):
    """Start a daemon with a session; return what puts a changed configuration in force, and looks at the status."""
    host.session("main")
    host.start_tmux()
    host.start()
    wait_for(lambda: host.row("main")["state"] == "idle", "the session")
    pid = host.row("main")["pid"]

    def put_in_force():
        if request.param == "restart":
            host.stop(signal.SIGTERM)
            host.start()
        else:
            host.write_config()
            result = host.command("reload")
            assert result.returncode == 0, result.stderr
        assert host.row("main")["pid"] == pid
        status = host.status()
        assert host.command("switch", status["active_account"]).returncode == 0, "which looks at the link first"
        reasons = [row["reason"] for row in json.loads(host.command("history", "--json").stdout)]
        assert "external" not in reasons, "nobody has flipped the link"
        return status["active_account"], {row["name"]: row for row in status["accounts"]}

    return put_in_force


def test_an_account_that_is_added_gets_its_links(host, apply):
    home = host.path("user/.claude-three")
    host.config["accounts"].append({"name": "three", "home": home})
    active, accounts = apply()
    assert (active, list(accounts)) == ("one", ["one", "two", "three"])
    assert (accounts["three"]["links"], accounts["three"]["login"]) == ("ok", "missing")
    assert os.path.islink(os.path.join(home, "projects"))


def test_an_account_that_is_removed_leaves_its_home(host, apply):
    home = host.config["accounts"].pop()["home"]
    active, accounts = apply()
    assert (active, list(accounts)) == ("one", ["one"])
    assert os.path.islink(os.path.join(home, "projects"))


def test_an_account_that_is_moved_has_both_homes(host, apply):
    account = host.config["accounts"][1]
    former, account["home"] = account["home"], host.path("user/moved")
    active, accounts = apply()
    assert (active, accounts["two"]["home"], accounts["two"]["links"]) == ("one", account["home"], "ok")
    assert os.path.islink(os.path.join(former, "projects"))


def test_the_active_account_under_another_name_is_no_flip_by_hand(host, apply):
    host.config["accounts"][0]["name"] = "work"
    active, accounts = apply()
    assert (active, list(accounts)) == ("work", ["work", "two"])
    wait_for(lambda: "accounts renamed, each with its home: one to work" in host.daemon_log(), "the log line")
