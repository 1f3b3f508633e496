# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documents of ``status --json`` and ``sessions --json``, which are a public interface.

The keys of accounts and of switching come from `FailoverController.account_status` and `FailoverController.status`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .. import VERSION
from ..accounts.active_link import read_active
from ..accounts.shared_links import links_state
from ..claude.background_jobs import BackgroundJob, running_jobs
from ..common import clock
from ..common.health import SourceHealth
from ..common.text import natural_key
from ..config.holder import ConfigHolder
from ..config.model import Account, Config
from ..failover.controller import FailoverController
from ..sessions.changes import change_reason, changed_keys
from ..sessions.moved_conversations import session_of
from ..sessions.registry import SessionRegistry
from ..sessions.session_account import account_of, follows_link
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..tasks.dispatcher import Dispatcher
from ..tmux.client import Tmux
from .situation import MAY_NEED_A_PERSON


def account_row(account: Account, config: Config, active: Account | None, known: dict[str, Any]) -> dict[str, Any]:
    """Return one row of ``accounts``; ``known`` holds the keys that the failover adds."""
    return {
        "name": account.name,
        "home": account.home,
        "active": account == active,
        "links": links_state(account, config),
        "enabled": account.enabled,
        "standby": account.standby,
        **known,
    }


def state_of(tracked: TrackedSession, own_limit: str | None) -> str:
    """Return the state of a session as it is told; ``own_limit``: the limit that it stands at, where no switch moves
    it."""
    return "limited" if own_limit and tracked.state == "idle" else tracked.state


def session_row(
    tracked: TrackedSession,
    config: Config,
    registry: SessionRegistry,
    active: Account | None,
    own_limit: str | None = None,
    in_pool: bool = False,
) -> dict[str, Any]:
    """Return one row of ``sessions``.

    ``own_limit``: the limit that it stands at, where no switch moves it; ``in_pool``: whether it may get tasks.
    """
    entry = registry.get(tracked.name)
    pane = tracked.pane
    account = account_of(tracked, config, active)
    is_down = tracked.state == "down"
    return {
        "name": tracked.name,
        "uuid": entry.uuid if entry else None,
        "uuid_source": entry.source if entry else None,
        "state": state_of(tracked, own_limit),
        "reason": tracked.set_aside
        or tracked.question
        or tracked.start_question
        or tracked.resume_note
        or tracked.reason
        or own_limit
        or change_reason(tracked, config)
        or tracked.other
        or off_link_reason(tracked, config)
        or tracked.lost_context
        or tracked.notice,
        "last_words": tracked.last_words if is_down else None,
        "waits_for": tracked.waits_for,
        "restart_needed": bool(changed_keys(tracked, config)),
        "next_try_at": clock.optional_wall_iso(tracked.next_try_at),
        "configured": tracked.spec is not None,
        "version": tracked.version,
        "follows_link": follows_link(tracked, config),
        "dedicated": tracked.dedicated,
        "in_pool": in_pool,
        "cwd": tracked.cwd,
        "account": account.name if account else None,
        "pid": pane.pid if pane and tracked.up else None,
        "last_event_at": clock.optional_wall_iso(tracked.activity_at),
    }


def job_row(job: BackgroundJob, config: Config) -> dict[str, Any]:
    """Return one row of ``background_jobs``: a conversation in the background of Claude Code, which is not watched."""
    return {
        "id": job.id,
        "uuid": job.uuid,
        "session": session_of(job, config),
        "account": next((account.name for account in config.accounts if account.home == job.home), None),
        "cwd": job.cwd,
        "pid": job.pid,
        "state": job.status,
        "watched": False,
    }


def off_link_reason(tracked: TrackedSession, config: Config) -> str | None:
    """Return why a flip does not move the session's requests, None if it does or nothing is known."""
    if follows_link(tracked, config) is not False:
        return None
    if tracked.foreign_login is not None:
        return (
            f"its login does not follow the active link: {tracked.foreign_login}; its limits switch nothing and mark "
            "no account"
        )
    return f"it was started with the home {tracked.config_dir}, and stays with that account at a switch"


class StatusReport:
    """Builds the documents from the parts of the daemon."""

    def __init__(
        self,
        config: ConfigHolder,
        started_at: datetime,
        tmux: Tmux,
        sessions: SessionTable,
        registry: SessionRegistry,
        failover: FailoverController,
        dispatcher: Dispatcher,
        health: SourceHealth,
        unsaved: Mapping[str, str],
        open_events: Callable[[], list[dict[str, Any]]] = list,
    ) -> None:
        """``unsaved``: why a document is newer in memory than on the disk, by its name; ``open_events``: the events
        that have begun and are not over, worst first."""
        self._config = config
        self._started_at = started_at
        self._tmux = tmux
        self._sessions = sessions
        self._registry = registry
        self._failover = failover
        self._dispatcher = dispatcher
        self._health = health
        self._unsaved = unsaved
        self._open_events = open_events

    def document(self) -> dict[str, Any]:
        """Return the document of ``status --json``."""
        config, active = self._config.current, self._active()
        return {
            **self._state(config, active),
            "sessions": self._rows(config, active),
            "background_jobs": [job_row(job, config) for job in running_jobs(config.homes)],
            "failback": self._failover.failback_status(),
            "pace": self._failover.pace_status(),
        }

    def gauges(self) -> dict[str, Any]:
        """Return the document as far as the metrics need it: of a session its state only, and no background job.

        It is built all the time, also while nothing happens, so no file of a session is read for it.
        """
        states = (state_of(tracked, self._failover.own_limit(tracked.name)) for tracked in self._sessions)
        config, active = self._config.current, self._active()
        return {**self._state(config, active), "sessions": [{"state": state} for state in states]}

    def _state(self, config: Config, active: Account | None) -> dict[str, Any]:
        """Return what is told of everything but the sessions."""
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "started_at": clock.iso(self._started_at),
            "active_account": active.name if active else None,
            "accounts": [
                account_row(account, config, active, self._failover.account_status(account))
                for account in config.accounts
            ],
            "blind": self._health.rows(),
            "queue": self._dispatcher.counts(),
            "unsaved": self._unsaved_rows(),
            "open_events": self._open_events(),
            **self._failover.status(),
        }

    def situation(self) -> dict[str, Any]:
        """Return the document as far as `situation` needs it: whole rows only of what can need a person."""
        config, active = self._config.current, self._active()
        known = [(account, self._failover.account_status(account)) for account in config.accounts]
        exhausted = any(row["exhausted"] for _account, row in known)
        rows = [(tracked, tracked.state) for tracked in self._sessions]
        return {
            "accounts": [
                account_row(account, config, active, row)
                if exhausted
                else {"name": account.name, "active": False, "enabled": False}
                for account, row in known
            ],
            "sessions": [
                self._row(tracked, config, active)
                if state in MAY_NEED_A_PERSON
                else {"name": tracked.name, "state": state, "reason": None}
                for tracked, state in rows
            ],
            "unsaved": self._unsaved_rows(),
            "suspended": self._failover.switcher.link_monitor.suspended,
        }

    def _unsaved_rows(self) -> list[dict[str, str]]:
        return [{"document": name, "reason": reason} for name, reason in self._unsaved.items()]

    def session_rows(self) -> list[dict[str, Any]]:
        """Return the rows of ``sessions --json``."""
        return self._rows(self._config.current, self._active())

    def _rows(self, config: Config, active: Account | None) -> list[dict[str, Any]]:
        return [self._row(tracked, config, active) for tracked in self._listed()]

    def _row(self, tracked: TrackedSession, config: Config, active: Account | None) -> dict[str, Any]:
        own_limit, in_pool = self._failover.own_limit(tracked.name), self._dispatcher.in_pool(tracked)
        return session_row(tracked, config, self._registry, active, own_limit, in_pool)

    def _listed(self) -> list[TrackedSession]:
        return sorted(self._sessions, key=lambda tracked: natural_key(tracked.name))

    def summary(self) -> str:
        """Return one line: the active account, the number of sessions, and those that are down."""
        active = self._active()
        down = [tracked.name for tracked in self._listed() if tracked.spec and not tracked.up]
        text = f"active account {active.name if active else 'none'}, {len(list(self._sessions))} sessions"
        if not self._tmux.connected:
            text += ", no tmux server"
        blind = [row["source"] for row in self._health.rows()]
        if blind:
            text += f", blind: {', '.join(blind)}"
        return text + (f", down: {', '.join(down)}" if down else "")

    def _active(self) -> Account | None:
        config = self._config.current
        return read_active(config.active_link, config.accounts).account
