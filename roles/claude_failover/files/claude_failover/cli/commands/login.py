# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover login``: log in to an account with the Claude CLI."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from ...common.errors import Refused, UsageError
from ...common.suggestions import did_you_mean
from ...common.users import home_folder, session_path, user_name
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
        "machine, once for each account, and again before the login ends. Leave it with /exit when it shows its\n"
        "prompt. Then it is told who is logged in and until when; a login that another home has is an error. Run\n"
        "this as the owner of the homes; root gets the line to run instead.",
        [
            "claude-failover login compte1    # then /login, and /exit",
        ],
    )
    parser.add_argument(
        "account", metavar="ACCOUNT", help="account name in the configuration, or its label (account-2)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the Claude CLI, then record who the account is. Raises Refused, UsageError."""
    from ..login_outcome import LoginOutcome

    config = common.load_config(arguments)
    account = account_of(config, arguments.account)
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
    outcome = LoginOutcome(config, account)
    with outcome.under_way():
        code = _run_claude(program, environment)
        lines = outcome.finish()
    for line in lines:
        common.print_message(line)
    if outcome.problem is not None and code == 0:
        raise Refused(outcome.problem)
    if outcome.problem is not None:
        common.print_message(outcome.problem)
    return code


def account_of(config: Config, word: str) -> Account:
    """Return the account that is called so, or has this label. Raises UsageError."""
    from ...accounts.account_labels import AccountLabels

    names = [each.name for each in config.accounts]
    labels = AccountLabels(names)
    account = config.account(labels.name_of(word) or "")
    if account is None:
        raise UsageError(
            f"found no account {word!r} in {config.path}; expected one of: {labels.in_words()}"
            f"{did_you_mean(word, names)}"
        )
    return account


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


def _program(config: Config) -> tuple[str, dict[str, str]]:
    """Return the absolute path of the Claude CLI that the sessions run, and its environment. Raises Refused."""
    environment = other_user.session_environment()
    # As the unit of the sessions has it; then this user's own, for a tmux server that was started by hand.
    path = f"{session_path(home_folder())}:{environment['PATH']}"
    command = "claude"
    for session in config.sessions:
        if session.claude_args:
            command = session.command[0]
            path = session.env.get("PATH", path)  # the session's own is searched for its command
            break
    environment["PATH"] = path
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
