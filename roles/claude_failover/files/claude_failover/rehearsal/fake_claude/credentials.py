# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and refresh an account's credentials as the real CLI does: by path, cached by mtime, refreshed under a lock.

Only made-up tokens are accepted. They never leave this module; other modules see the account's tag.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from ...storage.files import write_atomic

MADE_UP = re.compile(r"sk-ant-o[ar]t01-STUB-([A-Za-z0-9_]+)-([0-9]+)")
LOCK = ".oauth_refresh.lock"


def made_up(tag: str, number: int = 1, *, expires_in: float = 8 * 3600) -> dict[str, Any]:
    """Return the content of a ``.credentials.json`` for the account ``tag`` (letters, digits, ``_``).

    ``expires_in`` is in seconds from now. The keys were seen on Claude Code 2.1.330.
    """
    return {
        "claudeAiOauth": {
            "accessToken": f"sk-ant-oat01-STUB-{tag}-{number:08d}",
            "refreshToken": f"sk-ant-ort01-STUB-{tag}-{number:08d}",
            "expiresAt": int((time.time() + expires_in) * 1000),
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
            "rateLimitTier": "default_claude_max_5x",
        }
    }


def given_token(env: Mapping[str, str]) -> str:
    """Return the token that the environment gives, which wins over the home's (2.1.330 and 2.1.197); empty for none."""
    for line in env.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines():
        name, _colon, value = line.partition(":")
        if name.strip().lower() == "authorization":
            return value.replace("Bearer", "").strip()
    return env.get("ANTHROPIC_AUTH_TOKEN") or env.get("CLAUDE_CODE_OAUTH_TOKEN") or ""


class Credentials:
    """The credentials below ``config_dir`` (absolute, may lead through the active link), or the token of ``env``."""

    def __init__(self, config_dir: str, env: Mapping[str, str] | None = None) -> None:
        self.config_dir = config_dir
        self.path = os.path.join(config_dir, ".credentials.json")
        self._seen: int | None = None
        self._oauth: dict[str, Any] = {}
        self._given = given_token(env or {})
        if self._given:
            self._oauth = {"accessToken": self._given, "expiresAt": (time.time() + 1e6) * 1000}

    def look(self) -> None:
        """Read the file again if its mtime has changed; the real CLI checks nothing else."""
        if self._given:
            return
        try:
            seen: int | None = os.stat(self.path).st_mtime_ns
        except OSError:
            seen = None
        if seen == self._seen and seen is not None:
            return
        self._seen, self._oauth = seen, {}
        if seen is None:
            return
        try:
            with open(self.path, encoding="utf-8") as stream:
                found = json.load(stream).get("claudeAiOauth")
        except (OSError, ValueError, AttributeError):
            return
        if isinstance(found, dict):
            self._oauth = found

    @property
    def state(self) -> str:
        """``ok``, ``missing`` (no login), ``blank`` (a dead one) or ``expired`` (a refresh is due)."""
        if not self._oauth:
            return "missing"
        if not self._oauth.get("accessToken"):
            return "blank"
        return "expired" if float(self._oauth.get("expiresAt") or 0) < time.time() * 1000 else "ok"

    @property
    def tag(self) -> str:
        """The tag of the account, or ``?`` for a token that is not made up."""
        found = MADE_UP.fullmatch(str(self._oauth.get("accessToken", "")))
        return found.group(1) if found else "?"

    def begin_refresh(self) -> Refresh | None:
        """Take the refresh lock of the home that the path leads to now; None if another process holds it."""
        home = os.path.realpath(self.config_dir)
        lock = os.path.join(home, LOCK)
        try:
            os.mkdir(lock, 0o700)
        except FileExistsError:
            return None
        with open(lock + ".owner", "w", encoding="utf-8") as stream:
            json.dump({"pid": os.getpid(), "startedAt": int(time.time() * 1000)}, stream)
        return Refresh(self, home, lock)


class Refresh:
    """A refresh in progress; its lock lies in the home that was active when it began."""

    def __init__(self, credentials: Credentials, home: str, lock: str) -> None:
        self._credentials, self._home, self._lock = credentials, home, lock

    def finish(self, outcome: str) -> str:
        """Store the ``outcome`` (``ok`` or ``invalid_grant``) and release the lock.

        Returns ``ok``, ``dead``, or ``torn``: the link was flipped meanwhile, so nothing is stored and the lock
        is left behind (seen on Claude Code 2.1.330).
        """
        if os.path.realpath(self._credentials.config_dir) != self._home:
            return "torn"
        oauth = dict(self._credentials._oauth)
        if outcome == "invalid_grant":
            oauth.update(accessToken="", refreshToken="", expiresAt=0)
        else:
            found = MADE_UP.fullmatch(str(oauth.get("refreshToken", "")))
            if found:
                fresh = made_up(found.group(1), int(found.group(2)) + 1)["claudeAiOauth"]
                oauth.update({key: fresh[key] for key in ("accessToken", "refreshToken", "expiresAt")})
        path = os.path.join(self._home, ".credentials.json")
        write_atomic(path, json.dumps({"claudeAiOauth": oauth}).encode())
        os.unlink(self._lock + ".owner")
        os.rmdir(self._lock)
        self._credentials.look()
        return "dead" if outcome == "invalid_grant" else "ok"
