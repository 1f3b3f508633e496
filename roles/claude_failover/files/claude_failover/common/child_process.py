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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.stdin is not None and child.stdin.transport.get_write_buffer_size():
        child.stdin.transport.abort()  # else asyncio waits for another process that holds the other end
    if child.returncode is None:
        await child.wait()
    if child.stdin is not None:
        child.stdin.close()
        # An error that nobody asks for is logged as a bug, also where `communicate` ignores it (CPython 3.9 to 3.11).
        with contextlib.suppress(ConnectionError):
            await asyncio.shield(child.stdin.wait_closed())
