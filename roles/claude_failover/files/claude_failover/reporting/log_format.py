# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's log on standard error.

Each record is one line; names of files and texts of exceptions in it, which are foreign, can neither begin a line nor
reach the terminal that shows the log. The lines of a traceback are indented, and no record begins with a blank.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from ..common.text import escaped, shorten

MAX_MESSAGE = 8000  # characters


class LogFormatter(logging.Formatter):
    """Formats a record as one line of printable text, and a traceback below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        """Return the line of a record."""
        return escaped(shorten(super().formatMessage(record), MAX_MESSAGE))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name in logging
        """Return a traceback, each line indented."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the name in logging
        """Return a stack, each line indented."""
        return _indented(super().formatStack(stack_info))


def set_up() -> None:
    """Write the log to standard error, from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    journal = "JOURNAL_STREAM" in os.environ  # journald adds the time
    time = "" if journal else "%(asctime)s "
    handler.setFormatter(LogFormatter(time + "%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


def _indented(text: str) -> str:
    return "\n".join("  " + escaped(line) for line in shorten(text, 4 * MAX_MESSAGE).split("\n"))
