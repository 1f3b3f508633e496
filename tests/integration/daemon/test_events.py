# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running daemon tells what needs a person by events.jsonl, the notify command, the status and its log."""

from __future__ import annotations

import json
import os

from .conftest import wait_for

SECRET = "planted-by-the-test"
WAIT = 60.0  # seconds; the daemon looks every 5


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as stream:
        return [json.loads(line) for line in stream.read().splitlines() if line.endswith("}")]


def states(rows, name):
    return [row["state"] for row in rows if row["event"] == name]


def test_a_session_that_waits_and_a_link_that_leads_away_are_told_once_across_a_restart(host):
    notified, log = host.path("notified"), host.path("state/events.jsonl")
    host.config["notify"] = {
        "command": ["sh", "-c", f"cat >> {notified}; echo {SECRET} >&2; exit 3"],
        "waiting_after": 1,
    }
    host.session("main")
    host.start_tmux()
    host.start()
    wait_for(lambda: host.row("main")["state"] == "idle", "the session")
    host.tmux("send-keys", "-t", "=main:", "status waiting", "Enter")
    wait_for(lambda: states(lines_of(log), "session_waiting") == ["begins"], "the session's event", deadline=WAIT)
    (row,) = host.status()["open_events"]
    assert (row["event"], row["severity"], row["session"]) == ("session_waiting", "warning", "main")
    assert host.row("main")["waits_for"] == "answer"
    projects = host.path("user/.claude-two/projects")
    target = os.readlink(projects)
    os.unlink(projects)
    os.symlink(host.path("work"), projects)
    wait_for(lambda: states(lines_of(log), "links_divergent") == ["begins"], "the link's event", deadline=WAIT)
    os.unlink(projects)
    os.symlink(target, projects)
    wait_for(lambda: states(lines_of(log), "links_divergent") == ["begins", "over"], "its end", deadline=WAIT)

    host.stop()
    host.start()
    wait_for(lambda: host.status()["open_events"], "the events after a restart")
    host.tmux("send-keys", "-t", "=main:", "status idle", "Enter")
    wait_for(lambda: states(lines_of(log), "session_waiting") == ["begins", "over"], "the end", deadline=WAIT)
    assert host.status()["open_events"] == []
    told = lines_of(log)
    wait_for(lambda: len(lines_of(notified)) == len(told), "the notify command")
    assert sorted(lines_of(notified), key=lambda row: row["id"]) == sorted(told, key=lambda row: row["id"])
    assert [row["severity"] for row in told] == ["warning", "error", "info", "info"]
    assert all(host.path(folder) not in json.dumps(told) for folder in ("user", "root"))
    assert os.stat(log).st_mode & 0o777 == 0o600
    host.stop()
    text = host.daemon_log()
    assert text.count("event session_waiting: session main has waited") == 1
    assert text.count("event session_waiting is over: session main") == 1
    assert f"notify: sh exited with status 3; it says: {SECRET}" in text
