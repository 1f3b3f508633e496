# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the Bash tool, asking for permission where the mode requires it."""

from __future__ import annotations

import asyncio

from . import commands, dialogs
from .context import new_id
from .core import Core
from .requests import Answer, request_id

RUN_UNASKED = ("auto", "bypassPermissions", "dontAsk")
READ_ONLY = frozenset({"cat", "echo", "head", "ls", "pwd", "tail", "true", "wc"})
PERMISSION_NOTICE = 6.0  # seconds; an open permission dialog then runs the Notification hooks


class Tools:
    """Runs Bash for a session."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._decision: asyncio.Future[bool] | None = None

    def decide(self, allowed: bool) -> None:
        """Answer the permission dialog."""
        if self._decision is not None and not self._decision.done():
            self._decision.set_result(allowed)

    async def run(self, answer: Answer) -> None:
        """Run the command of an answer. Raises CancelledError if permission is denied."""
        command = str(answer.account["command"])
        identity = f"toolu_{new_id()[:8]}"
        value = {"command": command, "description": "A step that the test asked for"}
        request = request_id()
        self.core.transcript.assistant([{"type": "text", "text": answer.text}], request, tool=True)
        self.core.transcript.assistant(
            [{"type": "tool_use", "id": identity, "name": "Bash", "input": value}], request, tool=True
        )
        self.core.write_later()
        self.core.view.add("answer", answer.text)
        self.core.view.add("tool", value["description"])
        self.core.view.add("result", f"$ {command}")
        self.core.changed()
        if not await self._allowed(command, value):
            raise asyncio.CancelledError
        status, output = await commands.run(command, b"", self.core.environment(), self.core.context.cwd, 600.0)
        self.core.transcript.tool_result(identity, output, status != 0, self.core.prompt_id)
        self.core.messages += 2
        self.core.write_later()

    async def _allowed(self, command: str, value: dict[str, str]) -> bool:
        if self.core.mode in RUN_UNASKED or (command.split() or [""])[0] in READ_ONLY:
            return True
        loop = asyncio.get_running_loop()
        self._decision = loop.create_future()
        self.core.view.dialog = dialogs.permission(command, value["description"])
        self.core.file.update("waiting", "permission prompt")
        self.core.changed()
        notice = loop.call_later(
            PERMISSION_NOTICE, self.core.notify, "permission_prompt", "Claude needs your permission to use Bash"
        )
        try:
            await self.core.hook(
                "PermissionRequest", "Bash", permission_mode=self.core.mode, tool_name="Bash", tool_input=value
            )
            return await self._decision
        finally:
            notice.cancel()
            self.core.view.dialog = None
            self.core.file.update("busy")
            self.core.changed()
