# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the log as entries of the journal, with priority and fields, by Debian's ``python3-systemd``."""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any, Callable, Optional

from ..common.journal_stream import priority_of
from ..common.log_fields import ATTRIBUTE
from ..common.text import escaped, shorten

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "claude-failover"  # as systemd names the unit's lines, by the name of the launcher
_MAX_FIELD = 500  # characters

#: ``systemd.journal.send``: the message, and the fields by name.
Send = Callable[..., object]


def sender(socket: str = SOCKET) -> Optional[Send]:
    """Return the function that writes an entry; None without a usable ``python3-systemd`` or the journal's socket.

    The library drops an entry in silence where the socket is missing.
    """
    try:
        os.stat(socket)
        send: Send = importlib.import_module("systemd.journal").send
    except Exception:  # beside the missing package: one of another Python's, or a library that is missing
        return None
    return send


class JournalHandler(logging.Handler):
    """Writes each record as one entry; one that cannot be written goes to another handler.

    ``hide`` takes out of a field what must not leave the host.
    """

    def __init__(self, send: Send, fallback: logging.Handler, hide: Callable[[str], str] = str) -> None:
        super().__init__()
        self._send = send
        self._fallback = fallback
        self._hide = hide

    def emit(self, record: logging.LogRecord) -> None:
        """Write an entry; never raises."""
        try:
            self._send(
                self.format(record),
                PRIORITY=str(priority_of(record.levelno)),
                SYSLOG_IDENTIFIER=IDENTIFIER,
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName,
                LOGGER=record.name,
                **self._fields(record),
            )
        except Exception:  # foreign code; the record must not be lost, nor end what it tells of
            self._fallback.handle(record)

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        fields: dict[str, Any] = getattr(record, ATTRIBUTE, {})
        return {name: escaped(shorten(self._hide(str(value)), _MAX_FIELD)) for name, value in fields.items()}
