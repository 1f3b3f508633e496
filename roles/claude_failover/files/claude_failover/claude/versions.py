# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of Claude Code that a failover works with. Pure.

Running sessions of 2.1.81 and newer were seen to follow a flip of the active link. Those of 2.1.78, 2.1.79 and 2.1.80
keep the account that they were started with, so their limits say nothing of the active account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from .turns import record_time

MINIMUM = "2.1.81"

_NUMBERS = re.compile(r"(?a:\s*v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?![\d.]))")
_MOST = 40  # characters of a version that are kept


@lru_cache(maxsize=256)
def numbers(version: str) -> tuple[int, int, int] | None:
    """Return the numbers of a version, or of the output of ``claude --version``; None for any other text."""
    found = _NUMBERS.match(version)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def version_in(value: object) -> str | None:
    """Return a version as Claude Code writes it to a file, or None for anything else."""
    return value if isinstance(value, str) and len(value) <= _MOST and numbers(value) is not None else None


@lru_cache(maxsize=256)
def problem(version: str | None) -> str | None:
    """Return why a failover does not work with a version; None if it does, and for one that is not known."""
    found, least = numbers(version or ""), numbers(MINIMUM)
    if found is None or least is None or found >= least:
        return None
    return (
        f"found Claude Code {'.'.join(map(str, found))}, expected {MINIMUM} or newer: a running session of an older "
        "version keeps its account when the active link moves; update Claude Code, then restart the session"
    )


def version_of(records: Iterable[Mapping[str, Any]], since: datetime) -> str | None:
    """Return the version in the newest transcript record that was written after ``since`` (steady time), or None."""
    found = None
    for record in records:
        version = version_in(record.get("version"))
        if version is not None:
            moment = record_time(record)
            found = version if moment is not None and moment >= since else found
    return found
