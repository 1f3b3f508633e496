# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check an account's credentials by emptiness and dates, without reading the tokens.

``refreshTokenExpiresAt`` (2.1.260 and newer) is the day on which the login ends, 27 to 30 days after it was made. A
refresh does not move it.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from typing import NamedTuple

from ..common import clock
from ..storage.regular_file import read_regular

# The patterns only test whether a token is empty, and capture nothing but a date. After an invalid_grant Claude Code
# writes "accessToken":"","refreshToken":"","expiresAt":0 (seen on 2.1.330). The file also holds the credentials of MCP
# servers (``mcpOAuth``) under the same keys; these are ignored.
_ACCOUNT_OAUTH = rb'"claudeAiOauth"\s*:\s*\{(?:[^{}]|\{[^{}]*\})*?'
_EMPTY_TOKEN = re.compile(_ACCOUNT_OAUTH + rb'"(?:accessToken|refreshToken)"\s*:\s*""')
_ACCESS_TOKEN = re.compile(_ACCOUNT_OAUTH + rb'"accessToken"\s*:\s*"(?=[^"])')
_ENDS_AT = re.compile(_ACCOUNT_OAUTH + rb'"refreshTokenExpiresAt"\s*:\s*([1-9][0-9]{,14})\s*[,}]')  # milliseconds


CREDENTIALS = ".credentials.json"


def credentials_file(home: str) -> str:
    """Return the path of an account home's credentials file."""
    return os.path.join(home, CREDENTIALS)


class HomeLogin(NamedTuple):
    """The login of an account home.

    ``state`` is ``ok`` (a token is present, which the server may not accept), ``missing``, ``expired`` (emptied, or
    past its day) or ``unknown``; ``ends_at`` the wall time of its end, None where the file does not tell.
    """

    state: str
    ends_at: datetime | None = None


def read_login(home: str) -> HomeLogin:
    """Return the login of an account home, as its credentials file shows it. Never raises."""
    try:
        raw = read_regular(credentials_file(home), 1 << 20)
    except FileNotFoundError:
        return HomeLogin("missing")
    except OSError:
        return HomeLogin("unknown")
    if _EMPTY_TOKEN.search(raw):
        return HomeLogin("expired")
    if not _ACCESS_TOKEN.search(raw):
        return HomeLogin("missing")
    ends_at = _date(_ENDS_AT.search(raw))
    return HomeLogin("expired" if ends_at is not None and ends_at <= clock.wall() else "ok", ends_at)


def login_state(home: str) -> str:
    """Return the ``state`` of an account home's login."""
    return read_login(home).state


def _date(found: re.Match[bytes] | None) -> datetime | None:
    try:
        return None if found is None else datetime.fromtimestamp(int(found.group(1)) / 1000, timezone.utc)
    except (ValueError, OverflowError):
        return None


def touch_credentials(home: str) -> bool:
    """Set the mtime of the account's credentials to now; return False if the file does not exist. Raises OSError.

    Claude Code detects changed credentials by the file's mtime: a flip to a file with the same mtime went unnoticed for
    40 s, until the file was touched (seen on 2.1.330).
    """
    try:
        os.utime(credentials_file(home))
    except FileNotFoundError:
        return False
    return True
