# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdicts of a soak: each returns the violations that it finds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .violation import BROKEN, GROWN, LOST, TWICE, UNACCOUNTED, Violation
from .world import Flip, Sample

GROWTH = 0.05  # of the daemon's memory, from warm-up to the end

#: Bytes that a document may have at the end: one that is bounded by sessions and accounts, whatever happened in them.
_OF_SESSION, _OF_DOCUMENT = 4096, 64 << 10
#: Logs grow by design: records of switches, and events, which are cut at 4 MiB. So do the 200 tasks that are kept.
_LOGS = ("switches.jsonl", "events.jsonl", "events.1.jsonl")
_OF_TASKS = 2 << 20


def switches(
    flips: Sequence[Flip],
    records: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
) -> list[Violation]:
    """Compare the flips that were seen with the records of switches, and these with history and events."""
    found = []
    made = sorted((row for row in records if row["outcome"] == "switched"), key=lambda row: str(row["time"]))
    seen = [(flip.origin, flip.target) for flip in flips]
    told = [(row["from_account"], row["to_account"]) for row in made]
    if seen != told:
        place = next((n for n, (one, other) in enumerate(zip(seen, told)) if one != other), min(len(seen), len(told)))
        found.append(
            f"{len(seen)} flips of the link were seen, {len(told)} switches are recorded; they differ from number "
            f"{place + 1} on: seen {seen[place : place + 3]}, recorded {told[place : place + 3]}"
        )
    ids = Counter(row["id"] for row in records)
    found += [f"switches.jsonl holds the record {name} {count} times" for name, count in ids.items() if count > 1]
    others = {"history": Counter(row["id"] for row in history), "events.jsonl": Counter(row["id"] for row in events)}
    for name, told_ids in others.items():
        if told_ids != ids:
            lacking, more = sorted((ids - told_ids).elements()), sorted((told_ids - ids).elements())
            found.append(f"{name} and switches.jsonl differ: it lacks {lacking}, it has {more} more")
    for row in records:
        silent = [each["name"] for each in row["sessions"] if not each.get("result")]
        if silent:
            found.append(f"the record {row['id']} does not say what became of {silent}")
    return [Violation(UNACCOUNTED, text) for text in found]


def tasks(rows: Iterable[Mapping[str, Any]], answered: Mapping[str, int]) -> list[Violation]:
    """Compare the tasks with the answers to their prompts, of which ``answered`` has the number."""
    found = []
    for row in rows:
        prompt, state, count = row["prompt"], row["state"], answered.get(row["prompt"], 0)
        if count > 1:
            found.append(Violation(TWICE, f"{prompt!r} was answered {count} times"))
        elif state == "done" and count == 0:
            found.append(Violation(LOST, f"{prompt!r} is done, and was never answered"))
        elif state == "failed" and not row.get("detail"):
            found.append(Violation(UNACCOUNTED, f"{prompt!r} has failed, and no reason is given"))
        elif state not in ("done", "failed"):
            found.append(Violation(LOST, f"{prompt!r} is still {state}: {row.get('detail')}"))
    return found


def footprint(begin: Sample, end: Sample) -> list[Violation]:
    """Compare the floors of the daemon's figures after warm-up and at the end."""
    found = []
    if end.memory > begin.memory * (1 + GROWTH):
        found.append(
            f"memory grew by {end.memory / begin.memory - 1:.1%}: from {begin.memory} to {end.memory} KiB; expected "
            f"at most {GROWTH:.0%}"
        )
    if end.descriptors > begin.descriptors:
        found.append(f"open descriptors grew from {begin.descriptors} to {end.descriptors}")
    if end.threads > begin.threads:
        found.append(f"threads grew from {begin.threads} to {end.threads}")
    return [Violation(GROWN, text) for text in found]


def state(sizes: Mapping[str, int], sessions: int) -> list[Violation]:
    """Compare the state files with what sessions and accounts account for."""
    bounds = {name: _OF_DOCUMENT + _OF_SESSION * sessions for name in sizes if name not in _LOGS}
    bounds["tasks"] = _OF_TASKS
    found = [
        Violation(GROWN, f"{name} has {sizes[name]} bytes; expected at most {bound}")
        for name, bound in bounds.items()
        if sizes.get(name, 0) > bound
    ]
    return found + [Violation(BROKEN, f"the daemon left {name}") for name in sizes if _is_unusable(name)]


def _is_unusable(name: str) -> bool:
    """Return whether a file is one that the daemon could not use, or did not remove."""
    return "set-aside" in name or name.startswith(".")
