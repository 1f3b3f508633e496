# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch the shared links of all accounts: tell when one has gone, leads elsewhere or was replaced by a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from .shared_links import links_problem

log = logging.getLogger(__name__)


class LinkWatch:
    """Checks the links and repairs nothing: the next start and the next switch make what is only missing.

    ``on_change`` is called with an account and what is wrong with its links, and without it once they are right again.
    """

    def __init__(self, config: ConfigHolder, on_change: Callable[[str, str | None], None]) -> None:
        self._config = config
        self._on_change = on_change
        self._told: dict[str, str] = {}  # by account

    async def run(self) -> None:
        """Check at every ``lifecycle.check_interval`` until cancelled."""
        while True:
            try:
                self.check()
            except Exception:  # a bug in what only tells must not end the daemon
                log.exception("links: a bug; they are looked at again at the next check")
            await asyncio.sleep(self._config.current.lifecycle.check_interval)

    def check(self) -> None:
        """Look at the links of every account once."""
        config, told = self._config.current, self._told
        looked = ((account.name, links_problem(account, config)) for account in config.accounts)
        self._told = {name: problem for name, problem in looked if problem is not None}
        for name, problem in self._told.items():
            if told.get(name) != problem:
                event = "links_divergent" if name not in told else None  # of one account's links the event is one
                log.error("account %s: %s", name, problem, extra=log_fields(account=name, event=event))
                self._on_change(name, problem)
        for name in told.keys() - self._told.keys():
            fields = log_fields(account=name, event="links_divergent")
            log.info("account %s: its shared links are right again", name, extra=fields)
            self._on_change(name, None)
