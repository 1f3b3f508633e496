# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the commands that the CLI answers by itself, and `/compact`, which asks the model (seen on 2.1.197, 2.1.332).

None of them is a turn: no UserPromptSubmit, no Stop. A refused compaction writes no error record, only its output; the
one StopFailure is of its own agent.
"""

from __future__ import annotations

import uuid

from . import texts
from .context import new_id
from .core import Core
from .requests import FakeApi

OUTPUTS = {"/usage-credits": texts.USAGE_CREDITS, "/mcp": texts.NO_MCP_SERVERS}
COMMANDS = ("/compact", *OUTPUTS)
CAVEAT = (
    "<local-command-caveat>The command below was run directly in Claude Code, not sent to you as a request, and its "
    "output goes straight to the user. It's recorded here as context for later messages.</local-command-caveat>"
)


class OwnCommands:
    """Runs one command of `COMMANDS` at a time."""

    def __init__(self, core: Core, api: FakeApi) -> None:
        self.core, self._api = core, api

    async def run(self, command: str) -> None:
        """Run a command: show it and its output, and record both."""
        core, prompt_id = self.core, new_id()
        core.view.add("prompt", command)
        core.changed()
        error = await self._compact(command) if command == "/compact" else None
        text = OUTPUTS.get(command, "Compacted") if error is None else f"Error during compaction: {error}"
        core.view.add("note", text)
        stream = "stderr" if error is not None and core.context.version != texts.OLD else "stdout"
        output = f"<local-command-{stream}>{text}</local-command-{stream}>"
        core.transcript.command(CAVEAT, prompt_id, isMeta=True)
        name = command.lstrip("/")
        core.transcript.command(
            f"<command-name>{command}</command-name>\n            <command-message>{name}</command-message>\n"
            "            <command-args></command-args>",
            prompt_id,
        )
        if command == "/compact":
            core.transcript.system("local_command", content=output, level="info")
        else:
            core.transcript.command(output, prompt_id)
        core.write_later()
        core.changed()
        if error is not None:
            await core.hook(
                "StopFailure",
                "rate_limit",
                prompt_id=prompt_id,
                agent_id=f"a{uuid.uuid4().hex[:16]}",
                effort={"level": "medium"},
                error="rate_limit",
                last_assistant_message=error,
            )

    async def _compact(self, command: str) -> str | None:
        """Ask for a summary; return the error of the request, None when it was answered."""
        core = self.core
        answer = await self._api.ask(
            core.id, command, tool_result=False, messages=core.messages, on_retry=lambda _text: None
        )
        if answer.kind == "limit":
            return core.limit_line(answer.claim, answer.resets_at)
        return answer.text if answer.kind == "error" else None
