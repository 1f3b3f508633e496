# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments with which tmux starts a program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .errors import TmuxError
from .quoting import QuotingError

# An absolute path: a session's PATH may contain only the folder of its program.
_ENV = "/usr/bin/env"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def program_arguments(command: Sequence[str], cwd: str, unset: Sequence[str] = ()) -> list[str]:
    """Return the arguments that make tmux run ``command`` in ``cwd`` without a shell.

    tmux passes a single argument to a shell, and falls back to the home folder if ``cwd`` does not exist. ``env``
    avoids both: a missing folder ends the pane with status 125 and env's own message. ``unset``: names of variables
    that the program does not get.
    """
    if not command or not command[0]:
        raise TmuxError("a session needs a command to run, and the given one is empty")
    if "=" in command[0]:
        raise TmuxError(f"{command[0]!r} cannot be run: a program with '=' in its path would be taken for a variable")
    return ["--", _ENV, f"--chdir={cwd}", *[f"--unset={_checked_name(name)}" for name in unset], "--", *command]


def environment_arguments(env: Mapping[str, str]) -> list[str]:
    """Return the arguments that add variables to a program's environment. Raises TmuxError, QuotingError."""
    arguments: list[str] = []
    for name, value in env.items():
        _checked_name(name)
        if "\0" in value or "\n" in value:
            raise QuotingError(
                f"environment variable {name} contains a NUL or a line break, which tmux does not accept"
            )
        arguments += ["-e", f"{name}={value}"]
    return arguments


def is_own_start(command: str) -> bool:
    """Return whether a ``pane_start_command`` of tmux is one of `program_arguments`; a pane split by hand has none."""
    return command.startswith(f"{_ENV} ")


def is_variable_name(name: str) -> bool:
    """Return whether a variable of an environment can have that name here."""
    return _NAME.match(name) is not None


def _checked_name(name: str) -> str:
    if not is_variable_name(name):
        raise TmuxError(f"{name!r} is not a valid name of an environment variable")
    return name
