# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pane's lines in, a verdict out: is a usage limit what the newest turn shows?

The structured sources decide; this is for sessions without hooks, so it believes a banner only at the places where the
CLI itself puts it, and only as the newest event of the newest turn.

An old banner above an idle prompt box is the hard case. Measured: on 2.1.330 a weekly limit whose menu was closed with
Esc, and a session resumed under a healthy account, leave the same screen, byte for byte (the `/effort` hint above the
box comes and goes in both); the notices `● Usage limit reached` and `● Automatic continue cancelled` are
drawn again by a resume, too. On 2.1.197 (no menu without usage credits) even a limit just hit looks like that. So, with
a prompt box in view:

* the CLI's own menu or its waiting footer is open: the limit is live;
* else, where the command above the start-up header began a new session, the banner is of this process: limited,
  unless it stands as a reply (`●`), which a model can be told to write;
* else, and the screen shows a start-up header, or a look of the versions that open a menu or wait: not limited, rule
  `banner-above-idle-prompt`. A sweep saw the menu before it was closed, and the transcript has the record (both
  versions open menu or wait once per reset time, so that a second refusal, too, leaves the banner alone);
* else (an older look): limited, since those versions show nothing but the banner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from re import Pattern

from ..claude.conversation import ScreenBlock
from ..claude.screen import ParsedScreen, parse_screen
from . import wordings
from .message import MESSAGE_MAX, limited_by, limited_by_operator, row_of
from .verdict import Verdict, not_limited

#: From this version on a limit opens a menu or a wait for the reset (its documentation; seen on 2.1.330).
WAITING_SINCE = (2, 1, 234)
_DONE_AT = re.compile(r" · done \d{1,2}:\d{2}")  # `✻ Baked for 0s · done 8:06 PM`: 2.1.330, not yet 2.1.197
_LIMIT_MENU = re.compile(r"\bwait for (?:the )?limit to reset\b", re.IGNORECASE)
#: The same menu where there is nothing to wait for (reported from 2.1.2xx): `1. Stop / 2. Add funds to continue …`.
_STOP_MENU = (
    re.compile(r"^what do you want to do\?$", re.IGNORECASE),
    re.compile(r"^stop$", re.IGNORECASE),
    re.compile(r"^(?:add funds to continue|upgrade your plan)\b", re.IGNORECASE),
)
_RUNNING = re.compile(r"\besc to interrupt\b", re.IGNORECASE)
#: A result that comes before a tool's output, and is not yet it.
_PREAMBLE = re.compile(
    r"^(?:allowed by|approved by|denied by|running|waiting|pretooluse|posttooluse|hook\b)", re.IGNORECASE
)
#: A reply this long, or one that ends like a sentence, is prose; any other may be a tool use shown by its title, which
#: the model wrote, or the beginning of one.
_TITLE_MAX = 120
#: The CLI's own elbows are not further in than this, and what a tool printed or a model quoted is not less than that.
_ELBOW_INDENT, _OUTPUT_INDENT = 3, 5
_QUIET = ("done", "note", "tasks")


def classify_pane(
    lines: Sequence[str], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Judge the lines of a pane, with or without escapes.

    ``now`` (aware): when they were captured; ``tz``: the host's zone; ``extra_patterns``: the operator's own compiled
    patterns, looked for where a banner may stand. Raises nothing, for any lines.
    """
    screen = parse_screen(lines)
    extra = tuple(extra_patterns)
    turn = _newest_turn(screen.blocks)
    live = _live(screen)
    footer = wordings.normalise(screen.footer_text())
    if wordings.RESET_FOOTER.pattern.search(footer[:80]):
        return not_limited("limit-has-reset", footer, "the CLI says that the limit has reset")
    if _RUNNING.search(footer):
        return not_limited("turn-running", footer, "a turn is running (esc to interrupt)")
    if screen.menu is not None and not _is_limit_menu(screen):
        return not_limited("other-menu", screen.menu.title, "a menu of another kind is open")
    index, event = _newest_event(turn)
    if event is None:
        return _without_event(screen, turn, footer, live, now=now, tz=tz)
    found = _banner(turn, index, live, extra, now=now, tz=tz)
    if found is None or not found.limited:
        return found or _why_not(screen, event)
    if screen.draft is not None and not live and _may_be_old(screen, event):
        return not_limited(
            "banner-above-idle-prompt",
            found.snippet,
            "the banner stands above an idle prompt, with neither the CLI's menu nor its wait: "
            "a resumed session's, or closed by hand",
        )
    return found


def _newest_turn(blocks: Sequence[ScreenBlock]) -> list[ScreenBlock]:
    """Return the blocks after the newest prompt; local commands and what they printed are left out."""
    turn: list[ScreenBlock] = []
    kept: list[ScreenBlock] = []
    skipping = False
    for block in blocks:
        if block.kind in ("prompt", "shell"):
            skipping = block.kind == "prompt" and wordings.is_local_command(block.text)
            if skipping:
                continue
            turn = [block]
            kept = turn
        elif not (skipping and block.kind in ("result", "loose")):
            skipping = False
            kept.append(block)
            turn = kept
    return turn


def _live(screen: ParsedScreen) -> bool:
    """Tell whether the CLI shows now that it is stopped by a limit."""
    return _is_limit_menu(screen) or bool(
        wordings.WAITING_FOOTER.pattern.match(wordings.normalise(screen.footer_text()))
    )


def _is_limit_menu(screen: ParsedScreen) -> bool:
    if screen.menu is None:
        return False
    options = screen.menu.options
    if any(_LIMIT_MENU.search(option) for option in options):
        return True
    title, *wanted = _STOP_MENU
    return bool(title.match(screen.menu.title)) and all(any(map(row.match, options)) for row in wanted)


def _may_be_old(screen: ParsedScreen, event: ScreenBlock) -> bool:
    """Tell whether an idle prompt below a banner leaves it open that the banner is old, or the model's own words."""
    if screen.launch == "new" and event.kind != "reply":
        return False
    return (
        screen.header
        or (screen.version is not None and screen.version >= WAITING_SINCE)
        or any(_DONE_AT.search(block.text) for block in screen.blocks if block.kind == "done")
        or any(
            wordings.first(wordings.NOTICES, wordings.normalise(block.text))
            for block in screen.blocks
            if block.kind == "reply"
        )
    )


def _newest_event(turn: list[ScreenBlock]) -> tuple[int, ScreenBlock | None]:
    """Return the newest block that is an event: not a prompt, and nothing that may stand below a banner."""
    for index in range(len(turn) - 1, -1, -1):
        block = turn[index]
        if block.kind in ("prompt", "shell"):
            break
        if block.kind in _QUIET or (block.kind == "loose" and _is_chrome(block)):
            continue
        if block.kind in ("reply", "result", "bare", "loose"):
            text = wordings.normalise(block.text)
            # A notice of the wait is no event of its own below a banner; alone it is judged by the footer.
            if wordings.is_companion(text) and (block.kind != "bare" or index > 0):
                continue
        return index, block
    return -1, None


def _is_chrome(block: ScreenBlock) -> bool:
    """Tell whether indented text that belongs to nothing is one of the hints at the right edge."""
    return block.indent > 20 or block.text.startswith(("◐", "●", "○"))


def _without_event(
    screen: ParsedScreen, turn: list[ScreenBlock], footer: str, live: bool, *, now: datetime, tz: tzinfo
) -> Verdict:
    """Judge a newest turn that shows nothing, or only a notice of the wait."""
    notice = next(
        (
            wordings.normalise(b.text)
            for b in turn
            if wordings.is_companion(wordings.normalise(b.text))
            and wordings.first(wordings.BLOCKING, wordings.normalise(b.text))
        ),
        "",
    )
    if live and screen.menu is None:
        return limited_by(wordings.WAITING_FOOTER, footer, now=now, tz=tz)
    if notice and (live or screen.draft is None):
        row = wordings.first(wordings.BLOCKING, notice)
        if row is not None:
            return limited_by(row, notice, now=now, tz=tz)
    if notice:
        return not_limited("banner-above-idle-prompt", notice, "a notice of an earlier wait above an idle prompt")
    return _why_not(screen, None)


def _place(turn: list[ScreenBlock], index: int, live: bool) -> str:
    """Return who can have written a block: ``cli`` (its opening suffices), ``any`` (the whole must be a banner),
    ``alone`` (the same, for text with nothing around it: a message, a pager, a shell), or an empty text (no banner
    stands there)."""
    block = turn[index]
    if block.kind == "bare":
        bare = [b for b in turn if b.kind == "bare"]
        strangers = [b for b in bare if b is not block and not wordings.is_companion(wordings.normalise(b.text))]
        return "" if strangers or len(block.paragraphs) > 1 else "alone" if len(turn) == 1 else "any"
    if block.kind == "reply":
        return "any" if len(block.paragraphs) == 1 else ""
    if block.kind != "result" or (block.indent > _ELBOW_INDENT and index > 0):
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
        return "any"  # the capture begins within a tool's output; its own elbows stand deeper
    if owner.kind == "reply":
        prose = len(owner.paragraphs) > 1 or len(owner.text) > _TITLE_MAX or owner.text.endswith((".", ":", "!", "?"))
        # The CLI leaves no blank line between the model's words and its own; a quotation has one.
        mine = prose and not block.apart
        return "cli" if mine or siblings else "any" if live else ""
    return ""


def _banner(
    turn: list[ScreenBlock], index: int, live: bool, extra: tuple[Pattern[str], ...], *, now: datetime, tz: tzinfo
) -> Verdict | None:
    """Return the verdict if a block is a banner, or wording that smells of one, at a place where one may stand."""
    place = _place(turn, index, live)
    if not place:
        return None
    text = wordings.normalise(turn[index].text)
    row = row_of(text, trusted=place == "cli")
    if row is not None:
        return limited_by(row, text, now=now, tz=tz)
    harmless = wordings.first(wordings.NON_BLOCKING, text)
    if harmless is not None:
        return not_limited(harmless.name, text, f"not a usage limit: {harmless.source}; seen on {harmless.seen}")
    for pattern in extra:
        if len(text) <= MESSAGE_MAX and pattern.search(text):
            return limited_by_operator(pattern, text, now=now, tz=tz)
    # A shell's lines smell of anything; a message of the CLI begins like a sentence.
    told = place in ("cli", "alone") and len(text) <= MESSAGE_MAX and text[:1].isupper()
    if told and wordings.SMELL.search(text):
        return not_limited("unknown-wording", text, "speaks of a limit in words that no rule knows")
    return None


def _why_not(screen: ParsedScreen, event: ScreenBlock | None) -> Verdict:
    """Return the verdict that the newest turn shows no limit, naming what stands there instead."""
    older = next(
        (
            wordings.normalise(b.text)
            for b in reversed(screen.blocks)
            if b is not event
            and b.kind in ("result", "reply", "bare")
            and row_of(wordings.normalise(b.text), trusted=False)
        ),
        None,
    )
    text = wordings.normalise(event.text) if event is not None else ""
    if event is not None and row_of(text, trusted=True):
        return not_limited("not-the-cli", text, "the words stand where a tool or the model writes")
    if older is not None:
        return not_limited("older-banner", older, "something newer stands below the banner")
    return not_limited("no-limit", text, "the newest turn shows no usage limit")
