# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Control of Claude Code, as its transcripts and homes tell of it.

It belongs to the account that began it. After a flip Claude Code ends it, at once or with the next request, and writes
a record of the type system: ``informational``, "Remote Control disconnected — signed-in claude.ai account or
organization changed on this machine …"; it stays off until somebody types ``/remote-control`` (``local_command``), and
then writes ``bridge_status``, "/remote-control is active …" (seen on 2.1.330 and 2.1.332; the first text is in 2.1.260
too, and not in 2.1.197). Typed while it is on, or in about the first 10 s after its end, the command opens a menu;
under an account that never used it, a question, unless ``remoteDialogSeen`` stands in the ``.claude.json`` of that
home. Neither starts a turn, and no hook runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .state_file import read_state_file

COMMAND = "/remote-control"
_DROPPED, _REASON = "Remote Control disconnected", "account or organization changed"


def holds_state(records: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the last records of a transcript tell whether Remote Control is on; those before do not count."""
    return any(
        record.get("subtype") == "bridge_status" or str(record.get("content")).startswith(_DROPPED)
        for record in records
        if record.get("type") == "system" and not record.get("isSidechain")
    )


def drop_of(records: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the ``uuid`` of the record that a flip ended Remote Control; None if another word on it is the newest."""
    newest = None
    for record in records:
        if record.get("type") != "system" or record.get("isSidechain"):
            continue
        content, identity = str(record.get("content")), record.get("uuid")
        if content.startswith(_DROPPED):
            newest = identity if _REASON in content and isinstance(identity, str) else None
        elif record.get("subtype") == "bridge_status" or f"<command-name>{COMMAND}<" in content:
            newest = None
    return newest


def is_on(records: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the newest word on Remote Control is that it is active."""
    on = False
    for record in records:
        if record.get("type") == "system" and not record.get("isSidechain"):
            content = str(record.get("content"))
            if content.startswith(_DROPPED):
                on = False
            elif record.get("subtype") == "bridge_status":
                on = content.startswith(f"{COMMAND} is active")
    return on


def was_agreed_to(home: str) -> bool:
    """Return whether the question of a first use was answered under the account with this home."""
    return read_state_file(home).get("remoteDialogSeen") is True
