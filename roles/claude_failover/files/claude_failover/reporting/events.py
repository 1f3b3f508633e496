# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events for ``notify``, beside the records of switches."""

from __future__ import annotations

import secrets
import socket
from typing import Any

from ..common import clock


def spent_event(session: str, why: str | None) -> dict[str, Any]:
    """Return the event that a session's bound of prompts is reached, or, without ``why``, that it is not any more."""
    begins = why is not None
    return {
        "id": secrets.token_hex(8),
        "time": clock.iso(clock.now()),
        "event": "prompts_spent",
        "severity": "error" if begins else "info",
        "state": "begins" if begins else "over",
        "summary": f"session {session}: {why or 'it is answered or prompted again'}",
        "host": socket.gethostname(),
        "session": session,
        "account": None,
        "details": {},
    }
