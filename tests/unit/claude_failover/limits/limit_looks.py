# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of Claude Code screens: any message, width and layout, with a live limit or without."""

from __future__ import annotations

import os
import textwrap
from datetime import datetime, timezone

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "fixtures")
PANES = os.path.join(FIXTURES, "claude-code", "panes")
CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "captures")
NOW = datetime(2026, 11, 22, 20, 10, tzinfo=timezone.utc)
UTC = timezone.utc

#: (message, limit): every known wording, from every version.
BANNERS = (
    ("You've hit your 5-hour limit · resets 9:36pm (UTC)", "five_hour"),
    ("You've hit your session limit · resets 10pm", "five_hour"),
    ("You've hit your weekly limit · resets Nov 25, 8:10pm (Europe/Paris)", "seven_day"),
    ("You've hit your weekly limit · resets Nov 25 at 8:10pm (UTC) · progress saved", "seven_day"),
    ("You've hit your Opus limit · resets Nov 24, 8:10pm (UTC)", "opus"),
    ("You've hit your Sonnet limit · resets Nov 24, 8:10pm (UTC) · out of usage credits", "sonnet"),
    ("You've hit your Fable limit · resets Nov 24, 8:10pm (UTC)", "model"),
    ("You've hit your Opus 5.5 limit · resets Nov 24, 8:10pm (UTC)", "opus"),
    ("You've hit your Opus 4.8 (1M context) limit · resets Nov 24, 8:10pm (UTC)", "opus"),
    ("You've reached your Fable 5.2 limit. Run /usage-credits to continue or switch models with /model.", "model"),
    ("You've reached your Fable 5 limit. Run /usage-credits to continue or switch models with /model.", "model"),
    ("You've hit your limit · resets 11pm (America/Anchorage)", "unknown"),
    ("You've hit your usage limit · resets 3am (Asia/Calcutta)", "unknown"),
    ("You've hit your monthly spend limit · raise it at claude.ai/settings/usage?from=cc_cli_limit_message", "spend"),
    ("You've hit your individual spend limit · visit claude.ai/admin-settings/usage to raise it", "spend"),
    ("You've hit your org's monthly usage limit · resets Dec 1, 12am (UTC)", "spend"),
    (
        (
            "You've hit your monthly spend limit · ask your admin to raise it at claude.ai/x · "
            "your 5-hour limit resets 9pm"
        ),
        "spend",
    ),
    ("You've hit your team's pooled group budget · resets Dec 1, 12am (UTC)", "spend"),
    ("You're out of usage credits · resets 10pm (America/Los_Angeles)", "spend"),
    ("You're out of extra usage · resets 3am (America/Chicago)", "spend"),
    ("Your org is out of usage · contact your admin", "spend"),
    ("Your org is out of extra usage · contact your admin", "spend"),
    ("You've hit your extra usage limit · resets Nov 25, 8pm (UTC)", "spend"),
    ("Your seat type doesn't include usage credits", "spend"),
    ("Your usage allocation has been disabled by your admin · ask your admin for a higher limit", "spend"),
    ("Your group's usage limit is set to $0 · run /usage-credits to ask your admin for a higher limit", "spend"),
    ("Opus 5 requires usage credits. /model to switch models.", "opus"),
    ("This service is disabled for your org", "unknown"),
    ("Usage is paused for your organization. For help, please contact support.", "spend"),
    ("Claude usage limit reached. Your limit will reset at 6pm (UTC).", "unknown"),
    ("Claude AI usage limit reached|1795383393", "unknown"),
    ("5-hour limit reached ∙ resets 5am", "five_hour"),
    ("Weekly limit reached ∙ resets Nov 25, 5pm", "seven_day"),
    ("Opus limit reached ∙ resets Nov 25, 5pm", "opus"),
    ("Opus weekly limit reached ∙ resets Nov 24", "opus"),
    ("Sonnet weekly limit reached ∙ resets Nov 25, 9am", "sonnet"),
    ("Fable weekly limit reached ∙ resets Nov 25, 9am", "model"),
)

#: Messages that resemble a limit.
HARMLESS = (
    "You've used 97% of your session limit · resets 7:20pm…",
    "You're close to your usage credit limit",
    "Over 90% of your weekly limit used · resets Nov 25, 8:10pm (UTC)",
    "Approaching 5-hour limit · resets 9pm",
    "You're now using usage credits · Your session limit resets 3pm",
    "Now using extra usage",
    "Opus limit reached, now using Sonnet",
    "Claude Opus 4 limit reached, now using Sonnet 4",
    "5-hour limit reached ∙ resets 3pm ∙ now using extra usage",
    "Weekly limit reached ∙ resets Nov 25, 8pm ∙ now using extra usage",
    "You've hit your session limit · resets 3pm (UTC) · now using usage credits",
    "You're out of extra usage · now using your plan's usage",
    "5-hour limit reached ∙ resets 3pm Now using extra usage",
    "Opus weekly limit reached ∙ resets Nov 25, 8pm ∙ now using extra usage",
    "Sonnet weekly limit reached ∙ resets Nov 25 ∙ now using extra usage · /model opus",
    "API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited",
    "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
    "API Error: Request rejected (429) · this may be a temporary capacity issue",
    "You've hit your fast limit · resets in 5m",
    "Fast limit reached and temporarily disabled · resets in 5m",
    "Login expired · Please run /login",
    "Credit balance is too low",
    "Your usage limit has reset · press enter to continue",
)


def wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    """Wrap a message as the CLI does: at blanks, with an indent."""
    return textwrap.wrap(
        text, max(width, 12), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first]


def box(width: int, draft: str = "") -> list[str]:
    """Return an idle prompt box with its footer."""
    return ["─" * width, f"❯\u00a0{draft}", "─" * width, "  ⏵⏵ auto mode on (shift+tab to cycle)"]


def waiting(width: int, when: str = "9:36pm") -> list[str]:
    """Return the prompt box and the waiting footer of 2.1.330."""
    return [
        "─" * width,
        "❯\u00a0",
        "─" * width,
        *wrap(f"⚠ Usage limit reached · limit resets {when}", width, "  ", "  "),
        *wrap(f"Continuing automatically at {when} · Esc to cancel", width, "    ", "    "),
        "  ⏵⏵ auto mode on (shift+tab to cycle)"[:width],
    ]


def menu(width: int) -> list[str]:
    """Return the menu that 2.1.330 opens at a limit."""
    lines = ["▔" * width]
    lines += wrap("What do you want to do?", width, "  ", "  ")
    lines += [""]
    lines += wrap("1. Stop and wait for limit to reset", width, "  ❯ ", "       ")
    lines += wrap("2. Wait here, then continue automatically at 9:36pm", width, "    ", "       ")
    lines += wrap("3. Upgrade your plan", width, "    ", "       ")
    lines += [""]
    return lines + wrap("Enter to confirm · Esc to cancel", width, "  ", "  ")


def turn(message: str, width: int, *, prompt: str = "please work", offer: bool = False) -> list[str]:
    """Return a prompt and the CLI's own reply."""
    lines = wrap(prompt, width, "❯ ", "  ") + wrap(message, width, "  ⎿ \u00a0", "     ")
    if offer:
        lines += wrap("/upgrade or /usage-credits to finish what you\u2019re working on.", width, "     ", "     ")
    return [*lines, ""]


ANSWERED = ["❯ first", "", "● All done.", "", "✻ Baked for 3s · done 8:06 PM", ""]


def fixture(name: str) -> list[str]:
    """Return the lines of a captured pane."""
    with open(os.path.join(PANES, name), encoding="utf-8") as stream:
        return stream.read().replace("\\u2019", "\u2019").split("\n")
