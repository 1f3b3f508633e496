# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A light program in place of Claude Code: it is refused when told, and writes down when it gets Enter.

    light_claude.py FOLDER SOCKET --session-id UUID …

Told by a line ``SOURCE RESET`` in the fifo ``FOLDER/UUID``, it is refused, which the daemon can see in one way only:
by a ``hook`` (sent to the control socket by itself: no process is started), a record of the ``transcript``, or
the banner in its ``pane``. A prompt box takes the prompt that follows; its turn is told the same way, and answered at
once; after a banner by a hook. Moments go to ``FOLDER/moments.jsonl``: ``refused``, then ``enter`` with the text.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import sys
import time
import tty
import uuid

RESUMED = ("--session-id", "--resume")


class LightClaude:
    """The program."""

    def __init__(self, folder: str, control: str, arguments: list[str]) -> None:
        self.folder, self.control = folder, control
        self.id = next(arguments[at + 1] for at, word in enumerate(arguments) if word in RESUMED)
        self.source, self.banner, self.draft, self.turn = "", "", "", str(uuid.uuid4())
        self.fifo = os.path.join(folder, self.id)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.fifo)
        self.transcript = os.path.join(os.environ["CLAUDE_CONFIG_DIR"], "projects", "-x", f"{self.id}.jsonl")

    def run(self) -> None:
        """Run until killed."""
        self._tell_status()
        tty.setraw(0)
        os.write(1, b"\x1b[?2004h")
        commands = os.open(self.fifo, os.O_RDWR)
        while True:
            self._draw()
            ready, _write, _error = select.select([0, commands], [], [])
            if commands in ready:
                self._refuse(*os.read(commands, 4096).decode().split())
            else:
                self._read(os.read(0, 1 << 16).decode(errors="replace"))

    def _draw(self) -> None:
        rule = "─" * shutil.get_terminal_size().columns
        turn = ["❯ the job", f"  ⎿  {self.banner}"] if self.banner else ["● hello"]
        rows = [*turn, "", rule, f"❯\xa0{self.draft}", rule]
        os.write(1, ("\x1b[H\x1b[2J" + "\r\n".join([*rows, "  ⏵⏵ auto mode on"])).encode())

    def _refuse(self, source: str, reset: str) -> None:
        text = f"You've hit your 5-hour limit · resets {reset} (UTC)"
        self.source, self.turn = source, str(uuid.uuid4())
        if source == "hook":
            self._hook("UserPromptSubmit", prompt="the job")
        elif source == "transcript":
            self._record("user", "the job")
        moment = time.time()
        if source == "hook":
            self._hook("StopFailure", error="rate_limit", last_assistant_message=text)
        elif source == "transcript":
            self._record(
                "assistant",
                [{"type": "text", "text": text}],
                model="<synthetic>",
                error="rate_limit",
                isApiErrorMessage=True,
                apiErrorStatus=429,
            )
        else:
            self.banner = text
        self._write_moment("refused", moment, source=source)

    def _read(self, data: str) -> None:
        """Take keys."""
        if data.startswith("\x1b[200~"):
            self.draft += data[6:].replace("\x1b[201~", "").replace("\r", "\n")
        if data != "\r" or not self.draft:
            return
        self._write_moment("enter", time.time(), text=self.draft)
        text, self.draft, self.banner, self.turn = self.draft, "", "", str(uuid.uuid4())
        if self.source == "transcript":
            self._record("user", text)
            self._record("assistant", [{"type": "text", "text": "done"}], model="light", stop_reason="end_turn")
        else:
            self._hook("UserPromptSubmit", prompt=text)
            self._hook("Stop", last_assistant_message="done")

    def _write_moment(self, event: str, moment: float, **more: str) -> None:
        row = {"event": event, "at": moment, "session": self.id, **more}
        with open(os.path.join(self.folder, "moments.jsonl"), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")

    def _tell_status(self) -> None:
        """Write the session's file, as 2.1.330 does."""
        with open("/proc/self/stat", encoding="utf-8") as stream:
            start = stream.read().rsplit(")", 1)[1].split()[19]
        folder = os.path.join(os.environ["CLAUDE_CONFIG_DIR"], "sessions")
        os.makedirs(folder, exist_ok=True)
        row = {"pid": os.getpid(), "sessionId": self.id, "cwd": os.getcwd(), "procStart": start, "status": "idle"}
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w", encoding="utf-8") as stream:
            json.dump({**row, "statusUpdatedAt": int(time.time() * 1000)}, stream)

    def _hook(self, event: str, **more: str) -> None:
        payload = {
            "session_id": self.id,
            "transcript_path": self.transcript,
            "cwd": os.getcwd(),
            "hook_event_name": event,
            "prompt_id": self.turn,
            **more,
        }
        environment = {"TMUX": os.environ["TMUX"], "TMUX_PANE": os.environ["TMUX_PANE"], "CLAUDE_PID": str(os.getpid())}
        request = {"op": "hook", "payload": payload, "env": environment}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.control)
            connection.sendall(json.dumps(request).encode() + b"\n")

    def _record(self, kind: str, content: object, model: str | None = None, **more: object) -> None:
        stop = {"stop_reason": more.pop("stop_reason")} if "stop_reason" in more else {}
        message = {"role": kind, "content": content, **({"model": model} if model else {}), **stop}
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        row = {
            "type": kind,
            "uuid": str(uuid.uuid4()),
            "promptId": self.turn,
            "sessionId": self.id,
            "timestamp": moment,
            "message": message,
            **more,
        }
        os.makedirs(os.path.dirname(self.transcript), exist_ok=True)
        with open(self.transcript, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    LightClaude(sys.argv[1], sys.argv[2], sys.argv[3:]).run()
