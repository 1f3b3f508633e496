# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of the stand-ins, as their log tells them: the turns of each conversation, and what is wrong in them.

Pure but for `RequestLog`, which reads the log on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from claude_failover.rehearsal.fake_claude.texts import CONTINUE_PROMPT

from .violation import BROKEN, LOST, TWICE, Violation

RESUME = "continue"
OK, REFUSED = "ok", "limit"
_RESUMED = (RESUME, CONTINUE_PROMPT)


@dataclass
class Turn:
    """One request: its prompt, the account, when it began, and its end: ``ok``, ``limit``, None while it runs."""

    prompt: str
    account: str
    began: float
    mode: str | None = None


@dataclass
class Conversation:
    """The turns of one conversation, oldest first; ``on_turn`` is called with each that begins or ends."""

    turns: list[Turn] = field(default_factory=list)
    on_turn: Callable[[Turn], None] = lambda _turn: None

    def take(self, row: Mapping[str, Any]) -> None:
        """Take in one row of the log."""
        if "mode" not in row:
            self.turns.append(Turn(str(row["prompt"]), str(row["tag"]), float(row["began"])))
        else:
            turn = next(turn for turn in reversed(self.turns) if turn.began == row["began"])
            turn.mode = str(row["mode"])
        self.on_turn(self.turns[-1])

    def is_answered(self, prompt: str) -> bool:
        """Return whether the prompt was answered, or after its refusal one to go on."""
        begun = [number for number, turn in enumerate(self.turns) if turn.prompt == prompt]
        after = self.turns[begun[0] :] if begun else []
        for turn in after:
            if turn.prompt != prompt and turn.prompt not in _RESUMED:
                return False
            if turn.mode == OK:
                return True
        return False

    @property
    def own_prompts(self) -> list[str]:
        """The prompts that somebody sent, oldest first: all but those to go on."""
        return [turn.prompt for turn in self.turns if turn.prompt not in _RESUMED]

    @property
    def refused(self) -> int:
        """The number of refused requests."""
        return sum(turn.mode == REFUSED for turn in self.turns)

    @property
    def resumed(self) -> int:
        """The number of resume prompts."""
        return sum(turn.prompt == RESUME for turn in self.turns)


def wrong_turns(name: str, conversation: Conversation) -> list[Violation]:
    """Return what was sent twice in a conversation: a prompt, or a resume prompt where nothing had been refused."""
    found = []
    seen: set[str] = set()
    before: Turn | None = None
    for turn in conversation.turns:
        if turn.prompt in _RESUMED:
            if before is None or before.mode == OK:
                after = f"after {before.prompt!r}, which was answered" if before is not None else "first"
                found.append(Violation(TWICE, f"{name}: {turn.prompt[:20]!r} was sent {after}"))
        elif turn.prompt in seen:
            found.append(Violation(TWICE, f"{name}: {turn.prompt!r} was sent twice"))
        if turn.mode not in (OK, REFUSED):
            text = f"{name}: {turn.prompt!r} ended as {turn.mode}; expected an answer or a limit"
            found.append(Violation(BROKEN, text))
        seen.add(turn.prompt)
        before = turn
    return found


def wrong_transcript(name: str, uuid: str, expected: Iterable[str], found: Iterable[str]) -> list[Violation]:
    """Return how the prompts in a transcript differ from those sent to the session, in their order."""
    sent, kept = list(expected), [prompt for prompt in found if prompt not in _RESUMED]
    if sent == kept:
        return []
    missing, more = [each for each in sent if each not in kept], [each for each in kept if each not in sent]
    difference = f"lacks {missing}, has {more} more" if missing or more else f"has them otherwise: {kept}"
    kind = LOST if missing or not more else TWICE
    text = f"{name}: the transcript of {uuid} holds {len(kept)} prompts, {len(sent)} were sent: it {difference}"
    return [Violation(kind, text)]


class RequestLog:
    """Reads the stand-ins' log on, and gives each row to its conversation."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._position = 0
        self.conversations: dict[str, Conversation] = {}

    def read_on(self) -> None:
        """Take in what has come since."""
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._position)
                raw = stream.read()
        except FileNotFoundError:
            return
        whole = raw[: raw.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            row = json.loads(line)
            if row.get("kind") == "turn":
                self.conversation(row["session"]).take(row)

    def conversation(self, uuid: str) -> Conversation:
        """Return the conversation of that id, which may have no turn yet."""
        return self.conversations.setdefault(uuid, Conversation())
