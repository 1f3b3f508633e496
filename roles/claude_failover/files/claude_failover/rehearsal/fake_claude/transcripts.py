# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write and read transcripts with the records of the real CLI that other programs use (seen on 2.1.330)."""

from __future__ import annotations

import json
import os
import re
import uuid
from typing import Any

from ...common import clock

BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def project_folder(cwd: str) -> str:
    """Return the name of the folder below ``projects`` for a working directory (absolute)."""
    name = re.sub(r"[^a-zA-Z0-9]", "-", os.path.realpath(cwd))
    if len(name) <= 200:
        return name
    number, mark = sum(ord(character) * 31 ** (place % 7) for place, character in enumerate(name)), ""
    for _try in range(6):
        number, digit = divmod(number, 36)
        mark += BASE36[digit]
    return f"{name[:200]}-{mark}"


def find(config_dir: str, session_id: str) -> str | None:
    """Return the path of a conversation in any project folder, or None."""
    projects = os.path.join(config_dir, "projects")
    try:
        folders = sorted(os.listdir(projects))
    except OSError:
        return None
    for folder in folders:
        path = os.path.join(projects, folder, f"{session_id}.jsonl")
        if os.path.isfile(path):
            return path
    return None


def newest(config_dir: str, cwd: str) -> str | None:
    """Return the id of the newest conversation of a working directory, or None."""
    folder = os.path.join(config_dir, "projects", project_folder(cwd))
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".jsonl")]
    except OSError:
        return None
    if not names:
        return None
    return max(names, key=lambda name: os.stat(os.path.join(folder, name)).st_mtime_ns)[: -len(".jsonl")]


def read(path: str) -> list[dict[str, Any]]:
    """Return the records of a transcript without torn lines. Raises OSError."""
    records = []
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
    return records


class FakeTranscript:
    """A transcript; records are buffered until `flush`, as the real CLI writes shortly after the event's hook."""

    def __init__(self, path: str, session_id: str, cwd: str, version: str, mode: str) -> None:
        self.path, self.session_id, self.cwd, self.version, self.mode = path, session_id, cwd, version, mode
        self.parent: str | None = None
        self.turns = 0
        self.written = os.path.exists(path)
        self._kept: list[dict[str, Any]] = []

    def bare(self, kind: str, **more: Any) -> None:
        """Add a record outside the chain of parent ids."""
        self._kept.append({"type": kind, **more, "sessionId": self.session_id})

    def chained(self, **more: Any) -> str:
        """Add a record to the chain of parent ids and return its id."""
        identity = str(uuid.uuid4())
        self._kept.append(
            {
                "parentUuid": self.parent,
                "isSidechain": False,
                **more,
                "uuid": identity,
                "timestamp": clock.iso(clock.wall()),
                "userType": "external",
                "entrypoint": "cli",
                "cwd": self.cwd,
                "sessionId": self.session_id,
                "version": self.version,
                "gitBranch": "HEAD",
            }
        )
        self.parent = identity
        return identity

    def user(self, prompt: str, prompt_id: str, *, typed: bool = True) -> None:
        """Add a prompt."""
        self.turns += 1
        if self.turns == 1:
            self.bare("mode", mode="normal")
            self.bare("permission-mode", permissionMode=self.mode)
        self.chained(
            promptId=prompt_id,
            type="user",
            message={"role": "user", "content": prompt},
            permissionMode=self.mode,
            origin={"kind": "human" if typed else "auto-continuation"},
            promptSource="typed" if typed else "system",
            turnOrigin="human" if typed else "auto_continuation",
            **({} if typed else {"isMeta": True}),
            turnPosition={"promptIndex": self.turns, "turnIndex": self.turns},
        )

    def command(self, text: str, prompt_id: str, **more: Any) -> None:
        """Add a command that the CLI answers by itself, or its output."""
        self.chained(promptId=prompt_id, type="user", message={"role": "user", "content": text}, **more)

    def assistant(self, content: list[dict[str, Any]], request: str, *, tool: bool = False) -> None:
        """Add an answer of the model."""
        self.chained(
            type="assistant",
            requestId=request,
            madeBy="model",
            session_id=self.session_id,
            message={
                "id": f"msg_{request}",
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-5-5",
                "content": content,
                "stop_reason": "tool_use" if tool else "end_turn",
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 100,
                    "output_tokens": 20,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                },
            },
        )

    def tool_result(self, identity: str, text: str, failed: bool, prompt_id: str | None) -> None:
        """Add the result of a tool."""
        self.chained(
            type="user",
            promptId=prompt_id,
            session_id=self.session_id,
            sourceToolAssistantUUID=self.parent,
            message={
                "role": "user",
                "content": [{"tool_use_id": identity, "type": "tool_result", "content": text, "is_error": failed}],
            },
            toolUseResult=text,
        )

    def api_error(self, text: str, error: str, **more: Any) -> None:
        """Add an API error in place of an answer."""
        self.chained(
            type="assistant",
            message={
                "id": str(uuid.uuid4()),
                "model": "<synthetic>",
                "role": "assistant",
                "stop_reason": "stop_sequence",
                "stop_sequence": "",
                "type": "message",
                "content": [{"type": "text", "text": text}],
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
            **more,
            error=error,
            isApiErrorMessage=True,
            madeBy="model",
            session_id=self.session_id,
        )

    def system(self, subtype: str, **more: Any) -> None:
        """Add a system record."""
        self.chained(type="system", subtype=subtype, isMeta=False, **more)

    def flush(self) -> None:
        """Write the buffered records in one write. Raises OSError."""
        if not self._kept:
            return
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in self._kept)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
        self.written = True
        self._kept.clear()
