# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one prompt to a Claude Code session: the keys of a delivery, and what is seen before each of them."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from ..tmux.quoting import typable
from .delivery_timing import Pauses, Timing
from .prompt_attempt import Abort, EnterPermitProtocol, MenuOpened, Retry, TerminalProtocol
from .prompt_box import OWNER_DIALOGS, Dialog, PromptBox, copies, find_dialog, find_prompt_box, holds, holds_part
from .running_turn import RunningTurn, find_running_turn


@dataclass(frozen=True)
class _InputArea:
    lines: Sequence[str]
    box: Optional[PromptBox]
    dialog: Optional[Dialog]

    @functools.cached_property
    def turn(self) -> Optional[RunningTurn]:
        """The turn that runs."""
        return find_running_turn(self.lines)


class PromptSender:
    """One delivery of a text.

    ``adopt``: a draft that is exactly the text counts as ours. ``permit`` is asked before each Enter. ``gone_on``
    returns whether the session has gone on by itself. ``waits`` returns whether the turn on a screen only waits for a
    limit's reset, so that Escape ends it; None: no turn is ended. ``wait_begun`` waits for seconds, or until ``began``
    may have become true. ``submitted``: the text has left the prompt box.
    """

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
        self._pastes = 0  # that can be in the box, or be read into it still
        self._interrupted: Optional[str] = None  # the prompt of the turn that was ended; Claude Code can put it back
        self.adopt = False
        self.permit: Optional[EnterPermitProtocol] = None
        self.gone_on: Callable[[], Awaitable[bool]] = never
        self.waits: Optional[Callable[[Sequence[str]], bool]] = None
        self.wait_begun = sleep
        self.submitted = False
        self._ask_again_at = float("-inf")  # when `gone_on` is asked again while a turn runs
        self._notes: list[str] = []
        self._area: Optional[_InputArea] = None  # of the newest capture

    async def attempt(self) -> str:
        """Make one attempt; return the detail of a success. Raises Retry, Abort."""
        why = self.permit.refusal() if self.permit is not None else None
        if why is not None:
            raise Abort("bound", why)
        await self._open_pane()
        try:
            await self._send()
        except MenuOpened:
            await self._send()
        await self._wait_turn()
        return "; ".join(["a turn began", *self._notes])

    async def _send(self) -> None:
        """Put the text into the prompt box, and press Enter."""
        box = await self._ready_box()
        if self._pastes and not box.draft.strip():
            box = self._checked_box(await self._box_with_text())  # a busy host takes it late
        if not self._is_restored(box) and not self._shows_text(box):
            if box.draft.strip():
                await self._clear_box(box)
                self._pastes = 0
            await self._enter_text()
            await self._wait_text_shown()
        await self._sleep(self._timing.settle)
        await self._submit()

    async def back_off(self, failures: int) -> None:
        """Wait before the next attempt."""
        initial, maximum = self._timing.backoff
        await self._sleep(min(maximum, initial * 2.0 ** min(failures - 1, 64)))

    async def withdraw(self, before: Callable[[], None]) -> str:
        """See the function `withdraw`."""
        self._entered = True
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead or pane.in_mode:
            return "kept"
        try:
            area = await self._capture()
            if area.box is None or area.dialog is not None:
                return "kept"
            if not area.box.draft.strip():
                return "empty"
            box = self._checked_box(area.box)
            before()
            await self._clear_box(box)
        except (Retry, Abort):
            return "kept"
        return "out"

    # -- steps

    async def _open_pane(self) -> None:
        pane = await self._tmux.pane(self._pane_id)
        if pane.dead:
            raise Abort("pane_gone", "the program in the pane has ended")
        if pane.in_mode:
            # Copy mode would receive the keys.
            await self._tmux.leave_mode(self._pane_id)
            self._notes.append("somebody was scrolling in the pane; copy mode was left")

    async def _ready_box(self) -> PromptBox:
        """Wait for an idle prompt box without foreign text.

        Closes the usage-limit menu if it is open, and ends a turn that only waits for a limit's reset.
        """
        deadline = self._now() + self._timing.ready
        escaped, interrupts = False, 2  # of two, the first ends only vim's INSERT mode
        pauses = Pauses(self._timing)
        while True:
            area = await self._capture()
            if area.dialog is not None and area.dialog.kind != "limit_menu":
                raise Abort("dialog", _describe(area.dialog))
            if area.dialog is not None and not escaped:
                await self._tmux.keys(self._pane_id, "Escape")
                escaped = True
                await self._sleep(self._timing.after_escape)
                continue
            turn = area.turn if area.box is not None and area.dialog is None else None
            if area.box is not None and area.dialog is None and turn is None:
                box = self._checked_box(area.box)
                if escaped:
                    self._pastes = 0  # what was pasted before the key has been read before it
                return box
            if turn is not None and await self._gives_way(area):
                # Asking whether the session has gone on takes long: the turn can be another by now.
                area = await self._capture()
                turn = area.turn
                if area.box is not None and area.dialog is None and turn is not None and self._waits(area):
                    if interrupts:
                        interrupts -= 1
                        await self._interrupt(self._checked_box(area.box), turn)
                        continue
                    raise Retry("busy", "Escape did not end the turn that waits for the reset")
            if self._now() >= deadline:
                if area.dialog is not None:
                    raise Retry("dialog", "Escape did not close the usage-limit menu")
                if turn is not None:
                    raise Abort("busy", "a turn is running")
                raise Retry("not_ready", "the screen shows no prompt box")
            await self._sleep(pauses.next())

    async def _gives_way(self, area: _InputArea) -> bool:
        """Return whether Escape may end the turn on the screen. Raises Abort if the session has gone on."""
        waits = self._waits(area)
        if await self._has_gone_on(soon=not waits):
            raise Abort("moved_on", "the session has gone on by itself")
        return waits

    def _waits(self, area: _InputArea) -> bool:
        return self.waits is not None and self.waits(area.lines)

    async def _has_gone_on(self, soon: bool) -> bool:
        """Return whether the session has gone on by itself; with ``soon`` it may be noticed up to ``ask`` later."""
        if soon and self._now() < self._ask_again_at:
            return False
        self._ask_again_at = self._now() + self._timing.ask
        return await self.gone_on()

    async def _interrupt(self, box: PromptBox, turn: RunningTurn) -> None:
        """Press Escape, and wait until the turn has ended. Raises Abort where a draft would take the key."""
        if box.draft.strip():
            raise Abort("draft", "the prompt box holds text while the turn waits for the reset")
        await self._tmux.keys(self._pane_id, "Escape")
        self._interrupted = turn.prompt
        deadline, pauses = self._now() + self._timing.interrupt, Pauses(self._timing)
        while self._now() < deadline:
            await self._sleep(pauses.next())
            if (await self._capture()).turn is None:
                self._notes.append("the turn that waited for the reset was ended")
                break
        await self._sleep(self._timing.after_escape)

    def _is_restored(self, box: PromptBox) -> bool:
        """Return whether the box holds the prompt of the turn that was ended: what its author had sent already.

        Claude Code puts it back if nothing had come of it, and takes it out of the conversation (2.1.332).
        """
        if not self._interrupted or box.ghost or box.shell:
            return False
        return holds(box, self._interrupted)

    def _checked_box(self, box: PromptBox) -> PromptBox:
        """Return the box if it is empty or holds only text of this delivery. Raises Abort."""
        if self._is_restored(box):
            return box
        texts = self._text * max(1, self._pastes)
        if self._entered and (holds(box, self._text) or copies(box, self._text) or holds_part(box, texts)):
            return box
        if self.adopt and not box.shell and holds(box, self._text):
            self._entered = True
            return box
        if box.shell:
            raise Abort("draft", "the prompt box is in shell mode")
        if box.draft.strip():
            raise Abort("draft", "the prompt box holds text that somebody typed; it was left there, and not sent")
        return box

    async def _clear_box(self, box: PromptBox) -> None:
        """Remove the text of an earlier attempt from the box, line by line."""
        for _key in range(2 * box.rows + 2):
            if not box.draft.strip():
                return
            await self._tmux.keys(self._pane_id, "C-u")
            await self._sleep(self._timing.poll)
            box = await self._capture_box()
            if box.deleted:
                return
            box = self._checked_box(box)
        raise Retry("failed", "the text of an earlier attempt could not be removed from the prompt box")

    async def _enter_text(self) -> None:
        """Paste the text: typed, it would be commands in vim's NORMAL mode, and keys where it is ``?``."""
        self._entered = True
        self._pastes += 1
        await self._tmux.paste(self._pane_id, self._text)

    def _shows_text(self, box: PromptBox) -> bool:
        """Return whether the box holds our text, once: a text taller than the box could be there twice."""
        return holds(box, self._text) if self._pastes < 2 else copies(box, self._text) == 1

    async def _wait_text_shown(self) -> None:
        if not self._shows_text(await self._box_with_text()):
            raise Retry("failed", "the text was not seen in the prompt box")
        self._pastes = 1

    async def _box_with_text(self) -> PromptBox:
        """Return the box once it holds our text, or after a while without it.

        Where it was pasted more than once, a busy host can take the others later: the box must then stay as it is.
        """
        deadline, pauses = self._now() + self._timing.seen, Pauses(self._timing)
        shown = ""
        while True:
            area = await self._capture()
            _check_no_menu(area)
            box = area.box if area.dialog is None else None
            if box is not None and self._pastes < 2 and self._shows_text(box):
                return box
            if box is not None and box.draft != shown:
                shown, deadline = box.draft, self._now() + self._timing.seen
            left = round(deadline - self._now(), 3)  # a rest that a clock cannot show would never pass
            if left <= 0:
                if box is None:
                    raise Retry("failed", "the text was not seen in the prompt box")
                return box
            await self._sleep(min(left, pauses.next()))

    async def _submit(self) -> None:
        """Send Enter, a second time if the text stays in the box."""
        for _try in range(2):
            box, text = self._filled_box(await self._idle_area())
            if self.permit is not None:
                why = self.permit.take(text)
                if why is not None:
                    await self._take_back(box)
                    raise Abort("bound", why)
                await self.permit.stored()
                area = await self._capture()  # what opens meanwhile would take the key
                if area.turn is not None or self._filled_box(area)[1] != text:
                    raise Retry("failed", "the prompt box changed before Enter")
            await self._tmux.keys(self._pane_id, "Enter")
            deadline, pauses = self._now() + self._timing.leave, Pauses(self._timing)
            while True:
                if await self._began():
                    self.submitted = True
                    return
                area = await self._capture()
                if area.box is not None and not holds(area.box, text):
                    self.submitted = True
                    return
                if self._now() >= deadline:
                    if area.box is not None:
                        break
                    # The prompt may have opened what replaced the box, so it counts as submitted.
                    self.submitted = True
                    return
                await self.wait_begun(pauses.next())
        raise Retry("failed", "Enter did not send the text")

    def _filled_box(self, area: _InputArea) -> tuple[PromptBox, str]:
        """Return the box and what Enter would send of it: our text, or the prompt that was put back. Raises Retry."""
        _check_no_menu(area)
        text = self._interrupted if area.box is not None and self._is_restored(area.box) else self._text
        if area.dialog is not None or area.box is None or text is None or not holds(area.box, text):
            raise Retry("failed", "the prompt box changed before Enter")
        if text is self._text and not self._shows_text(area.box):
            raise Retry("failed", "the prompt box can hold the text twice")
        return area.box, text

    async def _idle_area(self) -> _InputArea:
        """Return the screen once no turn runs on it; take our text back if one goes on. Raises Abort."""
        deadline, pauses = self._now() + self._timing.seen, Pauses(self._timing)
        running = False
        while True:
            ran = running
            gone_on = await self._has_gone_on(soon=ran)  # before the look: it takes longer
            area = await self._capture()
            running = area.box is not None and area.turn is not None
            if not gone_on and not running and not ran:
                return area
            if gone_on or (running and self._now() >= deadline):
                await self._take_back(area.box)
                if gone_on:
                    raise Abort("moved_on", "the session has gone on by itself")
                raise Abort("busy", "a turn is running")
            await self._sleep(pauses.next())

    async def _take_back(self, box: Optional[PromptBox]) -> None:
        """Remove our text from the box; the prompt of a turn that was ended stays."""
        if box is not None and not self._is_restored(box):
            await self._clear_box(self._checked_box(box))

    async def _wait_turn(self) -> None:
        deadline, pauses = self._now() + self._timing.turn, Pauses(self._timing)
        while not await self._began():
            if self._now() >= deadline:
                area = await self._capture()
                if area.dialog is not None:
                    raise Abort("dialog", "sent, and then " + _describe(area.dialog), submitted=True)
                raise Abort("failed", "the text was sent, but no turn was seen to begin", submitted=True)
            await self.wait_begun(pauses.next())

    # -- captures

    async def _capture(self) -> _InputArea:
        """Return the screen; rows that have not changed are not read again, which costs more than the capture."""
        lines = await self._tmux.screen(self._pane_id, escapes=True)
        if self._area is None or self._area.lines != lines:
            self._area = _InputArea(lines, find_prompt_box(lines), find_dialog(lines))
        return self._area

    async def _capture_box(self) -> PromptBox:
        area = await self._capture()
        if area.box is None:
            raise Retry("not_ready", "the prompt box disappeared")
        return area.box


def _check_no_menu(area: _InputArea) -> None:
    """Raise MenuOpened if the usage-limit menu is open."""
    if area.dialog is not None and area.dialog.kind == "limit_menu":
        raise MenuOpened("dialog", "the usage-limit menu opened before Enter")


async def never() -> bool:
    """Return False."""
    return False


def as_shown(text: str) -> str:
    """Return ``text`` as it appears in the prompt box; a leading blank prevents shell mode."""
    text = typable(text).strip("\n")
    return " " + text if text.startswith("!") else text


def _describe(found: Dialog) -> str:
    names = {
        "permission": "a permission dialog is open",
        "trust": "the folder trust dialog is open",
        "login": "the login screen is open",
        "bypass": "the bypass-permissions warning is open",
        "limit_menu": "the usage-limit menu is open",
        "owner": "Claude Code asks whose this conversation is",
        "owner_copy": "Claude Code asks whether to copy this conversation to another account",
    }
    # The owner's questions name accounts by their addresses, which go into no log.
    title = "" if found.kind in OWNER_DIALOGS else f": {found.title!r}"
    return f"{names.get(found.kind, 'a dialog is open')}{title}; a person has to answer it"
