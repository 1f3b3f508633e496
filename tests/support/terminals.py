# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a process shows on a pseudo-terminal of its own."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable

import pytest


def read_to_end(
    pid: int, terminal: int, deadline: float, on_shown: Callable[[bytes], None] = lambda _shown: None
) -> bytes:
    """Return all that the process shows until it closes the terminal, which is closed then, too.

    ``on_shown`` is called with all of it so far, again and again. After ``deadline`` seconds the process is killed, and
    the test fails.
    """
    shown, end = b"", time.monotonic() + deadline
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                os.close(terminal)
                return shown
            shown += chunk
        on_shown(shown)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    pytest.fail(f"it does not end; it has shown {shown!r}")
