# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover validate``: validate the shared links of every account."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ...common.errors import Refused
from ...common.text import printable
from .. import common, other_user, render

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "validate",
        run,
        "validate the shared links of every account",
        "Validate the links to the shared folders in every account home and create the missing ones, with the code\n"
        "that the daemon runs at start-up. A divergent link, or anything else in its place, is reported and never\n"
        "changed; the exit code is then 1. Root creates nothing in the folders of another user, and gets the line to\n"
        "run instead; with --strict it reads them as that user.",
        ["claude-failover validate --strict", "claude-failover validate --json"],
    )
    parser.add_argument("--strict", action="store_true", help="create nothing; a missing link is an error")
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Validate the links; returns 0 if all are valid. Raises Refused with every failure."""
    config = common.load_config(arguments)
    places = config.link_places
    if arguments.strict:
        reader = other_user.reader_of(places, arguments)
        reports, failures = _validate(config, check_mode=True, owner=reader)
    else:
        other_user.refuse_root(places, arguments, "validate", *(["--json"] if arguments.json else []))
        reports, failures = _validate(config, check_mode=False)
    created = [] if arguments.strict else [path for report in reports for path in report.created]
    missing = [path for report in reports for path in report.created] if arguments.strict else []
    failures += [f"missing: {path}" for path in missing]
    links = [link._asdict() for report in reports for link in report.links]
    if arguments.json:
        common.print_json({"ok": not failures, "links": links, "created": created, "failures": failures})
        return 1 if failures else 0
    if links:
        common.print_text(render.links(links, **common.terminal_format()))
    for path in created:
        common.print_text(printable(f"created {path}"))
    if failures:
        raise Refused("\n".join(failures))
    common.print_text(f"All links of {len(reports)} account{'' if len(reports) == 1 else 's'} are valid.")
    return 0


def _validate(config: Config, *, check_mode: bool, owner: int | None = None) -> tuple[list[Any], list[str]]:
    """Validate every link, creating missing ones unless in check mode; returns the reports and the failures.

    With ``owner`` the work is done in the name of that user.
    """
    from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
        SharedSymlinkError,
        validate_all,
    )

    try:
        return validate_all(config.homes, config.shared_links, check_mode=check_mode, owner=owner), []
    except SharedSymlinkError as error:
        return error.reports, error.failures
