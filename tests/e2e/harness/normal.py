# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures without what differs from one run to the next: ids, times, folders, tips, spinners (pure).

What replaces a text on a screen has its length where that decides where lines break. Two versions then differ in what
the versions differ in.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: The world's folder, of as many characters as the real ones.
FOLDER = "/srv/cf-captured"
#: The reset that every capture shows: 2026-11-28T22:30:00Z, and the moment at which it was captured.
RESET, RESET_DAY, RESET_CLOCK = 1795905000, "Nov 28", "10:30pm"
CAPTURED_AT = "2026-11-25T12:00:00.000Z"

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_SCREEN = (
    (re.compile(r"/tmp/cf-\w{8}"), FOLDER),
    (re.compile(rf"\b(?:{_MONTHS}) \d{{1,2}}(?=(?:,| at) \d)"), RESET_DAY),
    (re.compile(r"\b\d{1,2}:\d\d[ap]m\b"), RESET_CLOCK),
    (re.compile(r"\b\d{1,2}:\d\d [AP]M\b"), "8:00 PM"),
    (re.compile(r"^([·✢✳✶✻✽*] )[A-Z][\w'-]+(?:ing)?(?: \w+)?…(?: \(.*\))?"), r"\1Working…"),
    (re.compile(r"^([✢✳✶✻✽*] )\w[\w'-]* for (?:\d+m )?\d+s"), r"\1Worked for 1s"),
    (re.compile(r"^[·✢✳✶✽*](?= Work(?:ing…|ed for))"), "✻"),
    (re.compile(r"\(?[a-z]*\s?in (?:\d+m )?\d+ ?s(?:econds)?\b"), "retrying in 5s"),
    (re.compile(r"\battempt \d+/"), "attempt 2/"),
    (re.compile(r"(?<=❯ )Try \".*\""), 'Try "edit <filepath> to..."'),
    (re.compile(r"(?<=[(· ])(?:\d+m )?\d+s(?=\)|$)"), "1s"),
    (re.compile(r"\s*[◐●○◔◕] \w+ · /effort$"), ""),
    (re.compile(r"STUB-OK #\d+"), "STUB-OK #1"),
    (re.compile(r"\bTip: .*"), "Tip: one of many"),
)
_IDS = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_MADE = re.compile(r"\b(msg|req|toolu)_[A-Za-z0-9]{6,}")
_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_PROJECT = re.compile(r"-tmp-cf-[A-Za-z0-9-]{8}(?=-)")
# Records that make up the conversation; of the others only their types are kept.
_CONVERSATION = ("user", "assistant", "system", "session-owner")


def screen(text: str) -> str:
    """Return a screen in its normal form: without what is blank at its right edge and below."""
    lines = [line.rstrip().replace("\xa0", " ") for line in text.rstrip().split("\n")]
    for pattern, replacement in _SCREEN:
        lines = [pattern.sub(replacement, line) for line in lines]
    return _quoted("\n".join(lines) + "\n")


def conversation(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of a conversation, and of each other type one that has nothing but its type."""
    kept = [record for record in found if record.get("type") in _CONVERSATION]
    others = {str(record.get("type")) for record in found} - set(_CONVERSATION)
    return [*({"type": kind} for kind in sorted(others)), *kept]


def records(found: list[dict[str, Any]], resets_at: int) -> str:
    """Return payloads or records in their normal form, one JSON object a line; ``resets_at`` is 0 without a limit."""
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in found)
    if resets_at:
        text = text.replace(str(resets_at), str(RESET))
    text = re.sub(r"/tmp/cf-\w{8}", FOLDER, _PROJECT.sub("-srv-cf-captured", text))
    text = _renamed(_IDS, text, "00000000-0000-4000-8000-{:012d}")
    text = _renamed(_MADE, text, "id_{:06d}")
    text = _STAMP.sub(CAPTURED_AT, text)
    text = re.sub(
        r'("(?:durationMs|statusUpdatedAt|total_\w*duration_ms|duration_ms|pid|startedAt)": )\d+', r"\g<1>1", text
    )
    text = re.sub(r'("agent_id": )"\w+"', r'\g<1>"a1"', text)
    text = re.sub(rf"\b(?:{_MONTHS}) \d{{1,2}}(?=(?:,| at) \d)", RESET_DAY, text)
    text = re.sub(r"\b\d{1,2}:\d\d[ap]m\b", RESET_CLOCK, text)
    text = re.sub(r"STUB-OK #\d+", "STUB-OK #1", text)
    return _quoted("".join(line + "\n" for line in text.split("\n") if line))


def _renamed(pattern: re.Pattern[str], text: str, form: str) -> str:
    """Return the text with each id replaced by its number in the order of the first mentions."""
    known: dict[str, str] = {}
    return pattern.sub(lambda match: known.setdefault(match[0], form.format(len(known) + 1)), text)


def _quoted(text: str) -> str:
    """Return the text with typographic quotes as ``ansible-test sanity`` takes them."""
    return text.replace("\u2019", "\\u2019").replace("\u2018", "\\u2018")
