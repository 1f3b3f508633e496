# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by all commands: option parsers, the configuration, requests to the daemon, output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from ..common import json_text
from ..common.errors import FailoverError, NoAnswer, NotRunning, UsageError
from ..common.journal_stream import ERROR, is_journal, prefixed
from ..common.text import printable
from ..config import defaults
from .answers import check_answer
from .command_parser import HelpFormatter

if TYPE_CHECKING:
    from ..config.model import Config

EXIT_CODES = """\
exit codes:
  0   done
  1   refused, or could not be done; the reason is on standard error
  2   wrong use, or a wrong configuration
  3   the daemon is not running
  70  a bug"""

Handler = Callable[[argparse.Namespace], int]


def add_command(
    commands: Any,
    name: str,
    handler: Handler,
    brief: str,
    description: str,
    examples: list[str],
    exit_codes: str = EXIT_CODES,
) -> argparse.ArgumentParser:
    """Add the parser of a command; its help has a description, examples and exit codes.

    A blank line in ``description`` begins a paragraph; an example may have several lines, and a comment.
    ``handler`` gets the parsed arguments and returns the exit code.
    """
    lines = "\n".join(f"  {line}" for example in examples for line in example.split("\n"))
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=brief,
        description=description,
        epilog=f"example{'s' if len(examples) > 1 else ''}:\n{lines}\n\n{exit_codes}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_config_option(parser, default=argparse.SUPPRESS)
    parser.set_defaults(handler=handler)
    return parser


def add_config_option(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add ``--config``, which is accepted before and after the command."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help=f"configuration file (default: $CLAUDE_FAILOVER_CONFIG, else {defaults.CONFIG})",
    )


def add_json_option(parser: argparse._ActionsContainer) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def config_path(arguments: argparse.Namespace) -> str:
    """Return the path of the configuration: the option, else the environment, else the default.

    Raises UsageError for an empty option, as from an unset variable: the default file is not meant then.
    """
    named: str | None = arguments.config
    if named == "":
        raise UsageError("the configuration: found an empty path; expected the path of a file")
    return named or os.environ.get("CLAUDE_FAILOVER_CONFIG") or defaults.CONFIG


def absolute_config_path(arguments: argparse.Namespace) -> str:
    """Return the absolute path of the configuration. Raises UsageError for an empty option."""
    return os.path.abspath(config_path(arguments))


def load_config(arguments: argparse.Namespace) -> Config:
    """Load the configuration. Raises ConfigError; UsageError if PyYAML is missing."""
    try:
        from ..config.loader import load
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        raise UsageError("the Python module yaml is missing: install python3-yaml") from None
    return load(absolute_config_path(arguments))


def load_readable_config(arguments: argparse.Namespace) -> Config | None:
    """Load the configuration; None if this user may not read it, or if the default file is unusable.

    The command then uses the daemon's default paths. Raises ConfigError for an unusable file that was named explicitly.
    """
    path = config_path(arguments)
    try:
        return load_config(arguments)
    except FailoverError as error:
        if _is_unreadable(path):
            return None
        if path != defaults.CONFIG:
            raise
        if os.path.lexists(path):
            _tell_unusable(error, "using the default paths")
        return None


def control_socket(arguments: argparse.Namespace) -> tuple[str, bool]:
    """Return the path of the daemon's socket, and whether it is that of the configuration.

    A file that became invalid does not keep anybody from a running daemon: its ``control_socket`` is used all the same,
    and the default one where the default file does not name it. Raises FailoverError for another file that is missing,
    or does not name it: the default socket may be that of another daemon.
    """
    path = config_path(arguments)
    try:
        return load_config(arguments).control_socket, True
    except FailoverError as error:
        if _is_unreadable(path):
            return defaults.CONTROL_SOCKET, False
        found = _salvaged_socket(path)
        if found is None and path != defaults.CONFIG:
            raise
        if os.path.lexists(path):
            _tell_unusable(error, f"asking the daemon at {found or defaults.CONTROL_SOCKET}")
        return found or defaults.CONTROL_SOCKET, found is not None


def _salvaged_socket(path: str) -> str | None:
    from ..config.salvage import control_socket_of

    try:
        return control_socket_of(path)
    except OSError:
        return None


@cache  # once in a process: --watch asks again and again
def _print_once(message: str) -> None:
    print_message(message)


def _tell_unusable(error: FailoverError, instead: str) -> None:
    first = str(error).partition("\n")[0]
    _print_once(f"the configuration is unusable, {instead}; see claude-failover check-config ({first})")


def _is_unreadable(path: str) -> bool:
    """Return True if this user may not read the file, or not search a folder of its path."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK, effective_ids=True)


def request(
    arguments: argparse.Namespace, op: str, options: dict[str, Any] | None = None, timeout: float = 10.0
) -> Any:
    """Send a request to the daemon and return its result; ``timeout`` is in seconds.

    Raises NotRunning; NoAnswer when the request was sent and the answer is lost; FailoverError or UsageError with the
    daemon's message, according to its code; FailoverError for an answer of wrong types; Refused, as root, for a
    configuration of another user, which may name any socket.
    """
    from ansible_collections.secuaas.claude.plugins.module_utils import control_client

    from . import other_user

    other_user.refuse_root([], arguments, arguments.command)
    path, configured = control_socket(arguments)
    try:
        result = control_client.request(op, options, socket_path=path, timeout=timeout)
    except control_client.NotRunning as error:
        hint = "start it with: systemctl start claude-failover (or, in the foreground: claude-failover run)"
        unread = "" if configured else f"; {config_path(arguments)} could not be read, so the default path was used"
        raise NotRunning(f"{error}{unread}; {hint}") from None
    except control_client.NoAnswer as error:
        raise NoAnswer(str(error)) from None
    except control_client.ControlError as error:
        raise (UsageError if error.code == 2 else FailoverError)(str(error)) from None
    return check_answer(op, options or {}, result)


def print_text(text: str) -> None:
    """Print text on standard output; foreign text in it must be printable already."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_json(document: Any) -> None:
    """Print a document as JSON with control characters escaped."""
    print_text(format_json(document, indent=2))


def print_result(arguments: argparse.Namespace, document: Any, page: Callable[[], str]) -> None:
    """Print a document as JSON with ``--json``, else as the text that ``page`` returns."""
    if arguments.json:
        print_json(document)
    else:
        print_text(page())


def format_json(document: Any, indent: int | None) -> str:
    """Return JSON in which what a terminal interprets or hides is escaped."""
    return json_text.render(document, indent=indent, terminal=True)


def print_message(text: str) -> None:
    """Print a message on standard error; one of several lines (file:line: …) gets no prefix."""
    start = "" if "\n" in text else "claude-failover: "
    message = f"{start}{printable(text)}"
    sys.stderr.write((prefixed(message, ERROR) if is_journal(sys.stderr) else message) + "\n")


def terminal_format() -> dict[str, Any]:
    """Return the arguments ``columns`` and ``colour`` of the pages in `render` for standard output."""
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
    except OSError:
        columns = None
    return {"colour": colour, "columns": columns or None}
