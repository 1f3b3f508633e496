# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document behind ``claude-failover status --json``: an interface, kept to the letter."""

from __future__ import annotations

from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DIVERGENT,
    NOT_A_SYMLINK,
    SharedSymlinkError,
    ensure_for_account,
)

from ..common import clock
from ..config.model import Account, Config
from ..sessions.registry import Registry
from ..sessions.table import Sessions, Watched


def links_state(account: Account, config: Config) -> str:
    """Tell whether the account's links hold: ``ok``, ``divergent`` or ``unknown``. Nothing is created."""
    try:
        report = ensure_for_account(account.home, config.shared_links, check_mode=True)
    except SharedSymlinkError as error:
        found = {link.status for report in error.reports for link in report.links}
        return "divergent" if found & {DIVERGENT, NOT_A_SYMLINK} else "unknown"
    return "divergent" if report.changed else "ok"


def account_row(account: Account, config: Config, active: Account | None, known: dict[str, Any]) -> dict[str, Any]:
    """Return one row of ``accounts``; ``known`` holds what the failover knows of it."""
    return {
        "name": account.name,
        "home": account.home,
        "active": account == active,
        "links": links_state(account, config),
        **known,
    }


def session_row(watched: Watched, config: Config, registry: Registry, active: Account | None) -> dict[str, Any]:
    """Return one row of ``sessions``."""
    entry = registry.get(watched.name)
    pane = watched.pane
    return {
        "name": watched.name,
        "uuid": entry.uuid if entry else None,
        "uuid_source": entry.source if entry else None,
        "state": watched.state,
        "reason": watched.carry_note or watched.reason,
        "dedicated": watched.dedicated,
        # tmux has no folder to tell of a dead pane.
        "cwd": watched.plan.cwd if watched.plan else ((pane.cwd or None) if pane else None),
        "account": account_of(watched, config, active),
        "pid": pane.pid if pane and watched.up else None,
        "last_event_at": clock.optional_iso(watched.activity_at),
    }


def account_of(watched: Watched, config: Config, active: Account | None) -> str | None:
    """Return the name of the account that the session's next request is made with; None when that is not known.

    A process that was started with a home of its own keeps to it; one that was started with the active link
    moves with every flip.
    """
    if watched.config_dir is None:
        return None
    if watched.config_dir == config.active_link:
        return active.name if active else None
    return next((account.name for account in config.accounts if account.home == watched.config_dir), None)


def session_rows(
    sessions: Sessions, config: Config, registry: Registry, active: Account | None
) -> list[dict[str, Any]]:
    """Return ``sessions``."""
    return [session_row(watched, config, registry, active) for watched in sessions]
