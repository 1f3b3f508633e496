# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover rehearse``: rehearse a failover in a scratch folder."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, Any

from ...common.text import one_line
from .. import common, other_user
from ..narration import Narrator

if TYPE_CHECKING:
    from ...rehearsal.scenes import Observer, Scene


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "rehearse",
        run,
        "rehearse a failover in a scratch folder",
        "Rehearse a whole failover on this host with this release's daemon, a private tmux server and a stand-in for\n"
        "claude, in a scratch folder with made-up logins. The host's accounts, sessions and daemon are not touched,\n"
        "and nothing leaves the host. Exit code 0 means that every step succeeded.",
        [
            "claude-failover rehearse",
            "claude-failover rehearse --narrate        # with the sessions' screens",
            "claude-failover rehearse --keep --json    # the log stays for a look",
        ],
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with the daemon's log")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--narrate", action="store_true", help="tell what happens as it happens, with the sessions' screens"
    )
    common.add_json_option(shape)


def run(arguments: argparse.Namespace) -> int:
    """Rehearse a failover and print the result; returns 0 if every step succeeded, else 1. Raises Refused."""
    import shutil

    from ...rehearsal import rehearsal

    config = common.load_readable_config(arguments)
    binary = config.tmux.binary if config else "tmux"
    other_user.refuse_root([shutil.which(binary) or binary], arguments, "rehearse")
    _end_as_by_interrupt()
    narrator = Narrator(**common.terminal_format(), encoding=sys.stdout.encoding) if arguments.narrate else None
    try:
        result = rehearsal.rehearse(binary, keep=arguments.keep, observer=_observer(narrator))
    except KeyboardInterrupt:
        common.print_message("interrupted; nothing is left of the rehearsal")
        raise
    if arguments.json:
        common.print_json(result.to_json())
        return 0 if result.ok else 1
    for step in result.steps:
        if narrator is None or not step.ok:
            mark = "ok    " if step.ok else "FAILED"
            detail = f": {one_line(step.detail)}" if step.detail else ""
            common.print_text(f"{mark}  {step.seconds:6.2f} s  {step.step}{detail}")
    for line in result.log:
        common.print_text(f"log: {one_line(line)}")
    if result.folder:
        common.print_text(f"kept: {result.folder} (the daemon's log is the file log)")
    if narrator is not None and result.ok:
        common.print_text(narrator.end(removed=not result.folder))
    else:
        common.print_text("The rehearsal " + ("succeeded." if result.ok else "FAILED; --keep keeps its folder."))
    return 0 if result.ok else 1


def _observer(narrator: Narrator | None) -> Observer | None:
    if narrator is None:
        return None

    def tell(scene: Scene) -> None:
        common.print_text(narrator.lines(scene))
        sys.stdout.flush()  # as it happens, in a pipe too

    return tell


def _end_as_by_interrupt() -> None:
    """End the rehearsal in order, as Ctrl-C does, by SIGTERM and the end of the terminal too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt
