# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which sessions that are down stay down. Pure.

A session with another ``restart`` than ``always`` is noted before its program is started, so that none is started a
second time on a guess: after a reboot, or where nobody has seen how it ended, ``never`` stays down.
"""

from __future__ import annotations

import re
import shlex

from ..config.model import SessionConfig
from ..tmux.client import Pane
from .lifecycle_state import ENDED, RESTARTING, STARTED, STOPPED, LifecycleEntry

STOPPED_REASON = "stopped by hand"
_NOT_AGAIN = "not started again (restart:"
# At the end: an older daemon's reason has the last words of the program before it.
_AS_CONFIGURED = re.compile(r"; not started again \(restart: [a-z_]+\): claude-failover restart .+$")


def stays_down(spec: SessionConfig, entry: LifecycleEntry | None, pane: Pane | None) -> str | None:
    """Return why a session that is down is not started; None if it is to be."""
    if entry is None or entry.state == RESTARTING:
        return None
    if entry.state == STOPPED:
        return STOPPED_REASON
    if spec.restart == "always" or (spec.restart == "on_failure" and (entry.state == STARTED or entry.failed)):
        return None
    if entry.state == STARTED and pane is not None:
        return None
    ended = entry.reason if entry.state == ENDED else "it was started once, and how it ended was not seen"
    return f"{ended}; {_NOT_AGAIN} {spec.restart}): claude-failover restart {shlex.quote(spec.name)}"


def is_meant(reason: str) -> bool:
    """Return whether a session is down for that reason as somebody wanted it: by hand, or by the configuration."""
    return reason.startswith(STOPPED_REASON) or _AS_CONFIGURED.search(reason) is not None


def before_start(spec: SessionConfig) -> LifecycleEntry | None:
    """Return what is to be on the disk before a session's program is started; None for nothing."""
    return None if spec.restart == "always" else LifecycleEntry(STARTED)


def is_settled(entry: LifecycleEntry | None) -> bool:
    """Return whether it is known already what becomes of a session that is down."""
    return entry is not None and entry.state != STARTED


def after_exit(spec: SessionConfig, reason: str, failed: bool, last_words: str | None = None) -> LifecycleEntry | None:
    """Return what to record once a session's program has ended by itself; None for nothing."""
    return None if spec.restart == "always" else LifecycleEntry(ENDED, reason, failed, last_words=last_words)


def while_running(spec: SessionConfig, entry: LifecycleEntry | None, pid: int) -> LifecycleEntry | None:
    """Return what to record of a session that runs, in a pane with that process; None for nothing.

    A stop holds until a restart, also where a person starts the program meanwhile.
    """
    if entry is not None and (entry.state == STOPPED or (entry.state == RESTARTING and entry.pid == pid)):
        return entry
    return before_start(spec)
