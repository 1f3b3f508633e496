# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read settings: the account's ``settings.json``, and ``--settings`` for one session."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any


class SettingsError(Exception):
    """Invalid ``--settings``; the text is printed on standard error."""


@dataclass(frozen=True)
class HookCommand:
    """A hook's command and its timeout in seconds."""

    command: str
    timeout: float


def from_option(value: str | None) -> dict[str, Any]:
    """Read ``--settings``: JSON, or the path of a JSON file. Raises SettingsError."""
    if value is None:
        return {}
    try:
        if value.lstrip().startswith("{"):
            found = json.loads(value)
        else:
            with open(value, encoding="utf-8") as stream:
                found = json.load(stream)
    except OSError:
        raise SettingsError(f"Error: Settings file not found: {value}") from None
    except ValueError:
        raise SettingsError("Error: Invalid JSON provided to --settings") from None
    if not isinstance(found, dict):
        raise SettingsError("Error: Invalid JSON provided to --settings")
    return found


def of_account(config_dir: str) -> dict[str, Any]:
    """Read the account's settings by path; an unreadable file counts as empty."""
    return read_object(os.path.join(config_dir, "settings.json"))


def read_object(path: str) -> dict[str, Any]:
    """Read a JSON object from a file; an empty one if there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def commands(sources: list[dict[str, Any]], event: str, value: str) -> list[HookCommand]:
    """Return the commands of an event from all sources; matchers are compared with ``value``."""
    found = []
    for source in sources:
        groups = source.get("hooks", {}).get(event, [])
        for group in groups if isinstance(groups, list) else []:
            matcher = group.get("matcher", "")
            if matcher not in ("", "*") and not re.fullmatch(matcher, value):
                continue
            found += [
                HookCommand(hook["command"], float(hook.get("timeout", 60)))
                for hook in group.get("hooks", [])
                if hook.get("type") == "command" and hook.get("command")
            ]
    return found


def status_line(sources: list[dict[str, Any]]) -> str | None:
    """Return the status line command of the last source that has one."""
    for source in reversed(sources):
        found = source.get("statusLine")
        if isinstance(found, dict) and found.get("type") == "command":
            return str(found.get("command"))
    return None
