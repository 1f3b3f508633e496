# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover validate``: validate the shared links and the logins of every account."""

from __future__ import annotations

import argparse
import pwd
from typing import TYPE_CHECKING, Any

from ...common import clock
from ...common.errors import Refused
from ...common.text import counted, printable
from ...common.users import user_name
from .. import common, other_user, render
from ..login_lines import login_line

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "validate",
        run,
        "validate the shared links and the logins of every account",
        "Validate the links to the shared folders in every account home and create the missing ones, with the code\n"
        "that the daemon runs at start-up. A divergent link, or anything else in its place, is reported and never\n"
        "changed; the exit code is then 1. So is a login that two homes have, between which no switch would help. Who\n"
        "is logged in where, and until when, is told. Root creates nothing in the folders of another user, and gets\n"
        "the line to run instead; with --strict it reads them as that user.",
        [
            "claude-failover validate --strict    # look only",
            "claude-failover validate --json",
        ],
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
        logins, shared = _look_at_logins(config, reader)
    else:
        other_user.refuse_root(places, arguments, "validate", *(["--json"] if arguments.json else []))
        reports, failures = _validate(config, check_mode=False)
        logins, shared = _look_at_logins(config)
    created = [] if arguments.strict else [path for report in reports for path in report.created]
    missing = [path for report in reports for path in report.created] if arguments.strict else []
    failures += [f"missing: {path}" for path in missing] + shared
    links = [link._asdict() for report in reports for link in report.links]
    if arguments.json:
        document = {"ok": not failures, "links": links, "created": created, "logins": logins, "failures": failures}
        common.print_json(document)
        return 1 if failures else 0
    if links:
        common.print_text(render.links(links, **common.terminal_format()))
    for path in created:
        common.print_text(printable(f"created {path}"))
    for row in logins:
        common.print_text(login_line(row, clock.wall()))
    if failures:
        raise Refused("\n".join(failures))
    common.print_text(f"All links of {counted(len(reports), 'account')} are valid.")
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


def _look_at_logins(config: Config, owner: int | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of the logins, and what is wrong with them; with ``owner`` they are read as that user.

    Raises Refused.
    """
    from ansible_collections.secuaas.claude.plugins.module_utils import _run_as

    from ...accounts.home_logins import account_logins, shared_login_text, shared_logins

    def look() -> tuple[list[dict[str, Any]], list[str]]:
        logins = account_logins(config)
        return [item.to_row() for item in logins], [shared_login_text(names) for names in shared_logins(logins)]

    if owner is None:
        return look()
    try:
        rows, problems = _run_as.run_as(pwd.getpwuid(owner), look)
    except (_run_as.RunAsError, KeyError) as error:
        raise Refused(f"the logins cannot be read as {user_name(owner)}: {error}") from None
    return rows, problems
