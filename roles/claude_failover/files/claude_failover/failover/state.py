# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable state of the failover: unattributed evidence, limited sessions, reset wait, cooldown; in steady time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..common import clock
from ..common.renaming import new_name
from ..limits.evidence import Evidence, evidence_from_json, evidence_to_json
from ..storage.store import Store, as_items, as_list, as_optional_text
from .doubt import Doubt, doubt_from_json, doubt_to_json

DOCUMENT = "failover"


@dataclass(frozen=True)
class LimitedSession:
    """A limited session that has not been resumed. ``account`` is the account whose limit it hit, None when unknown;
    ``doubted`` the one under which it was refused in doubt, and ``why`` says so."""

    evidence: Evidence
    account: str | None
    doubted: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class ResetWait:
    """The wait for a reset while no account is usable.

    ``account`` was active, ``limit`` was hit; ``until`` is when the first account becomes usable, None when waiting
    alone will not help.
    """

    account: str
    limit: str | None
    until: datetime | None


class FailoverState:
    """The durable document. Every change is made inside `update`, its only writer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._updates = 0
        self._at_once = False
        document = store.load(DOCUMENT, {})
        self.cooldown_until = store.read_part(DOCUMENT, "the cooldown", _moment, document.get("cooldown_until"))
        self.reset_wait = store.read_part(DOCUMENT, "the reset wait", _reset_wait, document.get("waiting"))
        inbox = store.read_part(DOCUMENT, "the list of evidence", as_list, document.get("inbox", [])) or []
        held = store.read_part(DOCUMENT, "the list of limited sessions", as_list, document.get("held", [])) or []
        found = [store.read_part(DOCUMENT, "a piece of evidence", evidence_from_json, row) for row in inbox]
        sessions = [store.read_part(DOCUMENT, "a limited session", _limited_session, row) for row in held]
        self.unattributed = [evidence for evidence in found if evidence is not None]
        moments = [evidence.at for evidence in self.unattributed]
        moments += [item.evidence.at for item in sessions if item is not None]
        if moments:
            clock.current().not_before(max(moments))
        rows = store.read_part(DOCUMENT, "the table of doubts", as_items, document.get("doubts", {})) or []
        doubts = [
            (name, store.read_part(DOCUMENT, f"the doubt of {name!r}", doubt_from_json, row)) for name, row in rows
        ]
        self.doubts: dict[str, Doubt] = {name: doubt for name, doubt in doubts if doubt is not None}  # by session
        self.limited_sessions = {item.evidence.session: item for item in sessions if item is not None}

    @contextmanager
    def update(self, *, soon: bool = False) -> Iterator[None]:
        """Store the changes of a block once, at the end of the outermost block.

        With ``soon``, of all blocks, they are stored with others within some 10 ms: see `Store.keep_soon`.
        What cannot be stored is logged, kept in memory and stored with the next update: a full disk must not stop a
        failover.
        """
        self._updates += 1
        self._at_once |= not soon
        try:
            yield
        finally:
            self._updates -= 1
            if not self._updates:
                keep = self._store.keep if self._at_once else self._store.keep_soon
                self._at_once = False
                keep(DOCUMENT, self._document, "the state of the failover")

    def is_in_doubt(self, session: str) -> bool:
        """Return whether the session may use another account than the active one."""
        return session in self.doubts

    def flush(self) -> None:
        """Store what is to be stored soon, now."""
        self._store.flush()

    def rename_accounts(self, names: Mapping[str, str]) -> None:
        """Give accounts other names, by the old ones."""
        with self.update():
            if self.reset_wait is not None:
                account = self.reset_wait.account
                self.reset_wait = replace(self.reset_wait, account=names.get(account, account))
            self.limited_sessions = {
                session: replace(item, account=new_name(item.account, names), doubted=new_name(item.doubted, names))
                for session, item in self.limited_sessions.items()
            }
            self.doubts = {
                session: replace(doubt, accounts=tuple(names.get(each, each) for each in doubt.accounts))
                for session, doubt in self.doubts.items()
            }

    def _document(self) -> dict[str, Any]:
        wait = self.reset_wait
        return {
            "cooldown_until": clock.optional_iso(self.cooldown_until),
            "waiting": None
            if wait is None
            else {
                "account": wait.account,
                "limit": wait.limit,
                "until": clock.optional_iso(wait.until),
            },
            "inbox": [evidence_to_json(evidence) for evidence in self.unattributed],
            "held": [
                {"evidence": evidence_to_json(item.evidence), "account": item.account, **_doubted(item)}
                for item in self.limited_sessions.values()
            ],
            "doubts": {name: doubt_to_json(doubt) for name, doubt in self.doubts.items()},
        }


def _limited_session(row: Any) -> LimitedSession:
    return LimitedSession(
        evidence_from_json(row["evidence"]),
        as_optional_text(row["account"]),
        as_optional_text(row.get("doubted")),
        as_optional_text(row.get("why")),
    )


def _doubted(item: LimitedSession) -> dict[str, str | None]:
    return {} if item.doubted is None else {"doubted": item.doubted, "why": item.why}


def _moment(value: Any) -> datetime | None:
    return None if value is None else clock.parse_iso(value)


def _reset_wait(value: Any) -> ResetWait | None:
    if value is None:
        return None
    if not isinstance(value["account"], str):
        raise TypeError("found no account, expected one")
    return ResetWait(value["account"], as_optional_text(value["limit"]), _moment(value["until"]))
