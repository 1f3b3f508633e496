# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover validate``: the links that the accounts share."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ...common.errors import Refused
from ...common.text import printable
from .. import common, render

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "validate",
        run,
        "the links of every account home",
        "Look at the links by which all accounts share their sessions, and create those that are missing, with\n"
        "the very code that the daemon runs at its start. A link that leads elsewhere, or something else in its\n"
        "place, is told and never touched; then the exit code is 1.",
        ["claude-failover validate --strict", "claude-failover validate --json"],
    )
    parser.add_argument("--strict", action="store_true", help="create nothing; a missing link is an error too")
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Validate the links."""
    config = common.load_config(arguments)
    reports, failures = _look(config, check_mode=True)
    if not arguments.strict and any(report.changed for report in reports):
        _refuse_root(config, arguments)
        reports, failures = _look(config, check_mode=False)
    created = [] if arguments.strict else [path for report in reports for path in report.created]
    missing = [path for report in reports for path in report.created] if arguments.strict else []
    failures += [f"missing: {path}" for path in missing]
    links = [link._asdict() for report in reports for link in report.links]
    if arguments.json:
        common.show_json({"ok": not failures, "links": links, "created": created, "failures": failures})
        return 1 if failures else 0
    if links:
        common.show(render.links(links, **common.page()))
    for path in created:
        common.show(printable(f"created {path}"))
    if failures:
        raise Refused("\n".join(failures))
    common.show(f"All links of {len(reports)} account{'' if len(reports) == 1 else 's'} are right.")
    return 0


def _look(config: Config, *, check_mode: bool) -> tuple[list[Any], list[str]]:
    """Look at every link, and create what is missing unless in check mode; return the reports and the failures."""
    from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
        SharedSymlinkError,
        validate_all,
    )

    try:
        return validate_all(config.homes, config.shared_links, check_mode=check_mode), []
    except SharedSymlinkError as error:
        return error.reports, error.failures


def _refuse_root(config: Config, arguments: argparse.Namespace) -> None:
    """Let root create nothing in a folder of somebody else's, which the daemon could then not use."""
    if os.geteuid() != 0:
        return
    for path in (*config.homes, *(link.target for link in config.shared_links)):
        place = path
        while not os.path.exists(place):
            place = os.path.dirname(place)
        uid = os.stat(place).st_uid
        if uid != 0:
            words = ["validate", *(["--json"] if arguments.json else [])]
            raise Refused(
                f"something is missing, and what root creates in {place} would be root's: run "
                f"{common.sudo_line(uid, arguments, *words)} (or with --strict, which creates nothing)"
            )
