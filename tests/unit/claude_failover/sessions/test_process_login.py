# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from switch_world import World

from claude_failover.claude import login_settings
from claude_failover.claude.login_settings import LoginSettings
from claude_failover.common import clock, processes
from claude_failover.common.processes import Process
from claude_failover.config.login_origin import VARIABLES
from claude_failover.sessions.process_login import ProcessLogin
from claude_failover.switching.flip_log import Flip, FlipLog

TOKEN = "sk-ant-oat01-must-not-be-seen-anywhere"
SLEEP = [sys.executable, "-S", "-c", "import sys; print(flush=True); sys.stdin.read()"]


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(login_settings, "MANAGED_FILE", str(tmp_path / "managed-settings.json"))
    monkeypatch.setattr(login_settings, "MANAGED_FOLDER", str(tmp_path / "managed-settings.d"))
    return World(tmp_path, "ab")


@pytest.fixture
def started():
    """Start a process with this environment, and perhaps further arguments."""
    children = []

    def start(*arguments, **environment) -> Process:
        child = subprocess.Popen(
            [*SLEEP, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)
        )
        children.append(child)
        child.stdout.readline()
        found = processes.read(child.pid)
        assert found is not None
        return found

    yield start
    for child in children:
        child.communicate()


def login_of(world, process, project=None):
    return ProcessLogin(process, world.link, project, world.config).foreign(LoginSettings())


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as stream:
        json.dump(data, stream)
    return os.path.join(folder, name)


def after_the_flip():
    """Wait until a process that is started now is surely younger than the link."""
    time.sleep(0.05)


def test_a_clean_process_follows_the_link(world, started):
    after_the_flip()
    process = started(PATH="/bin", ANTHROPIC_MODEL="opus", CLAUDE_CODE_OAUTH_TOKEN="", CLAUDE_CODE_USE_BEDROCK="0")
    assert login_of(world, process, world.folder) is None


def test_the_names_in_its_environment_are_told_and_no_value(world, started):
    process = started(CLAUDE_CODE_OAUTH_TOKEN=TOKEN, ANTHROPIC_BASE_URL="http://" + TOKEN)
    found = login_of(world, process)
    assert found == "ANTHROPIC_BASE_URL in its environment and CLAUDE_CODE_OAUTH_TOKEN in its environment"


def test_every_variable_is_found(world, started):
    found = login_of(world, started(**dict.fromkeys(VARIABLES, "x")))
    assert all(f"{name} in its environment" in found for name in VARIABLES)


@pytest.mark.parametrize(("storage", "foreign"), [("link", False), ("", False), ("a", True), ("/elsewhere", True)])
def test_the_folder_of_the_credentials(world, started, storage, foreign):
    folder = {"link": world.link + "/", "a": world.home("a")}.get(storage, storage)
    process = started(CLAUDE_SECURESTORAGE_CONFIG_DIR=folder, HOME=world.folder)
    assert (login_of(world, process) is not None) is foreign


@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_the_projects_settings(world, started, name):
    project = os.path.join(world.folder, "project")
    path = write(os.path.join(project, ".claude"), name, {"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}})
    process = started(PATH="/bin")
    assert login_of(world, process, project) == f"env.ANTHROPIC_AUTH_TOKEN in {path}"
    assert login_of(world, process, world.folder) is None


def test_the_administrators_settings_and_those_on_the_command_line(world, started):
    path = write(world.folder, "managed-settings.json", {"apiKeyHelper": TOKEN})
    given = write(world.folder, "given.json", {"env": {"CLAUDE_CODE_USE_VERTEX": "1"}})
    process = started("--settings", given)
    assert login_of(world, process) == f"apiKeyHelper in {path} and env.CLAUDE_CODE_USE_VERTEX in {given}"
    process = started("--settings", json.dumps({"apiKeyHelper": TOKEN}))
    assert login_of(world, process) == f"apiKeyHelper in {path} and apiKeyHelper in its --settings"


def test_the_home_that_it_was_started_with_counts(world, started):
    """Claude Code keeps the env of the account's settings over a flip; nothing is taken from the next home."""
    write(world.home("b"), "settings.json", {"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}})
    after_the_flip()
    first = started(PATH="/bin")
    login = ProcessLogin(first, world.link, None, world.config)
    assert login.foreign(LoginSettings()) is None
    time.sleep(0.05)
    world.flip_by_hand("b")
    assert login.foreign(LoginSettings()) is None
    after_the_flip()
    second = ProcessLogin(started(PATH="/bin"), world.link, None, world.config)
    assert "ANTHROPIC_AUTH_TOKEN" in second.foreign(LoginSettings())
    world.flip_by_hand("a")
    assert "ANTHROPIC_AUTH_TOKEN" in second.foreign(LoginSettings())


def test_of_a_process_that_is_older_than_the_last_flip_every_home_counts(world, started):
    """It is not known which one it was started with."""
    write(world.home("b"), "settings.json", {"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}})
    process = started(PATH="/bin")
    time.sleep(0.05)
    world.flip_by_hand("a")
    assert "ANTHROPIC_AUTH_TOKEN" in login_of(world, process)


@pytest.mark.parametrize(("origin", "foreign"), [("a", False), ("b", True)])
def test_the_log_of_flips_tells_which_home_an_older_process_was_started_with(world, started, origin, foreign):
    """A restart of the daemon: the flip is younger than the process, and one account's settings name another login."""
    write(world.home("b"), "settings.json", {"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}})
    process = started(PATH="/bin")
    time.sleep(0.05)
    world.flip_by_hand("a")
    flip_log = FlipLog(world.store)
    flip_log.add(Flip(clock.now() + timedelta(seconds=60), origin, "c", "limit"))
    login = ProcessLogin(process, world.link, None, world.config, flip_log.accounts_between)
    assert (login.foreign(LoginSettings()) is not None) == foreign


@pytest.mark.parametrize(
    ("flips", "accounts"),
    [
        ([], None),
        ([(60, "a", "b")], {"a"}),
        ([(-60, "a", "b")], {"b"}),
        ([(5, "a", "b")], {"a", "b"}),
        ([(-60, "c", "a"), (5, "a", "b"), (60, "b", "c")], {"a", "b"}),
        ([(60, None, "b")], None),
        ([(5, "a", None)], None),
        ([(60 + number, "a", "b") for number in range(100)], None),
        ([(-60, "b", "c")] + [(60 + number, "c", "b") for number in range(99)], {"c"}),
    ],
)
def test_the_accounts_that_the_link_led_to_in_a_span(world, flips, accounts):
    flip_log, now = FlipLog(world.store), clock.now()
    for seconds, origin, target in flips:
        flip_log.add(Flip(now + timedelta(seconds=seconds), origin, target, "limit"))
    assert flip_log.accounts_between(now, now + timedelta(seconds=10)) == accounts


def test_what_was_found_in_settings_holds_until_the_process_ends(world, started):
    path = write(world.home("a"), "settings.json", {"env": {"ANTHROPIC_AUTH_TOKEN": TOKEN}})
    login, files = ProcessLogin(started(PATH="/bin"), world.link, None, world.config), LoginSettings()
    assert "ANTHROPIC_AUTH_TOKEN" in login.foreign(files)
    os.remove(path)
    assert "ANTHROPIC_AUTH_TOKEN" in login.foreign(files)


def test_a_home_of_its_own_has_its_own_settings(world, started):
    write(world.home("b"), "settings.json", {"apiKeyHelper": "x"})
    process = started(PATH="/bin")
    assert ProcessLogin(process, world.home("a"), None, world.config).foreign(LoginSettings()) is None
    assert ProcessLogin(process, world.home("b"), None, world.config).foreign(LoginSettings()) is not None


def test_a_process_that_has_ended_tells_nothing(world):
    assert login_of(world, Process(2**22 + 1, 1, 1, "claude", "S")) is None
