# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read ``.claude.json`` of an account home, in which Claude Code keeps what is no setting; it holds no token."""

from __future__ import annotations

import os
from typing import Any

from ..common import json_text
from ..storage.regular_file import read_regular

STATE_FILE = ".claude.json"


def state_file(home: str) -> str:
    """Return the path of the file, which can be a link to one that homes share."""
    return os.path.join(home, STATE_FILE)


def read_state_file(home: str) -> dict[str, Any]:
    """Return the object in the file; an empty one where there is none, or none that can be read."""
    return read_file_at(state_file(home))


def read_file_at(path: str, flags: int = os.O_RDONLY) -> dict[str, Any]:
    """Return the object in such a file at another path; links are followed unless ``flags`` have O_NOFOLLOW."""
    try:
        data = json_text.parse(read_regular(path, flags=flags))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
