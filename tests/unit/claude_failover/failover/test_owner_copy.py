# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test when the owner dialog may be answered with a copy."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace

import pytest

from claude_failover.claude.identity import Identity
from claude_failover.claude.prompt_box import Dialog
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, FailoverConfig
from claude_failover.failover import owner_copy
from claude_failover.failover.owner_copy import OwnerCopy
from claude_failover.sessions.tracked_session import TrackedSession

QUESTION = Dialog("owner", "", ())
OWN = {"type": "session-owner", "accountUuid": "u-a", "organizationUuid": "ORG-1"}
BOB = Identity("u-b", "b@example.invalid", "Acme", "org-1")


class World:
    """One session, begun under an account of the organization ORG-1; the account b is active."""

    def __init__(self, monkeypatch, session_owner="copy"):
        self.records = [OWN]
        self.identity = BOB
        self.active = "b"
        self.copies = []
        self.result = None
        self.main = TrackedSession("main", pane=SimpleNamespace(pane_id="%7", dead=False), config_dir="/link")
        self.config = ConfigHolder(
            Config(
                path="/c.yml",
                accounts=(Account("a", "/a"), Account("b", "/b")),
                active_link="/link",
                failover=FailoverConfig(session_owner=session_owner),
            )
        )
        availability = SimpleNamespace(
            active=lambda: self.active, identities=SimpleNamespace(get=lambda _name: self.identity)
        )
        sessions = SimpleNamespace(conversation=lambda _name: "uuid")
        monkeypatch.setattr(owner_copy, "read_conversation", lambda _projects, _uuid: self.records)
        self.copy = OwnerCopy(self.config, None, sessions, availability, copy=self.run)

    async def run(self, _tmux, pane_id, address, allowed):
        self.copies.append((pane_id, address, allowed()))
        return self.result

    def answers(self, times=1):
        async def ask():
            told = []
            for _time in range(times):
                told.append(await self.copy.answer(self.main, QUESTION))
                await asyncio.sleep(0.01)
            await self.copy.stop()
            return told

        return asyncio.run(ask())


def test_a_conversation_of_the_same_organization_is_copied_to_the_active_account(monkeypatch):
    world = World(monkeypatch)
    assert world.answers() == [None]
    assert world.copies == [("%7", "b@example.invalid", True)]


def test_by_default_it_is_left_to_a_person(monkeypatch):
    world = World(monkeypatch, session_owner="ask")
    (why,) = world.answers()
    assert why.startswith(owner_copy.WHY) and "failover.session_owner is ask" in why
    assert world.copies == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"records": [{**OWN, "organizationUuid": "org-2"}]}, "of another organization"),
        ({"records": [{**OWN, "organizationUuid": None}]}, "of another organization"),
        ({"records": [{**OWN, "restricted": ["ldr"]}]}, "keeps conversations for a limited time"),
        ({"records": [OWN, {**OWN, "organizationUuid": "org-2"}]}, "of another organization"),
        ({"records": []}, "does not name its owner"),
        ({"identity": None}, "organization of the active account is not known"),
        ({"identity": Identity("u-b", "b@example.invalid")}, "organization of the active account is not known"),
        ({"identity": Identity("u-b", None, "Acme", "org-1")}, "address of the active account is not known"),
        ({"active": None}, "organization of the active account is not known"),
    ],
)
def test_what_is_not_known_to_be_of_one_organization_is_left_to_a_person(monkeypatch, change, why):
    world = World(monkeypatch)
    for name, value in change.items():
        setattr(world, name, value)
    assert why in world.answers()[0]
    assert world.copies == []


@pytest.mark.parametrize("change", [{"config_dir": "/a"}, {"foreign_login": "ANTHROPIC_API_KEY in its environment"}])
def test_a_session_that_does_not_follow_the_link_is_left_to_a_person(monkeypatch, change):
    world = World(monkeypatch)
    world.main = dataclasses.replace(world.main, **change)
    assert "does not follow the active link" in world.answers()[0]
    assert world.copies == []


def test_a_copy_that_failed_is_told_and_tried_again_after_a_while(monkeypatch):
    world = World(monkeypatch)
    world.result = "its cursor does not move"
    first, second, third = world.answers(3)
    assert first is None
    assert "its cursor does not move" in second and second == third
    assert len(world.copies) == 1
    monkeypatch.setattr(owner_copy, "_DELAYS", (0.0, 0.0))
    world.copy._failed.clear()
    world.result = None
    assert world.answers(2) == [None, None]
