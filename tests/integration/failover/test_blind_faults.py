# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in which a source of the daemon goes blind: it is told, it comes back, and no limit is missed.

Real tmux, the real daemon, the fake Claude; hooks and panes are switched off where the transcripts have to do.
"""

from __future__ import annotations

import glob
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ..daemon.conftest import wait_for

RESUME = "continue"
TRANSCRIPTS_ONLY = {"hooks": False, "panes": False}


@pytest.fixture
def transcripts_only(world):
    world.config["detection"] = TRANSCRIPTS_ONLY
    return begin(world)


def configure(world):
    """Configure a session, and metrics and a notify command that write to files."""
    world.config["metrics"] = {"textfile": world.path("cf.prom")}
    world.config["notify"] = {"command": ["sh", "-c", f"cat >> {world.path('events')}"]}
    world.session("main", command=["claude"])


def begin(world):
    """Start a session and the daemon."""
    configure(world)
    world.start_tmux()
    world.start()
    first_answer(world)
    return world


def first_answer(world):
    world.ready("main")
    world.prompt("main", "the first job")
    world.answered("one", "the first job")
    uuid = world.row("main")["uuid"]
    pattern = os.path.join(shared(world), "*", uuid + ".jsonl")
    wait_for(lambda: glob.glob(pattern), "the transcript")


def shared(world):
    return world.path("root/.claude-projects-shared")


def blind(world):
    return {row["source"]: row["reason"] for row in world.status()["blind"]}


def metric(world, source):
    with open(world.path("cf.prom"), encoding="utf-8") as stream:
        rows = [line.split() for line in stream if line.startswith("claude_failover_source_blind")]
    return next(int(value) for name, value in rows if f'"{source}"' in name)


def events(world, source):
    try:
        with open(world.path("events"), encoding="utf-8") as stream:
            sent = [json.loads(line) for line in stream]
    except FileNotFoundError:
        return []
    return [row["state"] for row in sent if row.get("event") == "source_blind" and row["details"]["source"] == source]


def told(world, source, deadline=20.0):
    """Wait until the source is blind, everywhere; return the reason."""
    reason = wait_for(lambda: blind(world).get(source), f"{source} to be blind", deadline)
    wait_for(lambda: metric(world, source) == 1, "the metric")
    wait_for(lambda: events(world, source)[-1:] == ["begins"], "the event")
    assert f"warning: the daemon is blind for {source}: " in world.command("status").stdout
    return reason


def over(world, source, deadline=20.0):
    """Wait until the source works, everywhere; the log has one line for the begin and one for the end."""
    wait_for(lambda: source not in blind(world), f"{source} to work", deadline)
    wait_for(lambda: metric(world, source) == 0, "the metric")
    wait_for(lambda: events(world, source) == ["begins", "over"], "the event")
    lines = [line for line in world.daemon_log().splitlines() if f"blind: source={source} " in line]
    assert len(lines) == 2
    assert "no longer blind" not in lines[0]
    assert "no longer blind" in lines[1]


def goes_on(world, source="transcript"):
    """Hit a limit, and wait until the session goes on; nothing is lost of its conversation."""
    uuid = world.row("main")["uuid"]
    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("two", RESUME)
    ended(world, uuid, source)


def ended(world, uuid, source="transcript"):
    (record,) = wait_for(world.switches, "the record of the switch")
    assert (record["outcome"], record["from_account"], record["to_account"]) == ("switched", "one", "two")
    assert record["source"] == source
    status = world.status()
    assert [row["name"] for row in status["accounts"] if row["active"]] == ["two"]
    assert world.row("main")["uuid"] == uuid
    assert len([row for row in world.requests() if row.get("prompt") == RESUME and "mode" in row]) == 1
    folder = os.path.join(shared(world), os.listdir(shared(world))[0])
    with open(os.path.join(folder, uuid + ".jsonl"), encoding="utf-8") as stream:
        text = stream.read()
    assert "the first job" in text
    assert text.index("the first job") < text.index("the big job") < text.rindex(RESUME)


def test_projects_gone_and_back(transcripts_only):
    """A restore: the folder is removed, and made again from a copy."""
    world = transcripts_only
    shutil.copytree(shared(world), world.path("backup"))
    shutil.rmtree(shared(world))
    assert "No such file" in told(world, "transcripts")
    os.rename(world.path("backup"), shared(world))
    over(world, "transcripts")
    goes_on(world)
    assert world.daemon_log().count("cannot watch") <= 2


def test_projects_replaced_while_a_limit_is_hit(transcripts_only):
    """The refusal is in a file that the daemon has never seen, in a folder that it does not watch."""
    world = transcripts_only
    uuid = world.row("main")["uuid"]
    os.kill(world.daemon.pid, signal.SIGSTOP)
    os.rename(shared(world), world.path("away"))
    shutil.copytree(world.path("away"), shared(world))
    world.limit("one")
    world.prompt("main", "the big job")
    wait_for(lambda: world.turns("one", "the big job", "limit"), "the limit")
    os.kill(world.daemon.pid, signal.SIGCONT)
    world.answered("two", RESUME)
    ended(world, uuid)


def test_the_folder_of_the_project_removed_and_made_again(transcripts_only):
    world = transcripts_only
    (folder,) = os.listdir(shared(world))
    shutil.copytree(os.path.join(shared(world), folder), world.path("backup"))
    shutil.rmtree(os.path.join(shared(world), folder))
    time.sleep(0.5)
    os.rename(world.path("backup"), os.path.join(shared(world), folder))
    goes_on(world)


class InotifyLimit:
    """A user namespace with a limit of inotify of its own: the other processes of this user keep theirs."""

    def __init__(self, limit):
        self._setting = f"/proc/sys/user/{limit}"
        script = 'echo 0 > "$0" && echo ready && exec sleep 1000'
        self._holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "sh", "-c", script, self._setting],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._holder.stdout.readline() != "ready\n":
            _output, why = self._holder.communicate()
            pytest.skip(f"no user namespace can be made: {why.strip()}")
        self._enter = ["nsenter", "--user", "--preserve-credentials", "-t", str(self._holder.pid)]

    def wrap(self, path, program):
        """Make a program at ``path`` that runs another one in the namespace."""
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f'#!/bin/sh\nexec {shlex.join([*self._enter, program])} "$@"\n')
        os.chmod(path, 0o700)

    def lift(self):
        subprocess.run([*self._enter, "sh", "-c", f"echo 100 > {self._setting}"], check=True)

    def end(self):
        self._holder.kill()
        self._holder.communicate()


@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_inotify_used_up_and_given_back(world, monkeypatch, request, limit):
    """Without inotify the transcripts are read in turns; with it again, at once."""
    namespace = InotifyLimit(limit)
    request.addfinalizer(namespace.end)
    # The sessions are in it too, else the daemon may not read their environment.
    namespace.wrap(world.path("bin/tmux"), shutil.which("tmux"))
    namespace.wrap(world.path("bin/limited-python"), sys.executable)
    world.config["detection"] = TRANSCRIPTS_ONLY
    configure(world)
    world.start_tmux()
    os.unlink(world.path("bin/tmux"))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", world.path("bin/limited-python"))
        world.start()
    first_answer(world)
    reason = told(world, "transcripts")
    assert {"max_inotify_instances": "max_user_instances", "max_inotify_watches": "max_user_watches"}[limit] in reason
    goes_on(world)
    namespace.lift()
    over(world, "transcripts")


def test_an_overflow_of_inotify(transcripts_only):
    """The refusal's own event is among the lost ones."""
    world = transcripts_only
    uuid = world.row("main")["uuid"]
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as stream:
        length = int(stream.read())
    (folder,) = os.listdir(shared(world))
    os.kill(world.daemon.pid, signal.SIGSTOP)
    paths = [os.path.join(shared(world), folder, f"{name}.jsonl") for name in "ab"]
    with open(paths[0], "a", encoding="ascii") as a, open(paths[1], "a", encoding="ascii") as b:
        for _turn in range(length // 2 + 100):  # alternating, for equal events in a row are merged
            for stream in (a, b):
                stream.write(" ")
                stream.flush()
    world.limit("one")
    world.prompt("main", "the big job")
    wait_for(lambda: world.turns("one", "the big job", "limit"), "the limit")
    os.kill(world.daemon.pid, signal.SIGCONT)
    world.answered("two", RESUME)
    ended(world, uuid)
    assert "events were lost" in world.daemon_log()


def test_the_control_socket_removed(world):
    """The hooks find it again by its path."""
    world.config["detection"] = {"transcripts": False, "panes": False}
    begin(world)
    os.unlink(world.control_socket)
    wait_for(lambda: world.command("status").returncode == 0, "an answer to a command")
    goes_on(world, source="hook")


def test_a_limit_whose_hook_found_no_socket(world):
    world.config["detection"] = {"transcripts": False, "panes": False}
    begin(world)
    uuid = world.row("main")["uuid"]
    os.kill(world.daemon.pid, signal.SIGSTOP)
    os.unlink(world.control_socket)
    world.limit("one")
    world.prompt("main", "the big job")
    wait_for(lambda: world.turns("one", "the big job", "limit"), "the limit")
    time.sleep(1)  # for the hook to fail
    os.kill(world.daemon.pid, signal.SIGCONT)
    world.answered("two", RESUME)
    ended(world, uuid)


def test_the_tmux_server_stopped(world):
    world.config["detection"] = {"transcripts": False, "panes": False}
    begin(world)
    world.tmux_server.send_signal(signal.SIGSTOP)
    told(world, "tmux", deadline=40.0)
    world.tmux_server.send_signal(signal.SIGCONT)
    over(world, "tmux", deadline=40.0)
    world.ready("main")
    goes_on(world, source="hook")
