# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch the shared links of all accounts: tell when one has gone, leads elsewhere or was replaced by a file."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable

from ..common.log_fields import log_fields
from ..common.shared_wake import sleep_together
from ..config.holder import ConfigHolder
from ..config.model import Config
from .shared_links import links_problem

log = logging.getLogger(__name__)


_LONGEST = 60.0  # seconds for which links are taken to be as they were, where nothing that they depend on has changed


class LinkWatch:
    """Checks the links and repairs nothing: the next start and the next switch make what is only missing.

    ``on_change`` is called with an account and what is wrong with its links, and without it once they are right again.
    """

    def __init__(self, config: ConfigHolder, on_change: Callable[[str, str | None], None]) -> None:
        self._config = config
        self._on_change = on_change
        self._told: dict[str, str] = {}  # by account
        self._right: tuple[Config, tuple[object, ...], float] | None = None  # what was found right, as it was, and when

    async def run(self) -> None:
        """Check at every ``lifecycle.check_interval`` until cancelled."""
        while True:
            try:
                self.check()
            except Exception:  # a bug in what only tells must not end the daemon
                log.exception("links: a bug; they are looked at again at the next check")
            await sleep_together(self._config.current.lifecycle.check_interval)

    def check(self) -> None:
        """Look at the links of every account once."""
        config, told = self._config.current, self._told
        stamp, now = _stamp(config), time.monotonic()
        if self._right is not None and now - self._right[2] < _LONGEST and self._right[:2] == (config, stamp):
            return
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
        self._right = (config, stamp, now) if not self._told else None


def _stamp(config: Config) -> tuple[object, ...]:
    """Return what the links depend on, as far as it can be seen in the entries themselves: homes, links, targets."""
    found: list[object] = []
    for account in config.accounts:
        found.append(_state(os.stat, account.home))
        for link in config.shared_links:
            path = f"{account.home}/{link.name}"
            found += [_state(os.lstat, path), _state(os.stat, path)]
    return (*found, *(_state(os.stat, link.target) for link in config.shared_links))


def _state(look: Callable[[str], os.stat_result], path: str) -> tuple[int, ...] | None:
    """Return what tells one entry from another, and from itself with other rights; None where there is none to see."""
    try:
        found = look(path)
    except (OSError, ValueError):
        return None
    changed = found.st_ctime_ns if stat.S_ISLNK(found.st_mode) else 0  # a folder's changes with what is in it
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid, changed
