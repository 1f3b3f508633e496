# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover reload``: make the daemon read its configuration again."""

from __future__ import annotations

import argparse
from typing import Any

from ...common.text import printable
from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    common.add(
        commands,
        "reload",
        run,
        "make the daemon read its configuration again",
        "Make the daemon read its configuration again. One that is wrong, or that needs a restart, is refused\n"
        "and the old one stays.",
        ["claude-failover check-config && claude-failover reload"],
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the daemon reload."""
    result = common.ask(arguments, "reload", timeout=60)
    path = result.get("reloaded") if isinstance(result, dict) else None
    common.show(printable(f"The daemon has read {path or 'its configuration'} again."))
    return 0
