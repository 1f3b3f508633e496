# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose daemon meets a fault, with what systemd does beside it; and what must hold after every case."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from faked_clock import FakedClock
from integration.failover.conftest import World

from claude_failover.rehearsal.fake_claude.credentials import made_up

from .cases import Case

LAUNCHER = os.path.join(os.path.dirname(__file__), "launcher.py")
RESUME = "continue"
PROMPTS_MAX = 3  # that a session may be sent for one account
DEADLINE = 90.0  # seconds in which everything has to be well again


class FaultyHost(World):
    """Starts daemon and tmux server again when they end, as the units do."""

    def __init__(self, folder: str, python_path: str) -> None:
        super().__init__(folder, python_path, ("one", "two", "three"))
        self.share_state_file()
        self.codes: list[int] = []  # how the daemon has ended
        self.plan: dict[str, Any] = {}
        self.marks = self.path("marks")
        os.mkdir(self.marks)
        self.clock: FakedClock | None = None  # of daemon, tmux server and sessions, where a case sets it

    def fake_clock(self) -> None:
        """Let the clock of everything that is started be one that can be set."""
        self.clock = FakedClock(self.path("world/faketime"))
        self.environment.update(self.clock.environment)

    def prepare(self, case: Case) -> None:
        """Plan the fault. The tmux server runs."""
        assert self.tmux_server is not None
        clock = self.clock
        self.plan = {
            "step": case.step,
            "fault": case.fault.name,
            "link": self.config["active_link"],
            "state": self.config["state_dir"],
            "shared": self.state_file,
            "folder": self.marks,
            "tmux": self.tmux_server.pid,
            "clock": {"file": clock.path, "next": clock.prepare(case.fault.jump)} if clock is not None else None,
        }
        with open(self.path("plan.json"), "w", encoding="utf-8") as stream:
            json.dump(self.plan, stream)

    def launch(self) -> subprocess.Popen[str]:
        self.write_config()
        with open(self.path("daemon.log"), "a", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(
                [sys.executable, LAUNCHER, self.path("plan.json"), "--config", self.path("config.yml"), "run"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
                stdout=log,
                text=True,
            )
        return self.daemon

    def client(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "claude_failover", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.environment, "CLAUDE_FAILOVER_CONFIG": self.path("config.yml")},
        )

    def attend(self) -> None:
        """Do what systemd does: start again what has ended, unless the exit code forbids it."""
        if self.daemon is not None and self.daemon.poll() is not None:
            self.codes.append(self.daemon.returncode)
            assert self.daemon.returncode not in (1, 2), f"it stays down\n{self.daemon_log()}"
            time.sleep(0.1)
            self.launch()
        if self.tmux_server is not None and self.tmux_server.poll() is not None:
            if os.path.exists(self.tmux_socket):
                os.unlink(self.tmux_socket)
            # A server that two clients meet at once can end again (tmux 3.3a): it is started again by the next call.
            with contextlib.suppress(AssertionError):
                self.start_tmux()

    def until(self, condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
        """Wait for a condition while daemon and tmux server are attended to."""
        end = time.monotonic() + deadline
        while True:
            self.attend()
            try:
                found = condition()
            except (AssertionError, OSError, ValueError, StopIteration, subprocess.SubprocessError):
                found = None  # the daemon, or tmux, does not answer for now
            if found:
                return found
            assert time.monotonic() < end, f"waited {deadline} s for {what}\n{self.daemon_log()}"
            time.sleep(0.05)

    def marked(self, name: str) -> bool:
        return os.path.exists(os.path.join(self.marks, name))

    def mend(self) -> None:
        """End the fault."""
        with open(os.path.join(self.marks, "mended"), "w", encoding="utf-8"):
            pass
        if self.plan["fault"] == "tmux stopped":
            os.kill(self.plan["tmux"], signal.SIGCONT)

    def meet(self, case: Case) -> None:
        """Wait until the fault has come, leave it for its time, and mend it."""
        self.until(lambda: self.marked("fired"), f"the step {case.step}", 60)
        end = time.monotonic() + (case.fault.lasts or 0.0)
        while time.monotonic() < end:
            self.attend()
            time.sleep(0.05)
        self.mend()

    def trace(self) -> list[str]:
        """The durable steps in their order."""
        with open(os.path.join(self.marks, "trace"), encoding="utf-8") as stream:
            return stream.read().splitlines()

    # -- what is there -------------------------------------------------------------------------------------

    def registry(self) -> dict[str, Any]:
        with open(os.path.join(self.config["state_dir"], "registry.json"), encoding="utf-8") as stream:
            found: dict[str, Any] = json.load(stream)["data"]
        return found

    def prompts(self) -> dict[str, list[str]]:
        """What was entered, by conversation, from the transcripts."""
        found: dict[str, list[str]] = {}
        for path in glob.glob(self.path("root/.claude-projects-shared/*/*.jsonl")):
            with open(path, encoding="utf-8") as stream:
                records = [json.loads(line) for line in stream]
            found[os.path.basename(path)[: -len(".jsonl")]] = [
                str(record["message"]["content"])
                for record in records
                if record["type"] == "user"
                and not record.get("isMeta")
                and "[Request interrupted by user" not in str(record["message"]["content"])
            ]
        return found

    def switch_events(self) -> list[str]:
        """The ids of the switches in the log of events."""
        path = self.path("state/events.jsonl")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as stream:
            events = [json.loads(line) for line in stream if line.endswith("\n")]
        return [event["id"] for event in events if event["event"] == "switch"]

    def well(self) -> bool:
        """Return whether the daemon answers, and has nothing left to do."""
        status = self.status()
        return (
            all(row["state"] == "idle" for row in status["sessions"] if row["name"] in ("main", "worker"))
            and status["unsaved"] == []
            and status["suspended"] is None
            and not status["switching"]
        )


def check_invariants(host: FaultyHost, account: str) -> None:
    """Check what must hold after every case: ``account`` is the active one."""
    status, log = host.status(), host.daemon_log()
    # One account is active, and the link says which.
    assert [row["name"] for row in status["accounts"] if row["active"]] == [account] == [status["active_account"]]
    assert os.readlink(host.config["active_link"]) == host.path(f"user/.claude-{account}")
    # No link and no credential is lost.
    for row in status["accounts"]:
        assert row["links"] == "ok", row
        with open(os.path.join(row["home"], ".credentials.json"), encoding="utf-8") as stream:
            assert json.load(stream).keys() == made_up(row["name"]).keys()
    # The file that the homes share names the active account, all else in it stays, and nothing is left beside it.
    document = host.state_document()
    assert host.named() == account
    assert (document["numStartups"], document["hasCompletedOnboarding"]) == (7, True)
    assert [name for name in os.listdir(host.path("root")) if name.startswith("..claude")] == []
    for row in status["accounts"]:
        assert os.readlink(os.path.join(row["home"], ".claude.json")) == host.state_file
    # Each session has the conversation that the registry names, and its process runs.
    registry = host.registry()
    for row in status["sessions"]:
        if row["name"] in ("main", "worker"):
            assert row["uuid"] == registry[row["name"]]["uuid"], row
            assert os.path.exists(f"/proc/{row['pid']}"), row
    # Records are there once, and whole.
    rows = host.switches()
    assert [count for count in Counter(row["id"] for row in rows).values() if count > 1] == []
    assert all(row["outcome"] in ("switched", "failed", "refused", "stayed") for row in rows)
    events = host.switch_events()
    assert len(events) == len(set(events)), events
    # No more prompts of ours than allowed.
    for conversation, prompts in host.prompts().items():
        assert prompts.count(RESUME) <= PROMPTS_MAX, (conversation, prompts)
    # It is up again by itself, and nothing was set aside or left over.
    assert all(code in (0, -signal.SIGKILL, 75) for code in host.codes), host.codes
    names = [name for _folder, _folders, files in os.walk(host.config["state_dir"]) for name in files]
    assert [name for name in names if name.endswith(".set-aside")] == []
    # The story is readable, without a bug and without a secret.
    assert "Traceback" not in log, log
    assert "a bug" not in log, log
    tokens = {str(value) for row in status["accounts"] for value in made_up(row["name"])["claudeAiOauth"].values()}
    for token in tokens:
        if re.match(r"sk-ant|STUB", token):
            assert token not in log + json.dumps(rows) + json.dumps(status)
