# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test when the owner dialog may be answered with a copy."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import tracemalloc
from types import SimpleNamespace

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import SharedSymlink

from claude_failover.claude.identity import Identity
from claude_failover.claude.prompt_box import Dialog
from claude_failover.common import processes
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, FailoverConfig
from claude_failover.failover import owner_copy
from claude_failover.failover.owner_copy import OwnerCopy
from claude_failover.sessions.registry import RegistryEntry
from claude_failover.sessions.tracked_session import TrackedSession

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
QUESTION = Dialog("owner", "", ())
OWN = {"type": "session-owner", "accountUuid": "u-a", "organizationUuid": "ORG-1"}
BOB = Identity("u-b", "b@example.invalid", "Acme", "org-1")


class World:
    """One session, begun under an account of the organization ORG-1; the account b is active."""

    def __init__(self, folder, session_owner="copy"):
        self.folder = folder
        os.makedirs(folder / "projects" / "-srv")
        os.makedirs(folder / "b" / "sessions")
        self.records = [OWN]
        self.entry = RegistryEntry(ONE, "hook")
        self.identity = BOB
        self.active = "b"
        self.copies = []
        self.result = None
        me = processes.read(os.getpid())
        pane = SimpleNamespace(pane_id="%7", dead=False)
        self.main = TrackedSession("main", pane=pane, config_dir="/link", claude=me, hook_seen=True)
        self.config = ConfigHolder(
            Config(
                path="/c.yml",
                accounts=(Account("a", "/a"), Account("b", str(folder / "b"))),
                active_link="/link",
                shared_links=(SharedSymlink(str(folder / "projects"), "projects"),),
                failover=FailoverConfig(session_owner=session_owner),
            )
        )
        availability = SimpleNamespace(
            active=lambda: self.active, identities=SimpleNamespace(get=lambda _name: self.identity)
        )
        registry = SimpleNamespace(get=lambda _name: self.entry)
        self.on_copy = lambda: None
        self.copy = OwnerCopy(self.config, None, registry, availability, copy=self.run)

    def write(self, name=ONE, before=b""):
        """Write the transcript, with ``before`` after its first record."""
        first, *others = [json.dumps(record).encode() + b"\n" for record in self.records] or [b""]
        (self.folder / "projects" / "-srv" / f"{name}.jsonl").write_bytes(first + before + b"".join(others))

    def session_file(self, uuid, status="waiting"):
        """Write the session file of the process."""
        process = self.main.claude
        found = {"pid": process.pid, "sessionId": uuid, "procStart": str(process.start), "status": status}
        (self.folder / "b" / "sessions" / f"{process.pid}.json").write_text(json.dumps(found))

    async def run(self, _tmux, pane_id, address, allowed):
        self.on_copy()
        self.copies.append((pane_id, address, allowed()))
        return self.result

    def answers(self, times=1):
        if not os.listdir(self.folder / "projects" / "-srv"):
            self.write()

        async def ask():
            told = []
            for _time in range(times):
                told.append(await self.copy.answer(self.main, QUESTION))
                await asyncio.sleep(0.01)
            await self.copy.stop()
            return told

        return asyncio.run(ask())


def test_a_conversation_of_the_same_organization_is_copied_to_the_active_account(tmp_path):
    world = World(tmp_path)
    assert world.answers() == [None]
    assert world.copies == [("%7", "b@example.invalid", True)]


def test_by_default_it_is_left_to_a_person(tmp_path):
    world = World(tmp_path, session_owner="ask")
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
def test_what_is_not_known_to_be_of_one_organization_is_left_to_a_person(tmp_path, change, why):
    world = World(tmp_path)
    for name, value in change.items():
        setattr(world, name, value)
    assert why in world.answers()[0]
    assert world.copies == []


@pytest.mark.parametrize("change", [{"config_dir": "/a"}, {"foreign_login": "ANTHROPIC_API_KEY in its environment"}])
def test_a_session_that_does_not_follow_the_link_is_left_to_a_person(tmp_path, change):
    world = World(tmp_path)
    world.main = dataclasses.replace(world.main, **change)
    assert "does not follow the active link" in world.answers()[0]
    assert world.copies == []


def test_a_copy_that_failed_is_told_and_tried_again_after_a_while(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.result = "its cursor does not move"
    first, second, third = world.answers(3)
    assert first is None
    assert "its cursor does not move" in second and second == third
    assert len(world.copies) == 1
    monkeypatch.setattr(owner_copy, "_DELAYS", (0.0, 0.0))
    world.copy._failed.clear()
    world.result = None
    assert world.answers(2) == [None, None]


# -- which conversation it is about --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["waiting", "busy"])
def test_the_conversation_of_the_registry_is_copied_where_the_session_file_has_it(tmp_path, status):
    world = World(tmp_path)
    world.session_file(ONE, status)
    assert world.answers() == [None]
    assert world.copies == [("%7", "b@example.invalid", True)]


def test_a_conversation_that_somebody_has_just_opened_is_left_to_a_person(tmp_path):
    """2.1.332: after /resume the session file names it at once, the registry has the one before until the hook."""
    world = World(tmp_path)
    world.session_file(TWO)
    assert "which conversation it is about is not known" in world.answers()[0]
    assert world.copies == []


def test_one_that_somebody_opens_while_it_is_answered_is_not_confirmed(tmp_path):
    world = World(tmp_path)
    world.session_file(ONE)
    world.on_copy = lambda: world.session_file(TWO)
    world.answers()
    assert [allowed for _pane, _address, allowed in world.copies] == [False]


def test_one_that_a_hook_names_while_it_is_answered_is_not_confirmed(tmp_path):
    """After a hot flip the session file can stay in the other home as it was."""
    world = World(tmp_path)
    world.session_file(ONE, "idle")
    world.on_copy = lambda: setattr(world, "entry", RegistryEntry(TWO, "hook"))
    world.answers()
    assert [allowed for _pane, _address, allowed in world.copies] == [False]


@pytest.mark.parametrize("change", [{"hook_seen": False}, {"claude": None}])
def test_what_neither_a_hook_nor_the_session_file_names_is_left_to_a_person(tmp_path, change):
    world = World(tmp_path)
    world.main = dataclasses.replace(world.main, **change)
    assert "which conversation it is about is not known" in world.answers()[0]
    assert world.copies == []


# -- the record of the owner ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("organization", ["ORG-1", "org-2"])
def test_the_owner_is_found_at_the_beginning_of_a_long_transcript(tmp_path, organization):
    """It is written once; what follows it can be much longer than what is read for the newest turn."""
    world = World(tmp_path)
    world.records = [{**OWN, "organizationUuid": organization}, {"type": "user"}]
    world.write(before=(json.dumps({"type": "assistant", "text": "x" * 100_000}) + "\n").encode() * 60)
    (why,) = world.answers()
    assert (why is None) == (organization == "ORG-1")
    assert len(world.copies) == (organization == "ORG-1")


def test_the_transcript_is_read_in_blocks_and_once(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.write(before=b"x" * (40 << 20) + b"\n")
    reads = []
    read = owner_copy.owner_of
    monkeypatch.setattr(owner_copy, "owner_of", lambda *of: reads.append(of) or read(*of))
    world.result = "its cursor does not move"
    tracemalloc.start()
    world.answers(3)
    _held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20
    assert len(reads) == 1


def test_a_transcript_that_cannot_be_read_is_left_to_a_person(tmp_path):
    world = World(tmp_path)
    os.mkdir(tmp_path / "projects" / "-srv" / f"{ONE}.jsonl")
    assert "its transcript cannot be read" in world.answers()[0]
    assert world.copies == []
