# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One conversation: prompts become turns, turns become hooks, records and what the screen shows."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from . import commands, dialogs, settings, transcripts, wording
from .context import Context, new_id
from .credentials import Credentials
from .requests import Answer, Client, request_id
from .screen import SPINNER, View
from .session_file import SessionFile
from .world import VARIABLE, World

RUN_UNASKED = ("auto", "bypassPermissions", "dontAsk")
READ_ONLY = frozenset({"cat", "echo", "head", "ls", "pwd", "tail", "true", "wc"})


class Session:
    """The conversation, from `begin` to `end`. ``changed`` is called whenever the screen has to be shown again."""

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self.context, self.changed = context, changed
        self.id = context.session_id
        self.mode = context.options.permission_mode or "auto"
        self.credentials = Credentials(context.config_dir)
        self.credentials.look()
        self.client = Client(
            World(context.env.get(VARIABLE)), self.credentials, context.delay("CLAUDE_STANDIN_RETRY_UNIT")
        )
        plan = "Claude Max" if self.credentials.state != "missing" else "API Usage Billing"
        self.view = View(context.version, plan, context.cwd, self.mode)
        self.file = SessionFile(context.config_dir, self.id, context.cwd, context.version)
        self.transcript = self._new_transcript(context.transcript)
        self.queue: list[str] = []
        self.prompt_id: str | None = None
        self.usage: dict[str, Any] | None = None
        self.menus_shown: set[int] = set()
        self.turn: asyncio.Task[None] | None = None
        self._continue: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._decision: asyncio.Future[bool] | None = None
        self._asked = 0.0
        self._messages = 0

    # -- beginning and end ----------------------------------------------------------------------------------

    def _new_transcript(self, path: str | None) -> transcripts.Transcript:
        if path is None:
            path = os.path.join(
                self.context.config_dir, "projects", transcripts.project_folder(self.context.cwd), f"{self.id}.jsonl"
            )
        return transcripts.Transcript(path, self.id, self.context.cwd, self.context.version, self.mode)

    async def begin(self) -> None:
        """Show what there was, tell that the session starts."""
        if self.context.transcript is not None:
            self._recall(transcripts.read(self.context.transcript))
        self.file.create()
        await self.hook("SessionStart", self.context.source, source=self.context.source, model="claude-opus-5-5")
        self.status_line()
        self._arm_idle()

    def _recall(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            if record.get("uuid"):
                self.transcript.parent = record["uuid"]
            if record.get("subtype") == "informational":
                self.view.add("notice", str(record.get("content", "")))
            message = record.get("message")
            if not isinstance(message, dict):
                continue
            content = message.get("content")
            if record.get("type") == "user" and isinstance(content, str):
                self.transcript.turns += 1
                self._messages += 1
                self.view.add("prompt", content)
            elif record.get("type") == "assistant" and isinstance(content, list):
                text = "".join(block.get("text", "") for block in content if block.get("type") == "text")
                if record.get("apiErrorStatus") == 429 and record.get("error") == "rate_limit":
                    self.view.add("limit", text)
                    self.view.add("hint", wording.HINT)
                elif record.get("isApiErrorMessage"):
                    self.view.add("error", text)
                elif text:
                    self._messages += 1
                    self.view.add("answer", text)

    async def end(self, reason: str) -> None:
        """End cleanly: stop what runs, tell it, leave no status file."""
        self.cancel_continue()
        if self._idle is not None:
            self._idle.cancel()
        if self.turn is not None and not self.turn.done():
            self.turn.cancel()
            await asyncio.wait([self.turn])
        for task in list(self._tasks):
            task.cancel()
        self.transcript.flush()
        await self.hook("SessionEnd", reason, reason=reason)
        self.file.remove()

    async def clear(self) -> None:
        """``/clear``: the same process goes on with a new conversation."""
        self.transcript.flush()
        await self.hook("SessionEnd", "clear", reason="clear")
        self.id, self.prompt_id = new_id(), None
        self.transcript = self._new_transcript(None)
        self.view.entries.clear()
        self.view.add("prompt", "/clear")
        self._messages = 0
        self.file.update("idle", session_id=self.id)
        await self.hook("SessionStart", "clear", source="clear", model="claude-opus-5-5")
        self.changed()

    # -- hooks and the status line ----------------------------------------------------------------------------

    def _sources(self) -> list[dict[str, Any]]:
        return [settings.of_account(self.context.config_dir), self.context.settings]

    def _environment(self) -> dict[str, str]:
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
        """Run the hooks of an event; ``more`` is what its payload holds beside the common keys."""
        found = settings.commands(self._sources(), event, matched)
        if found:
            payload = {**self._common(), "hook_event_name": event, **more}
            await commands.run_hooks(found, payload, self._environment(), self.context.cwd)

    def status_line(self) -> None:
        """Have the status line drawn anew, in the background."""
        command = settings.status_line(self._sources())
        if command:
            self._spawn(self._draw_status_line(command))

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
        status, output = await commands.run(command, raw, self._environment(), self.context.cwd, 5.0)
        if status == 0:
            self.view.status_lines = output.splitlines()[:3]
            self.changed()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- turns ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self.turn is not None and not self.turn.done()

    def submit(self, prompt: str, *, typed: bool = True) -> None:
        """Begin a turn, or queue the prompt behind the one that is under way."""
        self.cancel_continue()
        self.view.gauge = self.view.toast = self.view.ghost = ""
        if self.busy:
            self.queue.append(prompt)
            return
        self.turn = asyncio.get_running_loop().create_task(self._turn(prompt, typed))

    def interrupt(self) -> None:
        """Escape during a turn."""
        if self.turn is not None and self.busy:
            self.turn.cancel()

    def decide(self, allowed: bool) -> None:
        """Answer the permission dialog."""
        if self._decision is not None and not self._decision.done():
            self._decision.set_result(allowed)

    async def _turn(self, prompt: str, typed: bool) -> None:
        began = time.monotonic()
        self._disarm_idle()
        self.prompt_id = new_id()
        self.view.busy = f"{SPINNER} (0s)"
        if typed:
            self.view.add("prompt", prompt)
        self.changed()
        try:
            await self.hook("UserPromptSubmit", "", permission_mode=self.mode, prompt=prompt)
            self.file.update("busy")
            self.transcript.user(prompt, self.prompt_id, typed=typed)
            self._messages += 1
            self._write_later()
            await self._requests(prompt, began)
        except asyncio.CancelledError:
            self.transcript.chained(
                type="user",
                message={"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]},
                interruptedMessageId=None,
            )
            self.view.add("note", wording.INTERRUPTED)
            self.queue.clear()
        except (OSError, ValueError, KeyError) as error:
            # A world or a home that cannot be used: said where the person who wrote it looks.
            self.view.add("error", f"The stand-in cannot go on: {type(error).__name__}: {error}")
        finally:
            self.view.busy = ""
            self.transcript.bare("last-prompt", lastPrompt=prompt, leafUuid=self.transcript.parent)
            self._write_later()
        if self.view.dialog is None:
            self.file.update("idle")
        self._arm_idle()
        self.status_line()
        self.changed()
        if self.queue:
            queued = "\n".join(self.queue)
            self.queue.clear()
            asyncio.get_running_loop().call_soon(self.submit, queued)

    async def _requests(self, prompt: str, began: float) -> None:
        tool_result = False
        while True:
            answer = await self.client.ask(
                self.id, prompt, tool_result=tool_result, messages=self._messages, retrying=self._retrying
            )
            self.view.busy = f"{SPINNER} ({time.monotonic() - began:.0f}s)"
            if answer.kind != "tool":
                break
            await self._tool(answer)
            tool_result = True
        if answer.kind == "text":
            await self._answered(answer, began)
        else:
            await self._failed(answer)

    def _retrying(self, text: str) -> None:
        self.view.busy = text
        self.changed()

    async def _answered(self, answer: Answer, began: float) -> None:
        self.transcript.assistant([{"type": "text", "text": answer.text}], request_id())
        self._messages += 1
        self._write_later()
        self.view.add("answer", answer.text)
        self._gauge(answer)
        self.changed()
        await self.hook(
            "Stop",
            "",
            permission_mode=self.mode,
            effort={"level": "medium"},
            stop_hook_active=False,
            last_assistant_message=answer.text,
            background_tasks=[],
            session_crons=[],
        )
        seconds = time.monotonic() - began
        self.transcript.system("turn_duration", durationMs=int(seconds * 1000), messageCount=self._messages)
        done = "" if self.context.version == wording.OLD else f" · done {datetime.now(self.context.zone):%-I:%M %p}"
        self.view.add("done", f"Cooked for {seconds:.0f}s{done}")

    def _gauge(self, answer: Answer) -> None:
        account = answer.account
        reset = int(account.get("resets_at") or time.time() + 3600)
        used = dict(account.get("used", {"five_hour": 0.1, "seven_day": 0.2}))
        if account.get("mode") == "warning":
            claim = account.get("claim", "five_hour")
            used[claim] = account.get("utilization", 0.92)
            when = wording.limit_line(
                claim, reset, self._now(), self.context.zone, self.context.zone_name, self.context.version
            )
            label = when.replace("You've hit your", f"You've used {used[claim] * 100:.0f}% of your")
            self.view.gauge = f"{label} · /upgrade to keep using Claude Code"
        self.usage = {
            window: {"used_percentage": round(fraction * 100), "resets_at": reset} for window, fraction in used.items()
        }

    def _now(self) -> datetime:
        return datetime.now(timezone.utc)

    async def _failed(self, answer: Answer) -> None:
        if answer.kind == "limit":
            text = wording.limit_line(
                answer.claim,
                answer.resets_at,
                self._now(),
                self.context.zone,
                self.context.zone_name,
                self.context.version,
            )
            answer.text = answer.hook_text = text
            self._limit_record(answer)
            self.view.add("limit", text)
        else:
            status = {} if answer.status is None else {"apiErrorStatus": answer.status}
            self.transcript.api_error(answer.text, answer.error, **status)
            self.view.add("error", answer.text)
            self.view.ghost = answer.ghost
        self._write_later()
        self.changed()
        await self.hook(
            "StopFailure",
            answer.error,
            effort={"level": "medium"},
            error=answer.error,
            last_assistant_message=answer.hook_text,
        )
        if answer.kind == "limit":
            self._after_limit(answer)

    def _limit_record(self, answer: Answer) -> None:
        more: dict[str, Any] = {"requestId": request_id(), "apiErrorStatus": 429}
        if self.context.version != wording.OLD:
            limits = {
                "status": "rejected",
                "resetsAt": answer.resets_at,
                "rateLimitType": answer.claim,
                "unifiedRateLimitFallbackAvailable": False,
                "isUsingOverage": False,
            }
            more.update(
                apiError="usage_limit_reached",
                quotaLimits=limits,
                apiErrorType="rate_limit_error",
                apiErrorParams={"rate_limit_info": limits},
            )
        self.transcript.api_error(answer.text, "rate_limit", **more)

    def _after_limit(self, answer: Answer) -> None:
        """Wait for the reset or open the menu: it depends on how far the reset is, and opens once a reset."""
        ahead = answer.resets_at - time.time()
        zone = self.context.zone
        when = wording.clock(datetime.fromtimestamp(answer.resets_at, zone), self._now().astimezone(zone))
        wanted = {**self._sources()[0], **self._sources()[1]}.get("autoContinueAtUsageLimit", True)
        if wanted and ahead <= wording.AUTO_CONTINUE_WITHIN and self.context.version != wording.OLD:
            notice = f"Usage limit reached · set to continue automatically at {when}"
            self.view.add("notice", notice)
            self.transcript.system("informational", content=notice, level="notice")
            self.view.continues = when
            delay = max(ahead, 0) + self.context.delay("CLAUDE_STANDIN_AUTO_CONTINUE")
            self._continue = asyncio.get_running_loop().call_later(delay, self._continue_now)
        elif answer.resets_at in self.menus_shown:
            self.view.add("hint", wording.HINT)
        else:
            self.menus_shown.add(answer.resets_at)
            if self.context.version == wording.OLD:
                self.view.add("prompt", "/rate-limit-options")
            self.view.dialog = dialogs.limit_menu(when, self.context.version)
            self.file.update("waiting", "dialog open")

    def _continue_now(self) -> None:
        self._continue = None
        self.view.continues = ""
        self.view.add("notice", wording.CONTINUED)
        self.submit(wording.CONTINUE_PROMPT, typed=False)
        self.changed()

    def cancel_continue(self, *, told: bool = False) -> bool:
        """Give up Claude's own wait for the reset; return whether there was one. ``told``: by Escape."""
        if self._continue is None:
            return False
        self._continue.cancel()
        self._continue = None
        self.view.continues = ""
        if told:
            self.view.add("notice", wording.CANCELLED)
            self.view.toast = "automatic continue cancelled"
            self.transcript.system("informational", content=wording.CANCELLED, level="notice")
            self._write_later()
        return True

    # -- tools ------------------------------------------------------------------------------------------------

    async def _tool(self, answer: Answer) -> None:
        command = str(answer.account["command"])
        identity = f"toolu_{new_id()[:8]}"
        value = {"command": command, "description": "A step that the test asked for"}
        request = request_id()
        self.transcript.assistant([{"type": "text", "text": answer.text}], request, tool=True)
        self.transcript.assistant(
            [{"type": "tool_use", "id": identity, "name": "Bash", "input": value}], request, tool=True
        )
        self._write_later()
        self.view.add("answer", answer.text)
        self.view.add("tool", value["description"])
        self.view.add("result", f"$ {command}")
        self.changed()
        if not await self._allowed(command, value):
            raise asyncio.CancelledError
        status, output = await commands.run(command, b"", self._environment(), self.context.cwd, 600.0)
        self.transcript.tool_result(identity, output, status != 0, self.prompt_id)
        self._messages += 2
        self._write_later()

    async def _allowed(self, command: str, value: dict[str, str]) -> bool:
        if self.mode in RUN_UNASKED or (command.split() or [""])[0] in READ_ONLY:
            return True
        loop = asyncio.get_running_loop()
        self._decision = loop.create_future()
        self.view.dialog = dialogs.permission(command, value["description"])
        self.file.update("waiting", "permission prompt")
        self.changed()
        told = loop.call_later(6.0, self._tell_permission)
        try:
            await self.hook("PermissionRequest", "Bash", permission_mode=self.mode, tool_name="Bash", tool_input=value)
            return await self._decision
        finally:
            told.cancel()
            self.view.dialog = None
            self.file.update("busy")
            self.changed()

    def _tell_permission(self) -> None:
        self._spawn(
            self.hook(
                "Notification",
                "permission_prompt",
                message="Claude needs your permission to use Bash",
                notification_type="permission_prompt",
            )
        )

    # -- time ---------------------------------------------------------------------------------------------------

    def _write_later(self) -> None:
        asyncio.get_running_loop().call_later(self.context.delay("CLAUDE_STANDIN_TRANSCRIPT_LAG"), self._write)

    def _write(self) -> None:
        try:
            self.transcript.flush()
        except OSError as error:
            self.view.add("error", f"The transcript cannot be written: {error.strerror}")

    def _arm_idle(self) -> None:
        self._disarm_idle()
        self._idle = asyncio.get_running_loop().call_later(self.context.delay("CLAUDE_STANDIN_IDLE"), self._tell_idle)

    def _disarm_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _tell_idle(self) -> None:
        if self.prompt_id is not None:
            self._spawn(
                self.hook(
                    "Notification",
                    "idle_prompt",
                    message="Claude is waiting for your input",
                    notification_type="idle_prompt",
                )
            )
