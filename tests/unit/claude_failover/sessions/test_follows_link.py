# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session's login as its status tells it: by the link, or from elsewhere."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from switch_world import World

from claude_failover.common import clock
from claude_failover.common.processes import read
from claude_failover.config.model import SessionConfig
from claude_failover.reporting.status import session_row
from claude_failover.sessions.registry import SessionRegistry
from claude_failover.sessions.table import SessionTable
from claude_failover.switching.flip_log import Flip, FlipLog
from claude_failover.tmux.client import Pane

TOKEN = "sk-ant-oat01-must-not-be-seen-anywhere"
SLEEP = [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"]


class Watched:
    """A table with one session, whose program is a process of the test's."""

    def __init__(self, folder):
        self.world = World(folder, "ab")
        self.world.configure(sessions=(SessionConfig("main", str(folder)),))
        self.registry = SessionRegistry(self.world.store)
        self.table = SessionTable(self.world.config_holder, self.registry)
        self.child = None

    def run(self, **environment):
        """Run the session's program with this environment, and look at it."""
        self.end()
        self.child = subprocess.Popen(SLEEP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.child.stdout.readline()
        return self.look()

    def look(self):
        pane = Pane(
            session="main",
            session_id="$0",
            window_id="@0",
            pane_id="%0",
            pid=self.child.pid,
            dead=self.child.poll() is not None,
            exit_status=None,
            exit_signal=None,
            command="claude",
            cwd=self.world.folder,
            activity=0,
            width=80,
            height=24,
            in_mode=False,
            active=True,
        )
        self.table.observe([pane])
        active = self.world.config.account(self.world.active)
        return session_row(self.table.get("main"), self.world.config, self.registry, active)

    def end(self):
        if self.child is not None:
            self.child.communicate()
            self.child = None


@pytest.fixture
def watched(tmp_path):
    watched = Watched(tmp_path)
    yield watched
    watched.end()


def of(row):
    return row["follows_link"], row["account"], row["reason"]


def test_a_session_of_the_link_follows_it(watched):
    assert of(watched.run(CLAUDE_CONFIG_DIR=watched.world.link)) == (True, "a", None)
    assert of(watched.run(CLAUDE_CONFIG_DIR=watched.world.link + "/")) == (True, "a", None)


@pytest.mark.parametrize("environment", [{}, {"CLAUDE_CONFIG_DIR": ""}])
def test_a_session_without_the_variable_uses_the_folder_in_the_users_home(watched, environment):
    assert of(watched.run(HOME=watched.world.folder, **environment)) == (True, "a", None)


def test_a_login_in_the_environment_is_told_by_its_name(watched, caplog):
    with caplog.at_level(logging.WARNING):
        row = watched.run(CLAUDE_CONFIG_DIR=watched.world.link, ANTHROPIC_AUTH_TOKEN=TOKEN)
        watched.look()
    follows, account, reason = of(row)
    assert (follows, account) == (False, None)
    assert "ANTHROPIC_AUTH_TOKEN in its environment" in reason
    assert row["state"] == "starting", "it is a session like any other but for its limits"
    assert caplog.text.count("its login does not follow the active link") == 1
    assert TOKEN not in caplog.text + str(row)


def test_a_session_whose_claude_code_is_too_old_does_not_follow(watched):
    watched.run(CLAUDE_CONFIG_DIR=watched.world.link)
    watched.table.get("main").version = "2.1.78"
    follows, account, reason = of(watched.look())
    assert (follows, account) == (False, None)
    assert "expected 2.1.81 or newer" in reason


def test_another_process_is_looked_at_anew(watched):
    assert of(watched.run(CLAUDE_CONFIG_DIR=watched.world.link, ANTHROPIC_AUTH_TOKEN=TOKEN))[0] is False
    assert of(watched.run(CLAUDE_CONFIG_DIR=watched.world.link)) == (True, "a", None)


@pytest.mark.parametrize("before", [{}, {"ANTHROPIC_AUTH_TOKEN": TOKEN}])
def test_nothing_is_kept_of_an_earlier_process_in_the_same_shell(watched, before):
    """The next one can have any login: neither is its limit the active account's, nor is it set aside for the first."""
    watched.run(CLAUDE_CONFIG_DIR=watched.world.link, **before)
    tracked = watched.table.get("main")
    second = subprocess.Popen(SLEEP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": "/bin"})
    try:
        second.stdout.readline()
        tracked.claude = read(second.pid)
        environment = {"TMUX": watched.world.config.tmux.socket + ",1,0", "TMUX_PANE": "%0"}
        watched.table.handle_hook({"hook_event_name": "UserPromptSubmit"}, environment)
        assert (tracked.config_dir, tracked.foreign_login) == (None, None)
    finally:
        second.communicate()


def test_a_home_of_its_own_is_told(watched):
    follows, account, reason = of(watched.run(CLAUDE_CONFIG_DIR=watched.world.home("b")))
    assert (follows, account) == (False, "b")
    assert watched.world.home("b") in reason


def test_of_a_process_without_a_home_nothing_is_known(watched):
    assert of(watched.run(PATH="/bin")) == (None, None, None)


def test_a_session_that_is_down_follows_nothing(watched):
    watched.run(CLAUDE_CONFIG_DIR=watched.world.link, ANTHROPIC_AUTH_TOKEN=TOKEN)
    watched.child.communicate()
    row = watched.look()
    assert (row["state"], row["follows_link"]) == ("down", None)


def test_a_hook_looks_at_once(watched, caplog):
    """A session that has just been started is not looked at again for some seconds."""
    watched.run(CLAUDE_CONFIG_DIR=watched.world.link)
    os.makedirs(os.path.join(watched.world.folder, ".claude-a"), exist_ok=True)
    with open(os.path.join(watched.world.home("a"), "settings.json"), "w") as stream:
        stream.write('{"apiKeyHelper": "/bin/key"}')
    environment = {"TMUX": watched.world.config.tmux.socket + ",1,0", "TMUX_PANE": "%0"}
    tracked = watched.table.handle_hook({"hook_event_name": "UserPromptSubmit"}, environment)
    assert "apiKeyHelper" in tracked.foreign_login


def test_after_a_restart_a_session_follows_the_link_that_is_older_than_the_last_flip(watched):
    """Its home at its start has no such setting; that of the account after the flip has."""
    with open(os.path.join(watched.world.home("b"), "settings.json"), "w", encoding="utf-8") as stream:
        json.dump({"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}}, stream)
    watched.world.configure(sessions=(SessionConfig("main", "/"),))
    flip_log = FlipLog(watched.world.store)
    flip_log.add(Flip(clock.now() + timedelta(seconds=60), "a", "b", "limit"))
    watched.table.accounts_between = flip_log.accounts_between
    watched.run(PATH="/bin", CLAUDE_CONFIG_DIR=watched.world.link)
    time.sleep(0.05)
    watched.world.flip_by_hand("b")
    watched.table.get("main").login = None  # as after a restart
    assert watched.look()["follows_link"] is True
