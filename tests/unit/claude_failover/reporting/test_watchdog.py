# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog is fed while checks of the sessions finish, and no longer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from claude_failover.reporting import watchdog as module
from claude_failover.reporting.watchdog import STALL_TIMEOUT, Watchdog


def make(checked_at: Callable[[], float], sent: list[dict[str, Any]]) -> Watchdog:
    """Return a watchdog that appends to ``sent`` what systemd would get."""
    config = SimpleNamespace(current=SimpleNamespace(lifecycle=SimpleNamespace(check_interval=10.0)))
    systemd = SimpleNamespace(send=lambda **states: sent.append(states))
    return Watchdog(config, systemd, checked_at, lambda: "well")  # type: ignore[arg-type]


@pytest.mark.parametrize(("ago", "fed"), [(0.0, True), (STALL_TIMEOUT, True), (STALL_TIMEOUT + 20.0, False)])
def test_it_is_fed_while_checks_finish(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ago: float, fed: bool
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    sent: list[dict[str, Any]] = []
    watchdog = make(lambda: time.monotonic() - ago, sent)

    async def some_time() -> None:
        await asyncio.wait_for(watchdog.run(), 0.2)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(some_time())
    assert ({"WATCHDOG": 1, "STATUS": "well"} in sent) is fed
    assert ("no check of the sessions has finished for" in caplog.text) is not fed


@pytest.mark.parametrize(("timeout", "shared"), [(30, True), (60, True), (20, False), (4, False)])
def test_it_is_fed_within_half_of_the_timeout_and_with_what_else_looks_by_itself(
    monkeypatch: pytest.MonkeyPatch, timeout: int, shared: bool
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", str(timeout * 1_000_000))
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    paused: list[tuple[bool, float]] = []

    async def pause_together(seconds: float) -> None:
        paused.append((True, 1.5 * seconds))
        raise asyncio.CancelledError

    async def pause(seconds: float) -> None:
        paused.append((False, seconds))
        raise asyncio.CancelledError

    monkeypatch.setattr(module, "sleep_together", pause_together)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(make(time.monotonic, []).run())
    ((together, longest),) = paused
    assert together is shared
    assert longest <= timeout / 2
