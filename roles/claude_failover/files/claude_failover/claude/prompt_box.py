# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the prompt box or the dialog that receives keys on a Claude Code screen. Pure.

This search permits keys, so it is strict on purpose (anything uncertain is no prompt box), while `screen`, which serves
recognition only, is lenient: in doubt they must err in opposite directions, so they stay two.

Layouts seen on Claude Code 2.1.330 and 2.1.197 (``tests/fixtures/claude-code/panes``), rows as printed by
``capture-pane -p -e`` of tmux 3.3a:

* The box is a row of ``─``, rows of text (the first begins with ``❯``, or ``!`` for a shell command, and a no-break
  space, the others with two blanks) and a row of ``─``; the rows below it are indented by two or more. The upper row
  of ``─`` holds the conversation's name at its right end, and can have room for nothing else (2.1.332).
* Ghost text (a suggestion that the next key replaces) is dim except for its first character, which is under the cursor
  and in reverse video. Typed text is neither.
* A long or tall paste is folded: ``[Pasted text #1 +13 lines]`` (14 lines) or ``[Pasted text #2]`` (2000 characters).
* A dialog replaces the box, below a row of ``─`` or ``▔``, and ends with a row such as "Esc to cancel"; 2.1.330 shows
  "Not answered yet" there after a key that came too early.

For the look without a box see `screen_reader`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Optional

from ..common.columns import width
from ..common.text import visible, whole_number
from . import screen_reader

_RULE = re.compile(r"─{20,}")
#: The rule above the box with the conversation's name (2.1.332).
NAMED_RULE = re.compile(r"─* \S.* ─")
_DIALOG_RULE = re.compile(r"[─▔]{20,}")
_PROMPT = re.compile(r"([❯>!])[\xa0 ]")
_SELECTED = re.compile(r"\s*❯\s+\S")
# A pane of 36 columns can lack the blank after a number (2.1.197).
_NUMBERED = re.compile(r"\s*(?:❯\s+)?\d+\.(?:\s+\S|[^\s\d])")
_NUMBERED_FIRST = re.compile(r"\s*(?:❯\s+)?1\.(?:\s+\S|[^\s\d])")
_OPTION_MARKS = re.compile(r"\A\s*(?:❯\s+)?(?:\d+\.(?:\s+|(?=[^\s\d])))?")
_KEY_HINT = re.compile(r"\b(?:Esc|Enter|Return) to [a-z]+|\bNot answered yet\b", re.IGNORECASE)
_FOLDED = re.compile(r"\[Pasted text #\d+(?: \+(?P<lines>\d+) lines?)?\]")
_SGR = re.compile("\x1b\\[([0-9;:]*)m")
_OTHER_ESCAPE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -/]*[0-~])")

# Maximum heights in rows. Seen below the box: help, seven rows; the limit's notice, three.
_MAX_BOX_ROWS = 60
_MAX_FOOTER_ROWS = 16


@dataclass(frozen=True)
class PromptBox:
    """The prompt box.

    ``draft``: the text in it, rows joined by line breaks, empty for ghost text; ``ghost``: it shows ghost text;
    ``shell``: it is in shell mode; ``row``: the index of the first row of text; ``rows``: the number of rows of text;
    ``deleted``: the draft may be deleted text that is announced to a screen reader.
    """

    draft: str
    ghost: bool
    shell: bool
    row: int
    rows: int
    deleted: bool = False

    @property
    def folded(self) -> bool:
        """True if the draft is a single folded paste."""
        return bool(_FOLDED.fullmatch(self.draft.strip()))


@dataclass(frozen=True)
class Dialog:
    """An open dialog.

    ``kind``: limit_menu, permission, trust, login, bypass, owner (whose the conversation is), owner_copy (the question
    that follows on a copy) or other. ``title``: the text before the options, up to 120 characters. ``options``: the
    recognised options, without numbers. ``selected``: the index of the one that the cursor is at, None if unknown.
    """

    kind: str
    title: str
    options: tuple[str, ...]
    selected: Optional[int] = None


@dataclass(frozen=True)
class _Cell:
    char: str
    dim: bool
    reverse: bool


def find_prompt_box(lines: Sequence[str]) -> Optional[PromptBox]:
    """Return the prompt box on a screen captured with escapes; None unless there certainly is one.

    Without escapes, ghost text counts as a draft.
    """
    texts = _texts(tuple(lines))
    found = _box_rows(texts)
    if found is None:
        return _read_aloud(lines, texts)
    first, end = found
    return _box(first, [row[2:] for row in _cells(lines, first, end)], shell=texts[first].startswith("!"))


def _read_aloud(lines: Sequence[str], texts: Sequence[str]) -> Optional[PromptBox]:
    """Return the prompt in the look for screen readers."""
    prompt = screen_reader.find_prompt(texts)
    if prompt is None:
        return None
    rows = _cells(lines, prompt.row, prompt.end)
    first = rows[0] if prompt.shell else rows[0][3:]
    box = _box(prompt.row, [first, *rows[1:]], shell=prompt.shell)
    return replace(box, deleted=not prompt.shell and not _text(first) and bool(box.draft))


def _box(first: int, content: Sequence[Sequence[_Cell]], *, shell: bool) -> PromptBox:
    ghost = _is_ghost(content)
    draft = "" if ghost else "\n".join(_text(row) for row in content).strip("\n")
    return PromptBox(draft=draft, ghost=ghost, shell=shell, row=first, rows=len(content))


def find_dialog(lines: Sequence[str]) -> Optional[Dialog]:
    """Return the open dialog on a screen captured with or without escapes; None if there is none."""
    texts = list(_texts(tuple(lines)))
    while texts and not texts[-1].strip():
        texts.pop()
    if not texts or _box_rows(texts) is not None or screen_reader.find_prompt(texts) is not None:
        return None
    hint = next((i for i in range(len(texts) - 1, max(-1, len(texts) - 5), -1) if _KEY_HINT.search(texts[i])), None)
    last = len(texts) if hint is None else hint
    top = next((i for i in range(last - 1, -1, -1) if _DIALOG_RULE.match(texts[i])), -1)
    read_aloud = screen_reader.dialog_rows(texts)
    begin, end = read_aloud or (top + 1, last)
    body = [text for text in texts[begin:end] if text.strip()]
    first, options = _options(body)
    text = " ".join(row.strip(" ╌") for row in body[:first])
    kind = _kind(text, options)
    titled = text.lower().startswith(("this session belongs to another", "copy this session to "))
    if kind in OWNER_DIALOGS and not (read_aloud and titled) and any(map(_NUMBERED.match, body[first:])):
        kind = "other"  # the CLI numbers these only where it reads aloud; the model's own question can have their words
    # A pane of few rows shows no key hint (2.1.332); then only the menu is certain, by its options and its indent.
    if hint is None and not (
        kind == "limit_menu" and top >= 0 and _SELECTED.match(body[first]) and all(row.startswith("  ") for row in body)
    ):
        return None
    at_cursor = [_plain_option(row) for row in body[first:] if _SELECTED.match(row)]
    selected = next((i for i, option in enumerate(options) if at_cursor and option.startswith(at_cursor[0])), None)
    return Dialog(kind=kind, title=text[:120], options=tuple(options), selected=selected)


def holds(box: PromptBox, text: str) -> bool:
    """Return whether the draft is exactly ``text``, however wrapped, or a folded paste with its number of lines.

    If the text is taller than the box, its visible end suffices.
    """
    if box.ghost or box.shell:
        return False
    folded = _FOLDED.fullmatch(box.draft.strip())
    if folded:
        lines = folded.group("lines")
        # Seen: 14 lines are shown as "+13 lines", one line without a number.
        return int(lines or 0) in (text.count("\n"), text.count("\n") + 1)
    shown, whole = visible(box.draft), visible(text)
    return shown == whole or (box.rows >= 5 and len(shown) >= 80 and whole.endswith(shown))


def copies(box: PromptBox, text: str) -> int:
    """Return how many times the draft holds ``text``, one after the other; 0 if it is cut or holds anything else."""
    if box.ghost or box.shell:
        return 0
    folded = len(_FOLDED.findall(box.draft))
    if folded:
        return folded if not _FOLDED.sub("", box.draft).strip() else 0
    shown, whole = visible(box.draft), visible(text)
    number = len(shown) // len(whole)
    return number if shown == whole * number else 0


def holds_part(box: PromptBox, text: str) -> bool:
    """Return whether the draft can be a partial arrival of ``text``: some of its characters, in order."""
    if box.ghost or not box.draft.strip():
        return False
    if box.folded:
        return True
    rest = iter(visible(text))
    return all(char in rest for char in visible(box.draft))


def _box_rows(texts: Sequence[str]) -> Optional[tuple[int, int]]:
    """Return the box's first row of text and the row of the rule below it."""
    bottom = len(texts) - 1
    while bottom >= 0 and not texts[bottom].strip():
        bottom -= 1
    end = bottom
    # Footer rows are indented. A status line can contain "❯", so a selected row means an open dialog only if the last
    # row is a key hint.
    has_key_hint = bottom >= 0 and bool(_KEY_HINT.search(texts[bottom]))
    while end >= 0 and not _RULE.fullmatch(texts[end].strip()):
        row = texts[end]
        if bottom - end > _MAX_FOOTER_ROWS or (row.strip() and not row.startswith("  ")):
            return None
        if has_key_hint and _SELECTED.match(row):
            return None
        end -= 1
    for first in range(end - 1, max(0, end - _MAX_BOX_ROWS), -1):
        if _PROMPT.match(texts[first] + " "):
            return (first, end) if _is_top(texts[first - 1], texts[end]) else None
        if not texts[first].startswith("  ") and texts[first].strip():
            return None
    return None


def _is_top(text: str, bottom: str) -> bool:
    """Return whether a row is the rule above the box whose lower rule is ``bottom``."""
    named = NAMED_RULE.fullmatch(text) is not None and width(text) == width(bottom)
    return named or bool(_RULE.match(text.lstrip()))


def _is_ghost(content: Sequence[Sequence[_Cell]]) -> bool:
    cells = [cell for row in content for cell in row if cell.char not in " \xa0"]
    if not cells:
        return False
    return (
        any(cell.dim for cell in cells) and all(cell.dim for cell in cells[1:]) and (cells[0].dim or cells[0].reverse)
    )


def _options(body: Sequence[str]) -> tuple[int, list[str]]:
    """Return the row at which a dialog's options begin, and their texts.

    Numbered options are the last list that begins with 1: the dialog's text can contain a list, too.
    """
    first = next((i for i in range(len(body) - 1, -1, -1) if _NUMBERED_FIRST.match(body[i])), None)
    if first is None:
        first = next((i for i, text in enumerate(body) if _SELECTED.match(text)), len(body))
        # Options above the cursor begin in the same column.
        while first < len(body) and first and _column(body[first - 1]) == _column(body[first]):
            first -= 1
        return first, [_plain_option(text) for text in body[first:]]
    options: list[str] = []
    for text in body[first:]:
        if _NUMBERED.match(text):
            options.append(_plain_option(text))
        else:
            options[-1] += " " + _plain_option(text)  # 2.1.81 draws the cursor on an option's last row
    return first, options


def _column(row: str) -> int:
    """Return the column in which an option's text begins."""
    return len(row) - len(row.lstrip(" \xa0❯"))


def _plain_option(text: str) -> str:
    return _OPTION_MARKS.sub("", text).strip()


def _kind(text: str, options: Sequence[str]) -> str:
    choices = " | ".join(options)
    for kind, where, pattern in _DIALOG_KINDS:
        if re.search(pattern, choices if where == "options" else text, re.IGNORECASE):
            return kind
    return "other"


#: The kinds of the owner dialog's two questions.
OWNER_DIALOGS = ("owner", "owner_copy")

# (kind, searched part, pattern); the first match wins. Seen on 2.1.330 and 2.1.197, login on their start-up screens,
# the owner's on 2.1.330 and 2.1.332.
_DIALOG_KINDS = (
    ("owner", "text", r"^this session belongs to another account"),
    ("owner_copy", "text", r"^copy this session to .*\?"),
    # In a pane of few rows their titles are out of view (2.1.332: 10 rows, or 14 of 36 columns).
    ("owner", "options", r"^exit claude code(?: \||$)"),
    ("owner_copy", "text", r"^(?:.{0,80}\? )?continuing this conversation in a new account shares\b"),
    ("limit_menu", "options", r"(?:^|\| )(?:stop and )?wait for (?:the )?limit to reset"),
    ("trust", "options", r"trust this folder"),
    ("trust", "text", r"do you trust the files in this folder"),
    ("bypass", "text", r"running in bypass permissions mode"),
    ("login", "text", r"select login method|paste code here|log ?in (?:with|to) (?:your )?claude"),
    ("permission", "text", r"do you want to (?:proceed|make this edit|create|overwrite|allow|\w+).*\?"),
)


@lru_cache(maxsize=1)  # the box and the dialog are looked for on the same screen
def _texts(lines: tuple[str, ...]) -> list[str]:
    """Return the rows without escapes, and without blanks at their end."""
    return ["".join(_OTHER_ESCAPE.sub("", piece) for piece in _SGR.split(line)[::2]).rstrip(" ") for line in lines]


def _cells(lines: Sequence[str], begin: int, end: int) -> list[list[_Cell]]:
    """Split the rows from ``begin`` to ``end`` into characters with attributes, which carry over to the next row."""
    dim = reverse = False
    rows: list[list[_Cell]] = []
    for number, line in enumerate(lines[:end]):
        row: list[_Cell] = []
        position = 0
        for found in [*_SGR.finditer(line), None]:
            if number >= begin:
                piece = line[position : found.start() if found else len(line)]
                row += [_Cell(char, dim, reverse) for char in _OTHER_ESCAPE.sub("", piece)]
            if found:
                dim, reverse = _attributes(found.group(1), dim, reverse)
                position = found.end()
        if number >= begin:
            rows.append(row)
    return rows


@lru_cache(maxsize=256)
def _attributes(parameters: str, dim: bool, reverse: bool) -> tuple[bool, bool]:
    """Return dim and reverse after an SGR escape."""
    numbers = [whole_number(word) or 0 for word in parameters.split(";")]
    i = 0
    while i < len(numbers):
        number = numbers[i]
        if number in (38, 48, 58):
            # Skip the parameters of a colour: 5;N or 2;R;G;B.
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
