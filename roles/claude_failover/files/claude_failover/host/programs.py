# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the daemon and the sessions start, and the version of Claude Code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from ..claude import versions
from ..common.users import home_folder, session_path
from ..config.model import Config, NotifyConfig
from .finding import ERROR, WARNING, Finding, ok
from .version_call import version_of

_INSTALL_CLAUDE = (
    "sudo npm install -g @anthropic-ai/claude-code, or the role with claude_failover_claude_install: npm, or name its "
    "absolute path in the command of the session"
)


def check_tmux_program(config: Config) -> Iterator[Finding]:
    """Look for the program of tmux."""
    program = shutil.which(config.tmux.binary)
    if program is not None:
        yield ok("tmux_program", f"tmux is {program}")
        return
    yield Finding(
        "tmux_program",
        ERROR,
        f"tmux.binary: found no executable program {config.tmux.binary!r} (PATH is {os.environ.get('PATH', '')})",
        "the program of tmux 3.2 or newer",
        "sudo apt-get install tmux, or correct tmux.binary",
    )


def programs_of(notify: NotifyConfig) -> list[str]:
    """Return the programs by which events are sent."""
    command = [notify.command[0]] if notify.command is not None else []
    return command + (["apprise"] if notify.urls else [])


def check_notify_command(config: Config) -> Iterator[Finding]:
    """Look for the program of the notify command."""
    command = config.notify.command
    if command is None:
        return
    if shutil.which(command[0]) is not None:
        yield ok("notify", f"the notify command {command[0]} is there")
        return
    yield Finding(
        "notify",
        WARNING,
        f"notify.command: found no executable program {command[0]!r} (PATH is {os.environ.get('PATH', '')})",
        "a program; nobody is told of a switch or an event without it",
        f"ls -l {command[0]}; install it, make it executable, or correct notify.command "
        "(claude_failover_notify_command of the role)",
    )


def check_apprise(config: Config) -> Iterator[Finding]:
    """Look for the program that sends to the URLs of ``notify``."""
    if not config.notify.urls:
        return
    if shutil.which("apprise") is not None:
        yield ok("notify_urls", "apprise, which sends to the URLs of notify, is there")
        return
    yield Finding(
        "notify_urls",
        WARNING,
        f"notify.urls: found no executable program 'apprise' (PATH is {os.environ.get('PATH', '')})",
        "the program of the package apprise; nothing is sent to the URLs without it",
        "sudo apt-get install apprise",
    )


def check_session_programs(config: Config) -> Iterator[Finding]:
    """Look for the programs of the sessions: Claude Code, where none is configured."""
    found = 0
    usual = session_path(home_folder())
    for command, path in sorted(session_programs(config)):
        if shutil.which(command, path=path) is not None:
            found += 1
            continue
        claude = os.path.basename(command) == "claude"
        # A value of a session's env is shown nowhere.
        shown = f" ({path})" if path == usual else ""
        yield Finding(
            "claude" if claude else "session_command",
            WARNING,
            f"found no executable program {command!r} in the sessions' PATH{shown}",
            "the program of the sessions; they are down until it is there, and nobody can log in",
            _INSTALL_CLAUDE if claude else f"install {command}, or correct the command of the session",
        )
    if found:
        yield ok("claude", f"{found} program{'s' if found > 1 else ''} of the sessions found")


def check_claude_version(config: Config) -> Iterator[Finding]:
    """Ask each Claude Code of the sessions for its version. Starts the programs."""
    for command, path in sorted(session_programs(config)):
        program = shutil.which(command, path=path)
        if program is None or os.path.basename(command) != "claude":
            continue
        version = version_of(program, path)
        problem = versions.problem(version)
        if version is None:
            yield Finding(
                "claude_version",
                WARNING,
                f"{program} --version says nothing that is a version of Claude Code",
                f"Claude Code {versions.MINIMUM} or newer",
                f"{program} --version, as the sessions' user",
            )
        elif problem is None:
            yield ok("claude_version", f"{program} is Claude Code {version}")
        else:
            yield Finding(
                "claude_version",
                ERROR,
                f"{program} is Claude Code {version}: a running session of it keeps its account at a switch",
                f"{versions.MINIMUM} or newer",
                f"{program} update, or the role with claude_failover_claude_install: npm; then restart the sessions",
            )


def session_programs(config: Config) -> set[tuple[str, str]]:
    """Return the program of each session, and the PATH that it is looked for in."""
    path = session_path(home_folder())
    if not config.sessions:
        return {("claude", path)}
    return {(session.command[0], session.env.get("PATH", path)) for session in config.sessions}
