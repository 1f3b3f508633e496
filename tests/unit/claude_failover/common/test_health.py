# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the record of sources that do not work."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from claude_failover.common import clock
from claude_failover.common.health import SOURCES, SourceHealth

NOW = datetime(2026, 11, 22, 20, 6, tzinfo=timezone.utc)


@pytest.fixture
def moments(monkeypatch):
    """The time, one second later at each look."""
    ticks = iter(range(100))
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=next(ticks)))


def test_a_blindness_has_its_first_moment_and_its_newest_reason(moments):
    health = SourceHealth()
    health.failed("tmux", "no server")
    health.failed("panes", "refused")
    health.failed("tmux", "does not answer")
    assert health.rows() == [
        {"source": "panes", "since": "2026-11-22T20:06:01.000Z", "reason": "refused"},
        {"source": "tmux", "since": "2026-11-22T20:06:00.000Z", "reason": "does not answer"},
    ]
    assert health.is_blind("tmux")
    health.works("tmux")
    assert not health.is_blind("tmux")
    assert [row["source"] for row in health.rows()] == ["panes"]


def test_its_begin_and_its_end_are_logged_and_told_once(caplog):
    caplog.set_level("INFO")
    health, told = SourceHealth(), []
    health.subscribe(lambda item, begins: told.append((item.source, begins, health.is_blind("hooks"))))
    health.works("hooks")
    for _try in range(3):
        health.failed("hooks", "gone")
    for _try in range(3):
        health.works("hooks")
    assert told == [("hooks", True, True), ("hooks", False, False)]
    first, second = [record.getMessage() for record in caplog.records]
    assert first == 'blind: source=hooks reason="gone"'
    assert second.startswith("no longer blind: source=hooks since=")


def test_a_bug_that_lasts_is_logged_with_its_traceback_once(caplog):
    health = SourceHealth()
    for _try in range(3):
        assert health.failed_by_bug("hooks", KeyError("first")) == "a bug: KeyError('first')"
    health.failed_by_bug("hooks", KeyError("second"))
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["'first'", "'second'"]
    assert [row["reason"] for row in health.rows()] == ["a bug: KeyError('second')"]


def test_a_reason_is_one_line_of_bounded_length(caplog):
    health = SourceHealth()
    health.failed("hooks", "a\nERROR forged\x1b[2J \ud800" + "x" * 1000)
    (row,) = health.rows()
    assert row["reason"].startswith("a ERROR forged[2J \ufffdx")
    assert len(row["reason"]) == 500
    assert "\n" not in caplog.records[0].getMessage()


def test_a_source_has_a_name_that_is_known_everywhere():
    with pytest.raises(ValueError, match="expected one of"):
        SourceHealth().failed("elsewhere", "gone")
    assert list(SOURCES) == sorted(SOURCES)


def test_a_bug_of_a_listener_ends_no_source_and_keeps_no_other_from_it(caplog):
    health, told = SourceHealth(), []

    def broken(_item, _begins):
        raise KeyError("a bug")

    health.subscribe(broken)
    health.subscribe(lambda item, _begins: told.append(item.source))
    health.failed("hooks", "gone")
    assert told == ["hooks"]
    assert "a bug in what is told of the source hooks" in caplog.text
