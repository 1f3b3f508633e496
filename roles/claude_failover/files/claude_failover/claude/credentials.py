# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the state of an account's login without reading its tokens."""

from __future__ import annotations

import os
import re

from ..storage.regular_file import read_regular

# Only the emptiness of the tokens matters, and only that is looked at: the pattern stops at the first quote,
# and no part of a token is captured. On an invalid_grant Claude Code writes
# "accessToken":"","refreshToken":"","expiresAt":0 (seen on 2.1.330). The file also holds the logins of MCP servers
# (``mcpOAuth``), with keys of the same names: an empty one there says nothing of the account.
_LOGIN = rb'"claudeAiOauth"\s*:\s*\{[^{}]*?'


_TOKEN_BLANK = re.compile(_LOGIN + rb'"(?:accessToken|refreshToken)"\s*:\s*""')


_TOKEN_SET = re.compile(_LOGIN + rb'"accessToken"\s*:\s*"(?=[^"])')


def login_state(home: str) -> str:
    """Tell the login of an account home: ``ok``, ``missing``, ``expired`` (tokens blanked) or ``unknown``.

    ``ok`` means that there is something to log in with, not that the server accepts it.
    """
    path = os.path.join(home, ".credentials.json")
    try:
        raw = read_regular(path, 1 << 20)
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unknown"
    if _TOKEN_BLANK.search(raw):
        return "expired"
    return "ok" if _TOKEN_SET.search(raw) else "missing"


def touch_credentials(home: str) -> bool:
    """Set the times of the account's credentials to now; returns whether there are any.

    Claude Code notices other credentials by the file's mtime: a flip to a file with the same mtime went
    unnoticed for 40 s, until it was touched (seen on 2.1.330). Raises OSError.
    """
    try:
        os.utime(os.path.join(home, ".credentials.json"))
    except FileNotFoundError:
        return False
    return True
