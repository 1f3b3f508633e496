# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pane of tmux in which Claude Code runs, as the client lists it."""

from __future__ import annotations

import dataclasses

from claude_failover.tmux.client import Pane


def pane(pane_id="%0", dead=False, **values):
    found = Pane(
        session="main",
        session_id="$0",
        window_id="@0",
        pane_id=pane_id,
        pid=1,
        dead=dead,
        exit_status=None,
        exit_signal=None,
        command="claude",
        cwd="/",
        activity=0,
        width=80,
        height=24,
        in_mode=False,
        active=True,
    )
    return dataclasses.replace(found, **values)
