# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import claude_failover
from claude_failover.common.shared_wake import REST, pause

PACKAGE = Path(claude_failover.__file__).parent


#: Packages of other processes than the daemon, and of one that is made for tests.
OTHERS = ("__main__.py", "cli", "doctor", "hook.py", "rehearsal")
#: Functions and methods that wait for a time which is among their arguments.
WAITS = {"call_later", "shared_pause", "sleep", "_sleep", "sleep_together", "wait", "wait_for", "wait_for_event"}

#: Constants by which the daemon wakes more often, and what goes on then: it is not at rest.
BUSY = {
    "accounts.shared_identity.CHECK_INTERVAL": "in the minute after a flip, where homes share a file",
    "claude.owner_answer.POLL": "while the owner's question is answered",
    "claude.owner_answer.SETTLE": "while the owner's question is answered",
    "claude.refresh_lock.POLL": "in a switch, while a login is refreshed",
    "claude.state_file_edit._POLL": "while the lock of a .claude.json is awaited",
    "common.repeated_faults.PAUSE": "after a fault of the system, before a loop begins again",
    "control.kept_server.RETRY_INTERVAL": "while the control socket cannot be made",
    "control.server.ACCEPT_PAUSE": "while there is no descriptor for a client",
    "control.server.REFUSED_TIMEOUT": "while a client is refused",
    "control.server.SPARED": "while a client waits for one of too many to end",
    "control.server.STOP_TIMEOUT": "at the end",
    "daemon.TMUX_TIMEOUT": "at the start",
    "detection.activity_check.INTERVAL": "while there is a session whose file tells nothing",
    "detection.transcript_watcher.CHECK_INTERVAL": "while the transcripts cannot be watched",
    "detection.transcript_watcher._PIECE_DELAY": "while transcripts are read",
    "failover.resumer.POLL": "while a session is resumed",
    "failover.resumer.RECORD_POLL": "while a session is resumed",
    "failover.resumer.UP_POLL": "while a session is resumed",
    "failover.rounds.TICK": "while changes of the active link are not told, or a round has failed",
    "sessions.exits.STATUS_DELAY": "after the end of a session's program",
    "sessions.lifecycle.LOOK_INTERVAL": "while something keeps a session from starting",
    "sessions.lifecycle.STATUS_DELAY": "after the end of a session's program",
    "sessions.session_control.WRITE_WAIT": "while a session is stopped or restarted",
    "sessions.termination.POLL": "while a session is stopped or restarted",
    "tasks.dispatcher.ANSWER_WITHIN": "while a client waits for the answer to its dispatch",
    "tasks.dispatcher.INTERVAL": "while a task is under way",
    "tmux.connection._DRAIN_TIME": "at the end of a connection",
    "tmux.connection._EXIT_TIMEOUT": "at the end of a connection",
}


def name_of(function):
    return getattr(function, "id", None) or getattr(function, "attr", None)


def constants_of(node, known):
    """Return the constants in an expression, and in what the function gave the variables in it."""
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    for name in names & known.keys():
        names |= {each.id for value in known[name] for each in ast.walk(value) if isinstance(each, ast.Name)}
    return {name for name in names if name.isupper()}


def values_of(function):
    """Return by name what a function gives its variables, and its parameters by default."""
    known = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            pairs = list(zip(positional[len(positional) - len(node.defaults) :], node.defaults))
            pairs += [(name, value) for name, value in zip(node.kwonlyargs, node.kw_defaults) if value is not None]
        else:
            continue
        for target, value in pairs:
            known.setdefault(getattr(target, "id", None) or getattr(target, "arg", None), []).append(value)
    return known


def constants_waited_for(text):
    """Return the constants that the functions of a module wait for, and the numbers that are none."""
    found = set()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        known = values_of(function)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and name_of(call.func) in WAITS:
                for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                    found |= constants_of(argument, known)
                    if isinstance(argument, ast.Constant) and argument.value:
                        found.add(argument.value)
    return found


def pauses():
    """Yield the name, from its module, of each time that the daemon waits for, and that is no setting."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in OTHERS:
            module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            yield from (f"{module}.{name}" for name in sorted(constants_waited_for(path.read_text("utf-8")), key=str))


PAUSES = list(pauses())


@pytest.mark.parametrize(
    ("now", "seconds", "expected"),
    [
        (100.0, 10.0, 10.0),
        (100.003, 10.0, 9.997),
        (104.0, 10.0, 6.0),
        (104.0, 5.0, 6.0),
        (108.9, 10.0, 11.1),
        (109.9999999, 10.0, 10.0000001),
    ],
)
def test_a_pause_ends_at_a_multiple_and_is_never_next_to_nothing(now, seconds, expected):
    assert pause(now, seconds) == pytest.approx(expected)


def test_pauses_that_began_at_different_moments_end_together():
    assert {round(now + pause(now, 5.0), 6) for now in (100.0, 101.0, 102.4)} == {105.0}
    assert (101.0 + pause(101.0, 10.0)) % 5.0 == pytest.approx(0.0)


@pytest.mark.parametrize("name", [name for name in PAUSES if name not in BUSY])
def test_what_looks_by_itself_makes_a_daemon_at_rest_wake_no_more_often(name):
    module, _dot, constant = name.rpartition(".")
    seconds = getattr(importlib.import_module(f"{PACKAGE.name}.{module}"), constant)
    assert seconds % REST == 0.0, f"{name}: a wake of its own every {seconds:g} s, at rest too; or say in BUSY when"


def test_the_pauses_are_found():
    assert len(PAUSES) >= 30 and "failover.rounds.IDLE_INTERVAL" in PAUSES
    assert BUSY.keys() - set(PAUSES) == set(), "nothing waits for them"


@pytest.mark.parametrize(
    "statement",
    [
        "await asyncio.sleep(PAUSE)",
        "await sleep(PAUSE)",
        "await self._sleep(PAUSE)",
        "time.sleep(PAUSE)",
        "await sleep_together(PAUSE)",
        "delay = shared_pause(PAUSE)",
        "await wait_for_event(self._wake, PAUSE)",
        "await wait_for_event(self._wake, seconds=PAUSE)",
        "await wait_for_event(wake, delay(shared_pause(REST) if told else PAUSE))",
        "await self.pause.wait(PAUSE, self._is_needed)",
        "await asyncio.wait({ended}, timeout=PAUSE)",
        "await asyncio.wait_for(ended, PAUSE)",
        "loop.call_later(min(PAUSE, 2 * PAUSE), look)",
        "pause = PAUSE if busy else 1\n    await asyncio.sleep(pause)",
        "await asyncio.sleep(preset)",
        "await asyncio.sleep(named)",
    ],
)
def test_each_way_to_wait_is_found(statement):
    text = f"async def look(self, told, preset=PAUSE, *, other, named=PAUSE):\n    {statement}\n"
    assert constants_waited_for(text) - {"REST"} == {"PAUSE"}


def test_a_number_without_a_name_is_found():
    text = "async def look():\n    await asyncio.sleep(2.5)\n    await asyncio.sleep(0)\n"
    assert constants_waited_for(text) == {2.5}
