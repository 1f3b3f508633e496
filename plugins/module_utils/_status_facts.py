# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a status that may leave the host: no prompt, no token, and no address unless it is asked for (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import expect_object, expect_rows

TASK_KEYS = (
    "id",
    "state",
    "session",
    "wanted_session",
    "wanted_cwd",
    "prompt_bytes",
    "attempts",
    "detail",
    "request_id",
    "known",
    "created_at",
    "sent_at",
    "accepted_at",
    "finished_at",
)
"""The keys of a task that a result shows; the daemon's own row begins with the prompt's first words."""

_ADDRESS = re.compile(r"[\w.!#$%&*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"sk-ant-[\w-]+")
_NOT_AGAIN = re.compile(r"; not started again \(restart: [a-z_]+\)")


def status_facts(document: Any, addresses: bool) -> dict[str, Any]:
    """Return the facts of a status document. Raises ControlError for one that is none."""
    found = dict(expect_object("status", document))
    found["accounts"] = [_account_facts(row, addresses) for row in expect_rows("status", found.get("accounts"), "name")]
    sessions = expect_rows("status", found.get("sessions"), "name", "state")
    found["sessions"] = [_session_facts(row) for row in sessions]
    if isinstance(found.get("last_switch"), dict):
        found["last_switch"] = switch_facts(found["last_switch"])
    labels = account_labels([row["name"] for row in found["accounts"]])

    def allowed(text: str) -> str:
        return without_tokens(text) if addresses else _without_addresses(without_tokens(text), labels)

    facts: dict[str, Any] = _mapped(found, allowed)
    return facts


def switch_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a switch's record, which are all but the text of the screen."""
    return {key: value for key, value in record.items() if key != "snippet"}


def task_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a task."""
    return {key: row.get(key) for key in TASK_KEYS if key in row}


def without_tokens(text: str) -> str:
    """Return a text without what looks like a token of Claude Code."""
    return _TOKEN.sub("(token)", text)


def _account_facts(row: dict[str, Any], addresses: bool) -> dict[str, Any]:
    """Return the row of an account; the name of an organization is often made of the address."""
    identity = row.get("identity")
    if addresses or not isinstance(identity, dict):
        return row
    return {**row, "identity": {"plan": identity.get("plan")}}


def _session_facts(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a session, without the last words that its program has printed.

    A daemon of a release before 0.4.0 has them in the reason, behind the first colon.
    """
    if "last_words" in row:
        return {key: value for key, value in row.items() if key != "last_words"}
    reason = row.get("reason")
    if row["state"] != "down" or not isinstance(reason, str):
        return row
    ends = list(_NOT_AGAIN.finditer(reason))
    before = reason[: ends[-1].start()] if ends else reason
    return {**row, "reason": before.partition(": ")[0] + (ends[-1].group() if ends else "")}


def account_labels(names: list[str]) -> dict[str, str]:
    """Return the labels of accounts that are called by an address, as the daemon's ``accounts/account_labels.py``."""
    labels = {}
    for number, name in enumerate(names, 1):
        label = f"account-{number}"
        while label in names:
            label += "_"
        if "@" in name:
            labels[name] = label
    return labels


def _without_addresses(text: str, labels: Mapping[str, str]) -> str:
    if "@" not in text:
        return text
    for name in sorted(labels, key=len, reverse=True):
        text = re.sub(rf"(?<![\w@+]){re.escape(name)}(?![\w@+-]|\.\w)", labels[name], text)
    return _ADDRESS.sub("(address)", text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a document with every text in it changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return value
