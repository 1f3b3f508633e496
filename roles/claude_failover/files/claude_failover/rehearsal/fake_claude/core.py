# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State shared by all parts of a session: its identity, files, screen and hooks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from . import commands, settings, texts, transcripts
from .context import Context
from .screen import View
from .session_file import FakeSessionFile


class Core:
    """The conversation's identity, files, screen and hooks. ``changed`` schedules a redraw."""

    def __init__(self, context: Context, plan: str, changed: Callable[[], None]) -> None:
        self.context, self.changed = context, changed
        self.id = context.session_id
        self.mode = context.options.permission_mode or "auto"
        self.view = View(context.version, plan, context.cwd, self.mode, screen_reader=context.options.screen_reader)
        self.view.vim = "INSERT" if self.setting("editorMode") == "vim" else ""
        self.file = FakeSessionFile(context.config_dir, self.id, context.cwd, context.version)
        self.transcript = self.new_transcript(context.transcript)
        self.prompt_id: str | None = None
        self.usage: dict[str, Any] | None = None
        self.messages = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def new_transcript(self, path: str | None) -> transcripts.FakeTranscript:
        """Return the transcript at ``path``, or a new one of this conversation."""
        if path is None:
            path = os.path.join(
                self.context.config_dir, "projects", transcripts.project_folder(self.context.cwd), f"{self.id}.jsonl"
            )
        return transcripts.FakeTranscript(path, self.id, self.context.cwd, self.context.version, self.mode)

    def sources(self) -> list[dict[str, Any]]:
        """Return the current settings, the account's first, then the session's."""
        return [settings.of_account(self.context.config_dir), self.context.settings]

    def setting(self, name: str) -> Any:
        """Return the current value of a setting, None if it is not set."""
        account, session = self.sources()
        return {**account, **session}.get(name)

    def environment(self) -> dict[str, str]:
        """Return the environment of hooks and tools."""
        return {
            **self.context.env,
            "CLAUDE_PID": str(os.getpid()),
            "CLAUDE_CODE_SESSION_ID": self.id,
            "CLAUDECODE": "1",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "CLAUDE_PROJECT_DIR": self.context.cwd,
        }

    def _common(self) -> dict[str, Any]:
        common = {"session_id": self.id, "transcript_path": self.transcript.path, "cwd": self.context.cwd}
        if self.prompt_id:
            common["prompt_id"] = self.prompt_id
        return common

    async def hook(self, event: str, matched: str, **more: Any) -> None:
        """Run the hooks of an event; ``more`` is added to the common keys of the payload."""
        found = settings.commands(self.sources(), event, matched)
        if found:
            payload = {**self._common(), "hook_event_name": event, **more}
            await commands.run_hooks(found, payload, self.environment(), self.context.cwd)

    def notify(self, kind: str, message: str) -> None:
        """Run the Notification hooks in the background."""
        self.spawn(self.hook("Notification", kind, message=message, notification_type=kind))

    def status_line(self) -> None:
        """Redraw the status line in the background."""
        command = settings.status_line(self.sources())
        if command:
            self.spawn(self._draw_status_line(command))

    async def _draw_status_line(self, command: str) -> None:
        payload = {
            **self._common(),
            "effort": {"level": "medium"},
            "version": self.context.version,
            "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
            "workspace": {"current_dir": self.context.cwd, "project_dir": self.context.cwd, "added_dirs": []},
            "output_style": {"name": "default"},
            "exceeds_200k_tokens": False,
        }
        if self.usage is not None:
            payload["rate_limits"] = self.usage
        raw = json.dumps(payload, ensure_ascii=False).encode()
        status, output = await commands.run(command, raw, self.environment(), self.context.cwd, 5.0)
        if status == 0:
            self.view.status_lines = output.splitlines()[:3]
            self.changed()

    def spawn(self, work: Any) -> None:
        """Run a coroutine in the background; `stop` cancels it."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Cancel the background tasks."""
        for task in list(self._tasks):
            task.cancel()

    def limit_line(self, claim: str, resets_at: int) -> str:
        """Return the usage limit message for a reset at ``resets_at`` (epoch seconds)."""
        context = self.context
        now = datetime.now(timezone.utc)
        return texts.limit_line(claim, resets_at, now, context.zone, context.zone_name, context.version)

    def write_later(self) -> None:
        """Schedule a write of the transcript; the real CLI, too, writes shortly after the event."""
        asyncio.get_running_loop().call_later(self.context.delay("CLAUDE_FAKE_TRANSCRIPT_LAG"), self._write)

    def _write(self) -> None:
        try:
            self.transcript.flush()
        except OSError as error:
            self.view.add("error", f"The transcript cannot be written: {error.strerror}")
