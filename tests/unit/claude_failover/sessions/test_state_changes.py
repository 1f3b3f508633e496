# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever makes the state of a session another one tells: a task that waits for the session goes by it."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import textwrap
from datetime import timedelta

import pytest
from event_world import CONVERSATION, EventWorld

import claude_failover
from claude_failover.common import clock
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tasks.dispatcher import Dispatcher

PACKAGE = os.path.dirname(os.path.abspath(claude_failover.__file__))
#: Functions that do not tell themselves.
EXCEPTIONS = {
    # The table tells after what it observes; the configuration tells the dispatcher, and a rename is seen by a check.
    ("sessions/table.py", "_apply_config"),
    ("sessions/table.py", "_observe_anew"),
    ("sessions/table.py", "_observe_session"),
    ("sessions/table.py", "_tell_set_aside"),
    ("sessions/table.py", "rename"),
    # No session is free by it: it is down, is being started, or is limited.
    ("sessions/lifecycle.py", "_maintain"),
    ("sessions/lifecycle.py", "_record_exit"),
    ("sessions/starter.py", "start"),
    ("failover/resumer.py", "_mark_left"),
    ("failover/resumer.py", "mark_limited"),
    # The event that it processes tells.
    ("failover/resumer.py", "on_turn"),
}


def fields_of_the_state() -> set[str]:
    """Return the attributes that the state of a session, and what else a task asks of it, is made of."""
    found, properties, left = set(), {"state", "cwd", "dedicated"}, ["state", "cwd", "dedicated"]
    while left:
        source = textwrap.dedent(inspect.getsource(getattr(TrackedSession, left.pop()).fget))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                if not isinstance(getattr(TrackedSession, node.attr, None), property):
                    found.add(node.attr)
                elif node.attr not in properties:
                    properties.add(node.attr)
                    left.append(node.attr)
    return found


def silent_functions(source: str) -> list[str]:
    """Return the functions of a module that change the state of a session, and do not tell."""
    fields, found = fields_of_the_state(), []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        changed = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and node.attr in fields
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        ]
        told = [node for node in ast.walk(function) if isinstance(node, ast.Attribute) and node.attr == "on_change"]
        if changed and not told:
            found.append(function.name)
    return found


def test_the_state_of_a_session_is_made_of_what_is_known():
    assert fields_of_the_state() >= {"pane", "claude", "activity", "resume_state", "question", "start_question"}
    assert silent_functions("def stop(tracked):\n    tracked.activity = 'idle'\n") == ["stop"]
    assert silent_functions("def stop(tracked):\n    tracked.activity = 'idle'\n    tracked.on_change()\n") == []
    assert silent_functions("def stop(tracked):\n    tracked.reason = 'gone'\n") == []


def test_whoever_changes_the_state_of_a_session_tells():
    silent = set()
    for folder, _folders, names in os.walk(PACKAGE):
        for name in names:
            path = os.path.join(folder, name)
            module = os.path.relpath(path, PACKAGE)
            if name.endswith(".py") and not module.startswith("rehearsal"):
                with open(path, encoding="utf-8") as stream:
                    silent |= {(module, function) for function in silent_functions(stream.read())}
    assert silent == EXCEPTIONS


def hook(world, **payload):
    environment = {"TMUX": f"{world.config.tmux.socket},1,0", "TMUX_PANE": "%7"}
    world.parts.monitor.handle_hook({"session_id": CONVERSATION, **payload}, environment)


WAYS = {
    "a check": lambda world: world.parts.sessions.observe([]),
    "a notice of its own": lambda world: hook(world, hook_event_name="Notification", notification_type="idle_prompt"),
    "another conversation": lambda world: hook(world, hook_event_name="PreToolUse"),
    "a turn": lambda world: hook(world, hook_event_name="Stop"),
    "its screen or transcript": lambda world: world.main.record_activity("busy"),
    "a question at its start": lambda world: world.main.record_start_question("Claude Code asks", "trust"),
    "the owner's question": lambda world: world.parts.monitor.owner_watch._tell(world.main, "Claude Code asks"),
    "a configuration": lambda world: world.configure(sessions=()),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_dispatcher_is_told_when_a_session_may_be_free(tmp_path, monkeypatch, way):
    told = []
    monkeypatch.setattr(Dispatcher, "wake_up", lambda _dispatcher: told.append(way))

    async def story():
        async with EventWorld(tmp_path) as world:
            told.clear()
            WAYS[way](world)

    asyncio.run(story())
    assert told


def test_what_is_seen_again_is_not_told_again():
    told = []
    tracked = TrackedSession("main", on_change=lambda: told.append(tracked.state))
    tracked.record_activity("idle")
    tracked.record_activity("idle")
    tracked.record_activity("busy", clock.now() - timedelta(hours=1))  # older than what is known
    tracked.record_start_question(None)
    assert len(told) == 1
    tracked.record_start_question("Claude Code asks", "trust")
    tracked.record_start_question("Claude Code asks", "trust")
    tracked.record_start_question(None)
    assert len(told) == 3
