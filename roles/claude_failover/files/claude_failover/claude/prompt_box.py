# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for input at the bottom of a Claude Code screen: its prompt box, or a dialog. Pure.

This decides whether a key may be sent, so it is strict: what is not surely a prompt box is none. (`claude_screen`, by
which only verdicts are reached, has a lenient rule.) Looks seen on Claude Code 2.1.330 and 2.1.197
(``tests/fixtures/claude-code/panes``), rows as ``capture-pane -p -e`` of tmux 3.3a gives them.

* The box is a row of ``─``, rows of text of which the first begins with ``❯`` (``!``: a shell command) and a
  no-break space and the others with two blanks, and a row of ``─``; below it are rows indented by two or more.
* Ghost text (a proposal, which the next key replaces) is dim but for the first character, where the cursor is: that one
  is in reverse video. What a person typed is neither.
* A long or tall paste is shown as ``[Pasted text #1 +13 lines]`` (14 lines) or ``[Pasted text #2]`` (2000 characters).
* A dialog takes the box's place, below a row of ``─`` or ``▔``, and ends with a row such as "Esc to cancel".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

_RULE = re.compile(r"─{20,}")
_DIALOG_RULE = re.compile(r"[─▔]{20,}")
_PROMPT = re.compile(r"([❯>!])[\xa0 ]")
_SELECTED = re.compile(r"\s*❯\s+\S")
_NUMBERED = re.compile(r"\s*(?:❯\s+)?\d+\.\s+\S")
_FIRST = re.compile(r"\s*(?:❯\s+)?1\.\s+\S")
_MARKS = re.compile(r"\A\s*(?:❯\s+)?(?:\d+\.\s+)?")
_HINT = re.compile(r"\b(?:Esc|Enter|Return) to [a-z]+", re.IGNORECASE)
_FOLDED = re.compile(r"\[Pasted text #\d+(?: \+(?P<lines>\d+) lines?)?\]")
_SGR = re.compile("\x1b\\[([0-9;:]*)m")
_OTHER_ESCAPE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])")

# A box is never taller than this, nor what is below it: help is seven rows, the limit's note three.
_TALLEST_BOX = 60
_TALLEST_FOOTER = 16


@dataclass(frozen=True)
class PromptBox:
    """The prompt box.

    ``draft`` is the text in it, its rows joined by line breaks; empty when what is there is ghost text, which
    ``ghost`` tells. ``shell``: it takes a shell command, not a prompt. ``row`` is the index of the first row of text,
    ``rows`` how many there are.
    """

    draft: str
    ghost: bool
    shell: bool
    row: int
    rows: int

    @property
    def folded(self) -> bool:
        """Whether the draft is nothing but one pasted text that is not shown."""
        return bool(_FOLDED.fullmatch(self.draft.strip()))


@dataclass(frozen=True)
class Dialog:
    """Something that waits for a choice.

    ``kind``: limit_menu, permission, trust, login, bypass, or other. ``title``: what it begins with. ``options``: what
    can be chosen, without numbers, as far as it can be told.
    """

    kind: str
    title: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class _Cell:
    char: str
    dim: bool
    reverse: bool


def prompt_box(lines: Sequence[str]) -> Optional[PromptBox]:
    """Find the prompt box in the rows of a screen, captured with escapes; None when there surely is none to type in.

    Rows without escapes do as well, but then ghost text counts as a draft.
    """
    rows = _cells(lines)
    texts = [_text(row) for row in rows]
    found = _box_rows(texts)
    if found is None:
        return None
    first, end = found
    shell = texts[first].startswith("!")
    content = [row[2:] for row in rows[first:end]]
    ghost = _is_ghost(content)
    draft = "" if ghost else "\n".join(_text(row) for row in content).strip("\n")
    return PromptBox(draft=draft, ghost=ghost, shell=shell, row=first, rows=end - first)


def dialog(lines: Sequence[str]) -> Optional[Dialog]:
    """Find the dialog that is open in the rows of a screen (with escapes or without); None when there is none."""
    texts = [_text(row) for row in _cells(lines)]
    while texts and not texts[-1].strip():
        texts.pop()
    if not texts or _box_rows(texts) is not None:
        return None
    hint = next((i for i in range(len(texts) - 1, max(-1, len(texts) - 5), -1) if _HINT.search(texts[i])), None)
    if hint is None:
        return None
    top = next((i for i in range(hint - 1, -1, -1) if _DIALOG_RULE.match(texts[i])), -1)
    body = [text for text in texts[top + 1 : hint] if text.strip()]
    first, options = _options(body)
    text = " ".join(row.strip(" ╌") for row in body[:first])
    return Dialog(kind=_kind(text, options), title=text[:120], options=tuple(options))


def shows(box: PromptBox, text: str) -> bool:
    """Tell whether the box holds ``text`` and nothing else: itself, however wrapped, or folded away after a paste.

    A text that does not fit in the box is there when the box shows its end.
    """
    if box.ghost or box.shell:
        return False
    folded = _FOLDED.fullmatch(box.draft.strip())
    if folded:
        lines = folded.group("lines")
        # Seen: 14 lines are shown as "+13 lines"; without a number it is one line.
        return int(lines or 0) in (text.count("\n"), text.count("\n") + 1)
    shown, whole = _squeezed(box.draft), _squeezed(text)
    return shown == whole or (box.rows >= 5 and len(shown) >= 80 and whole.endswith(shown))


def remains_of(box: PromptBox, text: str) -> bool:
    """Tell whether what the box holds can be what arrived of ``text``: part of its characters, in their order."""
    if box.ghost or not box.draft.strip():
        return False
    if box.folded:
        return True
    rest = iter(_squeezed(text))
    return all(char in rest for char in _squeezed(box.draft))


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _box_rows(texts: Sequence[str]) -> Optional[tuple[int, int]]:
    """Return the first row of text in the box, and the row of the rule below it."""
    bottom = len(texts) - 1
    while bottom >= 0 and not texts[bottom].strip():
        bottom -= 1
    end = bottom
    # Footer rows are indented. A status line may well hold a "❯", so only with a last row that says how to choose
    # is that a choice that is open.
    choosing = bottom >= 0 and bool(_HINT.search(texts[bottom]))
    while end >= 0 and not _RULE.fullmatch(texts[end].strip()):
        row = texts[end]
        if bottom - end > _TALLEST_FOOTER or (row.strip() and not row.startswith("  ")):
            return None
        if choosing and _SELECTED.match(row):
            return None
        end -= 1
    for first in range(end - 1, max(0, end - _TALLEST_BOX), -1):
        if _PROMPT.match(texts[first] + " "):
            return (first, end) if _RULE.match(texts[first - 1].lstrip()) else None
        if not texts[first].startswith("  ") and texts[first].strip():
            return None
    return None


def _is_ghost(content: Sequence[Sequence[_Cell]]) -> bool:
    cells = [cell for row in content for cell in row if cell.char not in " \xa0"]
    if not cells:
        return False
    return (
        any(cell.dim for cell in cells) and all(cell.dim for cell in cells[1:]) and (cells[0].dim or cells[0].reverse)
    )


def _options(body: Sequence[str]) -> tuple[int, list[str]]:
    """Return at which row of a dialog its options begin, and their texts.

    Numbered ones are the last run that begins with 1: what a dialog asks about can hold a list, too.
    """
    first = next((i for i in range(len(body) - 1, -1, -1) if _FIRST.match(body[i])), None)
    if first is None:
        first = next((i for i, text in enumerate(body) if _SELECTED.match(text)), len(body))
        return first, [_plain_option(text) for text in body[first:]]
    options: list[str] = []
    for text in body[first:]:
        if _NUMBERED.match(text):
            options.append(_plain_option(text))
        else:
            options[-1] += " " + text.strip()
    return first, options


def _plain_option(text: str) -> str:
    return _MARKS.sub("", text).strip()


def _kind(text: str, options: Sequence[str]) -> str:
    choices = " | ".join(options)
    for kind, where, pattern in _KINDS:
        if re.search(pattern, choices if where == "options" else text, re.IGNORECASE):
            return kind
    return "other"


# What a dialog is, by what it offers or says; the first that matches. Seen on 2.1.330 and 2.1.197, the login ones
# on their start-up screens.
_KINDS = (
    ("limit_menu", "options", r"wait for (?:the )?limit to reset"),
    ("trust", "options", r"trust this folder"),
    ("trust", "text", r"do you trust the files in this folder"),
    ("bypass", "text", r"running in bypass permissions mode"),
    ("login", "text", r"select login method|paste code here|log ?in (?:with|to) (?:your )?claude"),
    ("permission", "text", r"do you want to (?:proceed|make this edit|create|overwrite|allow|\w+).*\?"),
)


def _cells(lines: Sequence[str]) -> list[list[_Cell]]:
    """Take rows apart into characters with their attributes, which last from one row to the next."""
    dim = reverse = False
    rows: list[list[_Cell]] = []
    for line in lines:
        row: list[_Cell] = []
        position = 0
        for found in [*_SGR.finditer(line), None]:
            piece = line[position : found.start() if found else len(line)]
            row += [_Cell(char, dim, reverse) for char in _OTHER_ESCAPE.sub("", piece)]
            if found:
                dim, reverse = _attributes(found.group(1), dim, reverse)
                position = found.end()
        rows.append(row)
    return rows


def _attributes(parameters: str, dim: bool, reverse: bool) -> tuple[bool, bool]:
    """Return dim and reverse after one SGR escape."""
    numbers = [int(word) if word.isdigit() else 0 for word in parameters.split(";")]
    i = 0
    while i < len(numbers):
        number = numbers[i]
        if number in (38, 48, 58):
            # A colour's own numbers are no attributes: 5;N or 2;R;G;B.
            i += {5: 2, 2: 4}.get(numbers[i + 1] if i + 1 < len(numbers) else 0, 0)
        elif number == 0:
            dim = reverse = False
        elif number in (2, 22):
            dim = number == 2
        elif number in (7, 27):
            reverse = number == 7
        i += 1
    return dim, reverse


def _text(row: Sequence[_Cell]) -> str:
    return "".join(cell.char for cell in row).rstrip(" ")
