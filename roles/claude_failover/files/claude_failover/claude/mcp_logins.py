# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read which MCP servers an account home is logged in to, without reading the tokens.

They lie in the account's credentials file: ``mcpOAuth`` has an entry ``<server>|<hash of type, address and headers>``
for each server (seen on 2.1.197 and 2.1.332). A server that only asked for a login has an entry too, with an empty
``accessToken`` and no ``refreshToken``.
"""

from __future__ import annotations

from typing import Any

from ..common import clock, json_text
from ..storage.regular_file import read_regular
from .credentials import credentials_file

_MOST_BYTES = 1 << 20


def read_mcp_logins(home: str) -> frozenset[str] | None:
    """Return the names of the servers; None where the credentials file cannot be read. Never raises."""
    try:
        raw = read_regular(credentials_file(home), _MOST_BYTES)
        document = json_text.parse_outline(raw)  # no token leaves the parser
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError):
        return None
    entries = document.get("mcpOAuth") if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        return frozenset()
    now = clock.wall().timestamp() * 1000
    return frozenset(key.rpartition("|")[0] or key for key, entry in entries.items() if _is_login(entry, now))


def _is_login(entry: Any, now: float) -> bool:
    if not isinstance(entry, dict):
        return False
    if entry.get("refreshToken") is True:
        return True
    ends_at = entry.get("expiresAt")
    return entry.get("accessToken") is True and not (isinstance(ends_at, (int, float)) and 0 < ends_at <= now)
