# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences between a running session and the configuration, and what to tell of them."""

from __future__ import annotations

import shlex

from ..common.file_identity import is_same_entry
from ..config.model import Config
from .tracked_session import TrackedSession


def changed_keys(tracked: TrackedSession, config: Config) -> list[str]:
    """Return the keys of the configuration that take effect at the next start of a running session."""
    spec = tracked.spec
    if spec is None or not tracked.up:
        return []
    changed = tracked.launch.changed(spec, config) if tracked.launch is not None else []
    return [*changed, *(["active_link"] if _has_old_link(tracked, config) else [])]


def _has_old_link(tracked: TrackedSession, config: Config) -> bool:
    """Return whether the daemon started the session with another active link than that of the configuration."""
    if tracked.spec is None or tracked.config_dir is None or tracked.started_for is None:
        return False
    return "CLAUDE_CONFIG_DIR" not in tracked.spec.env and not is_same_entry(tracked.config_dir, config.active_link)


def change_reason(tracked: TrackedSession, config: Config) -> str | None:
    """Return what to tell of a session that does not run as it is configured, or None."""
    if tracked.spec is None:
        if not tracked.up or tracked.started_for is None:
            return None
        name = shlex.quote(tracked.name)
        return f"no longer configured: it goes on, and is not started again; to end it: claude-failover stop {name}"
    changed = changed_keys(tracked, config)
    if not changed:
        return None
    link = ""
    if "active_link" in changed:
        link = f"it was started with the former active link {tracked.config_dir}, which no switch moves any more; "
    return f"{link}restart needed for {', '.join(changed)}: claude-failover restart {shlex.quote(tracked.name)}"
