# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that sessions are stopped and restarted by hand, and that their `restart` is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from claude_failover.common import processes

from .conftest import wait_for


@pytest.fixture
def running(host):
    host.session("main")
    return start(host)


def start(host):
    """Start the daemon with the sessions main, which is configured, and pool."""
    host.session("pool")
    host.start_tmux()
    host.start()
    wait_for(lambda: len(host.starts()) == 2, "both sessions")
    wait_for(lambda: host.row("main")["state"] == "idle", "main to be idle")
    return host


def type_line(host, name, line):
    host.tmux("send-keys", "-t", f"={name}:", line, "Enter")


def talk(host, name):
    """Begin a session's conversation, so that it has a transcript."""
    uuid = host.row(name)["uuid"]
    type_line(host, name, "write")
    wait_for(lambda: os.path.exists(host.path(f"root/.claude-projects-shared/-x/{uuid}.jsonl")), "a transcript")
    return uuid


def reboot(host):
    host.stop(signal.SIGKILL)
    host.tmux_server.kill()
    host.tmux_server.wait()
    host.start_tmux()
    host.start()


def third_start(host):
    """Return the start of a program after those of the two sessions, which logs it a moment after it was started."""
    return wait_for(lambda: host.starts()[2:], "another start")[0]


def settled(host, name, state):
    return wait_for(lambda: [row for row in [host.row(name)] if row["state"] == state], f"{name} to be {state}")[0]


def test_a_session_that_is_stopped_stays_down_until_it_is_restarted_in_its_conversation(running):
    uuid = talk(running, "main")
    pid = running.row("main")["pid"]
    result = running.command("stop", "main")
    assert (result.returncode, "stays down until: claude-failover restart main" in result.stdout) == (0, True), result
    row = running.row("main")
    assert (row["state"], row["reason"], row["next_try_at"]) == ("down", "stopped by hand", None)
    assert not processes.is_alive(pid)  # tmux 3.3a can take its exit status at the end of another one only
    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    running.start()
    assert running.command("reload").returncode == 0
    time.sleep(1)  # some checks
    row = running.row("main")
    assert (row["state"], row["reason"]) == ("down", "stopped by hand")
    assert len(running.starts()) == 2
    result = running.command("restart", "main", "--json")
    assert json.loads(result.stdout) == {"session": "main", "state": "starting", "uuid": uuid, "detail": "started"}
    assert third_start(running)["argv"][:2] == ["--resume", uuid]
    settled(running, "main", "idle")


def test_a_stop_outlives_the_end_of_the_tmux_server(running):
    assert running.command("stop", "main").returncode == 0
    reboot(running)
    wait_for(lambda: len(running.starts()) == 3, "the other session to be made again")
    time.sleep(1)
    row = running.row("main")
    assert (row["state"], row["reason"], len(running.starts())) == ("down", "stopped by hand", 3)


def test_a_restart_resumes_the_conversation_at_once(running):
    uuid = talk(running, "main")
    before = running.row("main")["pid"]
    result = running.command("restart", "main")
    assert result.returncode == 0, result.stderr
    again = third_start(running)
    assert again["argv"][:2] == ["--resume", uuid]
    row = settled(running, "main", "idle")
    assert (row["uuid"], row["pid"] != before) == (uuid, True)


@pytest.mark.parametrize("command", ["stop", "restart"])
@pytest.mark.parametrize("activity", ["busy", "waiting"])
def test_a_busy_session_is_refused_without_force(running, command, activity):
    type_line(running, "main", f"status {activity}")
    pid = settled(running, "main", activity)["pid"]
    result = running.command(command, "main")
    assert result.returncode == 1
    assert "--force" in result.stderr
    time.sleep(0.5)
    row = running.row("main")
    assert (row["state"], row["pid"], len(running.starts())) == (activity, pid, 2)
    result = running.command(command, "main", "--force")
    assert result.returncode == 0, result.stderr
    assert not processes.is_alive(pid)  # tmux 3.3a can take its exit status at the end of another one only
    if command == "restart":
        third_start(running)
    assert len(running.starts()) == (3 if command == "restart" else 2)


def test_a_session_that_cannot_be_started_is_not_ended_for_a_restart(running):
    pid = running.row("main")["pid"]
    running.config["sessions"][0]["cwd"] = running.path("nowhere")
    running.write_config()
    assert running.command("reload").returncode == 0
    result = running.command("restart", "main")
    assert (result.returncode, "nowhere" in result.stderr) == (1, True), result.stderr
    assert running.row("main")["pid"] == pid


@pytest.mark.parametrize("command", ["stop", "restart"])
def test_a_session_of_somebody_else_and_an_unknown_one_are_refused(running, command):
    running.tmux("new-session", "-d", "-s", "mine", "sleep", "1000")
    wait_for(lambda: [row for row in running.status()["sessions"] if row["name"] == "mine"], "it to be seen")
    result = running.command(command, "mine", "--force")
    assert result.returncode == 1
    assert ("was started by hand" if command == "stop" else "not in the configuration") in result.stderr
    assert "end it there, or with tmux kill-session -t =mine" in result.stderr
    assert "claude-failover stop" not in result.stderr, "it is refused"
    assert "mine" in running.tmux("list-sessions", "-F", "#{session_name}")
    result = running.command(command, "nobody")
    assert (result.returncode, "'nobody' does not exist" in result.stderr) == (2, True), result.stderr


def test_a_stop_that_a_kill_interrupted_is_finished(host):
    """The program takes its time to end, and the daemon is killed meanwhile."""
    host.session("main", env={"END_AFTER": "3"})
    running = start(host)
    pid = running.row("main")["pid"]
    client = subprocess.Popen(
        [sys.executable, "-m", "claude_failover", "stop", "main"],
        env={**running.environment, "CLAUDE_FAILOVER_CONFIG": running.path("config.yml")},
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: os.path.exists(running.path("state/lifecycle.json")), "the request on the disk")
    running.stop(signal.SIGKILL)
    client.communicate()
    os.kill(pid, 0)  # it is still there
    running.start()
    row = settled(running, "main", "down")
    assert row["reason"] == "stopped by hand"
    time.sleep(0.5)
    assert len(running.starts()) == 2


def jobs(host, restart, status):
    """A command that ends by itself, with a session that a person would restart it in."""
    run = f"echo run >> {host.path('runs')}; sleep 0.3; exit {status}"
    host.session("job", command=["sh", "-c", run], claude_args=False, restart=restart)
    host.start_tmux()
    host.start()
    wait_for(lambda: runs(host) >= 1, "the first run")


def runs(host):
    try:
        with open(host.path("runs"), encoding="utf-8") as stream:
            return len(stream.readlines())
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(("restart", "status"), [("never", 0), ("never", 3), ("on_failure", 0)])
def test_a_command_that_ends_by_itself_is_not_started_again(host, restart, status):
    jobs(host, restart, status)
    settled(host, "job", "down")
    row = wait_for(lambda: [row for row in [host.row("job")] if row["reason"]], "its end to be told")[0]
    assert (row["state"], row["next_try_at"]) == ("down", None)
    assert row["reason"] == (
        f"exited with status {status}; not started again (restart: {restart}): claude-failover restart job"
    )
    host.stop(signal.SIGKILL)
    host.start()
    host.tmux("kill-session", "-t", "=job")
    time.sleep(1)
    reboot(host)
    time.sleep(1)
    assert runs(host) == 1
    assert host.row("job")["reason"] == row["reason"]
    assert host.command("restart", "job").returncode == 0
    wait_for(lambda: runs(host) == 2, "the second run")
    time.sleep(1)
    assert runs(host) == 2


def test_a_command_that_ends_with_nobody_there_to_see_it_is_not_started_again(host):
    jobs(host, "never", 0)
    host.stop(signal.SIGKILL)
    host.tmux("kill-session", "-t", "=job")
    host.start()
    time.sleep(1)
    row = host.row("job")
    assert (row["state"], runs(host)) == ("down", 1)
    assert "how it ended was not seen" in row["reason"]


@pytest.mark.parametrize(("restart", "status"), [("always", 0), ("on_failure", 3)])
def test_a_command_is_started_again_and_says_when(host, restart, status):
    host.config["lifecycle"]["restart_backoff"] = [1.5, 60]
    jobs(host, restart, status)
    row = wait_for(lambda: [row for row in [host.row("job")] if row["next_try_at"]], "the time of the next start")[0]
    assert row["state"] == "down"
    wait_for(lambda: runs(host) == 2, "the second run")


def test_a_session_that_is_not_to_be_started_again_can_be_set_to_be(host):
    jobs(host, "never", 0)
    settled(host, "job", "down")
    host.config["sessions"][0]["restart"] = "always"
    host.write_config()
    assert host.command("reload").returncode == 0
    wait_for(lambda: runs(host) >= 2, "the second run")
