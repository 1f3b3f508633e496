# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default paths and names, for code that runs without a configuration or without PyYAML."""

from __future__ import annotations

CONFIG = "/etc/claude-failover/config.yml"
ACTIVE_LINK = "/home/ubuntu/.claude"
CONTROL_SOCKET = "/run/claude-failover/control.sock"
TMUX_SOCKET = "/run/claude-failover-tmux/tmux.sock"
TMUX = "tmux"
STATE_DIR = "/var/lib/claude-failover"
LAUNCHER = "/usr/local/bin/claude-failover"
