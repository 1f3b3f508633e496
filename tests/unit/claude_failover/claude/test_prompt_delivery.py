# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompt delivery with a fake terminal and a fake clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Callable, Optional

import pytest

from claude_failover.claude import prompt_sender
from claude_failover.claude.delivery_timing import SETTLE, Pauses, Timing
from claude_failover.claude.prompt_delivery import Delivery, deliver
from claude_failover.tmux.client import Pane
from claude_failover.tmux.errors import TmuxGone, TmuxNotFound

RULE = "─" * 60
LIMIT_MENU = [
    "▔" * 60,
    "  What do you want to do?",
    "  ❯ 1. Stop and wait for limit to reset",
    "    2. Upgrade your plan",
    "  Enter to confirm · Esc to cancel",
]
PERMISSION = [
    RULE,
    " Bash command",
    " Do you want to proceed?",
    " ❯ 1. Yes",
    "   2. No",
    " Esc to cancel · Tab to amend",
]
TRUST = [
    RULE,
    " Accessing workspace:",
    " ❯ No, exit",
    "   Yes, I trust this folder",
    " Enter to confirm · Esc to cancel",
]


class Permit:
    """Permission for ``keys`` Enter keys; ``counted`` tells for each one how many were in the terminal before it."""

    def __init__(self, claude: Claude, keys: int, known: bool = True) -> None:
        self.claude, self.keys, self.known = claude, keys, known
        self.counted: list[int] = []
        self.texts: list[Optional[str]] = []
        self.stored_at: list[int] = []

    def refusal(self) -> Optional[str]:
        return "no more" if self.known and len(self.counted) >= self.keys else None

    def take(self, text: Optional[str] = None) -> Optional[str]:
        if len(self.counted) >= self.keys:
            return "no more"
        self.counted.append(self.claude.names().count("Enter"))
        self.texts.append(text)
        return None

    async def stored(self) -> None:
        self.stored_at.append(self.claude.names().count("Enter"))


class Claude:
    """A fake terminal with a prompt box. Sleeping advances its clock; every event is recorded with its time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.events: list[tuple[float, str]] = []
        self.draft = ""
        self.ghost = ""
        self.dialog: Optional[list[str]] = None
        self.dialog_after_paste: Optional[list[str]] = None
        self.ready_at = 0.0
        self.swallow_texts = 0  # texts that get lost
        self.damage_texts = 0  # texts that lose their first character
        self.swallow_enters = 0
        self.escape_works = True
        self.turn_delay = 0.1
        self.turns = 0
        self.turn_at: Optional[float] = None
        self.sent: list[str] = []
        self.dead = False
        self.in_mode = False
        self.gone: Optional[Exception] = None
        self.spinner: Optional[str] = None  # of a running turn
        self.escapes_for_turn = 1  # in vim's INSERT mode it takes two
        self.put_back = ""  # the prompt that Claude Code puts back into the box as the turn ends
        self.gone_on = False
        self.asked = 0
        self.on_ask: Callable[[], None] = lambda: None
        self.on_paste: Callable[[], None] = lambda: None
        self.stalled_until = 0.0  # until then it reads no input
        self.stagger = 0.0  # time that it takes from one input to the next after that
        self.unread: list[tuple[float, Callable[[], None]]] = []

    # -- TerminalProtocol

    async def pane(self, pane_id: str) -> Pane:
        self._check()
        return Pane("s", "$1", "@1", pane_id, 1, self.dead, None, None, "claude", "/", 0, 80, 24, self.in_mode, True)

    async def screen(self, pane_id: str, escapes: bool = False) -> list[str]:
        self._check()
        assert escapes, "without escapes ghost text cannot be told from a draft"
        if self.time < self.ready_at:
            return ["starting"]
        self._read_input()
        if self.dialog is not None:
            return ["● some text", *self.dialog]
        text = self.draft
        if self.ghost and not text:
            text = f"\x1b[7m{self.ghost[0]}\x1b[0;2m{self.ghost[1:]}\x1b[0m"
        rows = text.split("\n")
        turn = ["❯ the big job", "", self.spinner] if self.spinner else []
        box = [RULE, "❯\xa0" + rows[0], *("  " + row for row in rows[1:]), RULE, "  ⏵⏵ auto mode on"]
        return ["● some text", "", *turn, *box]

    async def keys(self, pane_id: str, *names: str) -> None:
        self._check()
        for name in names:
            self.events.append((self.time, name))
            self._input(lambda name=name: self._key(name))  # type: ignore[misc]

    def _input(self, act: Callable[[], None]) -> None:
        """Take input in its order, late where the program is stalled."""
        due = max(self.time, self.stalled_until)
        if self.unread:
            due = max(due, self.unread[-1][0] + self.stagger)
        self.unread.append((due, act))
        self._read_input()

    def _read_input(self) -> None:
        while self.unread and self.unread[0][0] <= self.time:
            self.unread.pop(0)[1]()

    def _key(self, name: str) -> None:
        if name == "Escape" and self.spinner is not None:
            self.escapes_for_turn -= 1
            if not self.escapes_for_turn:
                self.spinner, self.draft = None, self.put_back
        elif name == "Escape" and self.dialog is not None and self.escape_works:
            self.dialog = None
        elif self.dialog is not None:
            assert name == "Escape", f"{name} went into a dialog"
        elif name == "C-u":
            self.draft = self.draft.rpartition("\n")[0]
        elif name == "Enter":
            if self.swallow_enters:
                self.swallow_enters -= 1
            elif self.draft:
                self.sent.append(self.draft)
                self.draft = ""
                self.turn_at = self.time + self.turn_delay

    async def paste(self, pane_id: str, text: str) -> None:
        self._arrive("paste", text)

    async def leave_mode(self, pane_id: str) -> None:
        self.in_mode = False
        self.events.append((self.time, "leave-mode"))

    def _arrive(self, how: str, text: str) -> None:
        self._check()
        assert self.dialog is None, "text went into a dialog"
        assert not self.in_mode, "text went into copy mode"
        self.events.append((self.time, how))
        if self.swallow_texts:
            self.swallow_texts -= 1
            return
        if self.damage_texts:
            self.damage_texts -= 1
            text = text[1:]
        self._input(lambda: self._show(text))

    def _show(self, text: str) -> None:
        if text.count("\n") > 10:
            text = f"[Pasted text #1 +{text.count(chr(10))} lines]"
        elif len(text) > 800:
            text = "[Pasted text #1]"
        self.draft += text
        self.on_paste()
        if self.dialog_after_paste is not None:
            self.dialog = self.dialog_after_paste

    def _check(self) -> None:
        if self.gone is not None:
            raise self.gone

    # -- clock and turn

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds
        await asyncio.sleep(0)

    async def began(self) -> bool:
        return self.turn_at is not None and self.time >= self.turn_at

    async def has_gone_on(self) -> bool:
        self.asked += 1
        self.on_ask()
        return self.gone_on

    def deliver(
        self,
        text: str = "continue",
        attempts: int = 5,
        began: Optional[Callable[[], Awaitable[bool]]] = None,
        adopt: bool = False,
        permit: Optional[Permit] = None,
        waits: Optional[Callable[[Sequence[str]], bool]] = None,
        wait_begun: Optional[Callable[[float], Awaitable[None]]] = None,
    ) -> Delivery:
        return asyncio.run(
            deliver(
                self,
                "%1",
                text,
                began=began or self.began,
                attempts=attempts,
                adopt=adopt,
                permit=permit,
                gone_on=self.has_gone_on,
                waits=waits,
                wait_begun=wait_begun,
                clock=lambda: self.time,
                sleep=self.sleep,
            )
        )

    def names(self) -> list[str]:
        return [name for _moment, name in self.events]


def test_text_and_enter_are_sent_apart() -> None:
    claude = Claude()
    found = claude.deliver()
    assert (found.result, found.attempts, found.submitted) == ("delivered", 1, True)
    assert claude.sent == ["continue"]
    assert claude.names() == ["paste", "Enter"]
    assert claude.events[1][0] - claude.events[0][0] >= SETTLE


def test_looks_come_soon_at_first_and_seldom_later() -> None:
    timing = Timing()
    pauses = Pauses(timing)
    taken = [pauses.next() for _look in range(20)]
    assert taken == sorted(taken)
    assert (taken[0], taken[-1]) == (timing.first_poll, timing.poll)
    assert sum(taken[:4]) < timing.poll


@pytest.mark.parametrize("shown", [0.0, 0.005, 0.02, 0.06, 0.2])
def test_enter_follows_soon_after_the_text_is_shown(shown: float) -> None:
    claude = Claude()
    claude.stalled_until = shown
    assert claude.deliver().result == "delivered"
    entered = next(time for time, name in claude.events if name == "Enter")
    assert SETTLE <= entered - shown <= SETTLE + 0.005 + shown / 2


def test_a_screen_that_stays_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read a screen costs more processor time than to capture it."""
    read: list[Sequence[str]] = []
    find = prompt_sender.find_prompt_box
    monkeypatch.setattr(prompt_sender, "find_prompt_box", lambda lines: read.append(lines) or find(lines))
    claude = Claude()
    claude.stalled_until = 2.0
    assert claude.deliver().result == "delivered"
    assert len(read) == 3, "the empty box, the box with the text, the box after Enter"


def test_a_turn_that_is_told_is_not_waited_for_any_longer() -> None:
    claude = Claude()
    claude.turn_delay = 7.0
    waited: list[float] = []

    async def told(seconds: float) -> None:
        waited.append(seconds)
        claude.time += 7.0  # the hook comes in the course of the wait

    assert claude.deliver(wait_begun=told).result == "delivered"
    assert len(waited) == 1


@pytest.mark.parametrize("text", ["continue", "x" * 61, "two\nlines", "tab\there", "?", "/compact", "no\u00a0break"])
def test_text_is_pasted_because_typed_it_can_act_as_keys(text: str) -> None:
    claude = Claude()
    assert claude.deliver(text).result == "delivered"
    assert claude.names() == ["paste", "Enter"]
    assert claude.sent == [text]


@pytest.mark.parametrize("text", ["\n".join(f"line {i}" for i in range(40)), "word " * 400])
def test_a_folded_paste_counts_as_shown(text: str) -> None:
    claude = Claude()
    assert claude.deliver(text).result == "delivered"
    assert claude.sent[0].startswith("[Pasted text #1")


def test_control_characters_are_dropped_and_shell_mode_is_avoided() -> None:
    claude = Claude()
    assert claude.deliver("a\x1b[201~b\x00").result == "delivered"
    assert claude.deliver("!rm -rf /").result == "delivered"
    assert claude.sent == ["a[201~b", " !rm -rf /"]


@pytest.mark.parametrize("text", ["", " \n", "\x1b\x00"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        Claude().deliver(text)


def test_ghost_text_is_no_draft() -> None:
    claude = Claude()
    claude.ghost = "Resend your message to try again"
    assert claude.deliver().result == "delivered"
    assert claude.sent == ["continue"]


@pytest.mark.parametrize("draft", ["my own words", "continue", "c", "!ls"])
def test_a_persons_draft_stays_and_is_not_submitted(draft: str) -> None:
    claude = Claude()
    claude.draft = draft
    found = claude.deliver()
    assert (found.result, found.submitted) == ("draft", False)
    assert claude.events == []
    assert claude.draft == draft


def test_adopt_submits_only_exactly_this_text() -> None:
    claude = Claude()
    claude.draft = "continue"
    assert claude.deliver(adopt=True).result == "delivered"
    assert claude.sent == ["continue"]
    for draft in ("continue please", "contin", "my own words"):
        claude = Claude()
        claude.draft = draft
        assert claude.deliver(adopt=True).result == "draft"
        assert claude.sent == []


def test_text_typed_into_ours_is_neither_submitted_nor_deleted() -> None:
    claude = Claude()

    async def typing(pane_id: str, text: str) -> None:
        claude.draft = text + " hold on"
        claude.events.append((claude.time, "paste"))

    claude.paste = typing  # type: ignore[method-assign]  # somebody types at the same time
    found = claude.deliver()
    assert (found.result, claude.draft) == ("draft", "continue hold on")
    assert claude.sent == []
    assert "Enter" not in claude.names()


def test_escape_closes_the_limit_menu_and_the_text_waits() -> None:
    claude = Claude()
    claude.dialog = LIMIT_MENU
    assert claude.deliver().result == "delivered"
    assert claude.names() == ["Escape", "paste", "Enter"]
    assert claude.events[1][0] - claude.events[0][0] >= 0.4


def test_a_menu_that_stays_open_gets_one_escape_per_attempt() -> None:
    claude = Claude()
    claude.dialog, claude.escape_works = LIMIT_MENU, False
    found = claude.deliver(attempts=3)
    assert (found.result, found.attempts, found.submitted) == ("dialog", 3, False)
    assert claude.names() == ["Escape"] * 3


@pytest.mark.parametrize("kept", [False, True])
def test_a_menu_that_opens_over_the_text_is_closed_at_once(kept: bool) -> None:
    """It opens up to half a second after the refusal was told, and swallows what is read then (2.1.332)."""
    claude = Claude()

    def opened() -> None:
        claude.dialog, claude.on_paste = LIMIT_MENU, lambda: None
        claude.draft = claude.draft if kept else ""

    claude.on_paste = opened
    found = claude.deliver(attempts=1)
    assert (found.result, found.attempts) == ("delivered", 1)
    assert claude.names() == (["paste", "Escape", "Enter"] if kept else ["paste", "Escape", "paste", "Enter"])
    assert claude.events[1][0] - claude.events[0][0] <= Timing().poll
    assert claude.events[-1][0] - claude.events[0][0] <= 0.4 + 2 * Timing().poll
    assert claude.sent == ["continue"]


@pytest.mark.parametrize("opened", [LIMIT_MENU, PERMISSION])
def test_what_opens_while_the_permission_is_stored_gets_no_enter(opened: list[str]) -> None:
    class SlowPermit(Permit):
        async def stored(self) -> None:
            if len(self.counted) == 1:
                self.claude.dialog, self.claude.draft = opened, ""

    claude = Claude()
    found = claude.deliver(permit=SlowPermit(claude, 3), attempts=2)
    if opened is LIMIT_MENU:
        assert (found.result, found.attempts) == ("delivered", 1)
        assert claude.names() == ["paste", "Escape", "paste", "Enter"]
    else:
        assert (found.result, found.submitted) == ("dialog", False)
        assert claude.names() == ["paste"]


def test_a_draft_under_the_menu_is_respected() -> None:
    claude = Claude()
    claude.dialog, claude.draft = LIMIT_MENU, "my own words"
    assert claude.deliver().result == "draft"
    assert claude.names() == ["Escape"]


@pytest.mark.parametrize(("screen", "word"), [(PERMISSION, "permission"), (TRUST, "trust")])
def test_any_other_dialog_is_reported_and_never_answered(screen: list[str], word: str) -> None:
    claude = Claude()
    claude.dialog = screen
    found = claude.deliver()
    assert found.result == "dialog"
    assert word in found.detail
    assert claude.events == []


def test_a_dialog_that_opens_after_the_text_gets_no_enter() -> None:
    claude = Claude()
    claude.dialog_after_paste = PERMISSION
    found = claude.deliver()
    assert (found.result, found.submitted) == ("dialog", False)
    assert claude.names() == ["paste"]


def test_lost_text_is_typed_again_with_growing_pauses() -> None:
    claude = Claude()
    claude.swallow_texts = 3
    found = claude.deliver()
    assert (found.result, found.attempts) == ("delivered", 4)
    typed = [time for time, name in claude.events if name == "paste"]
    pauses = [later - earlier for earlier, later in zip(typed, typed[1:])]
    assert [round(b - a, 1) for a, b in zip(pauses, pauses[1:])] == [0.5, 1.0]
    assert claude.sent == ["continue"]


@pytest.mark.parametrize("text", ["continue", "first\nsecond", "word " * 300])
@pytest.mark.parametrize("stagger", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("stalled", [2.0, 3.2, 5.0, 8.0, 12.0, 20.0, 30.0])
def test_a_text_that_is_seen_late_is_never_sent_twice(stalled: float, stagger: float, text: str) -> None:
    """A busy host: Claude Code takes what was pasted into it seconds later, all at once or one after the other."""
    claude = Claude()
    claude.stalled_until, claude.stagger = stalled, stagger
    found = claude.deliver(text)
    claude.time += 60
    asyncio.run(claude.screen("%1", escapes=True))
    sent = [" ".join(item.split()) for item in claude.sent]
    assert found.result == "delivered"
    assert sent in ([" ".join(text.split())], ["[Pasted text #1]"])
    assert claude.draft == ""


def test_a_text_that_is_seen_late_is_pasted_once() -> None:
    claude = Claude()
    claude.stalled_until = 5.0
    claude.deliver()
    assert claude.names() == ["paste", "Enter"]


def test_a_damaged_text_is_removed_before_the_next_attempt() -> None:
    claude = Claude()
    claude.damage_texts = 1
    found = claude.deliver("first\nsecond")
    assert (found.result, found.attempts) == ("delivered", 2)
    assert claude.sent == ["first\nsecond"]


def test_attempts_are_bounded() -> None:
    claude = Claude()
    claude.swallow_texts = 99
    found = claude.deliver(attempts=3)
    assert (found.result, found.attempts, found.submitted) == ("failed", 3, False)
    assert claude.names() == ["paste"] * 3
    assert "Enter" not in claude.names()


def test_a_lost_enter_is_sent_again_and_the_text_is_not() -> None:
    claude = Claude()
    claude.swallow_enters = 1
    assert claude.deliver().result == "delivered"
    assert claude.names() == ["paste", "Enter", "Enter"]
    assert claude.sent == ["continue"]


def test_enter_lost_for_a_whole_attempt() -> None:
    claude = Claude()
    claude.swallow_enters = 3
    found = claude.deliver()
    assert (found.result, found.attempts) == ("delivered", 2)
    assert claude.names() == ["paste", "Enter", "Enter", "Enter", "Enter"]


def test_a_submitted_text_is_never_sent_twice() -> None:
    claude = Claude()
    claude.turn_delay = 1e9
    found = claude.deliver()
    assert (found.result, found.attempts, found.submitted) == ("failed", 1, True)
    assert claude.sent == ["continue"]


def test_the_box_is_waited_for() -> None:
    claude = Claude()
    claude.ready_at = 3.0
    assert claude.deliver().result == "delivered"
    assert claude.events[0][0] >= 3.0


def test_no_box_is_reported_after_all_attempts() -> None:
    claude = Claude()
    claude.ready_at = 1e9
    found = claude.deliver(attempts=2)
    assert (found.result, found.attempts) == ("not_ready", 2)
    assert claude.events == []


def test_copy_mode_is_left_first() -> None:
    claude = Claude()
    claude.in_mode = True
    found = claude.deliver()
    assert found.result == "delivered"
    assert claude.names() == ["leave-mode", "paste", "Enter"]
    assert "scrolling" in found.detail


def test_a_dead_pane_and_a_missing_pane() -> None:
    claude = Claude()
    claude.dead = True
    assert claude.deliver().result == "pane_gone"
    claude = Claude()
    claude.gone = TmuxNotFound("can't find pane: %1")
    assert claude.deliver().result == "pane_gone"
    assert claude.events == []


def test_a_missing_server_raises() -> None:
    claude = Claude()
    claude.gone = TmuxGone("no tmux server")
    with pytest.raises(TmuxGone):
        claude.deliver()


def test_a_trailing_backslash_does_not_turn_enter_into_a_line_break() -> None:
    claude = Claude()
    assert claude.deliver("a path C:\\").result == "delivered"
    assert claude.sent == ["a path C:\\ "]


def test_every_enter_is_counted_before_it_is_sent() -> None:
    claude = Claude()
    claude.swallow_enters = 3
    permit = Permit(claude, 10)
    assert claude.deliver(permit=permit).result == "delivered"
    assert permit.counted == permit.stored_at == [0, 1, 2, 3]
    assert claude.names().count("Enter") == 4


def test_without_permission_nothing_is_typed() -> None:
    claude = Claude()
    found = claude.deliver(permit=Permit(claude, 0))
    assert (found.result, found.detail, found.submitted) == ("bound", "no more", False)
    assert claude.names() == []


def test_a_text_that_may_not_be_sent_any_more_is_taken_back() -> None:
    claude = Claude()
    claude.swallow_enters = 9
    found = claude.deliver(permit=Permit(claude, 1, known=False))
    assert (found.result, found.submitted) == ("bound", False)
    assert claude.names() == ["paste", "Enter", "C-u"]
    assert claude.draft == ""


RETRY = "✻ Weekly limit reached · retrying in 2h (10:44pm) · attempt 1/300"


def waits(lines: Sequence[str]) -> bool:
    """Return whether the turn only waits for the reset; a throttle does not."""
    return any("limit reached · retrying" in line for line in lines)


@pytest.mark.parametrize("spinner", ["· Spinning…", "✻ 529 Overloaded · retrying in 28s · attempt 9/10", RETRY])
def test_nothing_is_typed_while_a_turn_runs(spinner: str) -> None:
    """A turn is ended only where that is asked for, and where it only waits for the reset."""
    claude = Claude()
    claude.spinner = spinner
    found = claude.deliver(waits=None if spinner == RETRY else waits)
    assert (found.result, found.attempts, found.submitted) == ("busy", 1, False)
    assert claude.events == []


def test_a_turn_that_is_about_to_end_is_waited_for() -> None:
    claude = Claude()
    claude.spinner = "· Spinning…"
    sleep = claude.sleep

    async def sleeping(seconds: float) -> None:
        await sleep(seconds)
        if claude.time > 1.0:
            claude.spinner = None

    claude.sleep = sleeping  # type: ignore[method-assign]
    assert claude.deliver().result == "delivered"
    assert claude.events[0][0] >= 1.0


def test_a_session_that_has_gone_on_gets_no_text() -> None:
    claude = Claude()
    claude.spinner, claude.gone_on = "· Spinning…", True
    found = claude.deliver(waits=waits)
    assert (found.result, found.submitted) == ("moved_on", False)
    assert claude.events == []


def test_a_running_turn_is_not_asked_after_at_every_look() -> None:
    """A transcript is read each time, in the daemon's only thread: up to 4 MiB, 80 ms."""
    claude = Claude()
    claude.spinner = "· Spinning…"
    assert claude.deliver(attempts=1, waits=waits).result == "busy"
    assert 5 <= claude.asked <= 12, claude.asked  # in 5 s, with a look every 50 ms


def test_a_word_that_somebody_adds_while_the_transcript_is_read_is_not_sent() -> None:
    claude = Claude()

    def typed() -> None:
        claude.draft += " and delete all"

    claude.on_ask = typed
    assert claude.deliver(attempts=1).result == "failed"
    assert claude.names() == ["paste"]


def test_text_is_taken_back_when_the_session_goes_on_before_enter() -> None:
    """A queued prompt begins its turn while ours is being typed."""
    claude = Claude()

    def queued() -> None:
        claude.gone_on = True

    claude.on_paste = queued
    found = claude.deliver()
    assert (found.result, found.submitted) == ("moved_on", False)
    assert claude.names() == ["paste", "C-u"]
    assert claude.draft == ""


def test_text_is_taken_back_when_a_turn_begins_before_enter() -> None:
    claude = Claude()

    def begun() -> None:
        claude.spinner = "· Spinning…"

    claude.on_paste = begun
    found = claude.deliver()
    assert (found.result, found.submitted) == ("busy", False)
    assert claude.names() == ["paste", "C-u"]
    assert claude.draft == ""


@pytest.mark.parametrize("escapes", [1, 2])
def test_escape_ends_a_turn_that_waits_for_the_reset(escapes: int) -> None:
    claude = Claude()
    claude.spinner, claude.escapes_for_turn = RETRY, escapes
    assert claude.deliver(waits=waits).result == "delivered"
    assert claude.names() == [*["Escape"] * escapes, "paste", "Enter"]
    assert claude.events[escapes][0] - claude.events[escapes - 1][0] >= 0.4
    assert claude.sent == ["continue"]


def test_a_turn_that_goes_on_while_the_transcript_is_read_is_not_ended() -> None:
    """The account has reset: the next look shows that the turn works."""
    claude = Claude()
    claude.spinner = RETRY

    def answered() -> None:
        claude.spinner = "✻ Baking… (3s · esc to interrupt)"

    claude.on_ask = answered
    assert claude.deliver(waits=waits, attempts=2).result == "busy"
    assert claude.names() == []


def test_the_prompt_that_claude_code_puts_back_is_sent_again() -> None:
    """It is not in the conversation any more: `continue` would lose it."""
    claude = Claude()
    claude.spinner, claude.put_back = RETRY, "the big job"
    permit = Permit(claude, 3)
    assert claude.deliver(waits=waits, permit=permit).result == "delivered"
    assert claude.names() == ["Escape", "Enter"]
    assert claude.sent == ["the big job"]
    assert permit.texts == ["the big job"]


def test_another_text_after_escape_is_somebodys() -> None:
    claude = Claude()
    claude.spinner, claude.put_back = RETRY, "the big job, and more"
    assert claude.deliver(waits=waits).result == "draft"
    assert claude.names() == ["Escape"]
    assert claude.draft == "the big job, and more"


def test_a_draft_keeps_the_turn_from_being_ended() -> None:
    """Escape would act on the draft."""
    claude = Claude()
    claude.spinner, claude.draft = RETRY, "half a thought"
    assert claude.deliver(waits=waits).result == "draft"
    assert claude.events == []


def test_a_turn_that_goes_on_after_escape_gets_no_more_than_two() -> None:
    claude = Claude()
    claude.spinner, claude.escapes_for_turn = RETRY, 99
    found = claude.deliver(waits=waits, attempts=2)
    assert (found.result, found.attempts) == ("busy", 2)
    assert claude.names() == ["Escape"] * 4
