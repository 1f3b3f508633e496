# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installation that the role took back, as the module ``claude_failover_release`` has recorded it on the host."""

from __future__ import annotations

import os

from ..common import json_text
from ..storage.regular_file import read_regular

ROLLBACK = "rollback.json"
_LIMIT = 64 << 10  # bytes
_KEYS = ("left", "release", "time")


def release_root() -> str | None:
    """Return the folder that holds ``releases``, of which this code is one; None in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    library = os.path.dirname(package)
    releases = os.path.dirname(os.path.dirname(library))
    if os.path.basename(library) == "lib" and os.path.basename(releases) == "releases":
        return os.path.dirname(releases)
    return None


def read_undone(root: str | None) -> dict[str, str] | None:
    """Return ``left``, ``release`` and ``time`` of an installation that was taken back; None if there is none."""
    if root is None:
        return None
    try:
        document = json_text.parse(read_regular(os.path.join(root, ROLLBACK), _LIMIT))
    except (OSError, json_text.JsonError):
        return None
    if not isinstance(document, dict) or document.get("state") != "undone":
        return None
    found = {key: document.get(key) for key in _KEYS}
    return {key: str(value) for key, value in found.items()} if None not in found.values() else None
