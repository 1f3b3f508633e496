# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that a running daemon can take a configuration: keys that stay, folders that it may write to."""

from __future__ import annotations

import os

from ..common.errors import Refused
from .model import Config

RESTART_KEYS = ("active_link", "state_dir", "control_socket", "control_group", "tmux")  # a reload cannot change them


def check_reloadable(old: Config, new: Config) -> None:
    """Check that a running daemon can replace one configuration by another. Raises Refused."""
    for key in RESTART_KEYS:
        if getattr(new, key) != getattr(old, key):
            raise Refused(
                f"{new.path}: {key} cannot change while the daemon runs; restart it (the tmux sessions keep running)"
            )


def check_writable(config: Config) -> None:
    """Check each folder that the daemon writes to, or the nearest existing one above it.

    Under systemd the unit's ReadWritePaths= decide, which a reload cannot change. Raises Refused.
    """
    folders = {os.path.dirname(config.active_link), config.state_dir, *config.link_folders}
    if config.metrics.textfile:
        folders.add(os.path.dirname(config.metrics.textfile))
    for folder in sorted(folders):
        existing = folder
        while not os.path.lexists(existing):
            existing = os.path.dirname(existing)
        if not os.access(existing, os.W_OK | os.X_OK):
            raise Refused(
                f"{config.path}: {existing} is not writable for the daemon (under systemd: outside of "
                "ReadWritePaths= of claude-failover.service). Run the role again, which also writes the unit"
            )
