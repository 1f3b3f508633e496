# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk the table of events: each is made to happen, and is told once everywhere, with its severity and no secret."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pathlib
import re

import pytest
from event_world import PLANTED, STORIES, EventWorld
from json_schema import errors

from claude_failover.common.log_fields import ATTRIBUTE, LEVELS
from claude_failover.reporting.event_kinds import KINDS
from claude_failover.reporting.metrics import render

DOCS = pathlib.Path(__file__).parents[4] / "docs"
SCHEMA = json.loads((DOCS / "events.schema.json").read_text(encoding="utf-8"))
LASTING = [name for name, kind in KINDS.items() if kind.lasts]


def test_every_event_has_a_story_and_every_story_an_event():
    assert set(STORIES) == set(KINDS)


class Walk:
    """One story, walked to its end: what was told of its event, by each way."""

    def __init__(self, folder, name, caplog):
        self.name = name
        self.notified_path = folder / "notified"
        with caplog.at_level(logging.INFO):
            asyncio.run(self._walk(folder))
        self.lines = [record for record in caplog.records if getattr(record, ATTRIBUTE, {}).get("CLAUDE_EVENT") == name]

    async def _walk(self, folder):
        command = ("sh", "-c", f"cat >> {self.notified_path}")
        async with EventWorld(folder, notify=command) as world:
            assert self.of_event(world.status["open_events"]) == []
            await world.begin(self.name)
            self.open_begun = world.status["open_events"]
            self.metrics_begun = self.metrics_of(world)
            world.round()
            assert world.status["open_events"] == self.open_begun, "a further round tells nothing"
            await world.end()
            self.open_over = world.status["open_events"]
            self.metrics_over = self.metrics_of(world)
            world.round(1000)
            self.told, self.logged = world.told, world.logged()
        text = self.notified_path.read_text(encoding="utf-8")
        self.notified = [json.loads(line) for line in text.splitlines()]
        self.leaving = text + json.dumps([self.logged, self.open_begun, self.open_over])
        self.folder = str(folder)

    def metrics_of(self, world):
        """Return the series that are not 0, with their values."""
        series = re.findall(r"^(claude_failover_\S+) (\S+)$", render(world.status, world.parts.tallies), re.MULTILINE)
        return {name: float(value) for name, value in series if float(value) != 0}

    def of_event(self, rows):
        return [row for row in rows if row["event"] == self.name]


@pytest.fixture
def walk(tmp_path, caplog):
    return lambda name: Walk(tmp_path, name, caplog)


@pytest.mark.parametrize("name", LASTING)
def test_an_event_is_told_once_everywhere_when_it_begins_and_once_when_it_is_over(walk, name):
    walked, kind = walk(name), KINDS[name]
    begins, over = walked.of_event(walked.told)
    assert (begins["state"], begins["severity"]) == ("begins", kind.severity)
    assert (over["state"], over["severity"]) == ("over", "info")
    assert begins["id"] != over["id"]
    assert all(begins[key] == over[key] for key in ("host", "session", "account"))
    assert sorted(walked.of_event(walked.notified), key=lambda row: row["state"]) == [begins, over]
    assert walked.of_event(walked.logged) == [begins, over]
    (row,) = walked.of_event(walked.open_begun)
    assert row == {
        "since": begins["time"],
        **{key: begins[key] for key in ("event", "severity", "session", "account", "summary")},
    }
    assert walked.of_event(walked.open_over) == []
    active = f'claude_failover_event_active{{event="{name}",severity="{kind.severity}"}}'
    assert walked.metrics_begun[active] == 1
    assert [series for series in walked.metrics_over if f'event="{name}"' in series] == []
    assert [line.levelno for line in walked.lines] == [LEVELS[kind.severity], logging.INFO]
    assert walked.lines[0].name == f"claude_failover.{kind.logger}"
    for field in ("session", "account"):
        assert {getattr(line, ATTRIBUTE).get(f"CLAUDE_{field.upper()}") for line in walked.lines} <= {
            begins[field],
            "a" if name in ("switching_suspended", "prompts_spent") else None,
        }


def test_a_switch_is_told_once_as_its_record_with_the_keys_of_an_event(walk):
    walked = walk("switch")
    (event,) = walked.of_event(walked.told)
    assert (event["reason"], event["from_account"], event["to_account"], event["outcome"]) == (
        "manual",
        "a",
        "b",
        "switched",
    )
    assert (event["severity"], event["state"], event["account"], event["session"]) == ("info", "begins", "b", None)
    assert walked.notified == walked.logged == [event]
    assert walked.open_begun == []
    assert walked.metrics_begun['claude_failover_switches_total{reason="manual",outcome="switched"}'] == 1
    (line,) = walked.lines
    assert (line.levelno, line.name) == (logging.INFO, "claude_failover.switching.open_records")
    fields = getattr(line, ATTRIBUTE)
    assert (fields["CLAUDE_SWITCH_ID"], fields["CLAUDE_ACCOUNT"]) == (event["id"], "b")


@pytest.mark.parametrize("name", KINDS)
def test_an_event_fits_its_schema_and_says_nothing_that_must_not_leave_the_host(walk, name):
    walked = walk(name)
    assert walked.of_event(walked.told)
    for event in walked.told:
        assert list(errors(event, SCHEMA)) == []
        assert set(event["details"]) == set(KINDS[event["event"]].details)
    for secret in (*PLANTED, walked.folder):
        assert secret not in walked.leaving, secret


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "another"},
        {"severity": "fatal"},
        {"state": "over"},  # with the severity of a begin
        {"session": 3},
        {"session": None},  # of an event that is about one
        {"details": {}},
        {"details": {"next_try_at": None, "more": 1}},
        {"time": "yesterday"},
        {"summary": ""},
    ],
)
def test_the_schema_refuses_what_is_no_event(walk, wrong):
    walked = walk("session_down")
    event = walked.of_event(walked.told)[0]
    assert list(errors(event, SCHEMA)) == []
    assert list(errors({**event, **wrong}, SCHEMA)) != []
    assert list(errors({key: value for key, value in event.items() if key != "host"}, SCHEMA)) != []


def test_the_schema_and_the_page_name_every_event_as_the_table_does():
    assert SCHEMA["properties"]["event"]["enum"] == list(KINDS)
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \| (.*?) \| (.*?) ?\|$", page, re.MULTILINE)
    assert rows == [
        (name, ", ".join(kind.severities), kind.meaning, ", ".join(f"`{key}`" for key in kind.details))
        for name, kind in KINDS.items()
    ]


def test_the_runbook_has_a_section_for_every_event():
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (\w+)\n+(.*?)(?=\n#)", runbook, re.MULTILINE | re.DOTALL))
    for name, kind in KINDS.items():
        said = re.findall(r"`(\w+)`", sections[name].partition("\n")[0].partition(".")[0])
        assert sections[name].startswith("Severity") and set(said) == set(kind.severities), name


def test_the_log_of_events_is_for_its_user_only(tmp_path):
    async def story():
        async with EventWorld(tmp_path) as world:
            await world.begin("source_blind")
            return os.path.join(world.config.state_dir, "events.jsonl")

    assert os.stat(asyncio.run(story())).st_mode & 0o777 == 0o600
