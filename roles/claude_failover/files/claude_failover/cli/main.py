# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the command line, run the command, and turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import os
import sys

from .. import VERSION
from ..common import checkout
from ..common.errors import FailoverError
from . import common
from .command_parser import CommandParser, HelpFormatter, refuse_unknown
from .commands import COMMANDS

EXIT_BUG = 70
EXIT_INTERRUPTED = 130  # as a shell reports SIGINT
EXIT_BROKEN_PIPE = 141  # as a shell reports SIGPIPE

_DESCRIPTION = """\
Keep Claude Code sessions working when their account hits a usage limit: the daemon points the active link to \
the next account's home, and the sessions continue."""
_EPILOG = f"""\
first steps:
  claude-failover check-config       check the configuration
  claude-failover login ACCOUNT      log in to an account; once for each
  claude-failover status             show the current state
  claude-failover doctor             look at everything that has to be right

{common.EXIT_CODES}

Run "claude-failover COMMAND --help" for the options and examples of a command."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = CommandParser(
        prog="claude-failover",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    common.add_config_option(top, default=None)
    top.add_argument("--version", action="version", version=f"claude-failover {VERSION}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for command in COMMANDS:
        command.register(commands)
    # Listed for the help; `__main__` runs the hook before it imports this module.
    hook = commands.add_parser("hook", help="deliver a hook event to the daemon; called by Claude Code", add_help=False)
    hook.add_argument("--socket")
    hook.set_defaults(handler=_hook)
    return top


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors are printed, tracebacks only with CLAUDE_FAILOVER_DEBUG."""
    _prepare_output()
    try:
        try:
            code = _run(arguments)
        except SystemExit as stop:  # argparse: help, or wrong usage
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
    except ModuleNotFoundError as error:
        return _failed(checkout.incomplete(), 1) if checkout.is_shared(error.name) else _bug(error)
    except Exception as error:
        return _bug(error)


def _prepare_output() -> None:
    # A stream is None if the caller closed its descriptor.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - open until the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal's encoding lacks are printed escaped.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Discard unwritten output so that the flush at interpreter exit does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hook(arguments: argparse.Namespace) -> int:
    from .. import hook

    return hook.main(["--socket", arguments.socket] if arguments.socket else [])


def _run(arguments: list[str]) -> int:
    top = parser()
    parsed, unknown = top.parse_known_args(arguments)
    refuse_unknown(top, parsed.command, unknown)
    if parsed.command is None:
        top.print_help(sys.stderr)
        return 2
    handler: common.Handler = parsed.handler
    return handler(parsed)


def _failed(text: str, code: int) -> int:
    common.print_message(text)
    return code


def _bug(error: Exception) -> int:
    name = type(error).__name__
    if os.environ.get("CLAUDE_FAILOVER_DEBUG"):
        import traceback

        traceback.print_exc()
        common.print_message(f"a bug: {name}: {error}; please report it")
    else:
        common.print_message(f"a bug: {name}: {error}; please report it, with the output of CLAUDE_FAILOVER_DEBUG=1")
    return EXIT_BUG
