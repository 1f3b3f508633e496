# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands have in common: parsers, the configuration, the control socket, output."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ..common.errors import FailoverError, NotRunning, UsageError
from ..common.text import printable
from ..config import defaults

if TYPE_CHECKING:
    from ..config.model import Config

EXIT_CODES = """\
exit codes:
  0   done
  1   refused, or could not be done; the reason is on standard error
  2   wrong use, or a wrong configuration
  3   the daemon is not running
  70  a bug"""

_LEFT_BY_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Act = Callable[[argparse.Namespace], int]


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong with a command line without passing its control characters on to the terminal."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        super().error(printable(message))


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps examples as they are written, and does not break lines of options too early."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)


def add(
    commands: Any, name: str, act: Act, brief: str, description: str, examples: list[str], exit_codes: str = EXIT_CODES
) -> argparse.ArgumentParser:
    """Add the parser of one command, whose help has a description, examples and exit codes."""
    lines = "\n".join(f"  {example}" for example in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=brief,
        description=description,
        epilog=f"example{'s' if len(examples) > 1 else ''}:\n{lines}\n\n{exit_codes}",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    add_config(parser, default=argparse.SUPPRESS)
    parser.set_defaults(act=act)
    return parser


def add_config(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add ``--config``, which may stand before and after the command."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help=f"the configuration (default: $CLAUDE_FAILOVER_CONFIG, else {defaults.CONFIG})",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def config_path(arguments: argparse.Namespace) -> str:
    """Return the path of the configuration: the option, the environment, the default.

    Raises UsageError for an option that is empty, as one made of an unset variable is: it means no other file.
    """
    named: str | None = arguments.config
    if named == "":
        raise UsageError("the configuration: found an empty path; expected the path of a file")
    return named or os.environ.get("CLAUDE_FAILOVER_CONFIG") or defaults.CONFIG


def load_config(arguments: argparse.Namespace) -> Config:
    """Return the configuration. Raises ConfigError; UsageError where PyYAML is missing."""
    try:
        from ..config.model import load
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        raise UsageError("the Python module yaml is missing: install python3-yaml") from None
    return load(os.path.abspath(config_path(arguments)))


def readable_config(arguments: argparse.Namespace) -> Config | None:
    """Return the configuration; None where this user may not read it, or where the default one cannot be used.

    For commands that only talk to the daemon, which then take its default paths: a daemon that runs can be
    asked though its file has been spoiled since. Raises ConfigError for one that was asked for by name.
    """
    path = config_path(arguments)
    try:
        return load_config(arguments)
    except UsageError:
        raise
    except FailoverError as error:
        if _is_closed(path):
            return None
        if path != defaults.CONFIG:
            raise
        if os.path.lexists(path):
            first = str(error).partition("\n")[0]
            note(f"the configuration cannot be used, so the default paths are taken ({first})")
        return None


def _is_closed(path: str) -> bool:
    """Say whether this user may not read a file, or not search a folder on the way to it."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return not os.access(path, os.R_OK, effective_ids=True)


def ask(arguments: argparse.Namespace, op: str, options: dict[str, Any] | None = None, timeout: float = 10.0) -> Any:
    """Ask the daemon, and return its result. Raises FailoverError with the daemon's words and code."""
    from ansible_collections.secuaas.claude.plugins.module_utils import control_client

    config = readable_config(arguments)
    path = config.control_socket if config else defaults.CONTROL_SOCKET
    try:
        return control_client.request(op, options, socket_path=path, timeout=timeout)
    except control_client.NotRunning as error:
        hint = "start it with: systemctl start claude-failover (or, in the foreground: claude-failover run)"
        unread = "" if config else f"; {config_path(arguments)} could not be read, so the default path was taken"
        raise NotRunning(f"{error}{unread}; {hint}") from None
    except control_client.ControlError as error:
        raise (UsageError if error.code == 2 else FailoverError)(str(error)) from None


def show(text: str) -> None:
    """Print a page of ours, in which what comes from elsewhere is printable already."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def show_json(document: Any) -> None:
    """Print a document as JSON, for programs and terminals alike: control characters are escaped."""
    show(as_json(document, indent=2))


def as_json(document: Any, indent: int | None) -> str:
    """Return JSON in which no character can do anything to a terminal.

    JSON escapes C0 by itself. DEL, C1, the other line ends and lone surrogates are escaped too.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _LEFT_BY_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def note(text: str) -> None:
    """Print a remark on standard error. One of several lines (file:line: …) stands as it is, for other programs."""
    start = "" if "\n" in text else "claude-failover: "
    sys.stderr.write(f"{start}{printable(text)}\n")


def page() -> dict[str, Any]:
    """Return what the tables of `render` are to know of the terminal: its width, and whether to use colour."""
    terminal = sys.stdout.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else None
    except OSError:
        columns = None
    return {"colour": colour, "columns": columns or None}


def user_name(uid: int) -> str:
    """Return the name of a user, or ``#uid`` (as sudo takes it) where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def owner_of(path: str) -> int:
    """Return the uid of a file's owner, or of the nearest folder above it where only that can be seen.

    Raises OSError when there is no such file.
    """
    try:
        return os.stat(path).st_uid
    except PermissionError:
        if path == "/":
            raise
        return owner_of(os.path.dirname(path))


def sudo_line(uid: int, arguments: argparse.Namespace, *words: str) -> str:
    """Return the line that runs a command as the user ``uid``."""
    import shlex  # for this rare case only

    named = ["--config", os.path.abspath(config_path(arguments))] if config_path(arguments) != defaults.CONFIG else []
    return shlex.join(["sudo", "-u", user_name(uid), "claude-failover", *named, *words])
