# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of the screen: what is known, and the sessions in groups, worst first (pure; without rich)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ...common.text import natural_key, one_line
from ..document import as_text

#: States of a session, the worst first; one that is not named here comes before those that need nobody.
WORST_FIRST = ("down", "limited", "waiting", "resuming", "other", "unknown", "starting", "busy", "idle")
_NAMELESS = WORST_FIRST.index("starting")
_SEARCHED = ("name", "state", "account", "cwd", "reason")


class LastAnswers(NamedTuple):
    """The last answers of the daemon; ``problem`` is why there has been no newer one, since ``problem_since``."""

    document: Mapping[str, Any]
    switches: Sequence[Mapping[str, Any]] = ()
    problem: str | None = None
    problem_since: datetime | None = None


class SessionGroup(NamedTuple):
    """The sessions of one state, as people count."""

    state: str
    rows: list[Mapping[str, Any]]


def session_groups(rows: Sequence[Mapping[str, Any]], wanted: str = "") -> list[SessionGroup]:
    """Return the sessions in which the text ``wanted`` is, without regard to case, by state, worst first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if matches(row, wanted):
            found.setdefault(text_of(row.get("state")), []).append(row)
    groups = [SessionGroup(state, sorted(members, key=_name_key)) for state, members in found.items()]
    return sorted(groups, key=lambda group: (_rank(group.state), group.state))


def matches(row: Mapping[str, Any], wanted: str) -> bool:
    """Return whether each word of a text is in a session's name, state, account, folder or reason."""
    searched = "\n".join(text_of(row.get(key)) for key in _SEARCHED).casefold()
    return all(word in searched for word in wanted.casefold().split())


def counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of sessions in each state, worst first."""
    return ", ".join(f"{len(group.rows)} {group.state}" for group in session_groups(rows))


def text_of(value: Any) -> str:
    """Return a value on one line that can be printed; ``-`` for none."""
    return one_line(as_text(value))


def _rank(state: str) -> float:
    return WORST_FIRST.index(state) if state in WORST_FIRST else _NAMELESS - 0.5


def _name_key(row: Mapping[str, Any]) -> list[tuple[int, str]]:
    return natural_key(text_of(row.get("name")))
