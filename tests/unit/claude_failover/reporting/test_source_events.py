# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the events about sources that do not work."""

from __future__ import annotations

import socket

from claude_failover.common import clock
from claude_failover.common.health import SourceHealth
from claude_failover.reporting.source_events import SourceEvents


def test_a_blindness_is_told_when_it_begins_and_when_it_is_over():
    health, sent = SourceHealth(), []
    events = SourceEvents(health, sent.append)
    health.failed("tmux", "not yet")
    health.works("tmux")
    health.failed("transcripts", "gone")
    assert sent == []
    events.start()
    health.failed("transcripts", "still gone")
    health.works("transcripts")
    begins, over = sent
    assert (begins["event"], begins["state"], begins["severity"]) == ("source_blind", "begins", "warning")
    assert (over["event"], over["state"], over["severity"]) == ("source_blind", "over", "info")
    assert begins["summary"] == "the daemon is blind for transcripts: gone"
    assert begins["details"] == {"source": "transcripts", "since": over["details"]["since"], "reason": "gone"}
    assert over["details"]["reason"] == "still gone"
    for event in sent:
        assert clock.parse_iso(event["time"]) >= clock.parse_iso(event["details"]["since"])
        assert event["host"] == socket.gethostname()
        assert event["session"] is event["account"] is None
    assert begins["id"] != over["id"]
