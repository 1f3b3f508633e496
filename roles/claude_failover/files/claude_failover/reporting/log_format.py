# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's log: in the journal where standard error leads there, else on standard error.

Each record is one line; names of files and texts of exceptions in it, which are foreign, can neither begin a line nor
reach the terminal that shows the log. The lines of a traceback are indented, and no record begins with a blank.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from ..accounts.account_labels import AccountLabels
from ..common.journal_stream import is_journal, prefixed
from ..common.text import escaped, shorten
from ..config.model import Config
from . import systemd_journal

log = logging.getLogger(__name__)

MAX_MESSAGE = 8000  # characters
_RECORD = "%(levelname)s %(message)s"
_labels = AccountLabels()


class LogFormatter(logging.Formatter):
    """Formats a record as one line of printable text, and a traceback below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        """Return the line of a record."""
        return escaped(shorten(_labels.hide(super().formatMessage(record)), MAX_MESSAGE))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name in logging
        """Return a traceback, each line indented."""
        return _indented(_labels.hide(super().formatException(ei)))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name in logging
        """Return a stack, each line indented."""
        return _indented(super().formatStack(stack_info))


class PrefixFormatter(LogFormatter):
    """Formats a record with its priority before each line, as systemd reads it from a unit's standard error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        return prefixed(super().format(record), record.levelno)


def set_up(level: str) -> None:
    """Write the log from ``level`` on: to the journal with its fields, as lines with priorities, or with the time."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if not is_journal(sys.stderr):
        handler.setFormatter(LogFormatter("%(asctime)s " + _RECORD))
        _start(handler, level)
        return
    handler.setFormatter(PrefixFormatter(_RECORD))
    send = systemd_journal.sender()
    if send is not None:
        handler = systemd_journal.JournalHandler(send, handler, hide_accounts)
        handler.setFormatter(LogFormatter(_RECORD))
    _start(handler, level)
    if send is None:
        log.info("the journal gets no fields CLAUDE_*: python3-systemd is not installed, or cannot be used")


def set_level(level: str) -> None:
    """Write the log from ``level`` on: ``debug``, ``info``, ``warning`` or ``error``."""
    logging.getLogger().setLevel(level.upper())


def configure(config: Config) -> None:
    """Write the log as a configuration has it: from its level on, and with labels where accounts are addresses."""
    global _labels  # as the root logger's level, one for the process
    _labels = AccountLabels(account.name for account in config.accounts)
    set_level(config.log.level)


def hide_accounts(text: str) -> str:
    """Return a text with labels in the place of the accounts' names that are addresses."""
    return _labels.hide(text)


def _start(handler: logging.Handler, level: str) -> None:
    logging.basicConfig(handlers=[handler])
    set_level(level)


def _indented(text: str) -> str:
    return "\n".join("  " + escaped(line) for line in shorten(text, 4 * MAX_MESSAGE).split("\n"))
