# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the configuration in force, which a reload replaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from .model import Config


class ConfigHolder:
    """The configuration in force, as ``current``.

    Every part reads ``current`` at each use and keeps no copy. A part that derives state from it subscribes, and is
    called after each replacement, in the order of subscription.
    """

    def __init__(self, config: Config) -> None:
        self._current = config
        self._subscribers: list[Callable[[], None]] = []

    @property
    def current(self) -> Config:
        """The configuration in force."""
        return self._current

    def subscribe(self, on_replaced: Callable[[], None]) -> None:
        """Call ``on_replaced`` after each `replace`; it must not raise."""
        self._subscribers.append(on_replaced)

    def replace(self, config: Config) -> None:
        """Put another configuration in force.

        Sessions that have not changed stay the same objects, and so does a configuration that equals the old one: what
        parts keep of it then keeps nothing else.
        """
        known = {session.name: session for session in self._current.sessions}
        if config == self._current:
            config = self._current
        elif known:
            sessions = [known[new.name] if known.get(new.name) == new else new for new in config.sessions]
            config = dataclasses.replace(config, sessions=tuple(sessions))
        self._current = config
        for on_replaced in self._subscribers:
            on_replaced()
