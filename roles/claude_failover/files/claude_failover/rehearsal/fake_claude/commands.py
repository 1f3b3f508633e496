# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run hook and status line commands as the real CLI does: concurrently, by a shell, payload on standard input."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from typing import Any

from ...common import child_process
from .settings import HookCommand


async def run_hooks(found: list[HookCommand], payload: Mapping[str, Any], env: Mapping[str, str], cwd: str) -> None:
    """Run the commands of one event and ignore their results."""
    raw = json.dumps(payload, ensure_ascii=False).encode()
    await asyncio.gather(*(run(command.command, raw, env, cwd, command.timeout) for command in found))


async def run(command: str, raw: bytes, env: Mapping[str, str], cwd: str, timeout: float) -> tuple[int, str]:
    """Run one command to its end, or kill it and its children after ``timeout`` seconds.

    Returns its exit status (-9 if killed) and its output.
    """
    process = await child_process.started(
        asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    )
    try:
        output, _errors = await asyncio.wait_for(process.communicate(raw), timeout)
    except asyncio.TimeoutError:
        return -signal.SIGKILL, ""
    finally:
        await child_process.end(process)
    return process.returncode or 0, output.decode(errors="replace")
