# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer a session's requests from the world file, with the retries of the real CLI (seen on 2.1.330)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import texts
from .credentials import Credentials
from .world import World, directive

RETRIES = 10
POLL = 0.05  # seconds between reads of the world file while it says hold
MAX_RETRY_DELAY = 32.0  # seconds


@dataclass
class Answer:
    """``kind`` is ``text``, ``tool``, ``limit`` or ``error``; ``error`` is the name passed to the StopFailure hook."""

    kind: str
    tag: str
    text: str = ""
    error: str = ""
    hook_text: str = ""
    status: int | None = None
    claim: str = ""
    resets_at: int = 0
    ghost: str = ""
    account: dict[str, Any] = field(default_factory=dict)


def failure(
    tag: str, text: str, error: str, *, status: int | None = None, ghost: str = texts.GHOST_LOGIN, hook_text: str = ""
) -> Answer:
    """Return an error as an answer."""
    return Answer("error", tag, text, error, hook_text or text, status, ghost=ghost)


class FakeApi:
    """Answers requests in place of the API."""

    def __init__(self, world: World, credentials: Credentials, retry_unit: float = 0.5) -> None:
        """``retry_unit`` is the delay before the first retry in seconds; it doubles with each retry."""
        self.world, self.credentials, self.retry_unit = world, credentials, retry_unit
        self.count = 0

    async def ask(
        self, session: str, prompt: str, *, tool_result: bool, messages: int, on_retry: Callable[[str], None]
    ) -> Answer:
        """Return the final answer after retries. ``on_retry`` gets the text to show before each retry."""
        for attempt in range(1, RETRIES + 2):
            self.credentials.look()
            dead = await self._login()
            if dead is not None:
                return dead
            tag = self.credentials.tag
            record = {
                "kind": "turn",
                "tag": tag,
                "session": session,
                "prompt": prompt[:400],
                "tool_result": tool_result,
                "messages": messages,
                "path": "/v1/messages",
                "method": "POST",
                "began": time.time(),
            }
            # Read the world before logging "began": whoever sees that entry may change the world.
            account = self.world.account(tag)
            self.world.log({**record, "phase": "began"})
            while account["mode"] == "hold":
                await asyncio.sleep(POLL)
                account = self.world.account(tag)
            mode = account["mode"] if tag != "?" else "unauthorized"
            answer = await self._answer(mode, tag, account, prompt, tool_result)
            self.world.log(
                {
                    **record,
                    "mode": mode,
                    "status": answer.status,
                    "ended": time.time(),
                    **({"text": answer.text} if answer.kind in ("text", "tool") else {}),
                }
            )
            if mode not in ("throttle", "overloaded") or attempt > RETRIES:
                return answer
            delay = min(self.retry_unit * 2 ** (attempt - 1), MAX_RETRY_DELAY)
            label = "529 Overloaded" if mode == "overloaded" else "429 Server is temporarily limiting requests"
            on_retry(f"{label} · retrying in {delay:.0f}s · attempt {attempt}/{RETRIES}")
            await asyncio.sleep(delay)
        raise AssertionError("the last try always returns")

    async def _login(self) -> Answer | None:
        """Check the login, refreshing an expired one; returns the error of a dead one."""
        state = self.credentials.state
        if state == "expired":
            tag = self.credentials.tag
            refresh = self.credentials.begin_refresh()
            if refresh is None:
                return failure(tag, texts.REFRESH_TORN, "authentication_failed")
            self.world.log({"kind": "refresh", "tag": tag, "phase": "began", "path": "/v1/oauth/token"})
            outcome = "hold"
            while outcome == "hold":
                outcome = str(self.world.account(tag).get("refresh", "ok"))
                await asyncio.sleep(POLL if outcome == "hold" else 0)
            ended = refresh.finish(outcome)
            self.world.log({"kind": "refresh", "tag": tag, "outcome": ended, "path": "/v1/oauth/token"})
            if ended == "torn":
                return failure(tag, texts.REFRESH_TORN, "authentication_failed")
            state = self.credentials.state
        if state == "blank":
            return failure("?", texts.LOGIN_EXPIRED, "authentication_failed")
        if state == "missing":
            return failure("-", texts.NOT_LOGGED_IN, "authentication_failed")
        return None

    async def _answer(self, mode: str, tag: str, account: dict[str, Any], prompt: str, tool_result: bool) -> Answer:
        if mode == "limit":
            return Answer(
                "limit",
                tag,
                error="rate_limit",
                status=429,
                claim=account.get("claim", "five_hour"),
                resets_at=int(account["resets_at"]),
                account=account,
            )
        if mode == "throttle":
            return failure(tag, texts.THROTTLED, "rate_limit", status=429, ghost=texts.GHOST_RESEND)
        if mode == "overloaded":
            return failure(
                tag,
                texts.OVERLOADED,
                "server_error",
                status=529,
                ghost=texts.GHOST_RESEND,
                hook_text=texts.OVERLOADED_HOOK,
            )
        if mode == "unauthorized":
            return failure(tag, texts.UNAUTHORIZED, "authentication_failed", status=401)
        wanted = None if tool_result else directive(prompt)
        if wanted is None and not tool_result and mode == "tool":
            wanted = ("tool", str(account["command"]))
        if mode == "slow" or (wanted is not None and wanted[0] == "slow"):
            await asyncio.sleep(float(wanted[1]) if wanted is not None else float(account.get("seconds", 2)))
        self.count += 1
        last = "tool done" if tool_result else prompt[:100]
        text = str(account.get("answer") or f"STUB-OK #{self.count} tag={tag} last=[{last}]")
        if wanted is not None and wanted[0] == "tool":
            return Answer("tool", tag, text, status=200, account={**account, "command": wanted[1]})
        return Answer("text", tag, text, status=200, account=account)


def request_id() -> str:
    """Return a made-up request id."""
    return f"req_fake{uuid.uuid4().hex[:12]}"
