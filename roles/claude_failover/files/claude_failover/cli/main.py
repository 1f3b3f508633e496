# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: which command, and what its failures look like from outside."""

from __future__ import annotations

import argparse
import os
import sys

from .. import VERSION
from ..common.errors import FailoverError
from . import common
from .commands import COMMANDS

EXIT_BUG = 70
EXIT_INTERRUPTED = 130  # as a shell says it of a program that SIGINT ended
EXIT_BROKEN_PIPE = 141  # the same of SIGPIPE

_DESCRIPTION = """\
Keeps Claude Code sessions working when the account they use hits its usage limit: the daemon flips the link
to the next account's home, and the sessions go on."""
_EPILOG = f"""\
first steps:
  claude-failover check-config       is the configuration right?
  claude-failover login ACCOUNT      log an account in; once for each
  claude-failover status             how it stands

{common.EXIT_CODES}

"claude-failover COMMAND --help" explains a command, with examples."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = common.CommandParser(  # and so is every command's: argparse makes them of the same class
        prog="claude-failover",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    common.add_config(top, default=None)
    top.add_argument("--version", action="version", version=f"claude-failover {VERSION}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for command in COMMANDS:
        command.register(commands)
    # Claude Code calls this one; `__main__` takes it before anything else is imported. Here for the help only.
    hook = commands.add_parser("hook", help="what Claude Code's hooks call; not for people", add_help=False)
    hook.add_argument("--socket")
    hook.set_defaults(act=_hook)
    return top


def main(arguments: list[str]) -> int:
    """Run one command, and return its exit code. Nothing that goes wrong shows a traceback unless asked for."""
    _prepare_output()
    try:
        try:
            code = _run(arguments)
        except SystemExit as stop:  # argparse: its help, or a wrong command line
            code = stop.code if isinstance(stop.code, int) else 2
        sys.stdout.flush()
        return code
    except FailoverError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        code = _failed(str(error), 1)
        _drop_output()
        return code
    except Exception as error:
        return _bug(error)


def _prepare_output() -> None:
    # Python has no stream where the caller closed the descriptor.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        # A text that the terminal's encoding lacks is shown escaped, instead of ending the command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send what is still unwritten nowhere, so that the interpreter's own flush at its end has nothing to say."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hook(arguments: argparse.Namespace) -> int:
    from .. import hook

    return hook.main(["--socket", arguments.socket] if arguments.socket else [])


def _run(arguments: list[str]) -> int:
    top = parser()
    parsed = top.parse_args(arguments)
    if parsed.command is None:
        top.print_help(sys.stderr)
        return 2
    act: common.Act = parsed.act
    return act(parsed)


def _failed(text: str, code: int) -> int:
    common.note(text)
    return code


def _bug(error: Exception) -> int:
    name = type(error).__name__
    if os.environ.get("CLAUDE_FAILOVER_DEBUG"):
        import traceback

        traceback.print_exc()
        common.note(f"a bug: {name}: {error}; please report it")
    else:
        common.note(f"a bug: {name}: {error}; please report it, with what CLAUDE_FAILOVER_DEBUG=1 adds")
    return EXIT_BUG
