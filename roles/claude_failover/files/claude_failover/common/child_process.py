# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes that can be given up at any time, together with their own children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Coroutine
from typing import Any


async def started(creation: Coroutine[Any, Any, Process]) -> Process:
    """Return the child of a ``create_subprocess_…`` with ``start_new_session``. Raises what that raises.

    A cancellation meanwhile ends the child first: asyncio (CPython 3.13) waits for ever for one whose pipes are not
    connected yet.
    """
    creating = asyncio.ensure_future(creation)
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError:
        await end(await creating)
        raise


async def end(child: Process) -> None:
    """Kill a child and what it has started, if it still runs, and wait until it has ended."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await child.wait()
    if child.stdin is not None:
        await _close(child.stdin)


async def _close(stdin: asyncio.StreamWriter) -> None:
    """Close the standard input of a child that has ended; what it has not read is dropped.

    An error that nobody asks for is logged by asyncio as a bug, also where `communicate` ignores it (CPython 3.9 to
    3.11).
    """
    if stdin.transport.get_write_buffer_size():
        stdin.transport.abort()  # another process can hold the other end
    stdin.close()
    with contextlib.suppress(ConnectionError):
        await stdin.wait_closed()
