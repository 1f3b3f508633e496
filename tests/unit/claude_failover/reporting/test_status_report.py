# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the metrics are made from: the same figures as the whole status, without a look at any session's files."""

from __future__ import annotations

import asyncio
import os

import pytest
from event_world import STORIES, EventWorld, write

from claude_failover.claude import background_jobs
from claude_failover.reporting import status as module
from claude_failover.reporting.metrics import render
from claude_failover.reporting.tallies import Tallies


@pytest.mark.parametrize("story", sorted(STORIES))
def test_the_gauges_have_all_that_the_metrics_need(tmp_path, story):
    async def told():
        async with EventWorld(tmp_path) as world:
            await world.begin(story)
            report = world.parts.status
            both = render(report.gauges(), Tallies()), render(report.document(), Tallies())
            await world.end()
            return both

    gauges, document = asyncio.run(told())
    assert gauges == document


def test_a_limit_of_its_own_is_a_state_in_the_gauges_too(tmp_path, monkeypatch):
    async def told():
        async with EventWorld(tmp_path) as world:
            monkeypatch.setattr(world.parts.failover, "own_limit", lambda _session: "it has hit its own limit")
            return world.parts.status.gauges()["sessions"], world.parts.status.session_rows()

    gauges, rows = asyncio.run(told())
    assert gauges == [{"state": row["state"]} for row in rows] == [{"state": "limited"}]


def test_the_metrics_look_at_no_session(tmp_path, monkeypatch):
    """They are written all the time: with a look at each session, a daemon at rest is never at rest."""
    looked = []
    for place, name in (
        (background_jobs, "read_session_file"),
        (background_jobs.processes, "read"),
        (module, "session_row"),
    ):
        real = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given, real=real, name=name: looked.append(name) or real(*given))

    async def told():
        textfile = tmp_path / "metrics.prom"
        async with EventWorld(tmp_path, metrics=str(textfile)) as world:
            os.makedirs(os.path.join(world.home("a"), "sessions"))
            write(os.path.join(world.home("a"), "sessions", f"{os.getpid()}.json"), {"pid": os.getpid()})
            looked.clear()
            world.parts.metrics.write()
            at_metrics = sorted(set(looked))
            world.parts.status.document()
            return textfile.read_text(), at_metrics, sorted(set(looked))

    text, at_metrics, at_status = asyncio.run(told())
    assert 'claude_failover_sessions{state="idle"} 1' in text
    assert at_metrics == []
    assert at_status == ["read", "read_session_file", "session_row"]
