# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliver a prompt to a Claude Code session and verify that a turn starts.

The text is pasted into the prompt box, verified on the screen, and then submitted with a separate Enter. A failed
attempt is retried with exponential back-off, a bounded number of times. Guarantees:

* Enter is sent only if the last screen showed the prompt box with exactly this text, and no running turn;
* a dialog never receives a digit, nor any key except Escape, which closes the usage-limit menu;
* a running turn never receives a key, except Escape if it only waits for the reset of a limit;
* text of anybody else is never submitted, changed or deleted, but for the prompt of a turn that Escape has ended;
* each Enter is asked for, and so counted, right before it is sent: see `EnterPermitProtocol`;
* the text is never entered again once it has left the box: the result reports whether a turn started.

Facts (Claude Code 2.1.332, 2.1.330 and 2.1.197): text and Enter sent together count as a paste; text right after Escape
is read as Alt and a letter, which loses the letter; text that begins with ``!``, typed or pasted, becomes a shell
command unless preceded by a blank; Enter after a backslash is a line break; typed text is commands in vim's NORMAL
mode, and a lone ``?`` opens the help, while pasted they are text; Ctrl-U empties one line of the box, or a folded
paste; a tab arrives as blanks; 2.1.330 wraps folded text in ``<pasted_content>``; an unknown ``/command`` is accepted
and starts no turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from ..tmux.errors import TmuxNotFound
from .delivery_timing import Timing
from .prompt_attempt import Abort, EnterPermitProtocol, Retry, TerminalProtocol
from .prompt_sender import PromptSender, as_shown, never


@dataclass(frozen=True)
class Delivery:
    """Result of a delivery.

    ``result``: ``delivered`` (a turn started), ``draft`` (the box holds somebody's text, left in place), ``dialog`` (a
    dialog is open that only a person may answer), ``bound`` (the session may be sent no Enter any more),
    ``not_ready`` (no prompt box), ``busy`` (a turn is running), ``moved_on`` (the session has gone on by itself, and
    our text was taken back), ``pane_gone``, ``failed``.
    ``submitted``: the text left the prompt box after Enter, so another delivery could submit it twice. ``attempts`` and
    ``seconds`` are totals; ``detail`` is for the operator.
    """

    result: str
    attempts: int
    seconds: float
    detail: str
    submitted: bool = False


async def deliver(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    began: Callable[[], Awaitable[bool]],
    permit: Optional[EnterPermitProtocol] = None,
    attempts: int = 5,
    adopt: bool = False,
    gone_on: Callable[[], Awaitable[bool]] = never,
    waits: Optional[Callable[[Sequence[str]], bool]] = None,
    wait_begun: Optional[Callable[[float], Awaitable[None]]] = None,
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
        gone_on: returns whether the session has gone on by itself, so that the text is not wanted any more; asked
            before anything is typed while a turn runs, and right before Enter.
        waits: returns whether the turn on a screen only waits for the reset of a limit. Such a turn is ended by Escape,
            and where Claude Code then puts its prompt back into the box, that is sent in place of ``text``.
        wait_begun: waits for seconds, or until ``began`` may have become true, which is then asked at once; None:
            it is asked after each pause.
        timing: timeouts and delays.
        clock: returns monotonic seconds.
        sleep: waits for seconds.

    Raises ValueError for an empty text, TmuxGone when no server answers.
    """
    text = as_shown(text)
    if not text.strip():
        raise ValueError("there is nothing to send: the text is empty")
    if text.endswith("\\"):
        text += " "  # after a backslash, Enter would be a line break
    now = clock or asyncio.get_running_loop().time
    sender = PromptSender(tmux, pane_id, text, began, timing or Timing(), now, sleep)
    sender.adopt, sender.permit, sender.gone_on, sender.waits = adopt, permit, gone_on, waits
    if wait_begun is not None:
        sender.wait_begun = wait_begun
    start = now()
    attempt = 0
    try:
        while True:
            attempt += 1
            try:
                detail = await sender.attempt()
                return Delivery("delivered", attempt, now() - start, detail, submitted=True)
            except Retry as retry:
                if attempt >= attempts:
                    return Delivery(retry.result, attempt, now() - start, retry.detail)
            await sender.back_off(attempt)
    except Abort as abort:
        return Delivery(abort.result, attempt, now() - start, abort.detail, abort.submitted)
    except TmuxNotFound as error:
        return Delivery("pane_gone", attempt, now() - start, str(error), sender.submitted)


async def withdraw(
    tmux: TerminalProtocol,
    pane_id: str,
    text: str,
    *,
    before: Callable[[], None] = lambda: None,
    timing: Optional[Timing] = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Remove an unsubmitted text from a session's prompt box.

    Returns ``out`` (removed, the box is empty), ``empty`` (the box was empty) or ``kept`` (there is no box, or it holds
    other text, left in place). Sends no key except Ctrl-U; ``before`` is called right before the first one, when the
    box was seen to hold the text. Raises TmuxNotFound, TmuxGone.
    """
    sender = PromptSender(
        tmux, pane_id, as_shown(text), never, timing or Timing(), asyncio.get_running_loop().time, sleep
    )
    return await sender.withdraw(before)


__all__ = ["Delivery", "EnterPermitProtocol", "TerminalProtocol", "Timing", "deliver", "withdraw"]
