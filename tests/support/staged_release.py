# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release of a collection in a scratch folder with its launcher, as its own modules install both."""

from __future__ import annotations

import os
import subprocess
import sys

import import_path

PROGRAM = """
import os, sys
collections, root, python = sys.argv[1:]
sys.path.insert(0, collections)
from ansible_collections.secuaas.claude.plugins.action.claude_failover_release import release_sources
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle, _release_store
from ansible_collections.secuaas.claude.plugins.module_utils._release_launcher import launcher_text
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout

layout = Layout(root, python)
sources = release_sources(os.path.join(collections, "ansible_collections", "secuaas", "claude"))
name = _release_bundle.release_name(sources)
with _release_store.lock(layout):
    _release_store.publish(layout, _release_store.stage(layout, name, sources), name)
    _release_store.switch(layout, name)
with open(os.path.join(root, "claude-failover"), "w", encoding="utf-8") as file:
    file.write(launcher_text(layout))
    os.fchmod(file.fileno(), 0o755)
"""


def stage(root: str, collections: str = import_path.COLLECTIONS, python: str = sys.executable) -> str:
    """Install the release of the collection below ``collections`` to ``root``; return the path of its launcher."""
    os.makedirs(root, exist_ok=True)
    # The collection's own modules, whichever collection this process has imported.
    subprocess.run([sys.executable, "-c", PROGRAM, collections, root, python], check=True)
    return os.path.join(root, "claude-failover")
