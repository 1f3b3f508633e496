# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that a child that is given up while it is being made is ended, and hangs nobody."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

import pytest
from child_pids import child_pids, command_line

from claude_failover.common import child_process


async def run(command: str, text: bytes = b"text") -> int:
    pipe = asyncio.subprocess.PIPE
    creation = asyncio.create_subprocess_shell(command, stdin=pipe, stdout=pipe, start_new_session=True)
    child = await child_process.started(creation)
    try:
        await child.communicate(text)
    finally:
        await child_process.end(child)
    return child.returncode or 0


def children() -> list[str]:
    return [line for line in map(command_line, child_pids(os.getpid())) if "sleep 71" in line]


@pytest.mark.parametrize("steps", range(12))
def test_a_cancellation_in_the_middle_of_a_start_hangs_nobody_and_leaves_nothing(steps: int) -> None:
    async def give_up() -> bool:
        task = asyncio.ensure_future(run("sleep 71; true"))
        for _step in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        _done, pending = await asyncio.wait([task], timeout=20)
        await asyncio.sleep(0.1)  # the event loop learns that the pipes are closed
        return not pending and task.cancelled()

    assert asyncio.run(give_up())
    assert children() == []


def test_a_child_that_ends_is_left_alone() -> None:
    assert asyncio.run(run("cat >/dev/null; exit 3")) == 3


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("command", ["exit 3", "exec <&-; sleep 0.1; exit 3"])
def test_a_child_that_reads_nothing_is_no_error(command: str, size: int, caplog: pytest.LogCaptureFixture) -> None:
    assert asyncio.run(run(command, b"x" * size)) == 3
    gc.collect()
    assert [line.getMessage() for line in caplog.records] == []


@pytest.mark.parametrize("then", ["exit 3", "exec sleep 71"])
def test_another_process_that_holds_the_input_is_not_waited_for(then: str) -> None:
    async def give_up() -> None:
        pipe = asyncio.subprocess.PIPE
        command = f"exec 3<&0; setsid sh -c 'echo $$; exec sleep 72 >/dev/null' <&3 & {then}"
        creation = asyncio.create_subprocess_shell(command, stdin=pipe, stdout=pipe, start_new_session=True)
        child = await child_process.started(creation)
        assert child.stdin is not None and child.stdout is not None
        holder = int(await child.stdout.readline())
        try:
            child.stdin.write(b"x" * (1 << 20))
            ended = asyncio.ensure_future(child_process.end(child))
            _done, pending = await asyncio.wait([ended], timeout=20)
            assert not pending
        finally:
            os.kill(holder, signal.SIGKILL)
        # Else the event loop can end before it learns that the pipe is closed, and another test is blamed for that.
        await asyncio.wait_for(child.stdout.read(), 20)

    asyncio.run(give_up())
    assert children() == []


def test_a_program_that_is_not_there_is_the_error_of_asyncio() -> None:
    async def start() -> None:
        await child_process.started(asyncio.create_subprocess_exec("/nowhere/program"))

    with pytest.raises(FileNotFoundError):
        asyncio.run(start())
