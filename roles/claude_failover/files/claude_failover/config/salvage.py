# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the control socket in a configuration that cannot be used, so that a running daemon can still be asked."""

from __future__ import annotations

import re
from typing import Any

from ..common.text import decoded
from ..storage.regular_file import read_regular

_KEY = "control_socket"
_LINE = re.compile(rf"^{_KEY}:[ \t]*(?P<quote>['\"]?)(?P<path>/[^'\"#\s]+)(?P=quote)[ \t]*(?:#.*)?$", re.MULTILINE)
_MOST = 1 << 20  # bytes


def control_socket_of(path: str) -> str | None:
    """Return the control socket that the file names, None where it names none, or not clearly.

    The file may be wrong in any way. Raises OSError where it cannot be read.
    """
    raw = read_regular(path, _MOST)
    document = _parsed(raw)
    if isinstance(document, dict):
        found = document.get(_KEY)
        return found if isinstance(found, str) and found.startswith("/") else None
    lines = {match["path"] for match in _LINE.finditer(decoded(raw))}
    return lines.pop() if len(lines) == 1 else None


def _parsed(raw: bytes) -> Any:
    """Return the document, None where it is no YAML or nothing here can read it."""
    try:
        from . import yaml_loader
    except ModuleNotFoundError:  # python3-yaml is missing
        return None
    return yaml_loader.read(raw).value
