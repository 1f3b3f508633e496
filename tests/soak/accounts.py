# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of a soak: which account refuses until when, and flips by hand."""

from __future__ import annotations

import asyncio
import random
import time

from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError

from .users import ask
from .world import LIMITS, SoakWorld

_LASTING = (9.0, 14.0)  # seconds that a limit lasts: an account is always left


class Accounts:
    """Limits the active account, lifts limits at their reset, and flips by hand."""

    def __init__(self, world: SoakWorld, seed: int) -> None:
        self._world = world
        self._rng = random.Random(f"accounts {seed}")
        self._until: dict[str, float] = {}  # by account: epoch seconds
        self.limits = 0
        self.flips = 0

    def limit(self, active: str) -> None:
        """Let the account refuse every request until a reset that is near, unless it does."""
        self.lift()
        if active in self._until:
            return
        # A whole second, as the server's.
        reset = int(time.time() + self._rng.uniform(*_LASTING)) + 1
        self._until[active] = reset
        self._world.set_world(**{active: {"mode": "limit", "claim": LIMITS[active], "resets_at": reset}})
        self.limits += 1

    def lift(self) -> None:
        """Lift the limits whose reset has passed."""
        for name in [name for name, until in self._until.items() if until <= time.time()]:
            del self._until[name]
            self._world.set_world(**{name: {"mode": "ok"}})

    async def keep_lifting(self) -> None:
        """Lift limits as they reset, until cancelled."""
        while True:
            self.lift()
            await asyncio.sleep(0.1)

    async def flip(self, active: str) -> None:
        """Flip to another account by hand; one that the daemon counts as exhausted is refused, which is right."""
        free = sorted(set(LIMITS) - {active} - set(self._until))
        if not free:  # every other account refuses everything at this moment
            return
        try:
            await ask(self._world.control_socket, "switch", {"account": self._rng.choice(free), "reason": "soak"})
            self.flips += 1
        except ControlError:
            pass
