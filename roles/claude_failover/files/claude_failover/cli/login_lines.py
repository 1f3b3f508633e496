# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that say who an account is logged in as, and until when (pure). They show addresses: for an operator only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..common.text import one_line
from .times import is_past, moment

_NOT_OK = {
    "missing": "not logged in",
    "expired": "its login is dead, emptied or refused",
    "unknown": "its credentials cannot be read",
}


def login_line(row: Mapping[str, Any], now: datetime) -> str:
    """Return the line of one account, with its keys in ``status --json``, of which some can lack."""
    apart = " (held out)" if row.get("enabled") is False else " (standby)" if row.get("standby") is True else ""
    return one_line(f"{row.get('name')}{apart}: {who(row.get('identity'))}; {_until(row, now)}")


def who(identity: Any) -> str:
    """Return address, organisation and plan, as far as they are known."""
    values = identity if isinstance(identity, Mapping) else {}
    parts = [str(values[key]) for key in ("address", "organisation", "plan") if values.get(key)]
    return ", ".join(parts) or "who it is is not known"


def _until(row: Mapping[str, Any], now: datetime) -> str:
    state, end = row.get("login"), row.get("login_expires_at")
    if state == "ok" and end is None:
        return "logged in, until when is not known (Claude Code before 2.1.260 writes no date)"
    if state == "ok":
        return f"logged in until {moment(end, now)}"
    if state == "expired" and end is not None and is_past(end, now):
        return f"its login ended at {moment(end, now)}"
    return _NOT_OK.get(str(state), f"its login is {state}")
