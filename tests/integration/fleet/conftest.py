# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet on this machine: real daemons in folders, and daemons in small, behind one inventory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from fake_control import FakeControl

from ..dispatch.conftest import Pool


class Fleet:
    """An inventory of this machine under several names, each with a control socket of its own."""

    def __init__(self, folder: str, collections: str) -> None:
        self.folder, self._collections = folder, collections
        self.hosts: dict[str, dict[str, Any]] = {}
        self._servers: list[FakeControl] = []

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def add(self, name: str, socket: str, **more: Any) -> None:
        """Add a host whose daemon listens at a socket, or none."""
        self.hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "claude_failover_control_socket": socket,
            **more,
        }

    def add_fake(self, name: str, **answers: Any) -> FakeControl:
        """Add a host with a daemon in small."""
        server = FakeControl(self.path(f"s-{name}"), **answers)
        self._servers.append(server)
        self.add(name, server.path)
        return server

    def add_unreachable(self, name: str) -> None:
        """Add a host that no connection leads to."""
        away = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_timeout": 5}
        self.add(name, "/nowhere", **{**away, "ansible_connection": "ssh"})

    def run(self, playbook: str, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook, by its name in the collection or its path, as the user of the tests."""
        inventory = self.path("hosts.yml")
        with open(inventory, "w", encoding="utf-8") as stream:
            yaml.safe_dump({"claude_failover": {"hosts": self.hosts}}, stream)
        given = json.dumps({"ansible_become": False, **variables})
        return subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", inventory, "-e", given, *options, playbook],
            env={
                "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
                "HOME": self.folder,
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_COLLECTIONS_PATH": self._collections,
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            },
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=240,
        )

    def close(self) -> None:
        for server in self._servers:
            server.close()


@pytest.fixture
def fleet(short_folder: str, python_path: str) -> Iterator[Fleet]:
    fleet = Fleet(short_folder, python_path)
    yield fleet
    fleet.close()


@pytest.fixture
def pool(short_folder: str, python_path: str) -> Iterator[Pool]:
    folder = os.path.join(short_folder, "one")
    os.mkdir(folder)
    world = Pool(folder, python_path, ("compte1", "compte2"))
    yield world
    world.close()
