# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a program, of which the last bytes are kept.

A pipe of its own, since asyncio (CPython 3.13.0) waits for the end of its pipes before it tells the end of a child, and
something that the program has left behind can hold them open.
"""

from __future__ import annotations

import asyncio
import os
from types import TracebackType

MAX_OUTPUT = 2000  # bytes, the last ones
_LAST_CHUNKS = 16  # a pipe holds no more when a program has ended; what it has left behind can go on to write


class OutputPipe:
    """A pipe whose end ``writer`` a child gets; closed as a context manager. Needs a running event loop."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._end = bytearray()
        self._has_writer = True
        asyncio.get_running_loop().add_reader(self._reader, self._read)

    def __enter__(self) -> OutputPipe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_writer()
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)

    def close_writer(self) -> None:
        """Close the end that the child has by now."""
        if self._has_writer:
            self._has_writer = False
            os.close(self.writer)

    def last(self) -> bytes:
        """Return the last bytes that were written."""
        for _chunk in range(_LAST_CHUNKS):
            if not self._read():
                break
        return bytes(self._end)

    def _read(self) -> bool:
        """Read what there is; return False at the end, or where nothing is there yet."""
        try:
            chunk = os.read(self._reader, 65536)
        except BlockingIOError:
            return False
        self._end += chunk
        del self._end[:-MAX_OUTPUT]
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._reader)
        return bool(chunk)
