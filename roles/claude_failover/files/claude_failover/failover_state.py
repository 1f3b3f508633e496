# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failover must still know after a crash or a reboot: who waits for what."""
from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import clock
from .evidence import Evidence
from .state import Store
from .switch_record import evidence_from_json, evidence_to_json

log = logging.getLogger(__name__)

DOCUMENT = "failover"


@dataclass(frozen=True)
class Held:
    """A session that is limited and not yet seen to. ``account`` is whose limit it is, None when that is open."""

    evidence: Evidence
    account: str | None


@dataclass(frozen=True)
class Waiting:
    """No account can be used. ``until`` is when the first one can be, None when waiting alone will not help."""

    account: str
    limit: str | None
    until: datetime | None


class FailoverState:
    """The durable document. Change it, then `save`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        document = store.load(DOCUMENT, {})
        self.inbox: list[Evidence] = []
        self.held: dict[str, Held] = {}
        self.cooldown_until = _moment(document.get("cooldown_until"))
        self.waiting = _waiting(document.get("waiting"))
        for row in _rows(document, "inbox"):
            found = _evidence(row)
            if found is not None:
                self.inbox.append(found)
        for row in _rows(document, "held"):
            found = _evidence(row.get("evidence")) if isinstance(row, dict) else None
            if found is not None:
                account = row.get("account")
                self.held[found.session] = Held(found, account if isinstance(account, str) else None)

    def save(self) -> None:
        """Store it. What cannot be stored is told, and stays in memory: a full disk must not stop a failover."""
        waiting = self.waiting
        document = {
            "cooldown_until": clock.optional_iso(self.cooldown_until),
            "waiting": None if waiting is None else {
                "account": waiting.account, "limit": waiting.limit, "until": clock.optional_iso(waiting.until),
            },
            "inbox": [evidence_to_json(evidence) for evidence in self.inbox],
            "held": [
                {"evidence": evidence_to_json(held.evidence), "account": held.account} for held in self.held.values()
            ],
        }  # fmt: skip
        try:
            self._store.save(DOCUMENT, document)
        except OSError as error:
            log.error("the state of the failover cannot be stored: %s", error)


def _rows(document: dict[str, Any], key: str) -> list[Any]:
    rows = document.get(key)
    return rows if isinstance(rows, list) else []


def _evidence(value: Any) -> Evidence | None:
    try:
        return evidence_from_json(value)
    except ValueError as error:
        log.warning("failover: a stored sighting makes no sense and is passed over: %s", error)
        return None


def _moment(value: Any) -> datetime | None:
    try:
        return None if value is None else clock.parse_iso(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _waiting(value: Any) -> Waiting | None:
    if not isinstance(value, dict) or not isinstance(value.get("account"), str):
        return None
    limit = value.get("limit")
    return Waiting(value["account"], limit if isinstance(limit, str) else None, _moment(value.get("until")))
