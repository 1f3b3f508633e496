# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that one release leaves is read by the release before, and the reverse: documents only gain keys."""

from __future__ import annotations

import glob
import json
import os
import subprocess

import earlier_release
import pytest

from ..daemon.conftest import wait_for

# What a failover, a task and a switch by hand write.
DOCUMENTS = {"clock", "exhaustion", "failover", "flips", "prompts", "registry", "switch-journal"}


@pytest.fixture(scope="module")
def earlier_path(tmp_path_factory):
    """The PYTHONPATH of the code of the release before."""
    folder = tmp_path_factory.mktemp("earlier")
    collection = folder / "ansible_collections" / "secuaas" / "claude"
    earlier_release.extract(str(collection))
    return os.pathsep.join([str(collection / "roles" / "claude_failover" / "files"), str(folder)])


def knowledge(world):
    """Return what the daemon knows: of the state, and of the sessions that went on without it."""
    status = world.status()
    history = json.loads(world.command("history", "--json").stdout)
    tasks = json.loads(world.command("queue", "--json").stdout)
    return {
        "active": status["active_account"],
        "exhausted": [row["exhausted"] for row in status["accounts"]],
        "sessions": [{key: row[key] for key in ("name", "uuid", "uuid_source", "pid")} for row in status["sessions"]],
        "switch": status["last_switch"]["id"],
        "history": [(record["id"], record["outcome"], record["sessions"]) for record in history],
        "tasks": [(task["id"], task["state"], task["prompt"]) for task in tasks],
    }


def change_code(world, python_path):
    """Start a daemon of other code in place of the one that runs; return what it says as it starts."""
    assert world.stop() == 0
    said = len(world.daemon_log())
    world.environment["PYTHONPATH"] = python_path
    world.start()
    world.ready("main", "pool")
    return world.daemon_log()[said:]


def test_the_state_goes_to_the_release_before_and_comes_back(world, python_path, earlier_path):
    for name in ("main", "pool"):
        world.session(name, command=["claude"], dedicated=name == "main")
    world.start_tmux()
    world.start()
    world.ready("main", "pool")
    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("two", "continue")
    wait_for(world.switches, "the record of the switch")
    assert world.command("dispatch", "--wait", "a task").returncode == 0
    world.ready("main", "pool")
    known = knowledge(world)
    written = {os.path.basename(path)[: -len(".json")] for path in glob.glob(world.path("state/*.json"))}
    assert written >= DOCUMENTS

    said = change_code(world, earlier_path)
    assert knowledge(world) == known
    assert world.command("switch", "one", "--force").returncode == 0
    wait_for(lambda: len(world.switches()) == 2, "the record of the switch by hand")
    known_before = knowledge(world)

    said += change_code(world, python_path)
    assert knowledge(world) == known_before
    for words in ("set aside", "invalid", "copied", "Traceback", "newer than"):
        assert words not in said
    assert glob.glob(world.path("state/**/*set-aside*"), recursive=True) == []


def test_a_shallow_clone_is_told_with_the_command_that_mends_it(tmp_path):
    source = earlier_release.CHECKOUT
    git = ["git", "-c", f"safe.directory={os.path.realpath(source)}"]
    subprocess.run(
        [*git, "clone", "-q", "--depth=1", "--no-checkout", f"file://{source}", tmp_path / "clone"], check=True
    )
    with pytest.raises(earlier_release.EarlierReleaseError, match="git fetch --unshallow"):
        earlier_release.extract(str(tmp_path / "out"), str(tmp_path / "clone"))
    assert not (tmp_path / "out").exists()
