# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliver a prompt to a Claude Code session and verify that a turn starts.

The text is typed or pasted into the prompt box, verified on the screen, and then submitted with a separate Enter. A
failed attempt is retried with exponential back-off, a bounded number of times. Guarantees:

* Enter is sent only if the last screen showed the prompt box with exactly this text;
* a dialog never receives a digit, nor any key except Escape, which closes the usage-limit menu;
* text of anybody else is never submitted, changed or deleted;
* each Enter is asked for, and so counted, right before it is sent: see `EnterPermitProtocol`;
* the text is never entered again once it has left the box: the result reports whether a turn started.

Facts (Claude Code 2.1.330 and 2.1.197): text and Enter sent together count as a paste; text right after Escape is read
as Alt and a letter, which loses the letter; text that begins with ``!``, typed or pasted, becomes a shell command
unless preceded by a blank; Enter after a backslash is a line break; a lone ``?`` opens the help if typed and is text if
pasted; Ctrl-U empties one line of the box, or a folded paste; a tab arrives as blanks; 2.1.330 wraps folded text in
``<pasted_content>``; an unknown ``/command`` is accepted and starts no turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Callable, Optional, Protocol

from ..tmux.client import Pane
from ..tmux.errors import TmuxNotFound
from ..tmux.quoting import typable
from .prompt_box import Dialog, PromptBox, find_dialog, find_prompt_box, holds, holds_part


@dataclass(frozen=True)
class Timing:
    """Timeouts and delays, in seconds.

    Timeouts: ``ready`` for the prompt box to appear, ``seen`` for the text to appear in it, ``leave`` for the text to
    leave the box after Enter, ``turn`` for a turn to start after that. Delays: ``settle`` between seeing the text and
    Enter (150 to 300 ms worked in 60 of 60 deliveries), ``after_escape`` between Escape and the next key, ``poll``
    between two captures, ``backoff`` before the second attempt (doubled for each further one) and its maximum.
    """

    ready: float = 5.0
    seen: float = 3.0
    settle: float = 0.2
    leave: float = 3.0
    turn: float = 15.0
    after_escape: float = 0.4
    poll: float = 0.05
    backoff: tuple[float, float] = (0.5, 8.0)


@dataclass(frozen=True)
class Delivery:
    """Result of a delivery.

    ``result``: ``delivered`` (a turn started), ``draft`` (the box holds somebody's text, left in place), ``dialog`` (a
    dialog is open that only a person may answer), ``bound`` (the session may be sent no Enter any more),
    ``not_ready`` (no prompt box), ``pane_gone``, ``failed``.
    ``submitted``: the text left the prompt box after Enter, so another delivery could submit it twice. ``attempts`` and
    ``seconds`` are totals; ``detail`` is for the operator.
    """

    result: str
    attempts: int
    seconds: float
    detail: str
    submitted: bool = False


class TerminalProtocol(Protocol):
    """The methods of `tmux.client.Tmux` that a delivery uses."""

    async def pane(self, pane_id: str) -> Pane: ...
    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]: ...
    async def keys(self, pane_id: str, *names: str) -> None: ...
    async def type_text(self, pane_id: str, text: str) -> None: ...
    async def paste(self, pane_id: str, text: str) -> None: ...
    async def leave_mode(self, pane_id: str) -> None: ...


class EnterPermitProtocol(Protocol):
    """Permission to send Enter keys; `sessions.prompt_budget` implements it."""

    def refusal(self) -> Optional[str]: ...
    def take(self) -> Optional[str]: ...


class _Abort(Exception):
    """The delivery ends with this result."""

    def __init__(self, result: str, detail: str, submitted: bool = False) -> None:
        super().__init__(detail)
        self.result, self.detail, self.submitted = result, detail, submitted


class _Retry(Exception):
    """This attempt failed; the next one may succeed."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.result, self.detail = result, detail


@dataclass(frozen=True)
class _InputArea:
    box: Optional[PromptBox]
    dialog: Optional[Dialog]


async def deliver(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    began: Callable[[], Awaitable[bool]],
    permit: Optional[EnterPermitProtocol] = None,
    attempts: int = 5,
    adopt: bool = False,
    timing: Optional[Timing] = None,
    clock: Optional[Callable[[], float]] = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Delivery:
    """Submit ``text`` as a prompt in a pane's session.

    Args:
        tmux: the terminal.
        pane_id: the pane.
        text: the prompt; control characters except line breaks and tabs are dropped.
        began: returns whether a turn has started since the call (the UserPromptSubmit hook, or the busy status).
        permit: is asked before anything is typed, and before each Enter; None permits all (a person's own prompts).
        attempts: at least 1.
        adopt: a draft that is exactly this text counts as the remains of an interrupted delivery, not as somebody's.
        timing: timeouts and delays.
        clock: returns monotonic seconds.
        sleep: waits for seconds.

    Raises ValueError for an empty text, TmuxGone when no server answers.
    """
    text = _as_shown(text)
    if not text.strip():
        raise ValueError("there is nothing to send: the text is empty")
    if text.endswith("\\"):
        text += " "  # after a backslash, Enter would be a line break
    now = clock or asyncio.get_running_loop().time
    sender = _PromptSender(tmux, pane_id, text, began, timing or Timing(), now, sleep)
    sender.adopt, sender.permit = adopt, permit
    start = now()
    attempt = 0
    try:
        while True:
            attempt += 1
            try:
                detail = await sender.attempt()
                return Delivery("delivered", attempt, now() - start, detail, submitted=True)
            except _Retry as retry:
                if attempt >= attempts:
                    return Delivery(retry.result, attempt, now() - start, retry.detail)
            await sender.back_off(attempt)
    except _Abort as abort:
        return Delivery(abort.result, attempt, now() - start, abort.detail, abort.submitted)
    except TmuxNotFound as error:
        return Delivery("pane_gone", attempt, now() - start, str(error), sender.submitted)


async def withdraw(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    timing: Optional[Timing] = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Remove an unsubmitted text from a session's prompt box.

    Returns ``out`` (removed, the box is empty), ``empty`` (the box was empty) or ``kept`` (there is no box, or it holds
    other text, left in place). Sends no key except Ctrl-U. Raises TmuxNotFound, TmuxGone.
    """
    sender = _PromptSender(tmux, pane_id, text, _never, timing or Timing(), asyncio.get_running_loop().time, sleep)
    return await sender.withdraw()


async def _never() -> bool:
    return False


def _as_shown(text: str) -> str:
    """Return ``text`` as it appears in the prompt box; a leading blank prevents shell mode."""
    text = typable(text).strip("\n")
    return " " + text if text.startswith("!") else text


class _PromptSender:
    def __init__(
        self,
        tmux: TerminalProtocol,
        pane_id: str,
        text: str,
        began: Callable[[], Awaitable[bool]],
        timing: Timing,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._tmux, self._pane_id, self._text, self._began = tmux, pane_id, text, began
        self._timing, self._now, self._sleep = timing, now, sleep
        self._entered = False  # the box can hold our text
        self.adopt = False
        self.permit: Optional[EnterPermitProtocol] = None
        self.submitted = False
        self._notes: list[str] = []

    async def attempt(self) -> str:
        """Make one attempt; return the detail of a success. Raises _Retry, _Abort."""
        why = self.permit.refusal() if self.permit is not None else None
        if why is not None:
            raise _Abort("bound", why)
        await self._open_pane()
        box = await self._ready_box()
        if not holds(box, self._text):
            await self._clear_box(box)
            await self._enter_text()
            await self._wait_text_shown()
        await self._sleep(self._timing.settle)
        await self._submit()
        await self._wait_turn()
        return "; ".join(["a turn began", *self._notes])

    async def back_off(self, failures: int) -> None:
        """Wait before the next attempt."""
        initial, maximum = self._timing.backoff
        await self._sleep(min(maximum, initial * 2.0 ** min(failures - 1, 64)))

    async def withdraw(self) -> str:
        """See the function `withdraw`."""
        self._text, self._entered = _as_shown(self._text), True
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead or pane.in_mode:
            return "kept"
        try:
            area = await self._capture()
            if area.box is None or area.dialog is not None:
                return "kept"
            if not area.box.draft.strip():
                return "empty"
            await self._clear_box(self._checked_box(area.box))
        except (_Retry, _Abort):
            return "kept"
        return "out"

    # -- steps

    async def _open_pane(self) -> None:
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead:
            raise _Abort("pane_gone", "the program in the pane has ended")
        if pane.in_mode:
            # Copy mode would receive the keys.
            await self._tmux.leave_mode(self._pane_id)
            self._notes.append("somebody was scrolling in the pane; copy mode was left")

    async def _ready_box(self) -> PromptBox:
        """Wait for a prompt box without foreign text; close the usage-limit menu if it is open."""
        deadline = self._now() + self._timing.ready
        escaped = False
        while True:
            area = await self._capture()
            if area.dialog is not None and area.dialog.kind != "limit_menu":
                raise _Abort("dialog", _describe(area.dialog))
            if area.dialog is not None and not escaped:
                await self._tmux.keys(self._pane_id, "Escape")
                escaped = True
                await self._sleep(self._timing.after_escape)
                continue
            if area.box is not None and area.dialog is None:
                return self._checked_box(area.box)
            if self._now() >= deadline:
                if area.dialog is not None:
                    raise _Retry("dialog", "Escape did not close the usage-limit menu")
                raise _Retry("not_ready", "the screen shows no prompt box")
            await self._sleep(self._timing.poll)

    def _checked_box(self, box: PromptBox) -> PromptBox:
        """Return the box if it is empty or holds only text of this delivery. Raises _Abort."""
        if self._entered and (holds(box, self._text) or holds_part(box, self._text)):
            return box
        if self.adopt and not box.shell and holds(box, self._text):
            self._entered = True
            return box
        if box.shell:
            raise _Abort("draft", "the prompt box is in shell mode")
        if box.draft.strip():
            raise _Abort("draft", "the prompt box holds text that somebody typed; it was left there, and not sent")
        return box

    async def _clear_box(self, box: PromptBox) -> None:
        """Remove the text of an earlier attempt from the box, line by line."""
        for _key in range(2 * box.rows + 2):
            if not box.draft.strip():
                return
            await self._tmux.keys(self._pane_id, "C-u")
            await self._sleep(self._timing.poll)
            box = self._checked_box(await self._capture_box())
        raise _Retry("failed", "the text of an earlier attempt could not be removed from the prompt box")

    async def _enter_text(self) -> None:
        self._entered = True
        if _can_be_typed(self._text):
            await self._tmux.type_text(self._pane_id, self._text)
        else:
            await self._tmux.paste(self._pane_id, self._text)

    async def _wait_text_shown(self) -> None:
        deadline = self._now() + self._timing.seen
        while True:
            area = await self._capture()
            if area.dialog is None and area.box is not None and holds(area.box, self._text):
                return
            if self._now() >= deadline:
                raise _Retry("failed", "the text was not seen in the prompt box")
            await self._sleep(self._timing.poll)

    async def _submit(self) -> None:
        """Send Enter, a second time if the text stays in the box."""
        for _try in range(2):
            area = await self._capture()
            if area.dialog is not None or area.box is None or not holds(area.box, self._text):
                raise _Retry("failed", "the prompt box changed before Enter")
            why = self.permit.take() if self.permit is not None else None
            if why is not None:
                await self._clear_box(area.box)
                raise _Abort("bound", why)
            await self._tmux.keys(self._pane_id, "Enter")
            deadline = self._now() + self._timing.leave
            while True:
                if await self._began():
                    self.submitted = True
                    return
                area = await self._capture()
                if area.box is not None and not holds(area.box, self._text):
                    self.submitted = True
                    return
                if self._now() >= deadline:
                    if area.box is not None:
                        break
                    # The prompt may have opened what replaced the box, so it counts as submitted.
                    self.submitted = True
                    return
                await self._sleep(self._timing.poll)
        raise _Retry("failed", "Enter did not send the text")

    async def _wait_turn(self) -> None:
        deadline = self._now() + self._timing.turn
        while not await self._began():
            if self._now() >= deadline:
                area = await self._capture()
                if area.dialog is not None:
                    raise _Abort("dialog", "sent, and then " + _describe(area.dialog), submitted=True)
                raise _Abort("failed", "the text was sent, but no turn was seen to begin", submitted=True)
            await self._sleep(self._timing.poll)

    # -- captures

    async def _capture(self) -> _InputArea:
        lines = await self._tmux.screen(self._pane_id, escapes=True)
        return _InputArea(find_prompt_box(lines), find_dialog(lines))

    async def _capture_box(self) -> PromptBox:
        area = await self._capture()
        if area.box is None:
            raise _Retry("not_ready", "the prompt box disappeared")
        return area.box


def _can_be_typed(text: str) -> bool:
    """Return whether to type the text rather than paste it.

    Typed text counts as a paste from 63 characters on; typed line breaks, tabs and a first character such as ``?`` or
    ``/`` act as keys.
    """
    return len(text) <= 60 and text.isprintable() and (text[0].isalnum() or text[0] == " ")


def _describe(found: Dialog) -> str:
    names = {
        "permission": "a permission dialog is open",
        "trust": "the folder trust dialog is open",
        "login": "the login screen is open",
        "bypass": "the bypass-permissions warning is open",
        "limit_menu": "the usage-limit menu is open",
    }
    return f"{names.get(found.kind, 'a dialog is open')}: {found.title!r}; a person has to answer it"


__all__ = ["Delivery", "EnterPermitProtocol", "TerminalProtocol", "Timing", "deliver", "withdraw"]
