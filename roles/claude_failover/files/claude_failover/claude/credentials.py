# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check an account's credentials without reading the tokens."""

from __future__ import annotations

import os
import re

from ..storage.regular_file import read_regular

# The patterns only test whether a token is empty; no part of a token is captured. After an invalid_grant Claude Code
# writes "accessToken":"","refreshToken":"","expiresAt":0 (seen on 2.1.330). The file also holds the credentials of MCP
# servers (``mcpOAuth``) under the same keys; these are ignored.
_ACCOUNT_OAUTH = rb'"claudeAiOauth"\s*:\s*\{[^{}]*?'


_EMPTY_TOKEN = re.compile(_ACCOUNT_OAUTH + rb'"(?:accessToken|refreshToken)"\s*:\s*""')


_ACCESS_TOKEN = re.compile(_ACCOUNT_OAUTH + rb'"accessToken"\s*:\s*"(?=[^"])')


def login_state(home: str) -> str:
    """Return the state of an account home's credentials: ``ok``, ``missing``, ``expired`` (emptied) or ``unknown``.

    ``ok`` means that a token is present, not that the server accepts it.
    """
    path = os.path.join(home, ".credentials.json")
    try:
        raw = read_regular(path, 1 << 20)
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unknown"
    if _EMPTY_TOKEN.search(raw):
        return "expired"
    return "ok" if _ACCESS_TOKEN.search(raw) else "missing"


def touch_credentials(home: str) -> bool:
    """Set the mtime of the account's credentials to now; return False if the file does not exist. Raises OSError.

    Claude Code detects changed credentials by the file's mtime: a flip to a file with the same mtime went unnoticed for
    40 s, until the file was touched (seen on 2.1.330).
    """
    try:
        os.utime(os.path.join(home, ".credentials.json"))
    except FileNotFoundError:
        return False
    return True
