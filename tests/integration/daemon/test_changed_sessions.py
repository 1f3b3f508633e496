# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what becomes of running sessions when the configuration changes."""

from __future__ import annotations

import os
import signal
import time

import pytest

from .conftest import wait_for


@pytest.fixture
def running(host):
    host.session("main", env={"WORD": "a secret", "OLD": "1"})
    host.session("pool")
    os.mkdir(host.path("elsewhere"))
    host.start_tmux()
    host.start()
    wait_for(lambda: len(host.starts()) == 2, "both sessions")
    settled(host, "main", "idle")
    settled(host, "pool", "idle")
    return host


def third_start(host):
    """Return the start of a program after those of the two sessions, which logs it a moment after it was started."""
    return wait_for(lambda: host.starts()[2:], "another start")[0]


def settled(host, name, state):
    return wait_for(lambda: [row for row in [host.row(name)] if row["state"] == state], f"{name} to be {state}")[0]


def talk(host, name):
    """Begin a session's conversation, so that it has a transcript."""
    uuid = host.row(name)["uuid"]
    host.tmux("send-keys", "-t", f"={name}:", "write", "Enter")
    wait_for(lambda: os.path.exists(host.path(f"root/.claude-projects-shared/-x/{uuid}.jsonl")), "a transcript")
    return uuid


def apply(host, how="reload"):
    """Put the changed configuration in force: by a reload, or while no daemon runs."""
    if how == "restart":
        host.stop(signal.SIGKILL)
        host.start()
        return
    host.write_config()
    result = host.command("reload")
    assert result.returncode == 0, result.stderr


def pids(host):
    return {row["name"]: row["pid"] for row in host.status()["sessions"]}


CHANGES = {
    "cwd": lambda host: {"cwd": host.path("elsewhere")},
    "command": lambda host: {"command": [host.claude, "--verbose"]},
    "env": lambda host: {"env": {"WORD": "another"}},
    "agent_view": lambda host: {"agent_view": True},
    "remote_control": lambda host: {"remote_control": True},
}


@pytest.mark.parametrize("how", ["reload", "restart"])
@pytest.mark.parametrize("key", CHANGES)
def test_a_change_is_told_as_one_that_needs_a_restart_until_there_was_one(running, key, how):
    uuid, before = talk(running, "main"), pids(running)
    running.config["sessions"][0].update(CHANGES[key](running))
    apply(running, how)
    row = settled(running, "main", "idle")
    assert row["restart_needed"] is True
    assert row["reason"] == f"restart needed for {key}: claude-failover restart main"
    assert row["cwd"] == running.path("work"), "what runs"
    assert running.row("pool")["restart_needed"] is False
    assert pids(running) == before
    assert running.command("restart", "main").returncode == 0
    again = third_start(running)
    assert again["argv"][:2] == ["--resume", uuid]
    row = settled(running, "main", "idle")
    assert (row["restart_needed"], row["reason"], row["uuid"]) == (False, None, uuid)
    if key == "cwd":
        assert (row["cwd"], again["cwd"]) == (running.path("elsewhere"), running.path("elsewhere"))
    if key == "env":
        assert (again["env"]["WORD"], again["env"].get("OLD")) == ("another", None)
    assert "a secret" not in running.daemon_log()


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_what_takes_effect_by_itself_needs_no_restart(running, how):
    running.config["sessions"][0].update({"dedicated": True, "restart": "on_failure"})
    apply(running, how)
    row = settled(running, "main", "idle")
    assert (row["restart_needed"], row["reason"], row["dedicated"]) == (False, None, True)


def test_a_session_that_an_older_release_has_started_tells_of_its_folder(running):
    """It has the variable of its name only."""
    running.stop()
    for name in ("main", "pool"):
        running.tmux("kill-session", "-t", f"={name}")
    work, one = running.path("work"), running.path("user/.claude")
    running.tmux(
        *("new-session", "-d", "-s", "main", "-c", work, "-e", "CLAUDE_FAILOVER_SESSION=main"),
        *("-e", f"CLAUDE_CONFIG_DIR={one}", "--", "/usr/bin/env", f"--chdir={work}", "--", running.claude),
    )
    running.start()
    wait_for(lambda: running.row("main")["pid"], "it to be seen")
    assert running.row("main")["restart_needed"] is False
    running.config["sessions"][0]["cwd"] = running.path("elsewhere")
    apply(running)
    row = running.row("main")
    assert (row["restart_needed"], row["cwd"]) == (True, work)


def test_the_dispatcher_goes_by_the_folder_that_a_session_works_in(running):
    running.config["sessions"][1]["cwd"] = running.path("elsewhere")
    del running.config["sessions"][0]
    apply(running)
    for folder, waits in (("work", False), ("elsewhere", True)):
        result = running.command("dispatch", "--cwd", running.path(folder), "a task", "--json")
        assert result.returncode == 0, result.stderr
        assert ("works in another folder" in result.stdout) is waits
    result = running.command("dispatch", "--cwd", running.path("user"), "a task")
    assert (result.returncode, "no configured session works in" in result.stderr) == (1, True), result.stderr


def test_a_session_is_restarted_once_it_is_idle_where_that_is_wanted(running):
    uuid, before = talk(running, "main"), pids(running)
    running.tmux("send-keys", "-t", "=main:", "status busy", "Enter")
    settled(running, "main", "busy")
    running.config["restart_sessions"] = "idle"
    running.config["sessions"][0]["cwd"] = running.path("elsewhere")
    apply(running)
    time.sleep(1)
    assert pids(running) == before, "a busy one is left alone"
    running.tmux("send-keys", "-t", "=main:", "status idle", "Enter")
    wait_for(lambda: len(running.starts()) == 3, "the restart")
    again = third_start(running)
    assert (again["argv"][:2], again["cwd"]) == (["--resume", uuid], running.path("elsewhere"))
    row = settled(running, "main", "idle")
    assert (row["restart_needed"], running.row("pool")["pid"]) == (False, before["pool"])
    time.sleep(1)
    assert len(running.starts()) == 3


# -- the active link -------------------------------------------------------------------------------------------


def test_another_active_link_is_made_for_the_account_that_was_active_and_told_of_sessions_of_the_old_one(running):
    old, new = running.config["active_link"], running.path("user/.claude-link")
    uuid = talk(running, "main")
    os.unlink(old)
    os.symlink(running.path("user/.claude-two"), old)
    wait_for(lambda: running.command("history", "--json").stdout.count('"external"'), "the flip by hand to be seen")
    running.config["active_link"] = new
    apply(running, "restart")
    assert os.readlink(new) == running.path("user/.claude-two")
    row = wait_for(lambda: [row for row in [running.row("main")] if row["restart_needed"]], "it to be told")[0]
    assert row["reason"] == (
        f"it was started with the former active link {old}, which no switch moves any more; restart needed for "
        "active_link: claude-failover restart main"
    )
    assert row["follows_link"] is False
    assert running.status()["last_switch"]["to_account"] == "two"
    assert running.command("restart", "main").returncode == 0
    again = third_start(running)
    assert (again["env"]["CLAUDE_CONFIG_DIR"], again["argv"][:2]) == (new, ["--resume", uuid])
    row = settled(running, "main", "idle")
    assert (row["restart_needed"], row["follows_link"], row["account"]) == (False, True, "two")


# -- renamed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_renamed_session_keeps_its_program_and_its_conversation(running, how):
    uuid, before = talk(running, "main"), pids(running)
    assert running.command("stop", "pool").returncode == 0
    running.tmux("send-keys", "-t", "=main:", "status busy", "Enter")
    settled(running, "main", "busy")
    waiting = running.command("dispatch", "--session", "main", "a task", "--json")
    assert '"wanted_session": "main"' in waiting.stdout, waiting.stderr
    for session, name in zip(running.config["sessions"], ("chief", "spare")):
        session.update({"name": name, "renamed_from": session["name"]})
    apply(running, how)
    row = wait_for(lambda: [row for row in [running.row("chief")] if row["pid"]], "it to be seen")[0]
    assert (row["pid"], row["uuid"], row["state"]) == (before["main"], uuid, "busy")
    wait_for(lambda: running.row("chief")["reason"] is None, "the rename in tmux")
    assert "chief" in running.tmux("list-sessions", "-F", "#{session_name}").split()
    assert [row["name"] for row in running.status()["sessions"]] == ["chief", "spare"]
    assert (running.row("spare")["reason"], running.row("chief")["restart_needed"]) == ("stopped by hand", False)
    assert "waits for a session of the pool: chief is busy" in running.command("queue", "--json").stdout
    for session in running.config["sessions"]:
        del session["renamed_from"]  # the line can go
    apply(running, how)
    running.tmux("send-keys", "-t", "=chief:", "status idle", "Enter")
    wait_for(lambda: running.row("chief")["state"] == "idle", "it to be idle")
    assert len(running.starts()) == 2
    # It proves to be the daemon's own still: it is the next one for the task, or is just being sent it.
    wait_for(lambda: '"attempts": 1' in running.command("queue", "--json").stdout, "the task to be tried in it")
    assert running.command("restart", "chief", "--force").returncode == 0
    assert third_start(running)["argv"][:2] == ["--resume", uuid]


def test_a_conversation_of_its_own_is_not_replaced_by_that_of_a_former_name(running):
    uuids = {row["name"]: row["uuid"] for row in running.status()["sessions"]}
    del running.config["sessions"][0]
    running.config["sessions"][0]["renamed_from"] = "main"
    before = pids(running)
    apply(running)
    time.sleep(1)
    assert pids(running) == before
    assert {row["name"]: row["uuid"] for row in running.status()["sessions"]} == uuids
    assert "session pool: has a conversation of its own" in running.daemon_log()


# -- removed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_removed_session_goes_on_and_is_told(running, how):
    uuid, before = talk(running, "main"), pids(running)
    removed = running.config["sessions"].pop(0)
    apply(running, how)
    row = settled(running, "main", "idle")
    assert row["reason"] == (
        "no longer configured: it goes on, and is not started again; to end it: claude-failover stop main"
    )
    assert (row["configured"], row["dedicated"], row["restart_needed"]) == (False, True, False)
    assert running.row("pool")["configured"] is True
    time.sleep(1)
    assert pids(running) == before
    wait_for(lambda: "session main: no longer configured" in running.daemon_log(), "the log line")
    assert running.command("stop", "main").returncode == 0
    wait_for(lambda: list(pids(running)) == ["pool"], "it to be gone")
    running.config["sessions"].append(removed)
    apply(running, how)
    wait_for(lambda: len(running.starts()) == 3, "it to be started again")
    assert third_start(running)["argv"][:2] == ["--resume", uuid], "its conversation was kept"


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_a_removed_session_is_ended_once_it_is_idle_where_that_is_wanted(running, how):
    pid = pids(running)["main"]
    running.tmux("new-session", "-d", "-s", "mine", "sleep", "1000")
    running.tmux("send-keys", "-t", "=main:", "status busy", "Enter")
    settled(running, "main", "busy")
    running.config["removed_sessions"] = "stop"
    del running.config["sessions"][0]
    apply(running, how)
    time.sleep(1)
    assert pids(running)["main"] == pid, "a busy one is left alone"
    running.tmux("send-keys", "-t", "=main:", "status idle", "Enter")
    wait_for(lambda: sorted(pids(running)) == ["mine", "pool"], "it to be gone")
    assert "session main: ended, as it is no longer configured" in running.daemon_log()


def test_a_window_that_a_person_has_split_is_left_when_its_session_is_removed(running):
    running.tmux("split-window", "-d", "-t", "=main:", "sleep", "1000")
    running.config["removed_sessions"] = "stop"
    del running.config["sessions"][0]
    apply(running)
    wait_for(lambda: "session main: ended" in running.daemon_log(), "the daemon's own program to be ended")
    wait_for(lambda: "or a window in it was" in running.daemon_log(), "the other pane to be told")
    # The daemon tries it by itself, too, and answers meanwhile that it does.
    wait_for(lambda: "belongs to whoever did" in running.command("stop", "main", "--force").stderr, "the refusal")
    listed = running.tmux("list-panes", "-t", "=main:", "-F", "#{pane_dead} #{pane_current_command}")
    assert listed.split() == ["0", "sleep"]


def test_a_session_that_was_renamed_and_is_removed_can_be_ended(running):
    running.config["sessions"][0].update(name="other", renamed_from="main")
    apply(running)
    wait_for(lambda: sorted(pids(running)) == ["other", "pool"], "it to be renamed")
    del running.config["sessions"][0]
    apply(running)
    settled(running, "other", "idle")
    result = running.command("stop", "other")
    assert result.returncode == 0, result.stderr
    wait_for(lambda: list(pids(running)) == ["pool"], "it to be gone")


def test_what_is_left_of_a_removed_session_that_has_ended_can_be_ended(running):
    pid = pids(running)["main"]
    del running.config["sessions"][0]
    apply(running)
    os.kill(pid, signal.SIGTERM)
    settled(running, "main", "down")
    apply(running, "restart")
    settled(running, "main", "down")
    result = running.command("stop", "main")
    assert result.returncode == 0, result.stderr
    wait_for(lambda: [row["name"] for row in running.status()["sessions"]] == ["pool"], "it to be gone")


def test_a_stop_is_forgotten_with_its_session(running):
    assert running.command("stop", "main").returncode == 0
    removed = running.config["sessions"].pop(0)
    apply(running)
    wait_for(lambda: running.command("stop", "pool").returncode == 0, "another change of the state")
    running.config["sessions"].insert(0, removed)
    apply(running)
    wait_for(lambda: len(running.starts()) == 3, "it to be started")
