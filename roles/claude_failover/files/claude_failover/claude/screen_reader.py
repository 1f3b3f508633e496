# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of Claude Code for screen readers (``--ax-screen-reader``): find its prompt, put its rows into marks. Pure.

Seen on 2.1.260 to 2.1.332: no box and no marks. A row names the speaker (``you:``, ``claude:``, ``tool:``), the others
begin at the left edge. At the bottom: the limit's notice, the permission mode, at most two hints, and ``$``, followed
by a no-break space and the draft, whose further rows begin at the left edge, too. In shell mode, and on 2.1.197, there
is no ``$``. Deleted text is announced below it until the next key, as a draft with an empty first line looks.

A dialog takes the place of mode and prompt: its options are numbered, without a mark, above ``Select with numbers``,
or ``y`` and ``n`` above ``Enter y/n``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

#: The first version with this look that was seen.
SINCE = (2, 1, 260)
PROMPT = re.compile(r"\$(?:\xa0 ?(?P<draft>.*))?")
_MODE = re.compile(
    r"(?:-- [A-Z ]+ -- )?(?:manual mode|auto mode|plan mode|accept edits|bypass permissions|don't ask) on\b"
)
_FOLDED_PASTE = "paste again to expand"  # in place of the mode
_SHELL = "! for shell mode"  # in place of the mode
_MAX_HINTS = 2
_MAX_DRAFT_ROWS = 60
_SPEAKER = re.compile(r"(?P<who>you|claude|tool|tool error): ?(?P<text>.*)")
_ASKS = re.compile(r"Select with numbers \[\d|Enter y/n:")
#: How the owner's questions begin (2.1.332); above them is any row of the conversation.
_OWNER, _OWNER_COPY = "This session belongs to another", "Copy this session to "
_OFFER = re.compile(r"\d\. Copy to ")
_DRAFT = re.compile(r"\A\$ {2}")  # in plain text
_OPTION = re.compile(r"[\dyn]\.\s+\S")
_HEADER = re.compile(r"\[Screen Reader Mode: on\b")
_FOOTER = re.compile(r"⚠ |Continuing automatically at |Usage limit has reset")
_DONE = re.compile(r"\w+ for (?:\d+[hms] ?)+(?: · .*)?")
_SPINNER = re.compile(r"\w+(?: \w+)?…(?:\s+\(.*)?|.* · retrying in \d.*", re.IGNORECASE)
#: A retry whose row ends before its attempt's number, and what can be in the next row.
_CUT_RETRY = re.compile(r"(?!.*\battempt \d+/\d+$).* · retrying in \d.*", re.IGNORECASE)
_REST_OF_RETRY = re.compile(
    r"\([\w:, ]{1,24}|\(?[\w:, ]{1,24}\) ·(?: attempt(?: \d+/\d+)?)?|(?:· )?attempt(?: \d+/\d+)?|\d+/\d+"
)
_BELOW_SPINNER = re.compile(r"Tip: |Queued\b|you: ")
_SPEAKERS = {"you": "❯ ", "claude": "● ", "tool": "● ", "tool error": "● "}


@dataclass(frozen=True)
class Prompt:
    """The prompt.

    ``mode`` is the row of the permission mode, ``row`` the draft's first row, ``end`` the row after its last one;
    ``shell``: it is in shell mode.
    """

    mode: int
    row: int
    end: int
    shell: bool


def find_prompt(texts: Sequence[str]) -> Optional[Prompt]:
    """Return the prompt at the bottom of a screen; None unless there certainly is one."""
    end = len(texts)
    while end and not texts[end - 1].strip():
        end -= 1
    rows = range(end - 1, max(-1, end - 1 - _MAX_DRAFT_ROWS), -1)
    first = next((row for row in rows if texts[row] == _SHELL or PROMPT.fullmatch(texts[row])), None)
    if first is None:
        return None
    if texts[first] == _SHELL:
        return Prompt(first, min(first + 1, end - 1), end, True)
    for row in range(first - 1, max(-1, first - 2 - _MAX_HINTS), -1):
        if _MODE.match(texts[row]) or texts[row] == _FOLDED_PASTE:
            return Prompt(row, first, end, False)
        if not texts[row].strip() or _SPEAKER.match(texts[row]):
            break
    return None


def dialog_rows(texts: Sequence[str]) -> Optional[tuple[int, int]]:
    """Return the first row of an open dialog and the row that asks for a number; None for another look."""
    asks = next((row for row in range(len(texts) - 1, max(-1, len(texts) - 6), -1) if _ASKS.match(texts[row])), None)
    if asks is None:
        return None
    top = next((row for row in range(asks - 1, -1, -1) if _SPEAKER.match(texts[row])), -1) + 1
    title = _OWNER_COPY if texts[asks].startswith("Enter") else _OWNER
    if title is _OWNER_COPY or any(map(_OFFER.match, texts[top:asks])):
        top = next((row for row in range(asks - 1, top, -1) if texts[row].startswith(title)), top)
    return top, asks


def in_marks(texts: Sequence[str]) -> Optional[list[str]]:
    """Return the plain rows of a screen in this look as the usual look shows them; None for another look.

    Nothing tells a row of the CLI's own from a further row of what a person or the model wrote: it becomes a reply.
    """
    texts = _unwrapped([_DRAFT.sub("$\xa0 ", text) for text in texts])
    asked = dialog_rows(texts)
    if asked is not None:
        begin, asks = asked
        return [*_conversation(texts[:begin], True), "─" * 20, *_dialog(texts[begin:asks]), *texts[asks + 1 :]]
    prompt = find_prompt(texts)
    if prompt is None or prompt.shell:
        return None
    top = prompt.mode
    while top and _FOOTER.match(texts[top - 1]):
        top -= 1
    draft = ["❯ " + texts[prompt.row][1:].strip(" \xa0"), *(f"  {text}" for text in texts[prompt.row + 1 : prompt.end])]
    footer = [f"  {text}" for text in texts[top : prompt.row]]
    return [*_conversation(texts[:top], top < prompt.mode), "─" * 20, *draft, "─" * 20, *footer]


def _unwrapped(texts: Sequence[str]) -> list[str]:
    """Return the rows with those joined that the look has wrapped at a blank: the blank begins the next row.

    Of a retry it is left out (2.1.332).
    """
    rows: list[str] = []
    for text in texts:
        if text.startswith(" ") and rows and rows[-1]:
            rows[-1] += text
        elif rows and _REST_OF_RETRY.fullmatch(text) and _CUT_RETRY.fullmatch(rows[-1]):
            rows[-1] += " " + text
        else:
            rows.append(text)
    return rows


def _dialog(texts: Sequence[str]) -> list[str]:
    """Return a dialog's rows, its first option as the selected one."""
    first = next((row for row, text in enumerate(texts) if _OPTION.match(text)), len(texts))
    return [("  ❯ " if row == first else "    ") + text for row, text in enumerate(texts)]


def _conversation(texts: Sequence[str], live: bool) -> list[str]:
    """Return the rows above the prompt; ``live``: the CLI's menu or notice of a limit is below them."""
    header = next((row for row, text in enumerate(texts) if _HEADER.match(text)), len(texts))
    spinner = next((row for row in range(len(texts) - 1, -1, -1) if not _BELOW_SPINNER.match(texts[row])), -1)
    rows: list[str] = []
    speaker = ""
    for index, text in enumerate(texts):
        spoken = _SPEAKER.match(text)
        if spoken:
            speaker = spoken.group("who")
            rows += ["", _SPEAKERS[speaker] + spoken.group("text")]
        elif index >= header and not speaker:
            rows.append("▐▛███▛█ " + text)
        elif _DONE.fullmatch(text) or (index == spinner and _SPINNER.fullmatch(text)):
            rows += ["", "✻ " + text]
        elif index > spinner:
            rows.append("  ⎿  " + text)
        elif not text or text[0].islower() or (speaker == "claude" and not live):
            rows.append(f"  {text}" if text else "")
        else:
            rows += ["", "● " + text]
    return rows
