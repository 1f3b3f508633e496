# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes that share everything but the login, made by the module claude_shared_symlinks as the role has it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import DIRECTORY
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import SETTINGS

from .namespace import USER
from .world import SHARED, World

#: Files that `World` makes in each home, of which the first account's are the person's.
MADE = ("settings.json", ".claude.json")
MODULE = """
import sys
from ansible.module_utils import basic
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
from ansible_collections.secuaas.claude.plugins.modules.claude_shared_symlinks import main
main()
"""


def target(world: World, name: str) -> str:
    """Return what the links of a name lead to."""
    return world.shared(name.removeprefix("."))


def links(world: World) -> list[dict[str, str]]:
    """Return the shared links, as module and daemon take them."""
    kinds = {**dict.fromkeys(SHARED, DIRECTORY), **SETTINGS}
    return [{"name": name, "target": target(world, name), "kind": kind} for name, kind in kinds.items()]


def share(world: World, python_path: str) -> list[dict[str, Any]]:
    """Have the homes share all of `links`; return the module's rows."""
    for name in MADE:
        first, *others = (os.path.join(world.account_home(tag), name) for tag in world.accounts)
        os.rename(first, target(world, name))
        for path in others:
            os.unlink(path)
    sent = {
        "account_homes": [world.account_home(tag) for tag in world.accounts],
        "links": links(world),
        "owner": USER,
        "_ansible_remote_tmp": world.path("tmp"),
    }
    done = subprocess.run(
        [sys.executable, "-c", MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": sent}),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert done.returncode == 0, result
    rows: list[dict[str, Any]] = result["links"]
    return rows
