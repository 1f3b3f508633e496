# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover login``: the Claude CLI under one account's home, for a person to log in."""

from __future__ import annotations

import argparse
import os
import pwd
from typing import TYPE_CHECKING, Any

from ...common.errors import Refused, UsageError
from .. import common

if TYPE_CHECKING:
    from ...config.model import Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add(
        commands,
        "login",
        run,
        "log an account in, with the Claude CLI in the foreground",
        "Start the Claude CLI in the foreground with the home of ACCOUNT, to log in: the first step on every\n"
        "new machine, once for each account. Leave it with /exit when it shows its prompt. To be run as the user\n"
        "who owns the homes.",
        ["claude-failover login compte1", "sudo -u claude claude-failover login compte2"],
    )
    parser.add_argument("account", metavar="ACCOUNT", help="the account's name in the configuration")


def run(arguments: argparse.Namespace) -> int:
    """Become the Claude CLI."""
    config = common.load_config(arguments)
    account = config.account(arguments.account)
    if account is None:
        names = ", ".join(each.name for each in config.accounts)
        raise UsageError(f"found no account {arguments.account!r} in {config.path}; expected one of: {names}")
    try:
        owner = common.owner_of(account.home)
    except FileNotFoundError:
        raise Refused(
            f"the home of {account.name}, {account.home}, does not exist yet; the role makes it, or, as the "
            "sessions' user: claude-failover validate"
        ) from None
    if owner != os.geteuid():
        raise Refused(
            f"{account.home} belongs to {common.user_name(owner)}, and what another user writes there could not be "
            f"used: run {common.sudo_line(owner, arguments, 'login', account.name)}"
        )
    program, environment = _program(config)
    environment["CLAUDE_CONFIG_DIR"] = account.home
    _leave(environment)
    common.note(f"starting {program} for {account.name} ({account.home}); log in, then leave it with /exit")
    try:
        os.execvpe(program, [program], environment)
    except OSError as error:
        raise Refused(f"{program} cannot be started: {error.strerror}") from None


def _program(config: Config) -> tuple[str, dict[str, str]]:
    """Return the absolute path of the Claude CLI that the sessions run, and an environment to run it in."""
    environment = dict(os.environ)
    command = "claude"
    for session in config.sessions:
        if session.claude_args:
            command = session.command[0]
            # A session may have its own PATH, in which its command is found.
            environment["PATH"] = session.env.get("PATH", environment.get("PATH", os.defpath))
            break
    import shutil

    program = shutil.which(command, path=environment.get("PATH", os.defpath))
    if program is None:
        raise Refused(
            f"found no {command} that this user may run (PATH is {environment.get('PATH')}); install the Claude CLI, "
            "or name it by its absolute path in the command of a session"
        )
    return os.path.abspath(program), environment


def _leave(environment: dict[str, str]) -> None:
    """Go to the user's own folder; sudo may have left HOME and the current folder those of somebody else."""
    home = environment.get("HOME", "")
    try:
        if os.stat(home).st_uid != os.geteuid():
            home = ""
    except OSError:
        home = ""
    if not home:
        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:
            home = "/"
        environment["HOME"] = home
    try:
        os.chdir(home)
    except OSError:
        os.chdir("/")
