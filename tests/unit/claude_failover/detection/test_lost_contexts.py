# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions whose model lost the conversation to a refused compaction: they are told, once."""

from __future__ import annotations

import json
import logging
import os

import pytest

from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config
from claude_failover.detection.classifier import Classifier
from claude_failover.detection.lost_contexts import LostContexts
from claude_failover.reporting.events import context_event
from claude_failover.sessions.tracked_session import TrackedSession

FIXTURES = os.path.join(os.path.dirname(__file__), "../../../fixtures/claude-code/transcripts")
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def captured():
    with open(os.path.join(FIXTURES, "compaction_refused.v2.1.81.jsonl"), encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def summary(text, **more):
    """A summary as Claude Code 2.1.81 to 2.1.332 write it."""
    (record,) = [record for record in captured() if record.get("isCompactSummary")]
    first, _refusal, last = record["message"]["content"].split("\n\n")
    return {**record, "message": {"role": "user", "content": f"{first}\n\n{text}\n\n{last}"}, **more}


REFUSAL = "You've hit your weekly limit · resets Nov 28, 10:30pm (UTC)"
GOOD = (
    "Summary:\n1. Primary request: the parser\n2. Errors: You've hit your weekly limit · resets Nov 28, 10:30pm (UTC)"
)


class World:
    def __init__(self, folder):
        self.told = []
        config = Config(os.path.join(folder, "config.yml"), (Account("a", folder),), os.path.join(folder, "link"))
        self.contexts = LostContexts(Classifier(ConfigHolder(config)))
        self.contexts.on_lost = lambda session, why: self.told.append((session, why))
        self.main = TrackedSession("main")

    def read(self, *records, uuid=ONE):
        self.contexts.on_records(self.main, uuid, records)


@pytest.fixture
def world(tmp_path):
    return World(str(tmp_path))


def test_a_refusal_taken_for_the_summary_is_told_once(world, caplog):
    world.read(*captured())
    world.read(*captured())
    world.read({"type": "user", "message": {"content": "the next prompt"}})
    ((session, why),) = world.told
    assert (session, world.main.lost_context) == ("main", why)
    assert ONE in why
    assert "have the session read it" in why
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(logging.WARNING, f"session main: {why}")]
    event = context_event(session, why)
    assert (event["event"], event["state"], event["severity"]) == ("context_lost", "begins", "warning")
    assert context_event(session, None)["state"] == "over"


@pytest.mark.parametrize(("records", "uuid"), [([summary(GOOD)], ONE), ([], TWO)], ids=["another", "conversation"])
def test_it_is_over_with_another_summary_or_conversation(world, records, uuid):
    world.read(*captured())
    world.read(*records, uuid=uuid)
    assert [why is None for _session, why in world.told] == [False, True]
    assert world.main.lost_context is None
    world.read(*captured(), uuid=TWO)
    assert TWO in world.main.lost_context


@pytest.mark.parametrize(
    "record",
    [
        summary(GOOD),
        summary(REFUSAL + "\n\nThe user asked about this message."),
        summary("The user was told: " + REFUSAL),
        summary(REFUSAL, isSidechain=True),
        summary(REFUSAL, isCompactSummary=False),
        summary(""),
        {"isCompactSummary": True},
        {"isCompactSummary": True, "type": "user", "message": {"content": [{"type": "text", "text": 5}]}},
    ],
)
def test_any_other_summary_is_not_told(world, record):
    world.read(record)
    assert world.told == []
    assert world.main.lost_context is None
