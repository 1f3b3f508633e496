# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover rehearse``: a whole failover, without touching anything of the host's."""

from __future__ import annotations

import argparse
from typing import Any

from ...common.text import one_line
from .. import common


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "rehearse",
        run,
        "a failover in a scratch folder, with a verdict",
        "Rehearse a whole failover on this host: this release's own daemon, a private tmux server and a stand-in\n"
        "for claude, in a scratch folder with made-up logins. The host's accounts, sessions and daemon are not\n"
        "touched, and nothing leaves the host. Exit code 0 means that every step did what it must.",
        ["claude-failover rehearse", "claude-failover rehearse --keep --json"],
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder, with the daemon's log in it")
    common.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rehearse, and say how it went."""
    from ...rehearsal import rehearsal

    config = common.readable_config(arguments)
    verdict = rehearsal.rehearse(config.tmux.binary if config else "tmux", keep=arguments.keep)
    if arguments.json:
        common.show_json(verdict.to_json())
        return 0 if verdict.ok else 1
    for step in verdict.steps:
        mark = "ok    " if step.ok else "FAILED"
        detail = f": {one_line(step.detail)}" if step.detail else ""
        common.show(f"{mark}  {step.seconds:6.2f} s  {step.step}{detail}")
    for line in verdict.log:
        common.show(f"log: {one_line(line)}")
    if verdict.folder:
        common.show(f"kept: {verdict.folder} (the daemon's log is the file log)")
    common.show("The rehearsal " + ("went well." if verdict.ok else "FAILED; --keep keeps the folder to look into."))
    return 0 if verdict.ok else 1
