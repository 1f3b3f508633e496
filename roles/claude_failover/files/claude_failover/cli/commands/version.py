# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover version``: print the version and the release."""

from __future__ import annotations

import argparse
from typing import Any

from ... import VERSION
from ...common.release import library_folder, release_name
from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    common.add_command(
        commands,
        "version",
        run,
        "print the version and the release",
        "Print the version and the installed release.",
        [
            "claude-failover version",
        ],
    )


def run(_arguments: argparse.Namespace) -> int:
    """Print the version and the release."""
    common.print_text(f"claude-failover {VERSION} ({release()})")
    return 0


def release() -> str:
    """Return the name of the installed release, or the folder of a checkout."""
    name = release_name()
    return f"release {name}" if name is not None else f"not installed, run from {library_folder()}"
