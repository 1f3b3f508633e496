# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose user runs Claude Code without any variable, as before the collection came."""

from __future__ import annotations

import os
import shutil

import pytest

from . import cli
from .session import Session
from .wait import until
from .world import SHARED, World


class UsedMachine:
    """A world with the one home ~/.claude, and the account A in it."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._whole = world.env
        monkeypatch.setattr(world, "env", self._without_variable)
        self.state = os.path.join(world.home, ".claude.json")
        os.unlink(world.link)
        for tag in world.accounts:
            for name in SHARED:
                os.unlink(os.path.join(world.account_home(tag), name))
        for name in SHARED:
            shutil.rmtree(world.shared(name))
        os.rename(world.account_home("A"), world.link)
        os.rename(os.path.join(world.link, ".claude.json"), self.state)

    def _without_variable(self, **more: str) -> dict[str, str]:
        return {name: value for name, value in self._whole(**more).items() if name != "CLAUDE_CONFIG_DIR"}

    def converse(self, version: str, program: str, text: str) -> str:
        """Hold a conversation with a version of the CLI; return its id."""
        place = self.world.path("bin", f"claude-{version}")
        os.mkdir(place)
        cli.install(program, os.path.join(place, "claude"))
        usual, self.world.claude = self.world.claude, os.path.join(place, "claude")
        session = Session(self.world, f"by-{version.replace('.', '-')}").start(ready=False)

        def ready() -> bool:
            if "Esc to cancel" in session.screen():
                session.keys("Escape")  # a newer version shows what is new
            return session.box() is not None

        until(ready, f"the prompt box of {version}", every=1, show=session.screen)
        session.wait_ready()
        session.ask(text)
        # 2.1.197 loses what it writes when SIGTERM comes, the prompt too: in 3 of 6 runs, right after the answer.
        session.until(lambda: self._is_written(session.id), f"the answer of {version} in its file")
        self.world.namespace.run(["kill", "-TERM", str(session.pid())], self.world.env())
        until(session.dead, f"the end of {version}", show=session.screen)
        self.world.claude = usual
        return session.id

    def _is_written(self, identity: str) -> bool:
        """Return whether the file of a conversation in the one home has the end of a turn."""
        raw = files_below(os.path.join(self.world.link, "projects")).get(f"{identity}.jsonl", b"")
        return b'"type":"assistant"' in raw and b'"type":"system"' in raw


def files_below(folder: str) -> dict[str, bytes]:
    """Return the content of every file by its name."""
    found = {}
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as stream:
                found[name] = stream.read()
    return found
