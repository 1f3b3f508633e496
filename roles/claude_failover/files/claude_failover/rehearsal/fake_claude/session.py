# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an interactive session: prompts start turns, turns run hooks and write the transcript and the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import texts, transcripts
from .context import Context, new_id
from .core import Core
from .credentials import Credentials
from .limit_wait import LimitWait
from .own_commands import OwnCommands
from .requests import Answer, FakeApi, request_id
from .screen import SPINNER
from .tools import Tools
from .world import WORLD_VARIABLE, World


class FakeSession:
    """An interactive session, from `begin` to `end`. ``changed`` schedules a redraw."""

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self.context = context
        credentials = Credentials(context.config_dir, context.env)
        credentials.look()
        plan = "Claude Max" if credentials.state != "missing" else "API Usage Billing"
        self.api = FakeApi(World(context.env.get(WORLD_VARIABLE)), credentials, context.delay("CLAUDE_FAKE_RETRY_UNIT"))
        self.core = Core(context, plan, changed)
        self.view, self.file = self.core.view, self.core.file
        self.tools = Tools(self.core)
        self.own_commands = OwnCommands(self.core, self.api)
        self.limit = LimitWait(self.core, lambda: self.submit(texts.CONTINUE_PROMPT, typed=False))
        self.queue: list[str] = []
        self.put_back: Callable[[str], None] = lambda _prompt: None  # into the prompt box
        self._retrying = self._fruitless = False  # the turn waits in the CLI's own retry, and nothing has come of it
        self.turn: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None

    # -- beginning and end ----------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Restore the conversation and run the SessionStart hooks."""
        if self.context.transcript is not None:
            self._restore(transcripts.read(self.context.transcript))
        self.file.create()
        await self.core.hook("SessionStart", self.context.source, source=self.context.source, model="claude-opus-5-5")
        self.core.status_line()
        self._arm_idle()

    def _restore(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            if record.get("uuid"):
                self.core.transcript.parent = record["uuid"]
            if record.get("subtype") == "informational":
                self.view.add("notice", str(record.get("content", "")))
            message = record.get("message")
            if not isinstance(message, dict):
                continue
            content = message.get("content")
            if record.get("type") == "user" and isinstance(content, str) and not content.startswith("<"):
                self.core.transcript.turns += 1
                self.core.messages += 1
                self.view.add("prompt", content)
            elif record.get("type") == "assistant" and isinstance(content, list):
                text = "".join(block.get("text", "") for block in content if block.get("type") == "text")
                if record.get("apiErrorStatus") == 429 and record.get("error") == "rate_limit":
                    self.view.add("limit", text)
                    self.view.add("hint", texts.HINT)
                elif record.get("isApiErrorMessage"):
                    self.view.add("error", text)
                elif text:
                    self.core.messages += 1
                    self.view.add("answer", text)

    async def end(self, reason: str) -> None:
        """End cleanly: cancel the turn, run the SessionEnd hooks, remove the status file."""
        self.limit.cancel()
        if self._idle is not None:
            self._idle.cancel()
        if self.turn is not None and not self.turn.done():
            self.turn.cancel()
            await asyncio.wait([self.turn])
        self.core.stop()
        self.core.transcript.flush()
        await self.core.hook("SessionEnd", reason, reason=reason)
        self.file.remove()

    async def clear(self) -> None:
        """Start a new conversation in the same process (``/clear``)."""
        self.core.transcript.flush()
        await self.core.hook("SessionEnd", "clear", reason="clear")
        self.core.id, self.core.prompt_id = new_id(), None
        self.core.transcript = self.core.new_transcript(None)
        self.view.entries.clear()
        self.view.add("prompt", "/clear")
        self.core.messages = 0
        self.file.update("idle", session_id=self.core.id)
        await self.core.hook("SessionStart", "clear", source="clear", model="claude-opus-5-5")
        self.core.changed()

    # -- turns ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while a turn is in progress."""
        return self.turn is not None and not self.turn.done()

    def submit(self, prompt: str, *, typed: bool = True) -> None:
        """Start a turn, or queue the prompt behind the turn in progress."""
        self.limit.cancel()
        self.view.gauge = self.view.toast = self.view.ghost = ""
        if self.busy:
            self.queue.append(prompt)
            return
        self.turn = asyncio.get_running_loop().create_task(self._turn(prompt, typed))

    def interrupt(self) -> None:
        """Cancel the turn in progress."""
        if self.turn is not None and self.busy:
            self.turn.cancel()

    async def _turn(self, prompt: str, typed: bool) -> None:
        began = time.monotonic()
        self._disarm_idle()
        self.core.prompt_id = new_id()
        self.view.busy = f"{SPINNER} (0s)"
        if typed:
            self.view.add("prompt", prompt)
        self.core.changed()
        try:
            await self.core.hook("UserPromptSubmit", "", permission_mode=self.core.mode, prompt=prompt)
            self.file.update("busy")
            self.core.transcript.user(prompt, self.core.prompt_id, typed=typed)
            self.core.messages += 1
            self.core.write_later()
            await self._requests(prompt, began)
        except asyncio.CancelledError:
            self._end_interrupted(prompt)
        except (OSError, ValueError, KeyError) as error:
            # An unusable world file or home: shown on the screen, where its author looks.
            self.view.add("error", f"The fake Claude cannot continue: {type(error).__name__}: {error}")
        finally:
            self.view.busy, self._retrying = "", False
            self.core.transcript.bare("last-prompt", lastPrompt=prompt, leafUuid=self.core.transcript.parent)
            self.core.write_later()
        if self.view.dialog is None:
            self.file.update("idle")
        self._arm_idle()
        self.core.status_line()
        self.core.changed()
        if self.queue:
            queued = "\n".join(self.queue)
            self.queue.clear()
            asyncio.get_running_loop().call_soon(self.submit, queued)

    def _end_interrupted(self, prompt: str) -> None:
        """End an interrupted turn; a prompt that only waited for a limit's reset goes back into the box (2.1.332)."""
        if self._retrying and self._fruitless and not self.queue:
            self.view.entries.pop()
            self.put_back(prompt)
            return
        self.core.transcript.chained(
            type="user",
            message={"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]},
            interruptedMessageId=None,
        )
        self.view.add("note", texts.INTERRUPTED)
        if not self._retrying:
            self.queue.clear()

    async def _requests(self, prompt: str, began: float) -> None:
        tool_result = False
        while True:
            answer = await self.api.ask(
                self.core.id, prompt, tool_result=tool_result, messages=self.core.messages, on_retry=self._show_retry
            )
            self.view.busy = f"{SPINNER} ({time.monotonic() - began:.0f}s)"
            if answer.kind != "tool":
                break
            await self.tools.run(answer)
            tool_result = True
        if answer.kind == "limit" and self.context.env.get("CLAUDE_CODE_RETRY_WATCHDOG") == "1":
            self._retrying, self._fruitless = True, not tool_result
            now = datetime.now(self.context.zone)
            self._show_retry(texts.retry(answer.claim, answer.resets_at, now, self.context.zone))
            await asyncio.Event().wait()  # no flip wakes it
        if answer.kind == "text":
            await self._answered(answer, began)
        else:
            await self._failed(answer)

    def _show_retry(self, text: str) -> None:
        self.view.busy = text
        self.core.changed()

    async def _answered(self, answer: Answer, began: float) -> None:
        self.core.transcript.assistant([{"type": "text", "text": answer.text}], request_id())
        self.core.messages += 1
        self.core.write_later()
        self.view.add("answer", answer.text)
        self._gauge(answer)
        self.core.changed()
        await self.core.hook(
            "Stop",
            "",
            permission_mode=self.core.mode,
            effort={"level": "medium"},
            stop_hook_active=False,
            last_assistant_message=answer.text,
            background_tasks=[],
            session_crons=[],
        )
        seconds = time.monotonic() - began
        self.core.transcript.system("turn_duration", durationMs=int(seconds * 1000), messageCount=self.core.messages)
        done = "" if self.context.version == texts.OLD else f" · done {datetime.now(self.context.zone):%-I:%M %p}"
        self.view.add("done", f"Cooked for {seconds:.0f}s{done}")

    def _gauge(self, answer: Answer) -> None:
        account = answer.account
        reset = int(account.get("resets_at") or time.time() + 3600)
        used = dict(account.get("used", {"five_hour": 0.1, "seven_day": 0.2}))
        if account.get("mode") == "warning":
            claim = account.get("claim", "five_hour")
            used[claim] = account.get("utilization", 0.92)
            when = self.core.limit_line(claim, reset)
            label = when.replace("You've hit your", f"You've used {used[claim] * 100:.0f}% of your")
            self.view.gauge = f"{label} · /upgrade to keep using Claude Code"
        self.core.usage = {
            window: {"used_percentage": round(fraction * 100), "resets_at": reset} for window, fraction in used.items()
        }

    async def _failed(self, answer: Answer) -> None:
        if answer.kind == "limit":
            text = self.core.limit_line(answer.claim, answer.resets_at)
            answer.text = answer.hook_text = text
            self.limit.record(answer)
            self.view.add("limit", text)
        else:
            status = {} if answer.status is None else {"apiErrorStatus": answer.status}
            self.core.transcript.api_error(answer.text, answer.error, **status)
            self.view.add("error", answer.text)
            self.view.ghost = answer.ghost
        self.core.write_later()
        self.core.changed()
        await self.core.hook(
            "StopFailure",
            answer.error,
            effort={"level": "medium"},
            error=answer.error,
            last_assistant_message=answer.hook_text,
        )
        if answer.kind == "limit":
            self.limit.after(answer)

    # -- time ---------------------------------------------------------------------------------------------------

    def _arm_idle(self) -> None:
        self._disarm_idle()
        self._idle = asyncio.get_running_loop().call_later(self.context.delay("CLAUDE_FAKE_IDLE"), self._notify_idle)

    def _disarm_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _notify_idle(self) -> None:
        if self.core.prompt_id is not None:
            self.core.notify("idle_prompt", "Claude is waiting for your input")
