# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import FILE, shared_symlink
from switch_world import World

from claude_failover.accounts import link_watch
from claude_failover.accounts.link_watch import LinkWatch
from claude_failover.accounts.shared_links import validate_links
from claude_failover.config.model import LifecycleConfig
from claude_failover.reporting.events import links_event


class Watched:
    """Two accounts that share a file too, their watch, and what it told."""

    def __init__(self, folder):
        self.world = World(folder)
        links = (*self.world.config.shared_links, shared_symlink(self.world.folder, "settings.json", FILE))
        interval = LifecycleConfig(check_interval=0.05)
        self.world.config_holder.replace(replace(self.world.config, shared_links=links, lifecycle=interval))
        validate_links(self.world.config)
        self.settings = os.path.join(self.world.home("b"), "settings.json")
        self.told = []
        self.watch = LinkWatch(self.world.config_holder, lambda *words: self.told.append(words))

    def check(self):
        """Check twice, for a second look tells nothing new; return what was told."""
        self.told.clear()
        self.watch.check()
        self.watch.check()
        return list(self.told)


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_correct_links_are_not_told(watched):
    assert watched.check() == []


def test_a_link_that_the_cli_replaced_by_a_file_is_told_once_and_left_and_told_over(watched, caplog):
    target = os.readlink(watched.settings)
    os.unlink(watched.settings)
    with open(watched.settings, "w", encoding="ascii") as stream:
        stream.write("mine")
    ((account, problem),) = watched.check()
    assert account == "b"
    assert f"'{watched.settings}' is not a symlink: found a regular file" in problem
    assert [(record.levelname, problem in record.message) for record in caplog.records] == [("ERROR", True)]
    with open(watched.settings, encoding="ascii") as stream:
        assert stream.read() == "mine"
    os.unlink(watched.settings)
    os.symlink(target, watched.settings)
    assert watched.check() == [("b", None)]


def test_a_missing_link_is_told_and_not_made(watched):
    os.unlink(watched.settings)
    ((account, problem),) = watched.check()
    assert (account, watched.settings in problem) == ("b", True)
    assert not os.path.lexists(watched.settings)


def counted(monkeypatch):
    real, looks = link_watch.links_problem, []
    monkeypatch.setattr(link_watch, "links_problem", lambda *arguments: looks.append(1) or real(*arguments))
    return looks


def test_links_that_were_right_are_validated_again_when_an_entry_changes_and_after_a_minute(watched, monkeypatch):
    looks, now = counted(monkeypatch), [1000.0]
    monkeypatch.setattr(link_watch.time, "monotonic", lambda: now[0])
    watched.check()
    once = len(looks)
    watched.check()
    assert len(looks) == once == 2, "each account's"
    now[0] += 61
    watched.check()
    assert len(looks) == 2 * once
    target = os.readlink(watched.settings)
    os.unlink(watched.settings)
    os.symlink(target, watched.settings)
    assert watched.check() == []
    assert len(looks) == 3 * once


def test_a_link_to_another_text_of_the_same_target_is_told(watched):
    watched.check()
    target = os.readlink(watched.settings)
    os.unlink(watched.settings)
    os.symlink(os.path.join(os.path.dirname(target), ".", os.path.basename(target)), watched.settings)
    ((account, problem),) = watched.check()
    assert (account, "compared by their text" in problem) == ("b", True)


def test_a_target_that_is_gone_and_a_file_in_a_homes_place_are_told(watched):
    watched.check()
    target = os.readlink(watched.settings)
    os.rename(target, target + ".away")
    told = watched.check()
    assert [account for account, _problem in told] == ["a", "b"]
    os.rename(target + ".away", target)
    assert sorted(watched.check()) == [("a", None), ("b", None)]
    os.rename(watched.world.home("b"), watched.world.home("b") + ".away")
    ((account, problem),) = watched.check()
    assert (account, watched.world.home("b") in problem) == ("b", True)


def test_a_second_link_that_goes_wrong_is_told_too(watched):
    watched.world.break_link("b")
    assert len(watched.check()) == 1
    os.unlink(watched.settings)
    os.mkdir(watched.settings)
    ((_account, problem),) = watched.check()
    assert "divergent link" in problem and "found a directory" in problem
    assert problem.isprintable()


def test_an_account_that_is_gone_is_over(watched):
    watched.world.break_link("b")
    watched.check()
    watched.world.config_holder.replace(replace(watched.world.config, accounts=watched.world.config.accounts[:1]))
    assert watched.check() == [("b", None)]


def test_a_bug_is_logged_and_the_watch_goes_on(watched, caplog, monkeypatch):
    watched.world.break_link("b")
    real, faults = link_watch.links_problem, [ZeroDivisionError()]

    def look(*arguments):
        if faults:
            raise faults.pop()
        return real(*arguments)

    monkeypatch.setattr(link_watch, "links_problem", look)

    async def first_told():
        told = asyncio.get_running_loop().create_future()
        running = asyncio.ensure_future(
            LinkWatch(watched.world.config_holder, lambda *words: told.set_result(words)).run()
        )
        try:
            return await asyncio.wait_for(told, 10)
        finally:
            running.cancel()

    account, problem = asyncio.run(first_told())
    assert "ZeroDivisionError" in caplog.text
    assert (account, "divergent" in problem) == ("b", True)


def test_the_event_begins_and_is_over():
    begins, over = links_event("b", "divergent link"), links_event("b", None)
    assert [(row["event"], row["state"], row["severity"], row["account"]) for row in (begins, over)] == [
        ("links_divergent", "begins", "error", "b"),
        ("links_divergent", "over", "info", "b"),
    ]
    assert "divergent link" in begins["summary"]
