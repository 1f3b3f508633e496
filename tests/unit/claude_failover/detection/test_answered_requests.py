# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from claude_failover.claude.turns import answered_request_time, is_answer
from claude_failover.common import clock
from claude_failover.detection import answered_requests as answered_requests_module
from claude_failover.detection.answered_requests import AnsweredRequests
from claude_failover.sessions.registry import RegistryEntry

UUID = "11111111-1111-4111-8111-111111111111"
NOW = clock.now()


def at(seconds):
    return clock.iso(clock.to_wall(NOW + timedelta(seconds=seconds)))


def prompt(seconds, **more):
    return {"type": "user", "timestamp": at(seconds), "message": {"content": "go on"}, **more}


def answer(seconds, model="claude-x", **more):
    return {"type": "assistant", "timestamp": at(seconds), "message": {"model": model, "content": []}, **more}


def refusal(seconds):
    return answer(seconds, model="<synthetic>", isApiErrorMessage=True)


def begun(moment):
    return None if moment is None else round((moment - NOW).total_seconds(), 2)


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([], None),
        ([prompt(-9)], None),
        ([prompt(-9), refusal(-8)], None),
        ([prompt(-9), answer(-8)], -9),
        ([prompt(-9), answer(-8), prompt(-5), refusal(-4)], -9),
        ([prompt(-9), answer(-8), prompt(-5), answer(-4), answer(-3)], -5),
        ([answer(-8)], None),
        ([prompt(-9), answer(-8, isSidechain=True)], None),
        ([prompt(-9), prompt(-7, isSidechain=True), answer(-5)], -9),
        ([prompt(-9), answer(-8), prompt(3600), answer(3601)], -9),
        ([prompt(-9), {"type": "assistant", "message": "none"}], None),
    ],
)
def test_the_newest_request_that_was_answered(records, found):
    assert begun(answered_request_time(records)) == found


def test_only_the_models_own_words_are_an_answer():
    assert is_answer(answer(0))
    for record in (prompt(0), refusal(0), answer(0, model="<synthetic>"), answer(0, isMeta=True), {}):
        assert not is_answer(record)


class Sessions:
    """One session in a conversation, whose process was started so many seconds before `NOW`."""

    def __init__(self, folder, started):
        self.projects = str(folder)
        self.started = started
        self.alive = True

    @property
    def tracked(self):
        ticks = (NOW - clock.of_ticks(0)).total_seconds() - self.started
        return SimpleNamespace(claude=SimpleNamespace(start=ticks * os.sysconf("SC_CLK_TCK")) if self.alive else None)

    def get(self, name):
        return {"main": self.tracked}.get(name)

    def write(self, *records):
        folder = os.path.join(self.projects, "-srv")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{UUID}.jsonl"), "w") as stream:
            stream.writelines(json.dumps(record) + "\n" for record in records)


class Registry:
    def get(self, name):
        return RegistryEntry(UUID, "hook") if name == "main" else None


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path, started=100)


@pytest.fixture
def answers(sessions):
    return AnsweredRequests(sessions, Registry(), lambda: sessions.projects)


def test_an_answer_is_read_from_the_transcript(sessions, answers):
    assert answers.newest("main") is None
    sessions.write(prompt(-9), answer(-8))
    assert begun(answers.newest("main")) == -9


def test_a_transcript_is_read_once_until_it_grows(sessions, answers, monkeypatch):
    """Every round of the failover asks, for each session that an answer is awaited of."""
    sessions.write(prompt(-9), answer(-8))
    reads = []
    read = answered_requests_module.read_conversation
    monkeypatch.setattr(
        answered_requests_module, "read_conversation", lambda *about: reads.append(about) or read(*about)
    )
    assert [begun(answers.newest("main")) for _round in range(3)] == [-9, -9, -9]
    assert len(reads) == 1
    sessions.write(prompt(-9), answer(-8), prompt(-5), answer(-4))
    assert begun(answers.newest("main")) == -5


def test_what_was_noted_comes_first(sessions, answers):
    sessions.write(prompt(-9), answer(-8))
    answers.on_answer(UUID, None)
    assert begun(answers.newest("main")) == -9
    answers.on_answer(UUID, NOW)
    assert answers.newest("main") == NOW


def test_an_answer_to_an_earlier_process_does_not_count(sessions, answers):
    """It can have had another login."""
    sessions.write(prompt(-9), answer(-8))
    sessions.started = 5
    assert answers.newest("main") is None
    sessions.alive = False
    assert answers.newest("main") is None


def test_of_an_unknown_session_nothing_is_known(answers):
    assert answers.newest("other") is None


def test_times_are_steady(sessions, answers):
    sessions.write(prompt(-9), answer(-8))
    found = answers.newest("main")
    assert isinstance(found, datetime)
    assert found.tzinfo == timezone.utc
