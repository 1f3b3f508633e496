# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for an answer: which account, what it gets, and how the real CLI tries again (seen on 2.1.330)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import wording
from .credentials import Credentials
from .world import World, directive

RETRIES = 10
POLL = 0.05  # seconds between looks at a world that says hold
LONGEST_DELAY = 32.0  # seconds between two tries


@dataclass
class Answer:
    """``kind`` is ``text``, ``tool``, ``limit`` or ``error``; ``error`` the name that the StopFailure hook gets."""

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
    tag: str, text: str, error: str, *, status: int | None = None, ghost: str = wording.GHOST_LOGIN, hook_text: str = ""
) -> Answer:
    """Return an answer that is an error."""
    return Answer("error", tag, text, error, hook_text or text, status, ghost=ghost)


class Client:
    """What a session asks."""

    def __init__(self, world: World, credentials: Credentials, retry_unit: float = 0.5) -> None:
        """``retry_unit`` is the first delay before a new try, in seconds; each one is double the last."""
        self.world, self.credentials, self.retry_unit = world, credentials, retry_unit
        self.count = 0

    async def ask(
        self, session: str, prompt: str, *, tool_result: bool, messages: int, retrying: Callable[[str], None]
    ) -> Answer:
        """Ask until there is an answer that stands. ``retrying`` is told what the screen shows meanwhile."""
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
            # Who reads in the log that a request has begun may change the world: this request has seen the old one.
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
            delay = min(self.retry_unit * 2 ** (attempt - 1), LONGEST_DELAY)
            label = "529 Overloaded" if mode == "overloaded" else "429 Server is temporarily limiting requests"
            retrying(f"{label} · retrying in {delay:.0f}s · attempt {attempt}/{RETRIES}")
            await asyncio.sleep(delay)
        raise AssertionError("the last try always returns")

    async def _login(self) -> Answer | None:
        """Look after the login, refreshing an expired one; return the error that a dead one gives."""
        state = self.credentials.state
        if state == "expired":
            tag = self.credentials.tag
            refresh = self.credentials.begin_refresh()
            if refresh is None:
                return failure(tag, wording.REFRESH_TORN, "authentication_failed")
            self.world.log({"kind": "refresh", "tag": tag, "phase": "began", "path": "/v1/oauth/token"})
            outcome = "hold"
            while outcome == "hold":
                outcome = str(self.world.account(tag).get("refresh", "ok"))
                await asyncio.sleep(POLL if outcome == "hold" else 0)
            ended = refresh.finish(outcome)
            self.world.log({"kind": "refresh", "tag": tag, "outcome": ended, "path": "/v1/oauth/token"})
            if ended == "torn":
                return failure(tag, wording.REFRESH_TORN, "authentication_failed")
            state = self.credentials.state
        if state == "blank":
            return failure("?", wording.LOGIN_EXPIRED, "authentication_failed")
        if state == "missing":
            return failure("-", wording.NOT_LOGGED_IN, "authentication_failed")
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
            return failure(tag, wording.THROTTLED, "rate_limit", status=429, ghost=wording.GHOST_RESEND)
        if mode == "overloaded":
            return failure(
                tag,
                wording.OVERLOADED,
                "server_error",
                status=529,
                ghost=wording.GHOST_RESEND,
                hook_text=wording.OVERLOADED_HOOK,
            )
        if mode == "unauthorized":
            return failure(tag, wording.UNAUTHORIZED, "authentication_failed", status=401)
        wanted = None if tool_result else directive(prompt)
        if wanted is None and not tool_result and mode == "tool":
            wanted = ("tool", str(account["command"]))
        if mode == "slow" or (wanted is not None and wanted[0] == "slow"):
            await asyncio.sleep(float(wanted[1]) if wanted is not None else float(account.get("seconds", 2)))
        self.count += 1
        last = "tool done" if tool_result else prompt[:100]
        text = f"STUB-OK #{self.count} tag={tag} last=[{last}]"
        if wanted is not None and wanted[0] == "tool":
            return Answer("tool", tag, text, status=200, account={**account, "command": wanted[1]})
        return Answer("text", tag, text, status=200, account=account)


def request_id() -> str:
    """Return the made-up id of a request."""
    return f"req_standin{uuid.uuid4().hex[:12]}"
