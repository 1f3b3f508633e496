# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover complete``: print the names that a shell completes; no help lists it, and it never complains."""

from __future__ import annotations

import argparse
from typing import Any

from ...common.text import natural_key, one_line
from ...config import defaults
from .. import common, other_user

TIMEOUT = 1.0  # seconds for the daemon's answer; a person has pressed Tab


def register(commands: Any) -> None:
    """Add the parser of the command, without a line in the help."""
    parser = commands.add_parser("complete", add_help=False, allow_abbrev=False)
    common.add_config_option(parser, default=argparse.SUPPRESS)
    parser.add_argument("kind", choices=("sessions", "accounts"))
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the names, one on each line, as people count; returns 0. Whatever fails, nothing is printed."""
    try:
        found = _names(arguments)
    except Exception:
        return 0
    # Others could not be typed, or would be two names.
    names = sorted((name for name in found if name and one_line(name) == name), key=natural_key)
    if names:
        common.print_text("\n".join(names))
    return 0


def _names(arguments: argparse.Namespace) -> list[str]:
    if arguments.kind == "sessions":
        return [str(row["name"]) for row in _ask(arguments, "sessions")]
    try:
        names = [str(row["name"]) for row in _ask(arguments, "status")["accounts"]]
    except Exception:  # an account is logged in to before there is a daemon
        names = [account.name for account in common.load_config(arguments).accounts]
    from ...accounts.account_labels import AccountLabels

    labels = AccountLabels(names)
    return [*names, *(labels.of(name) for name in names if name in labels)]


def _ask(arguments: argparse.Namespace, op: str) -> Any:
    """Ask the daemon; the configuration, which takes long to read, is used only where one was named."""
    from ansible_collections.secuaas.claude.plugins.module_utils import control_client

    path = defaults.CONTROL_SOCKET
    if common.config_path(arguments) != defaults.CONFIG:
        other_user.refuse_root([], arguments, "complete")
        path = common.load_config(arguments).control_socket
    return control_client.request(op, socket_path=path, timeout=TIMEOUT)
