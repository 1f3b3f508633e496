# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine in use, to be adopted: a home with conversations, a state file beside it, and a second account."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DIRECTORY,
    FILE,
    required_shared,
    shared_symlink,
)
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import walk

DATE = "2026-11-26"
SETTINGS = {
    **dict.fromkeys(("settings.json", "CLAUDE.md", "keybindings.json", "history.jsonl", ".claude.json"), FILE),
    **dict.fromkeys(("agents", "commands", "skills", "hooks", "rules", "output-styles", "plugins"), DIRECTORY),
    **dict.fromkeys(("sessions", "shell-snapshots", "plans", "tasks", "todos", "themes", "workflows"), DIRECTORY),
}
"""Names and kinds of the links by which accounts share the person's settings."""
SECRET = "a-token-or-an-address-that-nobody-is-to-see"
STATE = {
    "oauthAccount": {"emailAddress": SECRET},
    "primaryApiKey": SECRET,
    "hasCompletedOnboarding": True,
    "mcpServers": {"tool": {"command": "tool", "env": {"TOKEN": SECRET}}},
    "projects": {"/srv/work": {"hasTrustDialogAccepted": True}},
}


class Machine:
    """A user's folder; ``home`` is the one that Claude Code uses without any variable.

    With ``settings`` the accounts are to share the person's settings too.
    """

    def __init__(self, base: str, *, settings: bool = False) -> None:
        self.base, self.settings = base, settings
        self.user = f"{base}/u"
        self.home, self.state = f"{self.user}/.claude", f"{self.user}/.claude.json"
        self.homes = (f"{self.user}/.claude-compte1", f"{self.user}/.claude-compte2")
        os.makedirs(self.user, exist_ok=True)

    @property
    def request(self) -> AdoptionRequest:
        shared = [shared_symlink(self.user, name, kind) for name, kind in SETTINGS.items()] if self.settings else []
        return AdoptionRequest(self.homes, self.home, (*required_shared(self.user), *shared), DATE)

    def put(self, path: str, content: str | bytes | dict[str, Any]) -> str:
        """Write a file below the user's folder."""
        whole = os.path.join(self.user, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        if isinstance(content, dict):
            content = json.dumps(content)
        with open(whole, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        os.chmod(whole, 0o600)
        return whole

    def fill(self) -> Machine:
        """Put there what a year of use leaves."""
        self.put(".claude.json", STATE)
        self.put(".claude/.credentials.json", SECRET)
        self.put(".claude/settings.json", {"permissions": {"deny": ["Bash(rm:*)"]}, "env": {"KEY": SECRET}})
        self.put(".claude/CLAUDE.md", "be brief")
        self.put(".claude/projects/-srv-work/one.jsonl", "1\n2\n")
        self.put(".claude/projects/-srv-work/memory/notes.md", "notes")
        self.put(".claude/file-history/one/a@v1", "a")
        self.put(".claude-compte2/projects/-srv-work/two.jsonl", "3\n")
        self.put(".claude-compte2/.credentials.json", SECRET + "2")
        return self

    def adopt(self, *, check: bool = False) -> dict[str, Any]:
        """Adopt the machine; nothing that may not be seen is in the result."""
        result = _adopt_run.adopt(self.request, check_mode=check)
        assert SECRET not in json.dumps(result)
        return result

    def adopted(self) -> dict[str, Any]:
        """Adopt the machine and require that nothing failed."""
        result = self.adopt()
        assert result["failures"] == []
        return result

    def shared(self, name: str = "projects") -> str:
        return f"{self.user}/.claude-{name.lstrip('.')}-shared"

    def read(self, path: str) -> bytes:
        with open(os.path.join(self.user, path), "rb") as stream:
            return stream.read()

    def conversations(self) -> list[bytes]:
        """Return the content of every file that is to be shared, wherever a home is now; not that of state files."""
        places = [f"{home}/{name}" for home in (self.home, *self.homes) for name in self.names()]
        return [
            self.read(path)
            for place in places
            for path in [place, *walk(place)]
            if os.path.isfile(path) and not os.path.islink(path) and not os.path.islink(place)
        ]

    def names(self) -> list[str]:
        """Return the names of the links but that of the state file, which is merged by its keys."""
        return [link.name for link in self.request.links if link.name != ".claude.json"]

    def shared_contents(self) -> list[bytes]:
        """Return the content of every file in the targets and beside them."""
        tops = [f"{self.user}/{name}" for name in os.listdir(self.user)]
        return [
            self.read(path)
            for name in self.names()
            for top in tops
            if top == self.shared(name) or top.startswith(f"{self.shared(name)}.kept-")
            for path in walk(top)
            if os.path.isfile(path) and not os.path.islink(path)
        ]

    def contents(self) -> list[bytes]:
        """Return the content of every regular file on the machine."""
        return [self.read(path) for path in walk(self.user) if os.path.isfile(path) and not os.path.islink(path)]

    def logins(self) -> list[str]:
        return sorted(path for path in walk(self.user) if os.path.basename(path) == ".credentials.json")
