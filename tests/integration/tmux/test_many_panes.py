# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several panes asked for in one line, on a real tmux server."""

from __future__ import annotations

import time

from claude_failover.tmux import batches

from .conftest import Driver, Server, wait_for


def started(driver: Driver, server: Server, count: int) -> tuple:
    tmux = driver.client(server.socket)
    panes = [
        driver.run(
            tmux.new_session(f"s{number}", "/", ["sh", "-c", f"echo limit{number}; exec sleep 1000"], {})
        ).pane_id
        for number in range(count)
    ]
    wait_for(
        lambda: all(
            f"limit{number}" in server.ask("capture-pane", "-p", "-t", pane).stdout for number, pane in enumerate(panes)
        ),
        "the texts",
    )
    return tmux, panes


def test_the_panes_of_more_than_one_line_are_all_captured(driver, server, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 3)
    tmux, panes = started(driver, server, 7)
    texts = driver.run(tmux.capture_each(panes, lines=100, escapes=True))
    assert list(texts) == panes
    for number, pane in enumerate(panes):
        assert texts[pane] == driver.run(tmux.capture(pane, lines=100, escapes=True))
        assert f"limit{number}" in "".join(texts[pane])


def test_a_pane_that_is_gone_keeps_no_other_from_its_answer(driver, server):
    tmux, panes = started(driver, server, 4)
    driver.run(tmux.kill_pane(panes[1]))
    left = [panes[0], panes[2], panes[3]]
    assert list(driver.run(tmux.capture_each(panes))) == left
    assert list(driver.run(tmux.activity(panes))) == left
    assert driver.run(tmux.search("limit", panes=panes)) == left
    assert driver.run(tmux.search("limit2", panes=panes)) == [panes[2]]
    assert driver.run(tmux.search("limit2", panes=panes[:1])) == []


def test_the_time_of_the_last_output_is_that_of_the_listing(driver, server):
    tmux, panes = started(driver, server, 3)
    listed = {pane.pane_id: pane.activity for pane in driver.run(tmux.panes())}
    every = driver.run(tmux.activity())
    assert {pane: every[pane] for pane in panes} == {pane: listed[pane] for pane in panes}
    assert driver.run(tmux.activity(since=int(time.time()) + 60)) == {}
    newest = driver.run(tmux.activity(since=max(every.values())))
    assert newest and newest.items() <= every.items()
    assert driver.run(tmux.activity(panes[:2])) == {pane: listed[pane] for pane in panes[:2]}
    assert all(abs(time.time() - moment) < 60 for moment in listed.values())


def test_panes_are_searched_only_where_there_was_output_since(driver, server):
    tmux, panes = started(driver, server, 2)
    assert driver.run(tmux.search("limit", since=int(time.time()) + 60, panes=panes)) == []
    assert driver.run(tmux.search("limit", since=0, panes=panes)) == panes
