# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/runbook.md has an entry for every message that the code can say, and none that it cannot.

What a message is, `support/messages.py` says. An entry is a code span in the first cell of a table; ``…`` in it stands
for any text. A pattern has words of its own, and is for a few messages only.
"""

from __future__ import annotations

import os
import re

import pytest
from import_path import ROOT
from messages import GAP, all_messages, has_words

from claude_failover.reporting.event_kinds import KINDS

with open(os.path.join(ROOT, "docs", "runbook.md"), encoding="utf-8") as _stream:
    RUNBOOK = _stream.read()
MESSAGES = all_messages()
MOST = 8  # messages of one pattern


def patterns() -> list[str]:
    """Return the code spans of the first cells."""
    cells = [line.split(" | ")[0] for line in RUNBOOK.splitlines() if re.match(r"\| `", line)]
    return [text.strip() for cell in cells for _ticks, text in re.findall(r"(`+)(.+?)\1(?!`)", cell)]


def expression(pattern: str) -> re.Pattern[str]:
    """Return what a pattern matches: one that is a message, word for word, is for no other."""
    if pattern in MESSAGES:
        return re.compile(re.escape(pattern))
    return re.compile(".*".join(re.escape(part) for part in pattern.split(GAP)))


PATTERNS = {pattern: expression(pattern) for pattern in patterns()}


def matched(pattern: str) -> list[str]:
    return [text for text in MESSAGES if PATTERNS[pattern].fullmatch(text)]


@pytest.mark.parametrize("text", sorted(MESSAGES))
def test_every_message_has_an_entry(text: str) -> None:
    said = ", ".join(sorted({message.place for message in MESSAGES[text]}))
    assert [pattern for pattern, found in PATTERNS.items() if found.fullmatch(text)], f"no entry for {text!r} ({said})"


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_every_entry_is_for_a_few_messages_that_are_said(pattern: str) -> None:
    assert 1 <= len(matched(pattern)) <= MOST, matched(pattern)
    assert has_words(pattern), "words of its own"


def test_no_entry_stands_twice() -> None:
    assert sorted(PATTERNS) == sorted(patterns())


def headings() -> list[str]:
    return re.findall(r"^### (.+)$", RUNBOOK, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_event_has_a_place_that_an_alert_can_link_to(name: str) -> None:
    assert headings().count(name) == 1
    text = RUNBOOK.partition(f"\n### {name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    assert text.strip().startswith("Severity ")
    assert {f"`{severity}`" for severity in KINDS[name].severities} <= set(re.findall(r"`\w+`", text.partition(".")[0]))


def test_every_link_within_the_page_leads_somewhere() -> None:
    titles = re.findall(r"^##+ (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_a_message_that_is_new_would_be_found() -> None:
    """The search sees the kinds of messages that there are."""
    kinds = {message.kind for found in MESSAGES.values() for message in found}
    assert {"log.warning", "log.error", "log.exception", "Finding", "Refused", "UsageError", "reason"} <= kinds
    assert len(MESSAGES) > 400
