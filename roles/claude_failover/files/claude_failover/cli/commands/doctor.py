# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover doctor``: look at everything that has to be right."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ... import VERSION
from ...common import clock
from ...common.errors import FailoverError, NotRunning, Refused
from ...common.text import counted
from ...common.users import user_name
from .. import common, host_look, other_user

if TYPE_CHECKING:
    from ...config.model import Config
    from ...host.finding import Finding


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "doctor",
        run,
        "look at everything that has to be right",
        "Look at everything that has to be right: the configuration, the links, folders and programs that a start\n"
        "depends on, the version of Claude Code, the logins, what differs between the accounts' homes (deny rules\n"
        "first, by names and never by content), the scripts there that commands call, the running daemon with its\n"
        "sessions and sources, and the systemd units. Each line is ok, warning or error, with what was expected and\n"
        "what mends it. It needs no daemon and no valid configuration, and changes nothing. Run this as the sessions'\n"
        "user; root looks as that user. The exit code is 1 where there is an error.",
        [
            "claude-failover doctor",
            "claude-failover doctor --json | jq '.checks[] | select(.level != \"ok\")'",
        ],
    )
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; returns 1 where there is an error. Raises Refused, UsageError."""
    other_user.refuse_root([], arguments, "doctor", *(["--json"] if arguments.json else []))
    common.config_path(arguments)  # an empty path is wrong use, not a finding
    found = list(_findings(arguments))
    if arguments.json:
        common.print_json({"version": VERSION, **host_look.document(found)})
    else:
        document = host_look.document(found)
        common.print_text(host_look.page(found, clock.wall()))
        common.print_text(f"\n{counted(document['errors'], 'error')}, {counted(document['warnings'], 'warning')}")
    return host_look.exit_code(found)


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    from ...doctor.units import check_units
    from ...host.finding import ERROR, Finding, ok

    of_the_user: list[Finding] = []
    try:
        config = common.load_config(arguments)
    except FailoverError as error:
        for line in str(error).splitlines():
            found, _separator, expected = line.partition("; expected ")
            mend = "sudo apt-get install python3-yaml" if "python3-yaml" in line else _correct(arguments)
            yield Finding("configuration", ERROR, found, expected or "a configuration that can be used", mend)
    else:
        _refuse_others(config, arguments)
        yield ok("configuration", f"{config.path} is valid")
        of_the_user = _of_the_user(config, arguments)
    yield from of_the_user
    told = {(row.name, row.mend) for row in of_the_user if row.mend}
    yield from (row for row in _of_the_daemon(arguments) if (row.name, row.mend) not in told)
    yield from check_units()


def _correct(arguments: argparse.Namespace) -> str:
    path = common.absolute_config_path(arguments)
    return f"correct {path} (by the role, where it is the role's), then: claude-failover check-config"


def _refuse_others(config: Config, arguments: argparse.Namespace) -> None:
    """Refuse a user to whom nothing of the daemon's belongs: what is found would not hold for it. Raises Refused."""
    owners = set()
    for path in (config.state_dir, os.path.dirname(config.active_link), *config.homes):
        try:
            owners.add(os.stat(path).st_uid)
        except OSError:
            continue
    others = owners - {other_user.ROOT}
    if os.geteuid() != other_user.ROOT and others and os.geteuid() not in owners:
        owner = min(others)
        raise Refused(
            f"the daemon's folders belong to {user_name(owner)}: {other_user.run_instead(owner, arguments, 'doctor')}"
        )


def _of_the_user(config: Config, arguments: argparse.Namespace) -> list[Finding]:
    """Return what is found in the folders of the daemon's user, by root in that user's name."""
    from ...doctor.home_scripts import check_home_scripts
    from ...doctor.homes import check_home_differences
    from ...doctor.logins import check_logins
    from ...doctor.mcp_logins import check_mcp_logins
    from ...host.conditions import WITH_PROGRAMS
    from ...host.finding import ERROR, Finding
    from ...host.tmux_server import check_tmux_server

    try:
        of_homes = (check_home_differences, check_home_scripts, check_mcp_logins)
        wanted = (*WITH_PROGRAMS, check_tmux_server, check_logins, *of_homes)
        return host_look.look_as_user(config, arguments, wanted)
    except Refused as error:
        expected = "folders that only root or one user can change"
        return [Finding("host", ERROR, str(error), expected, "claude-failover doctor, as the sessions' user")]


def _of_the_daemon(arguments: argparse.Namespace) -> Iterator[Finding]:
    from ...doctor.running_daemon import status_findings
    from ...host.finding import ERROR, Finding

    try:
        common.control_socket(arguments)
    except FailoverError:
        found = f"the daemon was not asked: {common.absolute_config_path(arguments)} names no control socket"
        yield Finding("daemon", ERROR, found, "a configuration that can be used", _correct(arguments))
        return
    try:
        status = common.request(arguments, "status")
    except NotRunning as error:
        mend = "sudo systemctl start claude-failover; what it said: sudo journalctl -u claude-failover -n 20"
        yield Finding("daemon", ERROR, str(error).partition(";")[0], "a daemon that runs", mend)
    except FailoverError as error:
        mend = "systemctl status claude-failover, and as whom this may ask: control_group"
        yield Finding("daemon", ERROR, f"the daemon gives no status: {error}", "its status", mend)
    else:
        yield from status_findings(status, VERSION)
