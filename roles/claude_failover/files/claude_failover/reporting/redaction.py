# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove from an event what must not leave the host: tokens, addresses, the paths of homes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..accounts.account_labels import AccountLabels
from ..common.text import one_line, shorten
from ..config.model import Config

MAX_TEXT = 1000  # characters of a text in an event

_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)")
_TOKEN = re.compile(
    r"\bsk-[A-Za-z]+-[A-Za-z0-9_-]{4,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+"
    r"|\bgh[a-z]_[A-Za-z0-9]{12,}|\bgithub_pat_\w{8,}|\bglpat-[\w-]{8,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{3,}"
    r"|[A-Za-z0-9_-]{60,}"
)
_LOGIN = re.compile(r"(?<=://)[^\s/?#'\"]+@")  # of a URL
_SECRET = re.compile(
    r"\b(authorization:(?:\s*(?:bearer|basic|token)\b)?|bearer"
    r"|[\w-]{0,40}(?:api[_-]?key|token|password|passwd|passphrase|pwd|secret)[\"']?\s*[=:])"
    r"(?!\s*(?:(?:bearer|basic|token)\s+)?\[token\])\s*\S+",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CUT_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]*…$")  # by the bound of a text
_HOME = re.compile(r"(?<![\w.-])(?:/(?:var/|usr/)?home/[^/\s'\"]+|/root)(?![\w.-])")
#: Claude Code's name of a project's folder, which is its path with "-" for all but letters and digits.
_PROJECT = re.compile(r"(?<=projects/)-[\w.-]+|(?<![\w.-])-(?:(?:var-|usr-)?home|root|Users)-[\w.-]+")
_NAMES = frozenset(
    {"id", "time", "event", "severity", "state", "host", "session", "account", "since", "name", "uuid"}
    | {"accounts", "from_account", "to_account", "trigger_session"}
)


class Redactor:
    """Redacts with the paths of one configuration."""

    def __init__(self, config: Config) -> None:
        self._labels = AccountLabels(account.name for account in config.accounts)
        named = {config.active_link: "[active link]"}
        named.update({account.home: f"[home of {account.name}]" for account in config.accounts})
        folders = [config.active_link, *(account.home for account in config.accounts)]
        homes = dict.fromkeys([config.shared_root, os.path.expanduser("~"), *map(os.path.dirname, folders)], "~")
        self._paths = {path: name for path, name in {**homes, **named}.items() if len(path.strip("/")) > 0}
        # The longest first: a home lies below another's folder. A name that only begins so is another one.
        longest = sorted(self._paths, key=len, reverse=True)
        projects = {re.sub(r"[^A-Za-z0-9]", "-", path) for path in self._paths}
        ours = "|".join(re.escape(name) for name in projects if name.strip("-"))
        self._projects = re.compile(rf"(?<![\w.-])(?:{ours})(?:-[\w.-]*|(?![\w.-]))" if ours else r"(?!)")
        self._pattern = re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, longest)) + r")(?![\w-]|\.\w)")

    def text(self, text: str) -> str:
        """Return a text on one line, without what must not leave the host but the names of accounts."""
        found = _LOGIN.sub("[token]@", _KEY.sub("[private key]", one_line(text)))
        found = self._pattern.sub(lambda match: self._paths[match.group()], found)
        found = self._projects.sub("[folder]", _PROJECT.sub("[folder]", _HOME.sub("~", found)))
        found = _SECRET.sub(lambda match: f"{match.group(1)} [token]", _TOKEN.sub("[token]", found))
        return shorten(_ADDRESS.sub(self._address, found), MAX_TEXT)

    def leaving(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return a redacted event as it leaves the host: an account that is called by an address has its label."""
        return {key: self._labelled(value) for key, value in event.items()}

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event whose texts are redacted; names of sessions and accounts, times and ids are not."""
        return {key: value if key in _NAMES else self._value(value) for key, value in event.items()}

    def _address(self, found: re.Match[str]) -> str:
        return found.group() if found.group() in self._labels else "[address]"

    def _labelled(self, value: Any) -> Any:
        if isinstance(value, str):
            return _CUT_ADDRESS.sub("[address]…", self._labels.hide(value))
        if isinstance(value, Mapping):
            return self.leaving(value)
        return [self._labelled(item) for item in value] if isinstance(value, (list, tuple)) else value

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self.event(value)
        return [self._value(item) for item in value] if isinstance(value, (list, tuple)) else value
