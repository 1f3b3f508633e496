# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands a prompt to a Claude Code session, and makes sure that it arrived.

The text is typed or pasted into the prompt box, seen there, and only then sent with Enter, apart; then a turn has to
begin. What goes wrong is tried again with exponential back-off, a bounded number of times. What this never does:

* send Enter unless the last look at the screen showed the prompt box with exactly this text in it;
* send a digit, or any key but Escape into the usage limit's menu, into a dialog;
* submit, change or delete what somebody else has typed;
* send the text again once it has left the box: whether a turn began is then told, and the caller decides.

Facts (Claude Code 2.1.330 and 2.1.197): text and Enter in one go are taken for a paste; text right after Escape is
taken for Alt and a letter, which loses the letter; a text that begins with ``!`` becomes a shell command, typed or
pasted, unless a blank comes before it; Enter after a backslash is a line break; a lone ``?`` typed opens the help,
pasted it is text; Ctrl-U empties one line of the box, or a folded paste. A tab arrives as blanks. 2.1.330 wraps what
it folds away in ``<pasted_content>``. An unknown ``/command`` is taken and begins no turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Callable, Optional, Protocol

from ..tmux.client import Pane
from ..tmux.errors import TmuxGone, TmuxNotFound
from ..tmux.quoting import typable
from .prompt_box import Dialog, PromptBox, dialog, prompt_box, remains_of, shows


@dataclass(frozen=True)
class Timing:
    """All waits, in seconds. Each is a bound on a condition that is polled, but ``settle`` and ``after_escape``.

    ``ready``: for the prompt box to appear. ``seen``: for the text to be seen in it. ``settle``: between seeing it
    and Enter (150 to 300 ms were right 60 times of 60). ``leave``: for the text to leave the box after Enter.
    ``turn``: for a turn to begin after that. ``after_escape``: between Escape and the next key. ``poll``: between two
    looks. ``backoff``: the wait before the second attempt, doubled for each further one, and the longest.
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
    """How it went.

    ``result``: ``delivered`` (a turn began), ``draft`` (somebody's text is in the box, and stays there), ``dialog``
    (one is open that is not ours to answer), ``not_ready`` (no prompt box), ``pane_gone``, ``failed``. ``submitted``:
    the text left the prompt box after Enter, so sending it again could send it twice. ``attempts`` and ``seconds``
    count the whole; ``detail`` is for the operator.
    """

    result: str
    attempts: int
    seconds: float
    detail: str
    submitted: bool = False


class TerminalProtocol(Protocol):
    """What is needed of `client.Tmux`."""

    async def pane(self, pane_id: str) -> Pane: ...
    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]: ...
    async def keys(self, pane_id: str, *names: str) -> None: ...
    async def type_text(self, pane_id: str, text: str) -> None: ...
    async def paste(self, pane_id: str, text: str) -> None: ...
    async def leave_mode(self, pane_id: str) -> None: ...


class _GiveUp(Exception):
    """The delivery has ended with this result."""

    def __init__(self, result: str, detail: str, submitted: bool = False) -> None:
        super().__init__(detail)
        self.result, self.detail, self.submitted = result, detail, submitted


class _Retry(Exception):
    """This attempt failed; another may work."""

    def __init__(self, result: str, detail: str) -> None:
        super().__init__(detail)
        self.result, self.detail = result, detail


@dataclass(frozen=True)
class _ScreenState:
    box: Optional[PromptBox]
    dialog: Optional[Dialog]


async def deliver(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    began: Callable[[], Awaitable[bool]],
    attempts: int = 5,
    adopt: bool = False,
    timing: Optional[Timing] = None,
    clock: Optional[Callable[[], float]] = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Delivery:
    """Send ``text`` as a prompt to the session in a pane.

    ``began`` tells whether a turn has begun since the call (the UserPromptSubmit hook, or the busy status).
    ``attempts`` is at least 1. With ``adopt`` a box that holds exactly this text is taken for what an earlier delivery
    was interrupted at, and not for somebody's draft. ``clock`` returns seconds, monotonic. Control characters but line
    breaks and tabs are dropped from the text. Raises ValueError for a text with nothing in it, TmuxGone when the
    server does not answer.
    """
    text = typable(text).strip("\n")
    if not text.strip():
        raise ValueError("there is nothing to send: the text is empty")
    # A blank keeps the first from meaning a shell command, and the last from turning Enter into a line break.
    if text.startswith("!"):
        text = " " + text
    if text.endswith("\\"):
        text += " "
    now = clock or asyncio.get_running_loop().time
    sender = _PromptSender(tmux, pane_id, text, began, timing or Timing(), now, sleep)
    sender.adopts = adopt
    start = now()
    tried = 0
    try:
        while True:
            tried += 1
            try:
                detail = await sender.attempt()
                return Delivery("delivered", tried, now() - start, detail, submitted=True)
            except _Retry as again:
                if tried >= attempts:
                    return Delivery(again.result, tried, now() - start, again.detail)
            await sender.back_off(tried)
    except _GiveUp as stop:
        return Delivery(stop.result, tried, now() - start, stop.detail, stop.submitted)
    except TmuxNotFound as error:
        return Delivery("pane_gone", tried, now() - start, str(error), sender.submitted)


async def withdraw(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    timing: Optional[Timing] = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Take a text that was put into a session's prompt box, and not sent, out of it again.

    Returns ``out`` (it was there, and the box is empty now), ``empty`` (the box was) or ``kept`` (there is no box, or
    something else in it, which stays). No key but Ctrl-U is sent. Raises TmuxNotFound, TmuxGone.
    """
    sender = _PromptSender(tmux, pane_id, text, _never, timing or Timing(), asyncio.get_running_loop().time, sleep)
    return await sender.withdraw()


async def _never() -> bool:
    return False


def sendable(text: str) -> str:
    """Return ``text`` as it is put into the prompt box."""
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
        self._typed = False  # whether what is in the box can be ours
        self.adopts = False
        self.submitted = False
        self._notes: list[str] = []

    async def attempt(self) -> str:
        """Try once; return what is worth telling of a success. Raises _Again, _Stop."""
        await self._open_pane()
        box = await self._ready_box()
        if not shows(box, self._text):
            await self._make_empty(box)
            await self._enter_text()
            await self._see_text()
        await self._sleep(self._timing.settle)
        await self._submit()
        await self._see_turn()
        return "; ".join(["a turn began", *self._notes])

    async def back_off(self, failures: int) -> None:
        """Wait before the next attempt."""
        first, most = self._timing.backoff
        await self._sleep(min(most, first * 2.0 ** min(failures - 1, 64)))

    async def withdraw(self) -> str:
        """Empty the box of the text; see the function of that name."""
        self._text, self._typed = sendable(self._text), True
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead or pane.in_mode:
            return "kept"
        try:
            look = await self._look()
            if look.box is None or look.dialog is not None:
                return "kept"
            if not look.box.draft.strip():
                return "empty"
            await self._make_empty(self._ours(look.box))
        except (_Retry, _GiveUp):
            return "kept"
        return "out"

    # -- the steps

    async def _open_pane(self) -> None:
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead:
            raise _GiveUp("pane_gone", "the program in the pane has ended")
        if pane.in_mode:
            # Keys would go to copy mode.
            await self._tmux.leave_mode(self._pane_id)
            self._notes.append("somebody was scrolling in the pane; that was ended")

    async def _ready_box(self) -> PromptBox:
        """Wait for the prompt box, closing the limit's menu; see to it that nothing of anybody else's is in it."""
        deadline = self._now() + self._timing.ready
        escaped = False
        while True:
            look = await self._look()
            if look.dialog is not None and look.dialog.kind != "limit_menu":
                raise _GiveUp("dialog", _describe(look.dialog))
            if look.dialog is not None and not escaped:
                await self._tmux.keys(self._pane_id, "Escape")
                escaped = True
                await self._sleep(self._timing.after_escape)
                continue
            if look.box is not None and look.dialog is None:
                return self._ours(look.box)
            if self._now() >= deadline:
                if look.dialog is not None:
                    raise _Retry("dialog", "Escape did not close the limit's menu")
                raise _Retry("not_ready", "the screen shows no prompt box")
            await self._sleep(self._timing.poll)

    def _ours(self, box: PromptBox) -> PromptBox:
        """Return the box if it is empty or holds but what this delivery put there. Raises _Stop."""
        if self._typed and (shows(box, self._text) or remains_of(box, self._text)):
            return box
        if self.adopts and not box.shell and shows(box, self._text):
            self._typed = True
            return box
        if box.shell:
            raise _GiveUp("draft", "the prompt box is in shell mode")
        if box.draft.strip():
            raise _GiveUp("draft", "the prompt box holds text that somebody typed; it was left there, and not sent")
        return box

    async def _make_empty(self, box: PromptBox) -> None:
        """Take what an earlier attempt left out of the box, line by line."""
        for _key in range(2 * box.rows + 2):
            if not box.draft.strip():
                return
            await self._tmux.keys(self._pane_id, "C-u")
            await self._sleep(self._timing.poll)
            box = self._ours(await self._box())
        raise _Retry("failed", "what arrived of an earlier attempt could not be taken out of the prompt box")

    async def _enter_text(self) -> None:
        self._typed = True
        if _is_typed(self._text):
            await self._tmux.type_text(self._pane_id, self._text)
        else:
            await self._tmux.paste(self._pane_id, self._text)

    async def _see_text(self) -> None:
        deadline = self._now() + self._timing.seen
        while True:
            look = await self._look()
            if look.dialog is None and look.box is not None and shows(look.box, self._text):
                return
            if self._now() >= deadline:
                raise _Retry("failed", "the text was not seen in the prompt box")
            await self._sleep(self._timing.poll)

    async def _submit(self) -> None:
        """Send Enter, once more while the box keeps the text."""
        for _try in range(2):
            look = await self._look()
            if look.dialog is not None or look.box is None or not shows(look.box, self._text):
                raise _Retry("failed", "the prompt box changed before Enter")
            await self._tmux.keys(self._pane_id, "Enter")
            deadline = self._now() + self._timing.leave
            while True:
                if await self._began():
                    self.submitted = True
                    return
                look = await self._look()
                if look.box is not None and not shows(look.box, self._text):
                    self.submitted = True
                    return
                if self._now() >= deadline:
                    if look.box is not None:
                        break
                    # What took the box's place may be what the prompt led to: it is not sent again.
                    self.submitted = True
                    return
                await self._sleep(self._timing.poll)
        raise _Retry("failed", "Enter did not send the text")

    async def _see_turn(self) -> None:
        deadline = self._now() + self._timing.turn
        while not await self._began():
            if self._now() >= deadline:
                look = await self._look()
                if look.dialog is not None:
                    raise _GiveUp("dialog", "sent, and then " + _describe(look.dialog), submitted=True)
                raise _GiveUp("failed", "the text was sent, but no turn was seen to begin", submitted=True)
            await self._sleep(self._timing.poll)

    # -- looking

    async def _look(self) -> _ScreenState:
        lines = await self._tmux.screen(self._pane_id, escapes=True)
        return _ScreenState(prompt_box(lines), dialog(lines))

    async def _box(self) -> PromptBox:
        look = await self._look()
        if look.box is None:
            raise _Retry("not_ready", "the prompt box went away")
        return look.box


def _is_typed(text: str) -> bool:
    """Whether to type the text; else it is pasted.

    From 63 characters on typed text counts as pasted anyway; a line break or tab would act as a key; and a first
    character such as ``?`` or ``/`` is a key of its own when it is typed.
    """
    return len(text) <= 60 and text.isprintable() and (text[0].isalnum() or text[0] == " ")


def _describe(found: Dialog) -> str:
    names = {
        "permission": "a permission dialog is open",
        "trust": "the folder's trust dialog is open",
        "login": "the login screen is open",
        "bypass": "the warning about bypassed permissions is open",
        "limit_menu": "the usage limit's menu is open",
    }
    return f"{names.get(found.kind, 'a dialog is open')}: {found.title!r}; a person has to answer it"


__all__ = ["Delivery", "TerminalProtocol", "Timing", "TmuxGone", "deliver", "sendable", "withdraw"]
