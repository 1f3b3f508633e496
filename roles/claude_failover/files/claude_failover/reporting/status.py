# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document behind ``claude-failover status --json``: an interface, kept to the letter."""

from __future__ import annotations

from typing import Any

from ..accounts.shared_links import links_state
from ..common import clock
from ..config.model import Account, Config
from ..sessions.registry import SessionRegistry
from ..sessions.table import SessionTable, TrackedSession


def account_row(account: Account, config: Config, active: Account | None, known: dict[str, Any]) -> dict[str, Any]:
    """Return one row of ``accounts``; ``known`` holds what the failover knows of it."""
    return {
        "name": account.name,
        "home": account.home,
        "active": account == active,
        "links": links_state(account, config),
        **known,
    }


def session_row(
    tracked: TrackedSession, config: Config, registry: SessionRegistry, active: Account | None
) -> dict[str, Any]:
    """Return one row of ``sessions``."""
    entry = registry.get(tracked.name)
    pane = tracked.pane
    return {
        "name": tracked.name,
        "uuid": entry.uuid if entry else None,
        "uuid_source": entry.source if entry else None,
        "state": tracked.state,
        "reason": tracked.resume_note or tracked.reason,
        "dedicated": tracked.dedicated,
        # tmux has no folder to tell of a dead pane.
        "cwd": tracked.spec.cwd if tracked.spec else ((pane.cwd or None) if pane else None),
        "account": account_of(tracked, config, active),
        "pid": pane.pid if pane and tracked.up else None,
        "last_event_at": clock.optional_iso(tracked.activity_at),
    }


def account_of(tracked: TrackedSession, config: Config, active: Account | None) -> str | None:
    """Return the name of the account that the session's next request is made with; None when that is not known.

    A process that was started with a home of its own keeps to it; one that was started with the active link
    moves with every flip.
    """
    if tracked.config_dir is None:
        return None
    if tracked.config_dir == config.active_link:
        return active.name if active else None
    return next((account.name for account in config.accounts if account.home == tracked.config_dir), None)


def session_rows(
    sessions: SessionTable, config: Config, registry: SessionRegistry, active: Account | None
) -> list[dict[str, Any]]:
    """Return ``sessions``."""
    return [session_row(tracked, config, registry, active) for tracked in sessions]
