# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the daemon from outside, as a process with a real tmux server."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import uuid

import pytest

from .conftest import DEADLINE, wait_for


def pane_pids(host):
    lines = host.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid}").splitlines()
    return dict(line.split() for line in lines)


@pytest.fixture
def running(host):
    host.session("main", dedicated=True)
    host.session("pool")
    host.start_tmux()
    host.start()
    wait_for(lambda: len(host.starts()) == 2, "both sessions")
    return host


def test_a_fresh_host_gets_links_active_link_and_sessions(running):
    status = running.status()
    assert status["active_account"] == "one"
    assert os.readlink(running.path("user/.claude")) == running.path("user/.claude-one")
    for account in status["accounts"]:
        assert account["links"] == "ok"
        assert account["login"] == "missing"
        for name in ("projects", "session-env", "file-history"):
            link = os.path.join(account["home"], name)
            assert os.readlink(link) == running.path(f"root/.claude-{name}-shared")
    assert [(row["name"], row["dedicated"]) for row in status["sessions"]] == [("main", True), ("pool", False)]
    first = running.starts()[0]
    assert first["env"]["CLAUDE_CONFIG_DIR"] == running.path("user/.claude")
    assert first["cwd"] == running.path("work")
    assert "TMUX_PANE" in first["env"]
    assert "NOTIFY_SOCKET" not in first["env"]
    assert first["argv"][0] == "--session-id"
    assert uuid.UUID(first["argv"][1])
    settings = first["argv"][first["argv"].index("--settings") + 1]
    assert os.path.isfile(settings)
    row = wait_for(lambda: [row for row in [running.row("main")] if row["state"] == "idle"], "main to be idle")[0]
    assert row["uuid"] == next(s["argv"][1] for s in running.starts() if s["pid"] == row["pid"])
    assert row["uuid_source"] == "assigned"
    assert row["account"] == "one"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_daemon_ends_no_session_and_a_new_one_adopts_them(running, number):
    before = pane_pids(running)
    code = running.stop(number)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert pane_pids(running).items() >= {name: pid for name, pid in before.items() if name in ("main", "pool")}.items()
    uuids = {s["argv"][1] for s in running.starts()}
    running.start()
    status = running.status()
    assert {row["uuid"] for row in status["sessions"]} == uuids
    assert len(running.starts()) == 2, "nothing was started a second time"


def test_a_killed_session_is_made_again_with_its_conversation(running):
    first = next(s for s in running.starts() if str(s["pid"]) == pane_pids(running)["main"])
    running.tmux("send-keys", "-t", "=main:", "write", "Enter")
    transcript = running.path(f"root/.claude-projects-shared/-x/{first['argv'][1]}.jsonl")
    wait_for(lambda: os.path.exists(transcript), "a transcript")
    running.tmux("kill-session", "-t", "=main")
    again = wait_for(lambda: running.starts()[2:], "a new start")[0]
    assert again["argv"][:2] == ["--resume", first["argv"][1]]


def test_a_session_without_a_transcript_is_started_with_its_own_id_again(running):
    first = next(s for s in running.starts() if str(s["pid"]) == pane_pids(running)["pool"])
    running.tmux("send-keys", "-t", "=pool:", "exit 0", "Enter")
    again = wait_for(lambda: running.starts()[2:], "a new start")[0]
    assert again["argv"][:2] == ["--session-id", first["argv"][1]]


def test_a_program_that_exits_at_once_is_not_started_in_a_tight_loop(host):
    host.session("broken", command=[host.claude, "--fail"])
    host.config["lifecycle"]["restart_backoff"] = [0.2, 60]
    host.start_tmux()
    host.start()
    wait_for(lambda: len(host.starts()) >= 4, "some restarts")
    row = wait_for(lambda: [r for r in [host.row("broken")] if r["state"] == "down"], "it to be down")[0]
    assert "exited with status 3" in row["reason"]
    assert "it does not work" in row["last_words"]
    log = host.daemon_log()
    waits = [line.rsplit("next start in ", 1)[1] for line in log.splitlines() if "next start in" in line]
    assert len(waits) >= 3
    assert "broken" in log
    assert "status 3" in log


def test_a_session_that_ends_itself_is_not_started_in_a_tight_loop(host):
    end = f"echo >> {host.path('ends')}; exec tmux -S {host.tmux_socket} kill-session -t =gone"
    host.session("gone", command=["sh", "-c", end], claude_args=False)
    host.config["lifecycle"]["restart_backoff"] = [0.2, 60]
    host.start_tmux()
    host.start()
    wait_for(lambda: host.daemon_log().count("its tmux session was ended; next start in") >= 3, "some restarts")
    with open(host.path("ends"), encoding="utf-8") as stream:
        assert len(stream.readlines()) <= 4
    row = wait_for(lambda: [r for r in [host.row("gone")] if r["state"] == "down"], "it to be down")[0]
    assert row["reason"] == "its tmux session was ended"


def test_a_session_started_by_hand_is_listed_and_dedicated(running):
    running.tmux("new-session", "-d", "-s", "by hand", "-c", running.path("work"), "sleep", "1000")
    row = wait_for(lambda: [r for r in running.status()["sessions"] if r["name"] == "by hand"], "it to be seen")[0]
    assert row["dedicated"] is True
    assert row["uuid"] is None
    running.tmux("kill-session", "-t", "=by hand")
    wait_for(lambda: all(r["name"] != "by hand" for r in running.status()["sessions"]), "it to be gone")


def test_a_renamed_session_is_not_started_a_second_time(running):
    running.tmux("rename-session", "-t", "=main", "renamed")
    row = wait_for(lambda: [r for r in [running.row("main")] if r["reason"]], "the rename to be seen")[0]
    assert "renamed" in row["reason"]
    assert row["state"] != "down"
    assert len(running.starts()) == 2


@pytest.mark.parametrize("kind", ["divergent", "directory", "file"])
def test_a_divergence_and_the_daemon_refuses_to_start_with_nothing_touched(host, kind):
    host.session("main")
    place = host.path("user/.claude-two/projects")
    os.makedirs(host.path("user/.claude-two"))
    if kind == "divergent":
        os.mkdir(host.path("elsewhere"))
        os.symlink(host.path("elsewhere"), place)
    elif kind == "directory":
        os.mkdir(place)
        with open(os.path.join(place, "only-copy.jsonl"), "w", encoding="utf-8") as stream:
            stream.write("{}\n")
    else:
        with open(place, "w", encoding="utf-8") as stream:
            stream.write("x")
    host.start_tmux()
    assert host.launch().wait(30) == 1
    log = host.daemon_log()
    assert place in log
    assert "divergent" in log if kind == "divergent" else "not a symlink" in log
    assert host.starts() == []
    assert not os.path.lexists(host.path("user/.claude"))
    assert "main" not in host.tmux("list-sessions", "-F", "#{session_name}")
    if kind == "directory":
        assert os.listdir(place) == ["only-copy.jsonl"]


@pytest.mark.parametrize("kind", ["directory", "foreign"])
def test_a_foreign_active_link_is_left_as_it_is(host, kind):
    link = host.path("user/.claude")
    if kind == "directory":
        os.mkdir(link)
    else:
        os.symlink("/nowhere", link)
    host.start_tmux()
    assert host.launch().wait(30) == 1
    assert "active_link" in host.daemon_log()
    assert os.path.isdir(link) if kind == "directory" else os.readlink(link) == "/nowhere"


def test_an_unreadable_active_link_suspends_switching_only(host):
    os.mkdir(host.path("l"))
    host.config["active_link"] = host.path("l/.claude")
    host.environment["WATCHDOG_USEC"] = "100000"  # the watchdog messages read the active account
    host.start_tmux()
    host.start()
    os.rename(host.path("l"), host.path("away"))
    with open(host.path("l"), "w", encoding="utf-8"):
        pass
    wait_for(lambda: "Not a directory" in (host.status()["suspended"] or ""), "the suspension")
    assert host.status()["active_account"] is None
    os.unlink(host.path("l"))
    os.rename(host.path("away"), host.path("l"))
    wait_for(lambda: host.status()["suspended"] is None, "the end of the suspension")
    assert host.status()["active_account"] == "one"
    assert host.stop() == 0


def test_a_second_daemon_names_the_first(running):
    first = running.daemon
    second = running.launch()
    assert second.wait(30) == 1
    assert f"pid {first.pid}" in running.daemon_log()
    running.daemon = first
    assert running.status()["pid"] == first.pid


def test_a_reload_starts_new_sessions_and_refuses_a_wrong_configuration(running):
    running.session("third", dedicated=True)
    running.write_config()
    running.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: len(running.starts()) == 3, "the third session")
    running.config["sessions"][0]["dedicatd"] = True
    running.write_config()
    running.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload refused" in running.daemon_log(), "the refusal")
    assert "dedicatd" in running.daemon_log()
    del running.config["sessions"][0]["dedicatd"]
    running.write_config()
    assert len(running.status()["sessions"]) == 3


def test_a_sighup_during_the_start_reloads_after_it(host):
    def heard(text):
        if text == "STATUS=starting: tmux":
            host.daemon.send_signal(signal.SIGHUP)
            host.start_tmux()

    host.start(heard=heard)
    assert "RELOADING" not in "".join(host.notifications), "systemd would take the READY=1 after it for the start's"
    wait_for(lambda: "reloaded" in host.daemon_log(), "the reload")
    assert host.stop() == 0


@pytest.mark.parametrize("step", ["control socket", "tmux"])
def test_a_stop_during_the_start_ends_it(host, step):
    host.session("main")
    host.start("STOPPING=1", lambda text: step in text and host.daemon.send_signal(signal.SIGTERM))
    assert host.daemon.wait(DEADLINE) == 0
    assert "READY" not in "".join(host.notifications)
    assert "starting: sessions" not in "".join(host.notifications)
    assert "no tmux server answers" not in host.daemon_log(), "it was waited for"


def test_the_tmux_server_may_come_later_and_go(host):
    host.session("main")
    host.launch()
    wait_for(lambda: os.path.exists(host.control_socket), "the control socket")
    row = wait_for(lambda: [r for r in host.status()["sessions"] if r["reason"]], "the reason")[0]
    assert row["state"] == "down"
    assert "tmux" in row["reason"]
    host.start_tmux()
    wait_for(lambda: len(host.starts()) == 1, "the session")
    host.tmux_server.kill()
    host.tmux_server.wait()
    os.unlink(host.tmux_socket)
    wait_for(lambda: host.row("main")["state"] == "down", "it to be down")
    host.start_tmux()
    wait_for(lambda: len(host.starts()) == 2, "the session again")


def test_a_missing_tmux_is_reported_before_anything_is_done(host):
    host.config["tmux"]["binary"] = host.path("no-such-tmux")
    assert host.launch().wait(30) in (1, 2)
    assert "no-such-tmux" in host.daemon_log()


def test_a_missing_folder_is_reported_and_waited_for(host):
    host.session("main", cwd=host.path("later"))
    host.start_tmux()
    host.start()
    row = wait_for(lambda: [r for r in [host.row("main")] if r["reason"]], "a reason")[0]
    assert "later" in row["reason"]
    assert host.starts() == []
    os.mkdir(host.path("later"))
    wait_for(lambda: len(host.starts()) == 1, "the session")


def test_settings_of_the_operator_are_merged(host):
    with open(host.path("work/s.json"), "w", encoding="utf-8") as stream:
        stream.write(
            '{"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "mine"}]}]},'
            '"statusLine": {"type": "command", "command": "my-line"}}'
        )
    host.session("main", command=[host.claude, "--settings", "s.json", "--model", "y"])
    host.start_tmux()
    host.start()
    start = wait_for(host.starts, "the session")[0]
    assert start["argv"].count("--settings") == 1
    with open(start["argv"][start["argv"].index("--settings") + 1], encoding="utf-8") as stream:
        text = stream.read()
    assert '"mine"' in text
    assert "hook --socket" in text
    assert '"model": "x"' in text
    assert start["env"]["CLAUDE_FAILOVER_STATUS_LINE"] == "my-line"
    assert start["argv"][-2:] == ["--model", "y"]


@pytest.mark.parametrize("settings", ['{"hooks": {"Stop": 5}}', "[" * 100_000, '{"hooks": []}'])
def test_invalid_settings_are_reported_and_end_nothing(host, settings):
    with open(host.path("work/s.json"), "w", encoding="utf-8") as stream:
        stream.write(settings)
    host.session("main", command=[host.claude, "--settings", "s.json"])
    host.session("other")
    host.start_tmux()
    host.start()
    assert "--settings" in host.row("main")["reason"]
    assert host.row("other")["state"] != "down"


def test_a_slash_in_a_name_creates_no_folder(host):
    host.session("team/main")
    host.session("team%2Fmain")
    host.start_tmux()
    host.start()
    starts = wait_for(lambda: len(host.starts()) == 2 and host.starts(), "both sessions")
    given = {start["argv"][start["argv"].index("--settings") + 1] for start in starts}
    assert {os.path.dirname(path) for path in given} == {host.path("state/settings")}
    assert len(given) == 2


def test_a_disk_that_is_full_ends_no_daemon_and_loses_no_conversation(running):
    """A limit on the size of files stands for a full disk: larger writes fail as with ENOSPC."""
    wait_for(lambda: running.row("main")["uuid_source"] and running.row("main")["state"] == "idle", "the session")
    uuid = running.row("main")["uuid"]
    _soft, hard = resource.prlimit(running.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.daemon.pid, resource.RLIMIT_FSIZE, (0, hard))
    by_hand = "11111111-1111-4111-8111-111111111111"
    running.tmux(
        "new-session",
        "-d",
        "-s",
        "hand",
        "-c",
        running.path("work"),
        "-e",
        f"CLAUDE_CONFIG_DIR={running.config['active_link']}",
        running.claude,
        "--session-id",
        by_hand,
    )
    wait_for(lambda: any(row["uuid"] == by_hand for row in running.status()["sessions"]), "the session by hand")
    running.tmux("kill-session", "-t", "=main")
    wait_for(lambda: "too large" in (running.row("main")["reason"] or ""), "the reason")
    resource.prlimit(running.daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))
    wait_for(lambda: running.row("main")["state"] == "idle", "the session to come back")
    assert running.row("main")["uuid"] == uuid
    wait_for(lambda: by_hand in _read(running.path("state/registry.json")), "the table to be stored")
    assert running.daemon.poll() is None


def test_the_account_that_is_active_cannot_be_taken_out_by_a_reload(running):
    accounts = running.config["accounts"]
    running.config["accounts"] = accounts[1:]
    running.write_config()
    refused = running.command("reload")
    assert refused.returncode == 1
    assert "switch ACCOUNT" in refused.stderr
    assert running.status()["active_account"] == "one"
    assert len(running.status()["accounts"]) == 2


def test_a_reload_with_wrong_settings_changes_nothing(running):
    with open(running.path("claude-settings.json"), "w", encoding="utf-8") as stream:
        stream.write("{torn")
    running.session("third")
    running.write_config()
    refused = running.command("reload")
    assert refused.returncode == 2
    assert "claude-settings.json" in refused.stderr
    assert [row["name"] for row in running.status()["sessions"]] == ["main", "pool"]
    with open(running.path("claude-settings.json"), "w", encoding="utf-8") as stream:
        stream.write("{}")
    assert running.command("reload").returncode == 0
    wait_for(lambda: running.row("third")["state"] == "idle", "the third session")


def test_a_session_may_have_a_path_of_its_own(host):
    host.session("main", command=["claude"], env={"PATH": host.path("bin")})
    host.session("lost", command=["claude"], env={"PATH": "/nowhere"})
    host.start_tmux()
    host.start()
    wait_for(lambda: host.row("main")["state"] == "idle", "the session")
    reason = wait_for(lambda: host.row("lost")["reason"], "the reason")
    assert "127" in reason
    assert "claude" in reason


@pytest.mark.parametrize("missing", ["program", "folder"])
def test_a_session_is_tried_at_once_when_what_it_lacked_is_there(host, missing):
    """Its back-off is longer than the test waits."""
    host.config["lifecycle"]["restart_backoff"] = [600, 600]
    path = {"program": host.path("later"), "folder": host.path("bin")}[missing]
    host.session("main", command=["claude"], env={"PATH": path})
    if missing == "folder":
        host.config["sessions"][0]["cwd"] = host.path("later")
    host.start_tmux()
    host.start()
    wait_for(lambda: host.row("main")["state"] == "down" and host.row("main")["reason"], "the reason")
    os.mkdir(host.path("later"))
    if missing == "program":
        shutil.copy(host.claude, host.path("later/claude.new"))
        os.rename(host.path("later/claude.new"), host.path("later/claude"))
    wait_for(lambda: host.row("main")["state"] == "idle", "the session")


def test_settings_in_a_fifo_are_refused_and_not_waited_for(host):
    os.mkfifo(host.path("work/s.json"))
    host.session("main", command=[host.claude, "--settings", "s.json"])
    host.start_tmux()
    host.start()
    assert "not a regular file" in host.row("main")["reason"]


def test_anything_but_a_file_in_the_state_folder_is_set_aside_without_blocking(host):
    """Opening a FIFO without a writer would block the daemon for ever."""
    for folder in ("state", "user/.claude-one", "user/.claude-two"):
        os.mkdir(host.path(folder))
    os.mkfifo(host.path("state/switches.jsonl"))
    os.mkdir(host.path("state/registry.json"))
    os.makedirs(host.path("state/settings/other.json"))
    with open(host.path("state/tasks"), "w", encoding="utf-8") as stream:
        stream.write("mine")
    for name in ("one", "two"):
        os.mkfifo(host.path(f"user/.claude-{name}/.credentials.json"))
    host.session("main")
    host.session("other")
    host.start_tmux()
    host.start()
    start = wait_for(lambda: len(host.starts()) == 2 and host.starts(), "the sessions")[0]
    os.mkdir(host.path("user/.claude-two/sessions"))
    os.mkfifo(host.path(f"user/.claude-two/sessions/{start['pid']}.json"))
    wait_for(lambda: {row["state"] for row in host.status()["sessions"]} == {"idle"}, "both to be idle")
    assert [account["login"] for account in host.status()["accounts"]] == ["unknown", "unknown"]
    aside = [name.partition(".2")[0] for name in os.listdir(host.path("state")) if name.endswith(".set-aside")]
    assert sorted(aside) == ["registry.json", "switches.jsonl", "tasks"]
    assert [name for name in os.listdir(host.path("state/settings")) if name.startswith("other.json.")]
    assert host.daemon_log().count("set aside as") == 4
    assert host.stop() == 0


def test_attach_finds_a_name_that_the_terminal_cannot_show(host):
    host.session("été")
    host.start_tmux()
    host.start()
    wait_for(host.starts, "the session")
    host.environment.update(LANG="C", LC_ALL="C")
    assert "found no session" not in host.command("attach", "été", stdin=subprocess.DEVNULL).stderr
    assert "found no session" in host.command("attach", "ete", stdin=subprocess.DEVNULL).stderr


def _read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def test_a_hook_reports_a_cleared_conversation(running):
    new = "33333333-3333-4333-8333-333333333333"
    start = next(s for s in running.starts() if str(s["pid"]) == pane_pids(running)["main"])
    payload = f'{{"hook_event_name":"SessionStart","source":"clear","session_id":"{new}"}}'
    for pid, expected in (("1", start["argv"][1]), (str(start["pid"]), new)):
        result = running.command("hook", "--socket", running.control_socket, input=payload)
        assert result.returncode == 0, "a hook from nowhere changes nothing"
        environment = {**running.environment, **start["env"], "CLAUDE_PID": pid}
        saved, running.environment = running.environment, environment
        running.command("hook", "--socket", running.control_socket, input=payload)
        running.environment = saved
        if expected == new:
            wait_for(lambda: running.row("main")["uuid"] == new, "the new conversation")
            assert running.row("main")["uuid_source"] == "hook"
        else:
            assert running.row("main")["uuid"] == expected
    shutil.rmtree(running.path("work"))
