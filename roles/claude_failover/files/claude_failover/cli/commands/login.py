# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover login``: log in to an account with the Claude CLI."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ...common.errors import Refused, UsageError
from ...common.users import home_folder, user_name
from .. import common, other_user

if TYPE_CHECKING:
    from ...config.model import Account, Config


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "login",
        run,
        "log in to an account with the Claude CLI",
        "Start the Claude CLI in the foreground with the home of ACCOUNT, to log in: the first step on every new\n"
        "machine, once for each account. Leave it with /exit when it shows its prompt. Run this as the owner of the\n"
        "homes; root gets the line to run instead.",
        ["claude-failover login compte1"],
    )
    parser.add_argument("account", metavar="ACCOUNT", help="account name in the configuration")


def run(arguments: argparse.Namespace) -> int:
    """Run the Claude CLI, then record who the account is. Raises Refused, UsageError."""
    config = common.load_config(arguments)
    account = config.account(arguments.account)
    if account is None:
        names = ", ".join(each.name for each in config.accounts)
        raise UsageError(f"found no account {arguments.account!r} in {config.path}; expected one of: {names}")
    try:
        owner = other_user.owner_of(account.home)
    except FileNotFoundError:
        raise Refused(
            f"the home of {account.name}, {account.home}, does not exist yet; create it with the role, or as the "
            "sessions' user: claude-failover validate"
        ) from None
    other_user.refuse_root([account.home], arguments, "login", account.name)
    if owner is not None and owner != os.geteuid():
        raise Refused(
            f"{account.home} belongs to {user_name(owner)}, who could not use files written by another "
            f"user: {other_user.run_instead(owner, arguments, 'login', account.name)}"
        )
    program, environment = _program(config)
    other_user.refuse_root([program], arguments, "login", account.name)
    environment["CLAUDE_CONFIG_DIR"] = account.home
    _enter_home(environment)
    common.print_message(f"starting {program} for {account.name} ({account.home}); log in, then leave with /exit")
    code = _run_claude(program, environment)
    common.print_message(_record_identity(config, account))
    return code


def _run_claude(program: str, environment: dict[str, str]) -> int:
    """Run the Claude CLI on this terminal, which sends it the keys' signals; returns its exit code. Raises Refused."""
    import signal
    import subprocess

    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        early.append(number)
        for child in children:
            child.send_signal(number)

    # A handler is not inherited by a program, as an ignored signal would be.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda _number, _frame: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    try:
        children.append(subprocess.Popen([program], env=environment))
    except OSError as error:
        raise Refused(f"{program} cannot be started: {error.strerror}") from None
    for missed in early:  # it came before there was a child
        children[0].send_signal(missed)
    code = children[0].wait()
    return code if code >= 0 else 128 - code


def _record_identity(config: Config, account: Account) -> str:
    """Record who the account is logged in as; returns what is told of it."""
    from ...accounts.identities import DOCUMENT, Identities
    from ...claude.credentials import login_state
    from ...claude.identity import read_identity
    from ...storage.store import Store

    found = read_identity(account.home) if login_state(account.home) == "ok" else None
    if found is None:
        return f"{account.name}: not logged in, or who it is cannot be seen; nothing is recorded"
    if not os.path.isdir(config.state_dir):
        return f"{account.name}: there is no {config.state_dir} yet; the daemon records who it is at its first start"
    try:
        store = Store(config.state_dir)
        before = Identities(store).record(account.name, found)
        problem = store.unsaved.problems.get(DOCUMENT)
    except OSError as error:
        problem = str(error)
    if problem is not None:
        return f"{account.name}: who it is could not be recorded: {problem}"
    who = f"{found.address or found.account_uuid}, {found.organization or 'organization not known'}"
    if before is not None and before.account_uuid != found.account_uuid:
        return f"{account.name}: recorded as {who}; it was {before.address or before.account_uuid}"
    return f"{account.name}: recorded as {who}"


def _program(config: Config) -> tuple[str, dict[str, str]]:
    """Return the absolute path of the Claude CLI that the sessions run, and its environment. Raises Refused."""
    environment = other_user.session_environment()
    command = "claude"
    for session in config.sessions:
        if session.claude_args:
            command = session.command[0]
            # The session's own PATH is searched for its command.
            environment["PATH"] = session.env.get("PATH", environment["PATH"])
            break
    import shutil

    program = shutil.which(command, path=environment["PATH"])
    if program is None:
        raise Refused(
            f"found no {command} that this user may run (PATH is {environment['PATH']}); install the Claude CLI, "
            "or give its absolute path in the command of a session"
        )
    return os.path.abspath(program), environment


def _enter_home(environment: dict[str, str]) -> None:
    """Set HOME and the working directory to the user's own; sudo may keep those of another user."""
    home = environment.get("HOME", "")
    try:
        if os.stat(home).st_uid != os.geteuid():
            home = ""
    except OSError:
        home = ""
    if not home:
        home = home_folder()
        environment["HOME"] = home
    try:
        os.chdir(home)
    except OSError:
        os.chdir("/")
