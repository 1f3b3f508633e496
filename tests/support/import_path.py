# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the collection and the daemon importable from a checkout, wherever it lies.

The daemon and the modules import ``ansible_collections.secuaas.claude…``; a checkout need not lie at such a
path, so a folder with a link of that path to this checkout goes on ``sys.path``, and into PYTHONPATH for the
processes that tests start. The standard library only: benchmarks and the fuzz targets run without the tests' packages.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile

SUPPORT = os.path.dirname(os.path.abspath(__file__))  # modules that several tests share
ROOT = os.path.dirname(os.path.dirname(SUPPORT))
DAEMON_LIB = os.path.join(ROOT, "roles", "claude_failover", "files")


def _collections_folder() -> str:
    """Return a folder that holds ansible_collections/secuaas/claude: the real one, or one made of a link."""
    parts = ROOT.split(os.sep)
    if parts[-3:] == ["ansible_collections", "secuaas", "claude"]:
        return os.sep.join(parts[:-3]) or os.sep
    folder = tempfile.mkdtemp(prefix="cf-collections-")
    namespace = os.path.join(folder, "ansible_collections", "secuaas")
    os.makedirs(namespace)
    os.symlink(ROOT, os.path.join(namespace, "claude"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: str, maker: int) -> None:
    """Take the link and its folders away again, and nothing else; in the process that made them only."""
    if os.getpid() == maker:
        namespace = os.path.join(folder, "ansible_collections", "secuaas")
        os.unlink(os.path.join(namespace, "claude"))
        os.removedirs(namespace)  # up to the first folder that is not empty


COLLECTIONS = _collections_folder()
IMPORT_PATH = [DAEMON_LIB, COLLECTIONS]
sys.path[:0] = [*IMPORT_PATH, SUPPORT]
