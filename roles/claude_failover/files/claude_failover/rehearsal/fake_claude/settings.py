# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that count: the account's ``settings.json``, and what ``--settings`` adds for one session."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any


class SettingsError(Exception):
    """``--settings`` cannot be used; the text goes to standard error."""


@dataclass(frozen=True)
class Command:
    """A hook's command, and the seconds that it may take."""

    command: str
    timeout: float


def from_option(value: str | None) -> dict[str, Any]:
    """Read ``--settings``: JSON, or the path of a file of it. Raises SettingsError."""
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
    """Read the account's settings through the path; ones that cannot be read count for nothing."""
    return read_object(os.path.join(config_dir, "settings.json"))


def read_object(path: str) -> dict[str, Any]:
    """Read a JSON object from a file, or an empty one."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def commands(sources: list[dict[str, Any]], event: str, value: str) -> list[Command]:
    """Return the commands of an event from all sources; ``value`` is what a matcher is held against."""
    found = []
    for source in sources:
        groups = source.get("hooks", {}).get(event, [])
        for group in groups if isinstance(groups, list) else []:
            matcher = group.get("matcher", "")
            if matcher not in ("", "*") and not re.fullmatch(matcher, value):
                continue
            found += [
                Command(hook["command"], float(hook.get("timeout", 60)))
                for hook in group.get("hooks", [])
                if hook.get("type") == "command" and hook.get("command")
            ]
    return found


def status_line(sources: list[dict[str, Any]]) -> str | None:
    """Return the command of the status line: the last source that names one decides."""
    for source in reversed(sources):
        found = source.get("statusLine")
        if isinstance(found, dict) and found.get("type") == "command":
            return str(found.get("command"))
    return None
