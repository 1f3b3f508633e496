# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify a pane: a banner that is the newest event of the newest turn is a usage limit.

Panes serve sessions without hooks or a known transcript. A banner counts only where the CLI itself prints it.

A banner above an idle prompt box is ambiguous. Measured: on 2.1.330 a weekly limit whose menu was closed with Esc and a
session resumed under an account with usage left show the same screen, byte for byte (the `/effort` hint above the box
comes and goes in both); resuming prints the notices `● Usage limit reached` and `● Automatic continue cancelled` again.
On 2.1.197 (no menu without usage credits) even a limit just hit looks like that. So, with a visible prompt box:

* limited, if the CLI's menu or its waiting footer is shown, whatever else the newest turn shows;
* limited, if the command above the start-up header started a new session, so the banner belongs to this process, unless
  it is a reply (`●`), which a model can be told to write;
* otherwise not limited, rule `banner-above-idle-prompt`, if the screen shows a start-up header or the layout of a
  version that opens a menu or waits: a sweep saw the menu before it was closed, and the transcript has the record (both
  versions open the menu or wait once per reset time; a second refusal shows the banner only);
* otherwise limited: older versions show nothing but the banner.

A refused `/compact` never opens a menu nor waits, so its error above an idle prompt is limited, unless the command
above the header resumed a session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from itertools import takewhile
from re import Pattern

from ..claude.conversation import ScreenBlock
from ..claude.local_commands import COMPACTION_ERROR, is_local_command, is_unknown_command, moves_on
from ..claude.screen import ParsedScreen, parse_screen
from . import wordings
from .matching import first_match, may_follow_banner, normalise
from .message import (
    MESSAGE_MAX,
    blocking_row,
    limited_by,
    limited_by_operator,
    non_blocking,
    undecided,
    unknown_wording,
    without_compaction,
)
from .retry import classify_retry
from .verdict import Verdict, not_limited

#: The first version that opens a menu or waits for the reset (documentation; seen on 2.1.330).
WAITING_SINCE = (2, 1, 234)
_DONE_AT = re.compile(r" · done \d{1,2}:\d{2}")  # `✻ Baked for 0s · done 8:06 PM`: 2.1.330, not yet 2.1.197
_LIMIT_MENU = re.compile(r"\bwait for (?:the )?limit to(?: reset\b|$)", re.IGNORECASE)  # cut off: 2.1.332
#: Title and options of the limit menu without a reset to wait for (reported on 2.1.2xx): `1. Stop / 2. Add funds to …`.
_STOP_MENU = (
    re.compile(r"^what do you want to do\?$", re.IGNORECASE),
    re.compile(r"^stop$", re.IGNORECASE),
    re.compile(r"^(?:add funds to continue|upgrade your plan)\b", re.IGNORECASE),
)
_RUNNING = re.compile(r"\besc to interrupt\b", re.IGNORECASE)
#: A result of a request that was interrupted, or that failed otherwise.
_FAILED = re.compile(r"^(?:interrupted\b ·|(?:error: )?error\b|.{0,40}\bhook\b)", re.IGNORECASE)
#: A result printed before a tool's output.
_PREAMBLE = re.compile(
    r"^(?:allowed by|approved by|denied by|running|waiting|pretooluse|posttooluse|hook\b)", re.IGNORECASE
)
#: A longer reply, or one that ends like a sentence, is prose; any other may be the title of a tool use, written by the
#: model, or the beginning of one.
_TITLE_MAX = 120
#: Maximum indent of the CLI's own results (`⎿`), and minimum indent of a tool's output or a quotation.
_RESULT_INDENT, _OUTPUT_INDENT = 3, 5
#: Kinds of blocks that may follow a banner.
_NEUTRAL_KINDS = ("done", "note", "tasks")


def classify_pane(
    lines: Sequence[str], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Classify the lines of a pane, with or without escapes. Raises nothing.

    Args:
        lines: the captured lines.
        now: when they were captured (aware).
        tz: the host's time zone.
        extra_patterns: the operator's own, compiled; searched for where a banner may stand.
    """
    screen = parse_screen(lines)
    extra = tuple(extra_patterns)
    turn = _newest_turn_blocks(screen.blocks)
    live = _shows_live_limit(screen)
    footer = normalise(screen.footer_text())
    if wordings.RESET_FOOTER.pattern.search(footer[:80]):
        return not_limited("limit-has-reset", footer, "the CLI reports that the limit has reset")
    retry = classify_retry(screen, now=now, tz=tz)
    if retry is not None:
        return retry
    if _RUNNING.search(footer):
        return not_limited("turn-running", footer, "a turn is running (esc to interrupt)")
    if screen.menu is not None and not _is_limit_menu(screen):
        return not_limited("other-menu", screen.menu.title, "another menu is open")
    if live:
        return _classify_live(screen, turn, extra, now=now, tz=tz)
    index, event = _newest_event(turn)
    if event is None:
        return _classify_without_event(screen, turn, now=now, tz=tz)
    verdict = _classify_block(turn, index, False, extra, now=now, tz=tz)
    if verdict is None or not verdict.limited:
        return verdict or _no_limit(screen, event)
    if screen.draft is not None and _may_be_old(screen, event):
        return not_limited(
            "banner-above-idle-prompt",
            verdict.snippet,
            "the banner is above an idle prompt, without the CLI's menu or wait: "
            "of a resumed session, or closed by hand",
        )
    return verdict


def _newest_turn_blocks(blocks: Sequence[ScreenBlock]) -> list[ScreenBlock]:
    """Return the newest prompt and the blocks after it, without the CLI's own commands and their output."""
    kept: list[ScreenBlock] = []
    skipping = False
    for index, block in enumerate(blocks):
        if block.kind in ("prompt", "shell"):
            skipping = block.kind == "prompt" and _is_own_command(blocks, index)
            if not skipping:
                kept = [block]
        elif not (skipping and block.kind in ("result", "loose")) and not _is_unknown_command(block):
            skipping = False
            kept.append(block)
    return kept


def _is_own_command(blocks: Sequence[ScreenBlock], index: int) -> bool:
    """Return whether a prompt is a command that the CLI has answered by itself.

    Known by its name, or by its output: results and nothing else, none of which is a message about a request.
    """
    prompt = blocks[index].text
    if is_local_command(prompt):
        return True
    outcome = list(takewhile(lambda block: block.kind not in ("prompt", "shell"), blocks[index + 1 :]))
    if not outcome or not prompt.startswith("/") or any(block.kind not in ("result", "loose") for block in outcome):
        return False
    text = normalise(outcome[0].text)
    if outcome[0].kind != "result" or moves_on(prompt, text):
        return False
    results = [normalise(block.text) for block in outcome if block.kind == "result"]
    return is_unknown_command(text) or not (_FAILED.match(text) or any(map(_is_about_a_request, results)))


def _is_about_a_request(text: str) -> bool:
    """Return whether a normalised result says what became of a request: of a command that does ask the model."""
    rows = (*wordings.BLOCKING, wordings.BLOCKING_PREFIX, *wordings.NON_BLOCKING, *wordings.UNDECIDED)
    return first_match(rows, text) is not None or unknown_wording(text) is not None


def _is_unknown_command(block: ScreenBlock) -> bool:
    """Return whether the CLI says that there is no such command: no model was asked."""
    return block.kind in ("reply", "result") and is_unknown_command(block.text)


def _shows_live_limit(screen: ParsedScreen) -> bool:
    """Return whether the CLI's limit menu or its waiting footer is shown."""
    return _is_limit_menu(screen) or bool(wordings.WAITING_FOOTER.pattern.match(normalise(screen.footer_text())))


def _is_limit_menu(screen: ParsedScreen) -> bool:
    if screen.menu is None:
        return False
    options = screen.menu.options
    if any(_LIMIT_MENU.search(option) for option in options):
        return True
    title, *required = _STOP_MENU
    if not title.match(screen.menu.title):
        return False
    return not options or all(any(map(option.match, options)) for option in required)


def _may_be_old(screen: ParsedScreen, event: ScreenBlock) -> bool:
    """Return whether a banner above an idle prompt may be old or written by the model (see the module's docstring)."""
    if screen.launch == "new" and event.kind != "reply":
        return False
    if COMPACTION_ERROR.match(normalise(event.text)):
        return screen.launch == "resumed"
    return (
        screen.header
        or (screen.version is not None and screen.version >= WAITING_SINCE)
        or any(_DONE_AT.search(block.text) for block in screen.blocks if block.kind == "done")
        or any(first_match(wordings.NOTICES, normalise(block.text)) for block in screen.blocks if block.kind == "reply")
    )


def _newest_event(turn: list[ScreenBlock]) -> tuple[int, ScreenBlock | None]:
    """Return the newest event and its index: neither a prompt nor a block that may follow a banner; else -1, None."""
    for index in range(len(turn) - 1, -1, -1):
        block = turn[index]
        if block.kind in ("prompt", "shell"):
            break
        if block.kind in _NEUTRAL_KINDS or (block.kind == "loose" and _is_hint(block)):
            continue
        if block.kind in ("reply", "result", "bare", "loose"):
            text = normalise(block.text)
            # A notice of the wait follows a banner; without one, the footer decides.
            if may_follow_banner(text) and (block.kind != "bare" or index > 0):
                continue
        return index, block
    return -1, None


def _is_hint(block: ScreenBlock) -> bool:
    """Return whether a loose block is one of the CLI's hints at the right edge."""
    return block.indent > 20 or block.text.startswith(("◐", "●", "○"))


def _classify_live(
    screen: ParsedScreen, turn: list[ScreenBlock], extra: tuple[Pattern[str], ...], *, now: datetime, tz: tzinfo
) -> Verdict:
    """Classify a screen with the CLI's limit menu or its waiting footer.

    The newest message of the CLI in the turn decides: it says which limit it is, or that it is none. Where the
    beginning of the turn is out of view, and the banner with it, menu or footer say until when.
    """
    for index in range(len(turn) - 1, -1, -1):
        # The notice of the wait names no limit: the banner above it does.
        if not may_follow_banner(normalise(turn[index].text)):
            verdict = _classify_block(turn, index, True, extra, now=now, tz=tz)
            if verdict is not None and verdict.rule not in wordings.BESIDE_A_LIMIT:
                return verdict
    _index, event = _newest_event(turn)
    if event is not None and turn[0].kind in ("prompt", "shell"):
        return _no_limit(screen, event)
    if screen.menu is None:
        return limited_by(wordings.WAITING_FOOTER, normalise(screen.footer_text()), now=now, tz=tz)
    if not screen.menu.options:
        return _no_limit(screen, event)  # the title alone names no limit
    notices = (normalise(block.text) for block in reversed(turn))
    notice = next((text for text in notices if may_follow_banner(text) and first_match(wordings.BLOCKING, text)), None)
    options = normalise(" · ".join((screen.menu.title, *screen.menu.options)))
    return limited_by(wordings.LIMIT_MENU, notice or options, now=now, tz=tz)


def _classify_without_event(screen: ParsedScreen, turn: list[ScreenBlock], *, now: datetime, tz: tzinfo) -> Verdict:
    """Classify a newest turn that is empty or shows only a notice of the wait."""
    texts = [normalise(block.text) for block in turn]
    notice = next((text for text in texts if may_follow_banner(text) and first_match(wordings.BLOCKING, text)), "")
    row = first_match(wordings.BLOCKING, notice) if notice and screen.draft is None else None
    if row is not None:
        return limited_by(row, notice, now=now, tz=tz)
    if notice:
        return not_limited("banner-above-idle-prompt", notice, "a notice of an earlier wait is above an idle prompt")
    return _no_limit(screen, None)


def _author(turn: list[ScreenBlock], index: int, live: bool) -> str:
    """Return who may have written a block.

    ``cli``: the CLI, so the beginning of a banner suffices; ``any``: possibly the model or a tool, so it must be a
    whole banner; ``alone``: the same, with nothing around the text (a message, a pager, a shell); empty: not the CLI.
    """
    block = turn[index]
    if block.kind == "bare":
        others = [
            other
            for other in turn
            if other.kind == "bare" and other is not block and not may_follow_banner(normalise(other.text))
        ]
        return "" if others or len(block.paragraphs) > 1 else "alone" if len(turn) == 1 else "any"
    if block.kind == "reply":
        return "any" if len(block.paragraphs) == 1 else ""
    if block.kind != "result" or (block.indent > _RESULT_INDENT and index > 0):
        return ""
    before = index - 1
    siblings = 0
    while before >= 0 and turn[before].kind in ("result", "tasks"):
        if turn[before].kind == "result" and not _PREAMBLE.match(turn[before].text):
            siblings += 1
        before -= 1
    owner = turn[before] if before >= 0 else None
    if owner is None or owner.kind in ("collapsed", "done", "note"):
        return "cli" if owner is not None or index == 0 or siblings else "any"
    if owner.kind == "prompt":
        return "cli"
    if owner.kind == "tool":
        return "cli" if siblings else ""
    if owner.kind == "loose" and before == 0 and owner.indent >= _OUTPUT_INDENT and not block.apart:
        return "any"  # the capture begins within a tool's output; a `⎿` in that output is indented further
    if owner.kind == "reply":
        prose = len(owner.paragraphs) > 1 or len(owner.text) > _TITLE_MAX or owner.text.endswith((".", ":", "!", "?"))
        # The CLI prints no blank line between the model's text and its own; before a quotation there is one.
        by_cli = prose and not block.apart
        return "cli" if by_cli or siblings else "any" if live else ""
    return ""


def _classify_block(
    turn: list[ScreenBlock], index: int, live: bool, extra: tuple[Pattern[str], ...], *, now: datetime, tz: tzinfo
) -> Verdict | None:
    """Return the verdict for a block where the CLI may print a banner; None for other text and other places."""
    author = _author(turn, index, live)
    if not author:
        return None
    text = normalise(turn[index].text)
    if author == "cli":
        text = without_compaction(text)
    doubt = undecided(text) if author in ("cli", "alone") else None
    if doubt is None:
        row = blocking_row(text, trusted=author == "cli")
        if row is not None:
            return limited_by(row, text, now=now, tz=tz)
        verdict = non_blocking(text)
        if verdict is not None:
            return verdict
    for pattern in extra:
        if len(text) <= MESSAGE_MAX and pattern.search(text):
            return limited_by_operator(pattern, text, now=now, tz=tz)
    if doubt is not None:
        return doubt
    # A message of the CLI begins like a sentence; a shell's output can mention limits anywhere.
    if author in ("cli", "alone") and text[:1].isupper():
        return unknown_wording(text)
    return None


def _no_limit(screen: ParsedScreen, event: ScreenBlock | None) -> Verdict:
    """Return the verdict for a newest turn without a limit; its rule names what is shown instead."""
    older_texts = (
        normalise(block.text)
        for block in reversed(screen.blocks)
        if block is not event and block.kind in ("result", "reply", "bare")
    )
    older = next((text for text in older_texts if blocking_row(text, trusted=False)), None)
    text = normalise(event.text) if event is not None else ""
    if event is not None and blocking_row(text, trusted=True):
        return not_limited("not-the-cli", text, "the text is where a tool or the model writes")
    if older is not None:
        return not_limited("older-banner", older, "a newer event is below the banner")
    return not_limited("no-limit", text, "the newest turn shows no usage limit")
