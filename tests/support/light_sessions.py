# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that cost next to nothing: a pane whose program sleeps, and one process that reads and paints all of them.

    python tests/support/light_sessions.py FOLDER CONTROL_SOCKET TMUX_SOCKET ACTIVE_LINK

They look like Claude Code to the daemon: prompt box, spinner, transcript, session file and hooks, which the one process
sends itself. So what is measured is the daemon and tmux, and not the start of an interpreter for each hook.

Standard input takes one command a line, each answered by one line of JSON: ``wait`` (looks for new sessions; how many
there are), ``prompt TEXT`` (each begins a turn, which is not answered), ``refuse`` (all of these meet a usage limit
now, as does any later turn under the same account) and ``times`` (of each session). A turn that somebody else begins
is answered after `ANSWER` seconds. The end of standard input ends the program.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import import_path  # noqa: F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

from claude_failover.rehearsal.fake_claude import texts
from claude_failover.rehearsal.fake_claude.screen import View, render
from claude_failover.rehearsal.fake_claude.transcripts import (
    FakeTranscript,
    project_folder,
)

VERSION = "2.1.332"
ANSWER = 0.05  # seconds
RESET = 3600  # seconds until the limit's
WIDTH, HEIGHT = 200, 50

#: What runs in each pane; it tells where it is, and sleeps.
PROGRAM = r"""#!/bin/sh
stty raw -echo
printf '%s\n' "$$" "$TMUX_PANE" "$(tty)" "$PWD" "$*" > "{folder}/$$.new"
mv "{folder}/$$.new" "{folder}/$$.session"
exec sleep 1000000
"""


def install(program: str, folder: str) -> None:
    """Write the program of the panes, which tell of themselves in ``folder``."""
    os.makedirs(folder, exist_ok=True)
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(PROGRAM.replace("{folder}", folder))
    os.chmod(program, 0o700)


@dataclass
class LightSession:
    """One session. ``refused`` and ``began`` are the times of its refused turn's end, and of the next one's begin."""

    pid: int
    pane: str
    cwd: str
    id: str
    terminal: int
    view: View
    transcript: FakeTranscript
    refused: float = 0.0
    began: float = 0.0
    turns: int = 0
    running: str = ""  # the id of the turn

    def paint(self) -> None:
        """Show the screen as it is now."""
        rows = "\r\n".join(render(self.view, WIDTH, HEIGHT))
        os.write(self.terminal, f"\x1b[?2004h\x1b[H\x1b[2J{rows}".encode())


class LightSessions:
    """All sessions of one tmux server."""

    def __init__(self, folder: str, control: str, tmux: str, link: str) -> None:
        self._folder, self._control, self._tmux, self._link = folder, control, tmux, link
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[int, LightSession] = {}
        self._due: list[tuple[float, LightSession]] = []
        self._exhausted: dict[str, int] = {}  # by home: when it resets
        self._input = b""
        self._ended = False

    # -- the loop

    def run(self) -> None:
        """Serve the sessions until the end of standard input."""
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ)
        while not self._ended:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else 1.0
            for key, _events in self._selector.select(wait):
                if key.fd == 0:
                    self._read_commands()
                else:
                    self._read_keys(key.data)
            while self._due and self._due[0][0] <= time.monotonic():
                self._answer(self._due.pop(0)[1])

    def _read_commands(self) -> None:
        data = os.read(0, 65536)
        self._ended = not data
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            name, _blank, rest = line.decode().partition(" ")
            commands = {"wait": self._wait, "prompt": self._prompt, "refuse": self._refuse, "times": self._times}
            answer = commands[name](rest)
            print(json.dumps(answer), flush=True)

    def _times(self, _rest: str) -> list[dict[str, float]]:
        return [{"refused": each.refused, "began": each.began, "turns": each.turns} for each in self._all]

    @property
    def _all(self) -> list[LightSession]:
        return list(self._sessions.values())

    # -- commands

    def _wait(self, _rest: str) -> int:
        for name in os.listdir(self._folder):
            pid = int(name.partition(".")[0])
            if name.endswith(".session") and pid not in self._sessions:
                self._add(pid, os.path.join(self._folder, name))
        return len(self._sessions)

    def _add(self, pid: int, path: str) -> None:
        with open(path, encoding="utf-8") as stream:
            _pid, pane, terminal, cwd, arguments = stream.read().splitlines()
        words = arguments.split()
        identity = next(words[place + 1] for place, word in enumerate(words) if word in ("--session-id", "--resume"))
        descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
        projects = os.path.realpath(os.path.join(self._link, "projects"))
        transcript = os.path.join(projects, project_folder(cwd), f"{identity}.jsonl")
        session = LightSession(
            pid,
            pane,
            cwd,
            identity,
            descriptor,
            View(VERSION, "Max", cwd, "auto"),
            FakeTranscript(transcript, identity, cwd, VERSION, "auto"),
        )
        self._sessions[pid] = session
        self._write_session_file(session)
        session.paint()
        self._selector.register(descriptor, selectors.EVENT_READ, session)
        self._hook(session, "SessionStart", source="startup")

    def _write_session_file(self, session: LightSession) -> None:
        folder = os.path.join(self._link, "sessions")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(f"/proc/{session.pid}/stat", encoding="latin-1") as stream:
            start = stream.read().rpartition(")")[2].split()[19]
        now = int(time.time() * 1000)
        row = {"pid": session.pid, "sessionId": session.id, "cwd": session.cwd, "procStart": start, "version": VERSION}
        row.update(kind="interactive", entrypoint="cli", status="idle", updatedAt=now, statusUpdatedAt=now)
        path = os.path.join(folder, f"{session.pid}.json")
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(row, stream)
        os.rename(path + ".new", path)

    def _prompt(self, rest: str) -> int:
        for session in self._all:
            self._begin(session, rest)
        return len(self._sessions)

    def _refuse(self, _rest: str) -> float:
        home, resets = os.path.realpath(self._link), int(time.time()) + RESET
        self._exhausted[home] = resets
        self._due.clear()
        began = time.monotonic()
        for session in self._all:
            self._fail(session, resets)
        return time.monotonic() - began

    # -- a session

    def _begin(self, session: LightSession, prompt: str) -> None:
        session.turns += 1
        session.running = f"{session.id[:-4]}{session.turns:04d}"
        session.view.draft, session.view.continues = "", ""
        session.view.add("prompt", prompt)
        session.view.busy = "Prestidigitating… (0s)"
        session.paint()
        self._hook(session, "UserPromptSubmit", permission_mode="auto", prompt=prompt)
        session.transcript.user(prompt, session.running)
        session.transcript.flush()

    def _answer(self, session: LightSession) -> None:
        home = os.path.realpath(self._link)
        if home in self._exhausted:
            self._fail(session, self._exhausted[home])
            return
        session.transcript.assistant([{"type": "text", "text": "done"}], f"req_{session.running}")
        session.transcript.flush()
        session.view.busy = ""
        session.view.add("answer", "done")
        session.paint()
        self._hook(session, "Stop", stop_hook_active=False)

    def _fail(self, session: LightSession, resets: int) -> None:
        when = time.strftime("%-I:%M%p", time.gmtime(resets)).lower()
        text = f"You've hit your 5-hour limit · resets {when} (UTC)"
        session.transcript.api_error(
            text,
            "rate_limit",
            apiErrorStatus=429,
            quotaLimits={"status": "rejected", "rateLimitType": "five_hour", "resetsAt": resets},
        )
        session.transcript.flush()
        session.view.busy = ""
        session.view.add("limit", text)
        session.view.add("hint", texts.HINT)
        session.paint()
        session.refused = time.monotonic()
        self._hook(session, "StopFailure", error="rate_limit", last_assistant_message=text)

    def _read_keys(self, session: LightSession) -> None:
        text = os.read(session.terminal, 65536).decode(errors="replace")
        text = text.replace("\x1b[200~", "").replace("\x1b[201~", "").replace("\x1b", "")
        for part in text.splitlines(keepends=True):
            session.view.draft += part.rstrip("\r\n")
            if part[-1] in "\r\n" and session.view.draft and not session.view.busy:
                prompt = session.view.draft
                if not session.began:
                    session.began = time.monotonic()
                self._begin(session, prompt)
                self._due.append((time.monotonic() + ANSWER, session))
        session.paint()

    def _hook(self, session: LightSession, event: str, **more: Any) -> None:
        payload = {"session_id": session.id, "transcript_path": session.transcript.path, "cwd": session.cwd}
        if session.running:
            payload["prompt_id"] = session.running
        environment = {"TMUX": f"{self._tmux},1,0", "TMUX_PANE": session.pane, "CLAUDE_PID": str(session.pid)}
        row = {"op": "hook", "payload": {**payload, "hook_event_name": event, **more}, "env": environment}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self._control)
            connection.sendall(json.dumps(row).encode() + b"\n")


if __name__ == "__main__":
    LightSessions(*sys.argv[1:5]).run()
