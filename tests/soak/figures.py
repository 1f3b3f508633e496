# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that a soak ends with, and the count of its violations."""

from __future__ import annotations

from collections import Counter

from .soak import JUDGED_FROM, Soak
from .violation import KINDS


def table(soak: Soak) -> str:
    """Return the figures of a soak, one a line; it may be one that was interrupted."""
    conversations = [session.conversation for session in soak.sessions.values()]
    rows: dict[str, str | int] = {
        "minutes": f"{soak.elapsed / 60:.1f}",
        "sessions": len(soak.sessions),
        "limits": soak.accounts.limits,
        "flips": len(soak.flips),
        "flips by hand": soak.accounts.flips,
        "restarts": soak.counts["stop"],
        "kills": soak.counts["kill"],
        "reloads": soak.counts["hangup"] + soak.counts["reload"],
        "prompts": sum(len(each.own_prompts) for each in conversations),
        "refused": sum(each.refused for each in conversations),
        "resumes": sum(each.resumed for each in conversations),
        "tasks": len(soak.dispatcher.rows),
        "tasks failed": sum(row["state"] == "failed" for row in soak.dispatcher.rows.values()),
    }
    begin, end = soak.after_warm_up, soak.at_end
    if end is not None:
        rows["by the minute"] = " ".join(f"{memory / 1024:.1f}" for memory in soak.memory_by_minute)
        rows["memory"] = f"{end.memory / 1024:.1f} MiB (too short to judge)"
        if begin is not None and soak.last_life >= JUDGED_FROM:
            rows["memory"] = f"{begin.memory / 1024:.1f} to {end.memory / 1024:.1f} MiB"
            rows["growth"] = f"{end.memory / begin.memory - 1:+.1%}"
            rows["descriptors"] = f"{begin.descriptors} to {end.descriptors}"
            rows["threads"] = f"{begin.threads} to {end.threads}"
    return "\n".join(f"{name:<14} {value}" for name, value in rows.items())


def judgement(soak: Soak) -> str:
    """Return the number of violations of each kind."""
    found = Counter(violation.kind for violation in soak.violations)
    return " ".join(f"{kind}={found[kind]}" for kind in KINDS)
