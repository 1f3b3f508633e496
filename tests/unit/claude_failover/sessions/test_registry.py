# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the registry of conversations."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from claude_failover.common import processes
from claude_failover.sessions import registry
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.storage.store import Store

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


@pytest.fixture
def table(store):
    return SessionRegistry(store)


def me():
    process = processes.read(os.getpid())
    return {"pid": process.pid, "started": process.start}


def dead():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = processes.read(child.pid)
    child.communicate(b"\n")
    return {"pid": process.pid, "started": process.start}


@pytest.mark.parametrize(
    ("held", "offered", "taken"),
    [
        ("assigned", "hook", True),
        ("assigned", "process", False),
        ("assigned", "pane", False),
        ("hook", "assigned", False),
        ("hook", "hook", True),
        ("hook", "process", False),
        ("process", "assigned", True),
        ("process", "process", True),
        ("process", "pane", False),
        ("pane", "process", True),
        ("pane", "pane", True),
    ],
)
def test_a_better_source_replaces_a_worse_one_and_never_the_reverse(table, held, offered, taken):
    assert table.propose("main", RegistryEntry(ONE, held, **me()))
    assert table.propose("main", RegistryEntry(TWO, offered)) is taken
    assert table.get("main").uuid == (TWO if taken else ONE)
    assert table.get("main").source == (offered if taken else held)


def test_the_word_of_a_process_that_is_gone_protects_nothing(table):
    table.propose("main", RegistryEntry(ONE, "hook", **dead()))
    assert table.propose("main", RegistryEntry(TWO, "process", **me()))
    assert table.get("main").uuid == TWO


def test_a_pid_that_was_given_out_again_is_not_the_same_process(table):
    table.propose("main", RegistryEntry(ONE, "hook", pid=os.getpid(), started=1))
    assert table.propose("main", RegistryEntry(TWO, "process", **me()))


def test_a_second_source_of_the_same_conversation_adds_what_it_knows(table):
    table.propose("main", RegistryEntry(ONE, "assigned", cwd="/srv", command=("claude",), **me()))
    assert table.propose("main", RegistryEntry(ONE, "process", transcript="/p/t.jsonl", cwd="/other"))
    entry = table.get("main")
    assert (entry.source, entry.cwd, entry.transcript) == ("assigned", "/srv", "/p/t.jsonl")
    assert entry.command == ("claude",)
    assert entry.pid == os.getpid()


def test_the_same_again_is_not_written_again(table, store):
    table.propose("main", RegistryEntry(ONE, "process", **me()))
    before = os.stat(store.path("registry"))
    assert table.propose("main", RegistryEntry(ONE, "process", **me())) is False
    assert os.stat(store.path("registry")).st_ino == before.st_ino


def test_the_table_survives_a_restart(table, store):
    table.propose("main", RegistryEntry(ONE, "hook", cwd="/srv/é", command=("claude", "-x"), **me()))
    assert SessionRegistry(store).get("main") == table.get("main")


def test_an_invalid_entry_is_ignored_logged_and_copied(store, caplog):
    store.save(
        "registry",
        {
            "good": {"uuid": ONE, "source": "pane", "of a later version": 1},
            "bad": {"uuid": "../../etc", "source": "pane"},
            "worse": {"uuid": ONE, "source": "rumour"},
            "worst": 7,
        },
    )
    table = SessionRegistry(store)
    assert [name for name in ("good", "bad", "worse", "worst") if table.get(name)] == ["good"]
    assert "'bad'" in caplog.text
    assert "'worse'" in caplog.text
    assert "'worst'" in caplog.text
    (copy,) = [name for name in os.listdir(store.folder) if name.endswith(".set-aside")]
    table.propose("good", RegistryEntry(TWO, "hook"))
    with open(os.path.join(store.folder, copy), encoding="utf-8") as stream:
        assert json.load(stream)["data"]["worst"] == 7


def test_an_entry_that_a_full_disk_refused_is_kept_and_stored_later(table, store, monkeypatch, caplog):
    def full(name, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(store, "save", full)
        assert table.propose("main", RegistryEntry(ONE, "process", **me()))
        assert table.get("main").uuid == ONE
        assert table.propose("main", RegistryEntry(ONE, "process", **me())) is False
        assert table.propose("other", RegistryEntry(TWO, "hook"))
        with pytest.raises(OSError, match="No space left"):
            table.flush()
        assert [record.levelname for record in caplog.records].count("ERROR") == 1  # logged once
    assert table.propose("main", RegistryEntry(ONE, "process", **me())) is False
    assert SessionRegistry(store).get("main").uuid == ONE
    assert SessionRegistry(store).get("other").uuid == TWO


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([f"claude --resume {ONE}"], ONE),
        ([f"$ claude --session-id={ONE} --model x", "", f"claude --resume {ONE.upper()}"], ONE),
        ([f"claude --resume {ONE}", f"claude --resume {TWO}"], None),
        ([f"see {ONE} in the log"], None),
        ([f"claude --resume {ONE}0"], None),
        ([], None),
    ],
)
def test_a_pane_names_a_conversation_only_when_it_names_one(lines, found):
    assert registry.uuid_in_pane(lines) == found


def test_the_document_has_the_fields_of_an_entry(table, store):
    table.propose("main", RegistryEntry(ONE, "pane"))
    with open(store.path("registry"), encoding="utf-8") as stream:
        row = json.load(stream)["data"]["main"]
    assert row["uuid"] == ONE
    assert row["updated_at"].endswith("Z")


@pytest.mark.parametrize(
    "values",
    [
        {"cwd": 5},
        {"transcript": ["/x"]},
        {"command": "claude"},
        {"command": ["claude", 1]},
        {"command": None},
        {"pid": "1"},
        {"pid": True},
        {"started": 1.5},
        {"updated_at": None},
    ],
)
def test_an_entry_with_a_value_of_another_type_is_ignored_and_copied(store, values):
    store.save(
        "registry", {"main": {"uuid": ONE, "source": "hook", **values}, "other": {"uuid": TWO, "source": "hook"}}
    )
    table = SessionRegistry(store)
    assert table.get("main") is None
    assert table.get("other").uuid == TWO
    assert [name for name in os.listdir(store.folder) if name.endswith(".set-aside")]
