# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover reload``: reload the daemon's configuration."""

from __future__ import annotations

import argparse
from typing import Any

from ...common.text import one_line
from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    common.add_command(
        commands,
        "reload",
        run,
        "reload the daemon's configuration",
        "Reload the daemon's configuration, as SIGHUP does. An invalid configuration, or one that needs a restart, is\n"
        "refused and the old one stays in effect.",
        [
            "claude-failover check-config && claude-failover reload",
        ],
    )


def run(arguments: argparse.Namespace) -> int:
    """Reload the daemon's configuration. Raises FailoverError if the daemon refuses."""
    result = common.request(arguments, "reload", timeout=60)
    common.print_text(one_line(f"The daemon has reloaded {result['reloaded']}."))
    return 0
