# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that each limit is reported once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from claude_failover.detection.evidence_filter import EXACT_RULE, EvidenceFilter, belongs_to_turn
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence

NOW = datetime(2026, 11, 22, 20, 6, tzinfo=timezone.utc)
RESET = datetime(2026, 11, 22, 21, 36, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def evidence(source="hook", *, at=NOW, turn=None, resets_at=None, rule="banner", snippet="limit", session="main"):
    verdict = Verdict(True, "five_hour", resets_at, rule, snippet, "")
    return Evidence(session, None, source, verdict, at, turn=turn)


@pytest.fixture
def news():
    return []


@pytest.fixture
def evidence_filter(news):
    return EvidenceFilter(news.append)


@pytest.mark.parametrize(
    ("second", "is_news"),
    [
        (evidence("transcript", turn="t1", at=NOW + timedelta(hours=1)), False),
        (evidence("transcript", turn="t2"), True),
        (evidence("transcript", at=NOW + 14 * SECOND, snippet="other"), False),
        (evidence("transcript", at=NOW - 14 * SECOND, snippet="other"), False),
        (evidence("transcript", at=NOW + 15 * SECOND), True),
        (evidence("pane", at=NOW + timedelta(hours=1)), False),
        (evidence("pane", at=NOW + timedelta(hours=1), snippet="other"), True),
        (evidence(session="pool", turn="t1"), True),
    ],
)
def test_a_limit_is_reported_once(evidence_filter, news, second, is_news):
    first = evidence(turn="t1")
    evidence_filter.report(first)
    evidence_filter.report(second)
    assert news == [first, second] if is_news else news == [first]


@pytest.mark.parametrize(
    ("first", "second", "is_news"),
    [
        (evidence(), evidence(resets_at=RESET), True),
        (evidence(resets_at=RESET), evidence(), False),
        (evidence(resets_at=RESET), evidence(resets_at=RESET + SECOND, rule=EXACT_RULE), True),
        (evidence(resets_at=RESET, rule=EXACT_RULE), evidence(resets_at=RESET - SECOND), False),
        (evidence(resets_at=RESET, rule=EXACT_RULE), evidence(resets_at=RESET + SECOND, rule=EXACT_RULE), False),
        (evidence(resets_at=RESET), evidence(resets_at=RESET, rule=EXACT_RULE), False),
    ],
)
def test_evidence_that_adds_the_reset_is_reported_too(evidence_filter, news, first, second, is_news):
    evidence_filter.report(first)
    evidence_filter.report(second)
    assert len(news) == (2 if is_news else 1)


@pytest.mark.parametrize(
    ("turn", "at", "forgotten"),
    [
        ("t1", NOW + timedelta(hours=1), False),
        ("t2", NOW, True),
        (None, NOW + SECOND, False),
        (None, NOW + 2 * SECOND, True),
    ],
)
def test_a_new_turn_makes_the_next_refusal_news(evidence_filter, news, turn, at, forgotten):
    evidence_filter.report(evidence(turn="t1"))
    evidence_filter.on_turn_began("pool", turn, at)
    evidence_filter.report(evidence(turn="t1"))
    assert len(news) == 1, "a turn of another session changes nothing"
    evidence_filter.on_turn_began("main", turn, at)
    evidence_filter.report(evidence(turn="t1"))
    assert len(news) == (2 if forgotten else 1)


def test_a_banner_that_left_the_screen_is_news_when_it_comes_back(evidence_filter, news):
    evidence_filter.report(evidence("pane"))
    evidence_filter.forget("pool")
    evidence_filter.report(evidence("pane"))
    assert len(news) == 1
    evidence_filter.forget("main")
    evidence_filter.report(evidence("pane"))
    assert len(news) == 2


@pytest.mark.parametrize(
    ("turn", "began", "expected"),
    [
        ("t1", NOW + timedelta(hours=1), True),
        ("t2", NOW - timedelta(hours=1), False),
        (None, NOW + SECOND, True),
        (None, NOW + 1.001 * SECOND, False),
        (None, None, True),
    ],
)
def test_a_refusal_belongs_to_a_turn_by_its_id_else_by_its_time(turn, began, expected):
    assert belongs_to_turn(evidence(turn="t1"), turn, began) is expected


@pytest.mark.parametrize(
    ("delay", "recorded", "is_news"),
    [(0.5, True, True), (0.0, True, False), (-0.5, True, False), (0.5, False, False)],
)
def test_a_turn_that_is_recorded_after_a_banner_was_seen_may_be_refused_again(
    evidence_filter, news, delay, recorded, is_news
):
    """A hook tells of a turn later than it began, and a banner in the pane may be of that very turn."""
    first, second = evidence("pane"), evidence("pane", at=NOW + 5 * SECOND)
    evidence_filter.report(first)
    evidence_filter.on_turn_began("main", None, NOW + delay * SECOND, recorded=recorded)
    evidence_filter.report(second)
    assert news == ([first, second] if is_news else [first])


@pytest.mark.parametrize("first_turn", [None, "t1"])
def test_a_refusal_right_after_the_resume_is_news_without_turn_ids(evidence_filter, news, first_turn):
    """The resume comes within a second (2.1.81), and the second account refuses, too. A record can have an id."""
    first, second = evidence(turn=first_turn), evidence(at=NOW + 0.9 * SECOND)
    evidence_filter.report(first)
    evidence_filter.on_turn_began("main", None, NOW + 0.7 * SECOND, prompted=True)
    evidence_filter.report(second)
    assert news == [first, second]


def test_a_refusal_that_is_recorded_right_after_the_resume_is_news(evidence_filter, news):
    first, second = evidence("transcript"), evidence("transcript", at=NOW + 0.9 * SECOND)
    evidence_filter.report(first)
    evidence_filter.on_turn_began("main", None, NOW + 0.7 * SECOND, recorded=True)
    evidence_filter.report(second)
    assert news == [first, second]


def test_a_refusal_whose_record_is_seen_before_its_prompts_hook_is_told_once(evidence_filter, news):
    evidence_filter.report(evidence("transcript"))
    evidence_filter.on_turn_began("main", None, NOW + 0.7 * SECOND, prompted=True)
    evidence_filter.report(evidence(at=NOW + 0.9 * SECOND))
    assert len(news) == 1
