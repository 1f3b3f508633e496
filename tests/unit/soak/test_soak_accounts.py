# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the accounts of a soak."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from soak import accounts
from soak.world import LIMITS


class World:
    """A world that takes every answer of the accounts."""

    control_socket = "/nowhere"

    def set_world(self, **_answers: Any) -> None:
        """Take them."""


def test_no_account_is_flipped_to_while_every_other_one_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def ask(_socket: str, op: str, options: dict[str, Any]) -> None:
        asked.append((op, options["account"]))

    monkeypatch.setattr(accounts, "ask", ask)
    world: Any = World()
    soaked = accounts.Accounts(world, seed=1)
    active, *others = LIMITS
    for name in others[:-1]:
        soaked.limit(name)
    asyncio.run(soaked.flip(active))
    soaked.limit(others[-1])
    asyncio.run(soaked.flip(active))
    assert (asked, soaked.flips) == ([("switch", others[-1])], 1)
