# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start-up settings of a session, read once from the command line and the environment."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import SEEN_ON
from .options import Options

# Seconds; each can be overridden by the environment variable of its name.
DELAYS = {
    "CLAUDE_FAKE_AUTO_CONTINUE": 60.0,
    "CLAUDE_FAKE_IDLE": 60.0,
    "CLAUDE_FAKE_RETRY_UNIT": 0.5,
    "CLAUDE_FAKE_START": 0.5,
    "CLAUDE_FAKE_TRANSCRIPT_LAG": 0.1,
}


@dataclass
class Context:
    """Start-up settings of a session; paths are absolute."""

    options: Options
    env: dict[str, str]
    cwd: str
    config_dir: str
    version: str
    settings: dict[str, Any]
    session_id: str
    source: str
    transcript: str | None
    zone: tzinfo
    zone_name: str

    def delay(self, name: str) -> float:
        """Return one of `DELAYS`, in seconds."""
        return float(self.env.get(name, DELAYS[name]))

    @property
    def state_file(self) -> str:
        """``.claude.json``: in the configuration folder where one is named, else in the home folder."""
        if self.env.get("CLAUDE_CONFIG_DIR"):
            return os.path.join(self.config_dir, ".claude.json")
        return os.path.join(self.env.get("HOME", "/"), ".claude.json")


def config_dir(env: Mapping[str, str]) -> str:
    """Return the configuration folder, unresolved: it may lead through the active link."""
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(env.get("HOME", "/"), ".claude")


def version(env: Mapping[str, str]) -> str:
    """Return the imitated version of Claude Code."""
    return env.get("CLAUDE_FAKE_VERSION") or SEEN_ON


def zone(env: Mapping[str, str]) -> tuple[tzinfo, str]:
    """Return the time zone for displayed times, and its name."""
    name = env.get("TZ") or "UTC"
    try:
        return ZoneInfo(name), name
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.utc, "UTC"


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())
