# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the real CLI, byte for byte (pure). Seen on Claude Code 2.1.330, or 2.1.197 where noted."""

from __future__ import annotations

from datetime import datetime, tzinfo

OLD = "2.1.197"
LABELS = {
    "five_hour": "5-hour limit",
    "seven_day": "weekly limit",
    "seven_day_opus": "Opus limit",
    "seven_day_sonnet": "Sonnet limit",
    "seven_day_overage_included": "Fable limit",
}
# 2.1.330 waits for a reset within this time by itself, in seconds; for a later one it opens the menu.
AUTO_CONTINUE_WITHIN = 24 * 3600
MENU_TITLE = "What do you want to do?"
HINT = "/upgrade or /usage-credits to finish what you\u2019re working on."
THROTTLED = (
    "API Error: Server is temporarily limiting requests (not your usage limit) · This request would exceed "
    "your account's rate limit. Please try again later."
)
OVERLOADED = "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment."
OVERLOADED_HOOK = (
    "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary. "
    "Try again in a moment."
)
UNAUTHORIZED = "Please run /login · API Error: 401 OAuth token has expired or been revoked."
LOGIN_EXPIRED = "Login expired · Please run /login"
NOT_LOGGED_IN = "Not logged in · Please run /login"
REFRESH_TORN = (
    "Could not refresh your login because another Claude Code process is refreshing it (or exited mid-refresh) · "
    "Try again in a minute; if it keeps happening, close other Claude Code windows or sign in again with /login"
)
CANCELLED = "Automatic continue cancelled · /rate-limit-options to wait again"
CONTINUED = "Usage limit reset · Continuing automatically"
CONTINUE_PROMPT = (
    "Your claude.ai usage limit has reset. Continue the task you were working on when the limit was reached; "
    "do not repeat work that is already complete."
)
USAGE_CREDITS = "Visit https://claude.ai/settings/usage?from=cc_cli_limit_message to manage usage credits."
NO_MCP_SERVERS = "No MCP servers loaded. If you just added one, restart Claude Code."
GHOST_RESEND = "Resend your message to try again"
GHOST_LOGIN = "Once fixed, resend your message"
INTERRUPTED = "Interrupted · What should Claude do instead?"
UNTRUSTED = (
    "Claude Code didn't start because this folder isn't trusted.\n"
    "Run claude again and choose Yes, or run it in another folder."
)
CYCLE = " (shift+tab to cycle)"
MODES = {
    "auto": "⏵⏵ auto mode on (shift+tab to cycle)",
    "acceptEdits": "⏵⏵ accept edits on (shift+tab to cycle)",
    "bypassPermissions": "⏵⏵ bypass permissions on (shift+tab to cycle)",
    "plan": "⏸ plan mode on (shift+tab to cycle)",
    "default": "⏸ manual mode on · ? for shortcuts",
    "dontAsk": "⏵⏵ don't ask on (shift+tab to cycle)",
}
WAITS = "Stop and wait for limit to reset"


def clock(moment: datetime, now: datetime) -> str:
    """Format a reset time as the CLI does: ``9:36pm``, ``10pm`` on the hour, ``Nov 25, 8:10pm`` over 24 h ahead.

    Both arguments are aware and in the zone of the reader.
    """
    hour = moment.hour % 12 or 12
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    text = f"{hour}{minutes}{'am' if moment.hour < 12 else 'pm'}"
    if (moment - now).total_seconds() > 24 * 3600:
        return f"{moment:%b} {moment.day}, {text}"
    return text


def limit_line(claim: str, resets_at: int, now: datetime, zone: tzinfo, zone_name: str, version: str) -> str:
    """Return the usage limit message. ``claim`` is the API's name of the limit, ``resets_at`` epoch seconds."""
    label = LABELS.get(claim, "usage limit")
    if version == OLD and claim == "five_hour":
        label = "session limit"
    when = clock(datetime.fromtimestamp(resets_at, zone), now.astimezone(zone))
    return f"You've hit your {label} · resets {when} ({zone_name})"


def retry(claim: str, resets_at: int, now: datetime, zone: tzinfo) -> str:
    """Return the line of the CLI's own retry of a limit (CLAUDE_CODE_RETRY_WATCHDOG=1, 2.1.332)."""
    label = LABELS.get(claim, "usage limit")
    when = clock(datetime.fromtimestamp(resets_at, zone), now)
    minutes = int(resets_at - now.timestamp()) // 60
    delay = f"{min(minutes // 60, 6)}h" if minutes >= 60 else f"{minutes}m"
    return f"{label[0].upper()}{label[1:]} reached · retrying in {delay} ({when}) · attempt 1/300"


def menu_options(when: str, version: str) -> list[str]:
    """Return the options of the menu; Enter selects the first."""
    if version == OLD:
        return [WAITS, "Switch to usage credits", "Upgrade your plan"]
    return [WAITS, f"Wait here, then continue automatically at {when}", "Switch to usage credits", "Upgrade your plan"]


def exit_notice(session_id: str, settings: str | None, other_flags: bool) -> str:
    """Return the text printed at exit; flags come between ``claude`` and ``--resume``."""
    flags = f"--settings {settings} " if settings and not other_flags else ""
    return f"Resume this session with:\nclaude {flags}--resume {session_id}"
