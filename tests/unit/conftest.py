# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of all unit tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from claude_failover.common import clock
from claude_failover.common.steady_clock import SteadyClock


@pytest.fixture(autouse=True, scope="session")
def unflushed() -> Iterator[None]:
    """Replace fsync by a check of the descriptor: no test cuts the power, and thousands of flushes take minutes.

    Tests about a flush replace it themselves.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """Give each test a steady clock of its own: what one test restores into it must not reach another."""
    before = clock.install(SteadyClock())
    yield
    clock.install(before)
