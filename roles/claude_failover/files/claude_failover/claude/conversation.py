# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the conversation on a Claude Code screen into blocks: prompts, replies, tool uses, results. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..common.ansi import indent_of

#: A horizontal rule. Rounded and square corners belong to frames (`FRAME_TOP`, `FRAME_BOTTOM`).
RULE = re.compile(r"^\s*(?:[─━▔]{8,}.*|.*▔)$")
FRAMED = re.compile(r"^\s{0,1}[│┃║](.*?)[│┃║]?$")
FRAME_TOP, FRAME_BOTTOM = re.compile(r"^\s{0,1}[╭┌╔┏]"), re.compile(r"^\s{0,1}[╰└╚┗]")
_DONE = re.compile(
    r"^[✻✽✶✳✢*·∗] (?:\S+ for (?:\d+[hms] ?)+|"
    r"Waiting for \d+ background (?:agents?|tasks?|shells?) to finish)(?: · .*)?$"
)
_SPINNER = re.compile(r"^[✻✽✶✳✢*·∗⏺] ?\S.{0,60}(?:…|\.\.\.)(?:\s*\(.*)?|^[✻✽✶✳✢*·∗] .*\b[Rr]etrying in \d")
# Headlines of the task list: `  8 tasks (7 done, …` (2.1.x), `  Todos` (1.x, 2.0).
_TASKS = re.compile(r"^\s{0,6}(?:[✔✓◼◻☐☒□■]\s|\d+ tasks? \(|Todos$)")
# Shown after a compaction: `✻ Conversation compacted`, in 2.0.55 `═══ Conversation compacted · ctrl+o … ═══`.
_COMPACTED = re.compile(r"^[═─]{3,}\s+(Conversation compacted\b.*?)[\s═─]*$")
_COLLAPSED = re.compile(
    r"^(?:(?:Ran|Read|Reading|Searched|Listed|Edited|Wrote|Fetched|Called|Updated|Created|Used|"
    r"Deleted|Recalled|Loaded|Queried|Launched)\b.*\d|.*\(ctrl\+\w to expand\)|"
    r"\d+ agents? (?:finished|launched|completed)|"
    # Reports about background work, not titles of tools (2.1.2xx).
    r"Monitor event: \"|Agent \"[^\"]+\" (?:finished|completed) · \d)",
    re.IGNORECASE,
)
_TOOL = re.compile(
    r"^[A-Z][\w.:/-]*\(|^[A-Z][\w.:/-]*(?: [\w.:/-]+){0,3}\s?\((?!ctrl\+)|^mcp__|"
    r"^[\w.-]+ - [\w.-]+ \(MCP\)"
)


@dataclass
class ScreenBlock:
    """A part of the conversation.

    ``kind``: ``prompt``, ``shell`` (a command that the user ran with ``!``), ``reply``, ``tool``, ``collapsed`` (tool
    uses folded into one line), ``result``, ``done``, ``spinner``, ``note`` (``▎`` at the left edge), ``tasks``,
    ``bare`` (unmarked text at the left edge), ``loose`` (indented text outside any other block). ``paragraphs``: the
    text, wrapped lines joined. ``apart``: a blank line precedes the block.
    """

    kind: str
    indent: int
    paragraphs: list[str] = field(default_factory=list)
    apart: bool = False

    @property
    def text(self) -> str:
        """Return the first paragraph."""
        return self.paragraphs[0] if self.paragraphs else ""


def parse_conversation(rows: list[str]) -> list[ScreenBlock]:
    """Return the blocks of a conversation's rows (plain text), top to bottom."""
    return _ConversationParser(rows).parse()


class _ConversationParser:
    """State of the parser between rows."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows
        self._blocks: list[ScreenBlock] = []
        self._current: ScreenBlock | None = None
        self._after_blank = True  # the next continuation starts a paragraph
        self._in_agent_tree = False
        self._width = max((len(row) for row in rows if not RULE.match(row)), default=0)  # the terminal wraps here
        self._previous_full = False  # the previous row fills the width
        self._previous_length = 0
        self._may_continue_prompt = False  # the current bare block may be the rest of a wrapped prompt (1.x, 2.0)

    def parse(self) -> list[ScreenBlock]:
        for row in self._rows:
            self._row(row)
            # A row wrapped at a blank is one shorter: the blank is not captured.
            self._previous_full = len(row) >= self._width - 1
            self._previous_length = len(row)
        return self._blocks

    def _start(self, kind: str, indent: int, text: str) -> None:
        self._current = ScreenBlock(kind, indent, [text.strip()] if text.strip() else [], self._after_blank)
        self._blocks.append(self._current)
        self._after_blank = False
        self._in_agent_tree = False

    def _row(self, row: str) -> None:
        framed = FRAMED.match(row)
        if (FRAME_TOP.match(row) or FRAME_BOTTOM.match(row)) and not row.lstrip().startswith("└ "):
            self._after_blank = True
            return
        if framed:
            inner = framed.group(1)
            row = inner[1:].rstrip() if inner.startswith(" ") else inner.rstrip()
        text, indent = row.strip(), indent_of(row)
        if not text:
            self._after_blank = True
        elif indent < 2 and (compacted := _COMPACTED.match(text)):
            self._start("collapsed", indent, compacted.group(1))
        elif RULE.match(row) and indent < 2:
            self._current, self._after_blank = None, True
        elif indent < 2 and self._marked(text, indent):
            return
        elif text.startswith("⎿"):
            self._result(text, indent)
        elif text[0] in "├└│" and indent >= 2:
            self._in_agent_tree = True
        elif _TASKS.match(row) and (
            self._after_blank or self._current is None or self._current.kind in ("done", "spinner", "tasks")
        ):
            self._start("tasks", indent, text)
        elif indent >= 2:
            self._continued(text, indent)
        else:
            self._bare(text, indent)

    def _marked(self, text: str, indent: int) -> bool:
        """Start a block for a row that begins with a mark; return False if there is no mark."""
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
        if self._in_agent_tree and indent > 4:
            return  # a line of the sub-agent itself
        if (
            self._may_continue_prompt
            and not self._after_blank
            and self._blocks[-1] is self._current
            and self._current.kind == "bare"
        ):
            self._current = self._blocks[-2]
            self._current.paragraphs[-1] += " " + self._blocks.pop().text
        self._start("result", indent, text[1:])

    def _continued(self, text: str, indent: int) -> None:
        block = self._current
        if self._in_agent_tree and block is not None:
            return
        if block is None or (block.kind in ("done", "spinner", "note", "tasks", "bare") and self._after_blank):
            self._start("collapsed" if _COLLAPSED.match(text) and indent <= 4 else "loose", indent, text)
        elif (
            self._after_blank
            and indent <= 4
            and block.kind in ("reply", "tool", "result", "collapsed", "prompt", "shell")
            and _COLLAPSED.match(text)
        ):
            self._start("collapsed", indent, text)
        elif block.kind == "result" and self._after_blank and indent < block.indent + 3:
            self._start("loose", indent, text)
        elif self._after_blank or not block.paragraphs:
            block.paragraphs.append(text)
            self._after_blank = False
        else:
            block.paragraphs[-1] += " " + text

    def _bare(self, text: str, indent: int) -> None:
        block = self._current
        if (
            self._previous_full
            and not self._after_blank
            and block is not None
            and block.kind in ("result", "reply")
            and block.paragraphs
        ):
            # Wrapped by the terminal, at a blank or within a word.
            block.paragraphs[-1] += (" " if indent or self._previous_length < self._width else "") + text
        elif block is not None and block.kind == "bare" and not self._after_blank:
            block.paragraphs[-1] += " " + text
        else:
            # 1.x and 2.0 wrapped a prompt to the left edge, where a shell's output is, too; but that has no `⎿` below
            # it, and does not start where the previous row had no room for its first word.
            self._may_continue_prompt = (
                block is not None
                and block.kind == "prompt"
                and bool(block.paragraphs)
                and not self._after_blank
                and self._previous_length + len(text.split()[0]) >= self._width
            )
            self._start("bare", 0, text)
