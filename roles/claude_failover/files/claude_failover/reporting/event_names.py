# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the events that begin and are over, and the severities that they begin with."""

from __future__ import annotations

EVENTS = (
    "accounts_exhausted",
    "context_lost",
    "disk_full",
    "identity_changed",
    "links_divergent",
    "login_ends",
    "prompts_spent",
    "release_not_ready",
    "session_down",
    "session_not_resumed",
    "session_owner",
    "session_set_aside",
    "session_waiting",
    "source_blind",
    "switch_advised",
    "switching_suspended",
    "unknown_wording",
)
SEVERITIES = ("warning", "error")
