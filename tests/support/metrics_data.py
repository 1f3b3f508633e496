# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A status and a record of a switch that give every metric."""

from __future__ import annotations

from typing import Any

STATUS: dict[str, Any] = {
    "version": "0.4.0",
    "started_at": "2026-11-22T20:00:00.000Z",
    "accounts": [
        {
            "name": 'a"\\\n',
            "active": True,
            "login": "ok",
            "login_expires_at": "2026-11-26T20:00:00.000Z",
            "links": "ok",
            "exhausted": [{"limit": "five_hour", "until": "2026-11-22T21:36:00.000Z"}],
            "used_percent": {"five_hour": 92},
        },
        {
            "name": "b",
            "active": False,
            "login": "expired",
            "login_expires_at": None,
            "links": "divergent",
            "exhausted": [],
            "used_percent": {},
        },
    ],
    "sessions": [{"state": "idle"}, {"state": "idle"}, {"state": "limited"}],
    "queue": {"queued": 3},
    "cooldown_until": "2026-11-22T20:01:00.000Z",
    "switching": False,
    "suspended": "led away",
    "blind": [{"source": "transcripts", "since": "2026-11-22T20:00:00.000Z", "reason": "gone"}],
    "unsaved": [{"document": "registry", "reason": "[Errno 28] No space left on device"}],
    "last_switch": {"time": "2026-11-22T20:00:00.000Z", "seconds": 0.25},
}
EVENTS: list[dict[str, Any]] = [
    {"event": "session_down", "severity": "error", "since": "2026-11-22T20:00:00.000Z", "session": "a"},
    {"event": "session_down", "severity": "error", "since": "2026-11-22T20:00:00.000Z", "session": "b"},
    {"event": "source_blind", "severity": "warning", "since": "2026-11-22T20:00:00.000Z", "session": None},
    {"event": "of_a_later_release", "severity": "info", "since": "2026-11-22T20:00:00.000Z", "session": None},
]
RECORD: dict[str, Any] = {
    "reason": "limit",
    "outcome": "switched",
    "sessions": [
        {"name": "a", "method": "hot", "result": "continued", "seconds": 0.7},
        {"name": "b", "method": "restart", "result": "sent", "seconds": 12.5},
        {"name": "c", "method": "none", "result": "gone: it was stopped by hand", "seconds": 3},
        {"name": "d", "method": None, "result": "under way", "seconds": None},
    ],
}
