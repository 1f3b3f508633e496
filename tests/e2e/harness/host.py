# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container as a controller sees it: one host of an inventory, the playbooks, and what the daemon there says."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from import_path import COLLECTIONS
from playbook_run import run_playbook

from .container import USER, Container
from .namespace import SYSTEM_PATH
from .world import World

#: The tmux server of the role's unit.
SOCKET = "/run/claude-failover-tmux/tmux.sock"
#: An ssh that runs what it is to run, its last argument, in the container; no collection has to be installed for it.
CONNECTION = '#!/bin/sh\nfor last; do :; done\nexec docker exec --interactive {} sh -c "$last"\n'
#: What the stub's world needs in a session's environment.
CARRIED = ("LANG", "DISABLE_AUTOUPDATER", "NODE_EXTRA_CA_CERTS", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC")
TIMEOUT = 900  # a playbook of a hundred tasks, on a machine that has much else to do


class Host:
    """The host, with the world's accounts and one session ``main``."""

    def __init__(self, container: Container, world: World, *command: str) -> None:
        """``command`` is that of the session."""
        self.container, self.folder, self.told = container, world.path("controller"), ""
        os.mkdir(self.folder)
        environment = {name: value for name, value in world.env().items() if name in CARRIED}
        variables = {
            "ansible_connection": "ssh",
            "ansible_ssh_executable": self._write("connection", CONNECTION.format(container.name), 0o755),
            "ansible_ssh_args": "",
            "ansible_ssh_transfer_method": "piped",
            "claude_failover_user": USER,
            "claude_failover_home": world.home,
            "claude_failover_accounts": [{"name": tag, "home": world.account_home(tag)} for tag in world.accounts],
            "claude_failover_sessions": [
                {"name": "main", "cwd": world.cwd, "command": list(command), "env": environment}
            ],
        }
        inventory = {"claude_failover": {"hosts": {container.name: variables}}}
        self.inventory = self._write("inventory.yml", json.dumps(inventory))

    def _write(self, name: str, text: str, mode: int = 0o644) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, mode)
        return path

    def play(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the collection's; ``told`` keeps what it said."""
        playbook = self._write(f"{name}.yml", f"- import_playbook: secuaas.claude.{name}\n")
        options = ("--extra-vars=ansible_python_interpreter=/usr/bin/python3", *options)
        done = run_playbook(playbook, COLLECTIONS, *options, inventory=self.inventory, timeout=TIMEOUT)
        self.told += done.stdout + done.stderr
        return done

    def root(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command there as root."""
        return self.container.run(argv, {"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"}, root=True)

    def journal(self) -> str:
        """Return what the daemon said, since the host was booted first."""
        return self.root("journalctl", "--unit=claude-failover.service", "--output=cat", "--no-pager").stdout

    def ask(self, *command: str) -> Any:
        """Return the answer of a command of the daemon's, by its JSON."""
        done = self.root("claude-failover", *command, "--json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def row(self, name: str) -> dict[str, Any]:
        """Return one session's row of the status."""
        return next(row for row in self.ask("status")["sessions"] if row["name"] == name)
