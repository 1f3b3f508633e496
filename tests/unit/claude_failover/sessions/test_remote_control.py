# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Control that a flip has ended is switched on again, once, and where nothing asks a person."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from claude_failover.claude.prompt_delivery import Delivery
from claude_failover.claude.remote_control import drop_of, holds_state, is_on, was_agreed_to
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions import remote_control
from claude_failover.sessions.remote_control import TURN_OFF, RemoteControl
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tmux.client import Pane

UUID = "10000000-0000-4000-8000-000000000000"
TEXT = "Remote Control disconnected — signed-in claude.ai account or organization changed on this machine — run …"
DROP = {"type": "system", "subtype": "informational", "uuid": "d1", "content": TEXT}
ON = {"type": "system", "subtype": "bridge_status", "content": "/remote-control is active · Continue here, on …"}
TYPED = {"type": "system", "subtype": "local_command", "content": "<command-name>/remote-control</command-name>\n"}
TURN = {"type": "user", "message": {"content": TEXT}}


@pytest.mark.parametrize(
    ("records", "drop", "on"),
    [
        ([], None, False),
        ([ON], None, True),
        ([ON, DROP], "d1", False),
        ([ON, DROP, TURN, {"type": "system", "subtype": "turn_duration"}], "d1", False),
        ([DROP, TYPED], None, False),
        ([DROP, TYPED, ON], None, True),
        ([DROP, {**DROP, "uuid": "d2"}], "d2", False),
        ([DROP, {**DROP, "content": "Remote Control disconnected — the app is signed out"}], None, False),
        ([{**ON, "content": "/remote-control is connecting"}], None, False),
        ([{**DROP, "isSidechain": True}], None, False),
        ([{**DROP, "uuid": 5}], None, False),
        ([TURN], None, False),
    ],
)
def test_the_newest_word_counts(records, drop, on):
    assert (drop_of(records), is_on(records)) == (drop, on)
    for start in range(len(records)):  # the end of a transcript, as much of it as is read
        if holds_state(records[start:]):
            assert (drop_of(records[start:]), is_on(records[start:])) == (drop, on)


@pytest.mark.parametrize(
    ("content", "agreed"),
    [
        ('{"remoteDialogSeen": true}', True),
        ('{"remoteDialogSeen": "yes"}', False),
        ("{}", False),
        ("[]", False),
        ("", False),
        (None, False),
    ],
)
def test_the_question_of_the_first_use(tmp_path, content, agreed):
    if content is not None:
        (tmp_path / ".claude.json").write_text(content)
    assert was_agreed_to(str(tmp_path)) is agreed


class World:
    """A session whose transcript is written by the test, and a clock that it moves."""

    def __init__(self, folder, monkeypatch, **options):
        self.folder = folder
        (folder / "a").mkdir()
        (folder / "projects" / "-work").mkdir(parents=True)
        spec = SessionConfig("main", "/", **{"remote_control": True, **options})
        pane = Pane("main", "$0", "@0", "%0", 5, False, None, None, "claude", "/", 0, 80, 24, False, True)
        self.session = TrackedSession("main", spec, pane=pane, activity="idle")
        config = Config(
            path="/x", accounts=(Account("a", str(folder / "a")),), sessions=(spec,), active_link=str(folder / "a")
        )
        monkeypatch.setattr(Config, "projects", property(lambda _config: str(folder / "projects")))
        self.now, self.sent, self.states = 100.0, [], []
        self.results = [Delivery("delivered", 1, 0.5, "a turn began", submitted=True)]
        monkeypatch.setattr(remote_control.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(remote_control, "deliver", self.deliver)
        self.control = RemoteControl(ConfigHolder(config), None, Sessions([self.session]), self)
        self.agree(True)

    def agree(self, agreed):
        (self.folder / "a" / ".claude.json").write_text(json.dumps({"remoteDialogSeen": agreed}))

    def permit(self, session, text):
        return session, text

    async def deliver(self, _tmux, pane_id, text, *, began, permit, attempts):
        self.sent.append((pane_id, text, permit, await began()))
        self.states.append(self.session.state)
        return self.results.pop(0)

    def write(self, *records):
        path = self.folder / "projects" / "-work" / f"{UUID}.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))

    def look(self, later=0.0):
        self.now += later
        asyncio.run(self.control.check())


class Sessions(list):
    """The table of sessions."""

    def conversation(self, _name):
        return UUID


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_the_command_is_typed_once_when_it_is_off(world, caplog):
    caplog.set_level(logging.INFO)
    world.look()
    world.write(ON)
    world.look()
    world.write(ON, DROP)
    world.look()
    world.look(TURN_OFF - 1)
    assert world.sent == []
    world.look(1)
    assert world.sent == [("%0", "/remote-control", ("main", "/remote-control"), False)]
    assert world.states == ["resuming"]  # no task and no other prompt is typed meanwhile
    assert (world.session.state, world.session.notice) == ("idle", None)
    assert "Remote Control is on again" in caplog.text
    world.look(1000)
    assert len(world.sent) == 1


def test_a_resumption_that_begins_meanwhile_is_not_ended(world, monkeypatch):
    async def deliver(*arguments, **options):
        world.session.resume_state = "resuming"
        return await world.deliver(*arguments, **options)

    monkeypatch.setattr(remote_control, "deliver", deliver)
    world.write(ON, DROP)
    world.look()
    world.look(TURN_OFF)
    assert len(world.sent) == 1
    assert world.session.state == "resuming"


def test_each_flip_counts_anew(world):
    world.write(ON, DROP)
    world.results *= 2
    world.look()
    world.look(TURN_OFF)
    world.write(ON, DROP, TYPED, ON, {**DROP, "uuid": "d2"})
    world.look()
    world.look(TURN_OFF)
    assert len(world.sent) == 2


def test_an_account_that_never_used_it_is_left_to_a_person(world, caplog):
    world.agree(False)
    world.write(DROP)
    world.look()
    world.look(TURN_OFF)
    world.look()
    assert world.sent == []
    assert "first use" in world.session.notice
    assert caplog.text.count("first use") == 1
    world.agree(True)
    world.look()
    assert len(world.sent) == 1
    assert world.session.notice is None


@pytest.mark.parametrize(
    ("result", "submitted", "again"),
    [
        ("draft", False, True),
        ("dialog", False, True),
        ("failed", True, False),
        ("dialog", True, False),
        ("bound", False, False),
    ],
)
def test_what_stands_in_the_way_is_told_and_only_an_untyped_command_is_tried_again(world, result, submitted, again):
    world.results = [Delivery(result, 1, 0.5, "the reason", submitted=submitted), *world.results]
    world.write(DROP)
    world.look()
    world.look(TURN_OFF)
    assert "the reason" in world.session.notice
    world.look(TURN_OFF)
    assert len(world.sent) == 1 + again
    assert (world.session.notice is None) is again


def test_a_bug_in_one_session_ends_neither_the_looks_nor_the_daemon(world, monkeypatch, caplog):
    world.write(DROP)
    world.look()
    with monkeypatch.context() as broken:
        broken.setattr(remote_control, "was_agreed_to", lambda _home: 1 / 0)
        world.look(TURN_OFF)
    assert "ZeroDivisionError" in caplog.text
    world.look()
    assert len(world.sent) == 1


@pytest.mark.parametrize("activity", ["busy", "waiting", "starting"])
def test_only_an_idle_session_is_typed_into(world, activity):
    world.write(DROP)
    world.look()
    world.session.activity = activity
    world.look(TURN_OFF)
    assert world.sent == []


@pytest.mark.parametrize("options", [{"remote_control": False}, {"claude_args": False}])
def test_other_sessions_are_left_alone(tmp_path, monkeypatch, options):
    world = World(tmp_path, monkeypatch, **options)
    world.session.notice = "from before a reload"
    world.write(DROP)
    world.look()
    world.look(TURN_OFF)
    assert (world.sent, world.session.notice) == ([], None)
