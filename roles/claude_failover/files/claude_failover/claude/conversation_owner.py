# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read whose a conversation is: the newest record ``session-owner`` of its transcript (2.1.330), wherever it stands."""

from __future__ import annotations

from typing import Any, Optional

from .transcript import TranscriptTail, locate, paths_of

_TYPE = "session-owner"


def owner_of(projects: str, uuid: str) -> Optional[dict[str, Any]]:
    """Return the record of a conversation's owner; None where its transcript has none.

    Reads the whole transcript, in blocks. Raises NotATranscriptError, OSError.
    """
    owner = None
    for path in paths_of(projects, uuid)[:1]:
        for record in TranscriptTail(projects, *locate(projects, path), 0, wanted=f'"{_TYPE}"'.encode()).read():
            if record.get("type") == _TYPE:
                owner = record
    return owner
