# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a screen of Claude Code is made of: the conversation's blocks, and what stands below them. Pure.

Looks seen: 2.1.330 and 2.1.197 (captures), 1.0 to 2.1.118 (screens that people reported): prompts `❯` or `>`, replies
`●` or `⏺`, results `⎿` two columns in, done lines `✻ … for 3s`, a prompt box between two long rules (or with rounded
corners), menus with a selected `❯ 1.`, a footer below the box.

This reads whatever a screen may show, old looks and cropped captures too, to judge what was said on it. Whether a key
may be sent is for `tmux.screen`, whose rule for the prompt box is another one: in doubt, none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common.ansi import indent_of, plain_lines

_RULE = re.compile(r"^\s*(?:[─━▔]{8,}.*|.*▔)$")
_BOX_RULE = re.compile(r"^[─━╭╰]{1}[─━]{7,}")
_BOX_PROMPT = re.compile(r"^[❯>!](?:\s(.*))?$")
_BORDERED = re.compile(r"^\s{0,1}[│┃║](.*?)[│┃║]?$")
_TOP, _BOTTOM = re.compile(r"^\s{0,1}[╭┌╔┏]"), re.compile(r"^\s{0,1}[╰└╚┗]")
_VERSION = re.compile(r"(?:Claude Code\s+|^[ ▐▛█▜▌▝▘]+\s)v(\d+)\.(\d+)\.(\d+)\b")
_LOGO = re.compile(r"[▐▛█▜▌▝▘]{3,}|▝▝ {1,4}▝▝|▘▘ {1,4}▝▝")
#: Where a shell's prompt ends, and its command begins; oh-my-zsh puts the folder behind its arrow.
_SHELL_PROMPT = re.compile(r".*?(?:[$#%>❯✗λ](?=\s|$)|➜\s+\S+(?: git:\(\S+)?(?=\s|$))[\s$#%>❯✗λ]*")
_LAUNCH = re.compile(r"(?:.*(?:&&|;)\s*)?(?:(?:exec|env|command|time)\s+|\w+=\S*\s+)*(?:[\w.~/+-]*/)?claude(?=\s|$)")
_LAUNCH_ALONE = re.compile(_LAUNCH.pattern + r"(?:$|\s+-)")  # without a shell's prompt: no prose
_RESUMING = re.compile(r"\s(?:--resume|-r|--continue|-c|--from-pr|--teleport)\b")
_OPTION = re.compile(r"^\s*(?P<selected>❯\s*)?(?P<number>\d)\.\s+(?P<text>\S.*)$")
_MENU_END = re.compile(r"esc to cancel|enter to (?:confirm|select|continue)", re.IGNORECASE)
_DONE = re.compile(
    r"^[✻✽✶✳✢*·∗] (?:\S+ for (?:\d+[hms] ?)+|"
    r"Waiting for \d+ background (?:agents?|tasks?|shells?) to finish)(?: · .*)?$"
)
_SPINNER = re.compile(r"^[✻✽✶✳✢*·∗⏺] ?\S.{0,60}(?:…|\.\.\.)(?:\s*\(.*)?|^[✻✽✶✳✢*·∗] .*\bretrying in \d")
# The list's own headline: `  8 tasks (7 done, …` (2.1.x), `  Todos` (1.x, 2.0).
_TASKS = re.compile(r"^\s{0,6}(?:[✔✓◼◻☐☒□■]\s|\d+ tasks? \(|Todos$)")
# What is above was folded: `✻ Conversation compacted` and, in 2.0.55, `═══ Conversation compacted · ctrl+o … ═══`.
_COMPACTED = re.compile(r"^[═─]{3,}\s+(Conversation compacted\b.*?)[\s═─]*$")
_COLLAPSED = re.compile(
    r"^(?:(?:Ran|Read|Reading|Searched|Listed|Edited|Wrote|Fetched|Called|Updated|Created|Used|"
    r"Deleted|Recalled|Loaded|Queried|Launched)\b.*\d|.*\(ctrl\+\w to expand\)|"
    r"\d+ agents? (?:finished|launched|completed)|"
    # Not a tool's titles, but what the CLI says of work in the background (2.1.2xx).
    r"Monitor event: \"|Agent \"[^\"]+\" (?:finished|completed) · \d)",
    re.IGNORECASE,
)
_TOOL = re.compile(
    r"^[A-Z][\w.:/-]*\(|^[A-Z][\w.:/-]*(?: [\w.:/-]+){0,3}\s?\((?!ctrl\+)|^mcp__|"
    r"^[\w.-]+ - [\w.-]+ \(MCP\)"
)


@dataclass
class ScreenBlock:
    """One part of the conversation.

    ``kind``: ``prompt``, ``shell`` (a command the user ran with ``!``), ``reply``, ``tool``, ``collapsed`` (tool uses
    folded into one line), ``result``, ``done``, ``spinner``, ``note`` (``▎`` at the left edge), ``tasks``, ``bare``
    (text at the left edge with no mark), ``loose`` (indented text that belongs to nothing). ``paragraphs``: its text,
    wrapped lines joined. ``apart``: a blank line is above it.
    """

    kind: str
    indent: int
    paragraphs: list[str] = field(default_factory=list)
    apart: bool = False

    @property
    def text(self) -> str:
        """Return the first paragraph."""
        return self.paragraphs[0] if self.paragraphs else ""


@dataclass(frozen=True)
class Menu:
    """An open menu: its title and options, as text."""

    title: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Screen:
    """A screen taken apart.

    ``box``: the draft in the prompt box, None if there is no box; ``footer``: the lines below it; ``header``: whether
    the CLI's start-up header is in view, ``version``: the one it names; ``launch``: ``new`` or ``resumed``, where the
    command that started it stands above its header.
    """

    blocks: tuple[ScreenBlock, ...]
    box: str | None
    footer: tuple[str, ...]
    menu: Menu | None
    header: bool
    version: tuple[int, int, int] | None
    launch: str | None = None

    def footer_text(self) -> str:
        """Return the footer on one line (a narrow pane wraps it)."""
        return " ".join(" ".join(self.footer).split())


def read_screen(lines: Iterable[str]) -> Screen:
    """Take apart the lines of a pane (plain, or with escapes); any lines at all give a screen."""
    rows = plain_lines(lines)
    while rows and not rows[-1]:
        rows.pop()
    menu, end = _find_menu(rows)
    box: str | None = None
    footer: tuple[str, ...] = ()
    if menu is None:
        box, footer, end = _find_box(rows)
    conversation, above = _without_header(rows[:end])
    blocks = _Reader().read(conversation)
    return Screen(tuple(blocks), box, footer, menu, above is not None, _version(rows), _launch(above or []))


def _launch(above: list[str]) -> str | None:
    """Return how the command above the header began the session, if it is in view (a narrow pane wraps it)."""
    command: list[str] = []
    for row in reversed([row for row in above if row][-3:]):
        prompt = _SHELL_PROMPT.match(row)
        command.insert(0, row[prompt.end() :] if prompt else row)
        if prompt or _LAUNCH_ALONE.match(row):
            break
    else:
        return None
    # The terminal may have broken it at a blank, or in the middle of an option.
    joined = (" ".join(command), "".join(command))
    options = [text[started.end() :] for text in joined if (started := _LAUNCH.match(text))]
    if not options:
        return None
    return "resumed" if any(_RESUMING.search(text) for text in options) else "new"


def _version(rows: list[str]) -> tuple[int, int, int] | None:
    for row in rows:
        found = _VERSION.search(row)
        if found:
            return int(found.group(1)), int(found.group(2)), int(found.group(3))
    return None


def _find_menu(rows: list[str]) -> tuple[Menu | None, int]:
    """Return the menu at the bottom of the screen and the row it begins at (else None, the number of rows)."""
    selected = [i for i, row in enumerate(rows) if (m := _OPTION.match(row)) and m.group("selected")]
    if not selected:
        return None, len(rows)
    last = selected[-1]
    below = " ".join(row.strip() for row in rows[last:])
    answered = any(row[:1] in ("●", "⏺", "❯") and not _OPTION.match(row) for row in rows[last + 1 :])
    if answered or not _MENU_END.search(below):
        return None, len(rows)
    top = next((i for i in range(last, max(-1, last - 40), -1) if _RULE.match(rows[i])), None)
    start = last if top is None else top + 1
    texts: list[str] = []
    options: list[str] = []
    for row in rows[start:]:
        option = _OPTION.match(row)
        if _MENU_END.search(row):
            break
        if option:
            options.append(option.group("text"))
        elif row.strip() and options:
            options[-1] += " " + row.strip()
        elif row.strip():
            texts.append(row.strip())
    return Menu(" ".join(texts), tuple(options)), (last if top is None else top)


def _find_box(rows: list[str]) -> tuple[str | None, tuple[str, ...], int]:
    """Return the draft, the footer and the row at which the box begins (None, nothing, all rows, if there is none)."""
    for i in range(len(rows) - 1, 0, -1):
        inner = rows[i]
        border = _BORDERED.match(inner)
        rounded = bool(border and _TOP.match(rows[i - 1]))
        if rounded and border:
            inner = border.group(1).strip()
        found = _BOX_PROMPT.match(inner)
        if not found or not (rounded or _BOX_RULE.match(rows[i - 1])):
            continue
        close = next((k for k in range(i + 1, len(rows)) if _BOX_RULE.match(rows[k])), len(rows))
        if any(row[:1] in ("●", "⏺") for row in rows[close + 1 :]):
            return None, (), len(rows)  # an answer below it: a prompt of old under a rule, not the box
        draft = " ".join([found.group(1) or ""] + [row.strip(" │") for row in rows[i + 1 : close]]).strip()
        return draft, tuple(row for row in rows[close + 1 :] if row), i - 1
    for i in range(len(rows) - 1, -1, -1):  # a cropped capture: an empty prompt, and at most a footer after it
        if rows[i] in ("❯", ">"):
            return "", tuple(row for row in rows[i + 1 :] if row), i
        if rows[i] and indent_of(rows[i]) < 2:
            break
    return None, (), len(rows)


def _without_header(rows: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the rows below the newest start-up header, and those above it (None: there is no header)."""
    start = 0
    above: list[str] | None = None
    i = 0
    while i < len(rows):
        row = rows[i]
        if _TOP.match(row) and "Claude Code" in row:
            close = next((k for k in range(i, len(rows)) if _BOTTOM.match(rows[k])), i)
            start, above, i = close + 1, rows[:i], close
        elif _LOGO.search(row) and indent_of(row) < 3:
            # The logo has several rows; only what is above the first of them is above the header.
            above = rows[:i] if above is None or i > start else above
            start = i + 1
        i += 1
    return rows[start:], above


class _Reader:
    """Reads the conversation's rows, one after the other."""

    def __init__(self) -> None:
        self.blocks: list[ScreenBlock] = []
        self.current: ScreenBlock | None = None
        self.fresh = True  # the next continuation begins a paragraph
        self.tree = False  # within a tree of sub-agents
        self.width = 0  # of the widest row: where the terminal itself broke a line
        self.full = False  # the row before filled it
        self.before = 0  # that row's length
        self.spilt = False  # bare text at hand that may be the rest of a prompt of old

    def read(self, rows: list[str]) -> list[ScreenBlock]:
        """Return the blocks."""
        self.width = max((len(row) for row in rows if not _RULE.match(row)), default=0)
        for row in rows:
            self._row(row)
            # A break at a blank leaves the row one shorter: the blank is not captured.
            self.full = len(row) >= self.width - 1
            self.before = len(row)
        return self.blocks

    def _start(self, kind: str, indent: int, text: str) -> None:
        self.current = ScreenBlock(kind, indent, [text.strip()] if text.strip() else [], self.fresh)
        self.blocks.append(self.current)
        self.fresh = False
        self.tree = False

    def _row(self, row: str) -> None:
        bordered = _BORDERED.match(row)
        if (_TOP.match(row) or _BOTTOM.match(row)) and not row.lstrip().startswith("└ "):
            self.fresh = True
            return
        if bordered:
            inner = bordered.group(1)
            row = inner[1:].rstrip() if inner.startswith(" ") else inner.rstrip()
        text, indent = row.strip(), indent_of(row)
        if not text:
            self.fresh = True
        elif indent < 2 and (compacted := _COMPACTED.match(text)):
            self._start("collapsed", indent, compacted.group(1))
        elif _RULE.match(row) and indent < 2:
            self.current, self.fresh = None, True
        elif indent < 2 and self._marked(text, indent):
            return
        elif text.startswith("⎿"):
            self._result(text, indent)
        elif text[0] in "├└│" and indent >= 2:
            self.tree = True
        elif _TASKS.match(row) and (
            self.fresh or self.current is None or self.current.kind in ("done", "spinner", "tasks")
        ):
            self._start("tasks", indent, text)
        elif indent >= 2:
            self._continued(text, indent)
        else:
            self._bare(text, indent)

    def _marked(self, text: str, indent: int) -> bool:
        """Begin a block for a line with a mark at the left edge; False if it has none."""
        mark, rest = text[0], text[1:].strip()
        if mark in "❯>" and (len(text) == 1 or text[1] == " "):
            self._start("shell" if rest.startswith("!") else "prompt", indent, rest)
        elif text.startswith("! "):
            self._start("shell", indent, rest)
        elif _DONE.match(text):
            self._start("done", indent, text)
        elif _SPINNER.match(text):
            self._start("spinner", indent, text)
        elif mark in "●⏺":
            kind = "tool" if _TOOL.match(rest) else "collapsed" if _COLLAPSED.match(rest) else "reply"
            self._start(kind, indent, rest)
        elif mark == "⎿":
            self._result(text, indent)
        elif mark in "▎※":
            self._start("note", indent, rest)
        elif mark in "✻✽✶✳✢∴":
            self._start("reply", indent, rest)
        else:
            return False
        return True

    def _result(self, text: str, indent: int) -> None:
        if self.tree and indent > 4:
            return  # a sub-agent's own line
        if self.spilt and not self.fresh and self.blocks[-1] is self.current and self.current.kind == "bare":
            self.current = self.blocks[-2]
            self.current.paragraphs[-1] += " " + self.blocks.pop().text
        self._start("result", indent, text[1:])

    def _continued(self, text: str, indent: int) -> None:
        block = self.current
        if self.tree and block is not None:
            return
        if block is None or (block.kind in ("done", "spinner", "note", "tasks", "bare") and self.fresh):
            self._start("collapsed" if _COLLAPSED.match(text) and indent <= 4 else "loose", indent, text)
        elif (
            self.fresh
            and indent <= 4
            and block.kind in ("reply", "tool", "result", "collapsed", "prompt", "shell")
            and _COLLAPSED.match(text)
        ):
            self._start("collapsed", indent, text)
        elif block.kind == "result" and self.fresh and indent < block.indent + 3:
            self._start("loose", indent, text)
        elif self.fresh or not block.paragraphs:
            block.paragraphs.append(text)
            self.fresh = False
        else:
            block.paragraphs[-1] += " " + text

    def _bare(self, text: str, indent: int) -> None:
        block = self.current
        if (
            self.full
            and not self.fresh
            and block is not None
            and block.kind in ("result", "reply")
            and block.paragraphs
        ):
            # Broken by the terminal: at a blank, or in the middle of a word.
            block.paragraphs[-1] += (" " if indent or self.before < self.width else "") + text
        elif block is not None and block.kind == "bare" and not self.fresh:
            block.paragraphs[-1] += " " + text
        else:
            # 1.x and 2.0 wrapped a prompt to the left edge. What a shell prints stands there, too; but no elbow below
            # it, and it does not begin where the row above had no room for its first word.
            self.spilt = (
                block is not None
                and block.kind == "prompt"
                and bool(block.paragraphs)
                and not self.fresh
                and self.before + len(text.split()[0]) >= self.width
            )
            self._start("bare", 0, text)
