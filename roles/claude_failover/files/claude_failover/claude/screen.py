# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse a Claude Code screen for recognition: conversation, prompt box, footer, menu, start-up header. Pure.

This parser is lenient on purpose, accepting old layouts and cropped captures, while `prompt_box`, which permits keys,
is strict: in doubt they must err in opposite directions, so they stay two.

Layouts seen on 2.1.330 and 2.1.197 (captures) and on 1.0 to 2.1.118 (reported screens): prompts `❯` or `>`, replies `●`
or `⏺`, results `⎿` indented by two, done lines `✻ … for 3s`, a prompt box between two long rules (or with rounded
corners), menus with a selected `❯ 1.`, a footer below the box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..common.ansi import indent_of, plain_lines
from . import screen_reader
from .conversation import FRAME_BOTTOM, FRAME_TOP, FRAMED, RULE, ScreenBlock, parse_conversation
from .prompt_box import NAMED_RULE

_BOX_RULE = re.compile(r"^[─━╭╰]{1}[─━]{7,}")
_BOX_PROMPT = re.compile(r"^[❯>!](?:\s(.*))?$")
_VERSION = re.compile(r"(?:Claude Code\s+|^[ ▐▛█▜▌▝▘]+\s)v(\d+)\.(\d+)\.(\d+)\b")
_LOGO = re.compile(r"[▐▛█▜▌▝▘]{3,}|▝▝ {1,4}▝▝|▘▘ {1,4}▝▝")
#: A shell's prompt, up to the command; oh-my-zsh prints the folder after its arrow.
_SHELL_PROMPT = re.compile(r".*?(?:[$#%>❯✗λ](?=\s|$)|➜\s+\S+(?: git:\(\S+)?(?=\s|$))[\s$#%>❯✗λ]*")
_CLAUDE_COMMAND = re.compile(
    r"(?:.*(?:&&|;)\s*)?(?:(?:exec|env|command|time)\s+|\w+=\S*\s+)*(?:[\w.~/+-]*/)?claude(?=\s|$)"
)
_BARE_CLAUDE_COMMAND = re.compile(_CLAUDE_COMMAND.pattern + r"(?:$|\s+-)")  # without a shell's prompt; not prose
_RESUME_OPTION = re.compile(r"\s(?:--resume|-r|--continue|-c|--from-pr|--teleport)\b")
_OPTION = re.compile(r"^\s*(?P<selected>❯\s*)?(?P<number>\d)\.(?:\s+|(?=[^\s\d]))(?P<text>\S.*)$")
# In a pane of 58 columns or fewer 2.1.197 draws the mark of a retry alone, and below it two columns: what failed (cut),
# and when it is tried again.
_MARK_ALONE = re.compile(r"[✻✽✶✳✢*·∗]")
_TWO_COLUMNS = re.compile(r"\S.{0,60}? +(?=· retrying in \d)", re.IGNORECASE)
_MAX_RETRY_ROWS = 6
_MENU_END = re.compile(r"esc to cancel|enter to (?:confirm|select|continue)", re.IGNORECASE)


@dataclass(frozen=True)
class Menu:
    """A dialog with numbered options that is open at the bottom of the screen."""

    title: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class ParsedScreen:
    """The parts of a screen.

    ``draft``: the text in the prompt box, None without a prompt box; ``footer``: the lines below the box; ``header``:
    whether the CLI's start-up header is visible; ``version``: the version that it names; ``launch``: ``new`` or
    ``resumed`` if the command that started the CLI is visible above the header; ``read_aloud``: it is the look for
    screen readers, in which the model can write what looks like any row of the CLI's own.
    """

    blocks: tuple[ScreenBlock, ...]
    draft: str | None
    footer: tuple[str, ...]
    menu: Menu | None
    header: bool
    version: tuple[int, int, int] | None
    launch: str | None = None
    read_aloud: bool = False

    def footer_text(self) -> str:
        """Return the footer as one line (a narrow pane wraps it)."""
        return " ".join(" ".join(self.footer).split())


def parse_screen(lines: Iterable[str]) -> ParsedScreen:
    """Parse the lines of a pane, with or without escapes. Accepts any lines."""
    rows = plain_lines(lines)
    while rows and not rows[-1]:
        rows.pop()
    marked = screen_reader.in_marks(rows)
    version = _find_version(rows) or (screen_reader.SINCE if marked else None)
    rows = _with_whole_retries(marked or rows)
    menu, end = _find_menu(rows)
    draft: str | None = None
    footer: tuple[str, ...] = ()
    if menu is None:
        draft, footer, end = _find_box(rows)
    conversation, above = _split_at_header(rows[:end])
    blocks = parse_conversation(conversation)
    launch = _launch_kind(above or [])
    return ParsedScreen(
        tuple(blocks), draft, footer, menu, above is not None, version, launch, read_aloud=marked is not None
    )


def _with_whole_retries(rows: list[str]) -> list[str]:
    """Return the rows with each retry that a narrow pane splits in one row."""
    whole: list[str] = []
    index = 0
    while index < len(rows):
        begin = index + 1
        columns = _TWO_COLUMNS.match(rows[begin]) if _MARK_ALONE.fullmatch(rows[index]) and begin < len(rows) else None
        if columns is None:
            whole.append(rows[index])
            index += 1
            continue
        end = begin + 1
        while end < min(len(rows), begin + _MAX_RETRY_ROWS) and not _ends_retry(rows[end]):
            end += 1
        column = columns.end() - 1
        what = " ".join(text for row in rows[begin:end] if (text := row[:column].strip()))
        when = " ".join(text for row in rows[begin:end] if (text := row[column:].strip()))
        cut = "" if what.endswith(("…", "reached")) else "…"
        whole.append(f"{rows[index]} {what}{cut} {when}")
        index = end
    return whole


def _ends_retry(row: str) -> bool:
    return not row.strip() or row.lstrip().startswith("⎿") or RULE.match(row) is not None


def _launch_kind(above: list[str]) -> str | None:
    """Return whether the command above the header started a ``new`` or a ``resumed`` session; None if not visible."""
    command: list[str] = []
    for row in reversed([row for row in above if row][-3:]):
        prompt = _SHELL_PROMPT.match(row)
        command.insert(0, row[prompt.end() :] if prompt else row)
        if prompt or _BARE_CLAUDE_COMMAND.match(row):
            break
    else:
        return None
    # A narrow pane wraps the command at a blank or within an option.
    joined = (" ".join(command), "".join(command))
    options = [text[started.end() :] for text in joined if (started := _CLAUDE_COMMAND.match(text))]
    if not options:
        return None
    return "resumed" if any(_RESUME_OPTION.search(text) for text in options) else "new"


def _find_version(rows: list[str]) -> tuple[int, int, int] | None:
    for row in rows:
        found = _VERSION.search(row)
        if found:
            return int(found.group(1)), int(found.group(2)), int(found.group(3))
    return None


def _find_menu(rows: list[str]) -> tuple[Menu | None, int]:
    """Return the menu at the bottom of the screen and its first row; without a menu, None and the number of rows."""
    selected = [i for i, row in enumerate(rows) if (m := _OPTION.match(row)) and m.group("selected")]
    if not selected:
        return _find_title(rows)
    last = selected[-1]
    below = " ".join(row.strip() for row in rows[last:])
    answered = any(row[:1] in ("●", "⏺", "❯") and not _OPTION.match(row) for row in rows[last + 1 :])
    top = next((i for i in range(last, max(-1, last - 40), -1) if RULE.match(rows[i])), None)
    # In a pane of few rows 2.1.260 to 2.1.332 leave out what is below the selected option; `▔` is above dialogs only.
    cut = top is not None and _is_dialog_rule(rows[top]) and all(indent_of(row) >= 2 for row in rows[last + 1 :] if row)
    if answered or not (cut or _MENU_END.search(below)):
        return None, len(rows)
    start = last if top is None else top + 1
    texts: list[str] = []
    options: list[str] = []
    for row in rows[start:]:
        option = _OPTION.match(row)
        if _MENU_END.search(row):
            break
        if option:
            options.append(_without_arrow(option.group("text")))
        elif row.strip() and options:
            options[-1] += " " + row.strip()
        elif row.strip():
            texts.append(row.strip())
    return Menu(" ".join(texts), tuple(options)), (last if top is None else top)


def _find_title(rows: list[str]) -> tuple[Menu | None, int]:
    """Return the menu of which only the title is left at the bottom of a pane of very few rows (2.1.332), as above."""
    top = next((i for i in range(len(rows) - 1, -1, -1) if _is_dialog_rule(rows[i])), len(rows))
    texts = [text for row in rows[top + 1 :] if (text := _without_arrow(row).strip())]
    return (Menu(texts[0], ()), top) if len(texts) == 1 else (None, len(rows))


def _is_dialog_rule(row: str) -> bool:
    return row.lstrip().startswith("▔") and bool(RULE.match(row))


def _without_arrow(row: str) -> str:
    """Return a row without the arrow at its end which says that there is more below."""
    return row.rstrip(" ↓")


def _find_box(rows: list[str]) -> tuple[str | None, tuple[str, ...], int]:
    """Return the draft, the footer and the box's first row; without a box, None, () and the number of rows."""
    for i in range(len(rows) - 1, 0, -1):
        inner = rows[i]
        border = FRAMED.match(inner)
        rounded = bool(border and FRAME_TOP.match(rows[i - 1]))
        if rounded and border:
            inner = border.group(1).strip()
        found = _BOX_PROMPT.match(inner)
        if not found or not (rounded or _BOX_RULE.match(rows[i - 1]) or NAMED_RULE.fullmatch(rows[i - 1])):
            continue
        close = next((k for k in range(i + 1, len(rows)) if _BOX_RULE.match(rows[k])), len(rows))
        if any(row[:1] in ("●", "⏺") for row in rows[close + 1 :]):
            return None, (), len(rows)  # a reply below: an earlier prompt under a rule, not the box
        draft = " ".join([found.group(1) or ""] + [row.strip(" │") for row in rows[i + 1 : close]]).strip()
        return draft, tuple(row for row in rows[close + 1 :] if row), i - 1
    for i in range(len(rows) - 1, -1, -1):  # a cropped capture: an empty prompt and at most a footer
        if rows[i] in ("❯", ">"):
            return "", tuple(row for row in rows[i + 1 :] if row), i
        if rows[i] and indent_of(rows[i]) < 2:
            break
    return None, (), len(rows)


def _split_at_header(rows: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the rows below and above the newest start-up header; all rows and None without a header."""
    start = 0
    above: list[str] | None = None
    i = 0
    while i < len(rows):
        row = rows[i]
        if FRAME_TOP.match(row) and "Claude Code" in row:
            close = next((k for k in range(i, len(rows)) if FRAME_BOTTOM.match(rows[k])), i)
            start, above, i = close + 1, rows[:i], close
        elif _LOGO.search(row) and indent_of(row) < 3:
            # The logo has several rows; the first one ends the rows above the header.
            above = rows[:i] if above is None or i > start else above
            start = i + 1
        i += 1
    return rows[start:], above
