# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that a value of a session's environment is in nothing that the daemon writes or tells, nor in its arguments."""

from __future__ import annotations

import os
import signal
import sys

from .conftest import wait_for

SECRET = "planted-secret"


def files_with_the_secret(*folders: str) -> list[str]:
    found = []
    for folder in folders:
        for where, _inner, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                if os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="replace") as stream:
                        if SECRET in stream.read():
                            found.append(path)
    return found


def processes_with_the_secret() -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as stream:
                if SECRET in (line := stream.read()):
                    found.append(line)
        except OSError:
            pass
    return found


def test_a_secret_of_the_environment_reaches_the_session_and_nothing_else(host):
    host.session("main", env={"TOKEN": f"{SECRET}-1"})
    notify = host.path("bin/notify")
    with open(notify, "w", encoding="utf-8") as stream:
        stream.write(f"#!{sys.executable}\nimport sys\nopen({host.path('notified')!r}, 'a').write(sys.stdin.read())\n")
    os.chmod(notify, 0o700)
    host.config["notify"] = {"command": [notify, f"{SECRET}-word"]}
    host.config["metrics"] = {"textfile": host.path("metrics.prom")}
    host.start_tmux()
    host.start()
    assert processes_with_the_secret() == []
    (started,) = wait_for(host.starts, "the session")
    assert started["env"]["TOKEN"] == f"{SECRET}-1"
    wait_for(lambda: host.row("main")["state"] == "idle", "the session to be idle")
    answers = [host.command(*words) for words in (["status", "--json"], ["status"], ["sessions", "--json"])]
    answers.append(host.command("switch", "two"))
    host.config["sessions"][0]["env"]["TOKEN"] = f"{SECRET}-2"
    host.write_config()
    answers.append(host.command("reload"))
    assert host.daemon is not None
    host.daemon.send_signal(signal.SIGHUP)
    host.config["sessions"][0]["env"]["TOKEN"] = [f"{SECRET}-3"]
    host.write_config()
    answers += [host.command("reload"), host.command("check-config")]
    assert "sessions[0].env.TOKEN" in answers[-1].stdout + answers[-1].stderr
    answers.append(host.command("history", "--json"))
    assert [answer.args for answer in answers if SECRET in answer.stdout + answer.stderr] == []
    wait_for(lambda: os.path.exists(host.path("notified")), "the notify command")
    host.stop()
    assert SECRET not in host.daemon_log()
    kept = [host.path("config.yml"), host.log]
    assert sorted(files_with_the_secret(host.folder)) == sorted(kept), "the configuration, and what the session saw"
