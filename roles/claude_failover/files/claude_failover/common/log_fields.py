# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that a log record carries beside its text, for the journal."""

from __future__ import annotations

import logging
from typing import Any, Optional

#: The level of a log line, by the severity of what it tells.
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

ATTRIBUTE = "claude_fields"  # of a logging.LogRecord


def log_fields(
    *,
    session: Optional[str] = None,
    account: Optional[str] = None,
    limit: Optional[str] = None,
    switch_id: Optional[str] = None,
    event: Optional[str] = None,
) -> dict[str, Any]:
    """Return the ``extra`` of a logging call: the fields that are given, by the names that the journal shows.

    Args:
        session: name of the session that the record is about.
        account: name of the account that the record is about.
        limit: name of the limit, as in ``exhausted[].limit`` of the status.
        switch_id: id of the switch's record.
        event: name of the event that the record tells.
    """
    values = {
        "CLAUDE_SESSION": session,
        "CLAUDE_ACCOUNT": account,
        "CLAUDE_LIMIT": limit,
        "CLAUDE_SWITCH_ID": switch_id,
        "CLAUDE_EVENT": event,
    }
    return {ATTRIBUTE: {name: value for name, value in values.items() if value is not None}}
