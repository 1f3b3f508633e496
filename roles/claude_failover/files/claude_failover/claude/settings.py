# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the settings of the daemon's sessions: its hooks and status line, merged with the operator's settings.

``claude --settings FILE-OR-JSON`` applies settings to one session without changing the account's own. Only one
``--settings`` is read (seen on Claude Code 2.1.330), so the operator's is merged in.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..common import json_text
from ..common.errors import PassingFault, UsageError, is_passing
from ..common.text import text_or_none
from ..config.model import Config, SessionConfig
from ..storage.files import make_folder, set_aside, write_atomic
from ..storage.regular_file import NotARegularFileError, read_regular, require_replaceable

MAX_BYTES = 4 << 20  # of a settings file

HOOK_EVENTS = (
    "Notification",
    "PermissionRequest",
    "SessionEnd",
    "SessionStart",
    "Stop",
    "StopFailure",
    "UserPromptSubmit",
)


def own_settings(launcher: str, socket: str) -> dict[str, Any]:
    """Return settings whose hooks and status line report to the daemon at ``socket``; ``launcher``: path of the CLI."""
    command = {"type": "command", "command": shlex.join([launcher, "hook", "--socket", socket])}
    return {"hooks": {event: [{"hooks": [command]}] for event in HOOK_EVENTS}, "statusLine": command}


def merged(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the operator's settings ``given`` with the daemon's ``own`` added.

    Both sets of hooks run; the daemon's status line replaces the operator's and prints its output.
    """
    hooks = {event: list(rows) for event, rows in given.get("hooks", {}).items()}
    for event, rows in own.get("hooks", {}).items():
        hooks[event] = hooks.get(event, []) + rows
    return {**given, **own, "hooks": hooks}


def status_line_command(settings: dict[str, Any]) -> str | None:
    """Return the command of the settings' status line, or None."""
    line = settings.get("statusLine")
    command = line.get("command") if isinstance(line, dict) else None
    return text_or_none(command)


def read_settings(text_or_path: str) -> dict[str, Any]:
    """Read the value of ``--settings``: a JSON object, or the path of a file with one.

    Raises UsageError; PassingFault if the file cannot be read for now.
    """
    source = "the JSON of --settings"
    try:
        if not text_or_path.lstrip().startswith("{"):
            source = text_or_path
            raw: str | bytes = read_regular(source, MAX_BYTES + 1)
        else:
            raw = text_or_path
        if len(raw) > MAX_BYTES:
            raise ValueError(f"found more than {MAX_BYTES} bytes, expected a shorter file")
        settings = json_text.parse(raw)
    except (OSError, ValueError) as error:
        message = f"--settings: {source} cannot be read as Claude Code settings: {error}"
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT) and is_passing(error.errno):
            raise PassingFault(message) from None
        raise UsageError(message) from None
    if not isinstance(settings, dict) or not isinstance(settings.get("hooks", {}), dict):
        raise UsageError(f"--settings: {source} is not a JSON object with an object under 'hooks'")
    for event, rows in settings.get("hooks", {}).items():
        if not isinstance(rows, list):
            raise UsageError(f"--settings: {source}: hooks.{event} is not a list, which Claude Code expects")
    return settings


def split_settings(command: list[str]) -> tuple[list[str], str | None]:
    """Remove ``--settings X`` (or ``--settings=X``) from a command; return the rest and the last X."""
    rest: list[str] = []
    given = None
    words = iter(command)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--settings":
            given = next(words, None)
        elif word.startswith("--settings="):
            given = word[len("--settings=") :]
        else:
            rest.append(word)
    return rest, given


def session_defaults(spec: SessionConfig) -> dict[str, Any]:
    """Return the settings of a session that hold unless the operator's own ``--settings`` says otherwise.

    Its agents view is off: a press of the left arrow in it moves the conversation to a background process, which no
    hook and no pane of the session tells of. Remote Control is begun at the start where that is configured. Versions
    that do not know a key take no notice of it (2.0.77, 2.1.84).
    """
    view = {} if spec.agent_view else {"disableAgentView": True}
    return {**view, "remoteControlAtStartup": True} if spec.remote_control else view


def with_own_settings(
    command: tuple[str, ...],
    cwd: str,
    base: dict[str, Any],
    folder: str,
    name: str,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[list[str], dict[str, str]]:
    """Return a session's command with merged settings, and the environment variables to add.

    Args:
        command: the operator's command, possibly with ``--settings``.
        cwd: the session's folder; a relative path in ``--settings`` starts here.
        base: the daemon's own settings.
        folder: where the merged settings are written, one file per session.
        name: the session.
        defaults: keys that hold where neither the operator's settings nor ``base`` has them.

    Raises UsageError for settings that cannot be read, OSError if the file cannot be written.
    """
    rest, given = split_settings(list(command))
    environment: dict[str, str] = {}
    settings = base
    if given is not None:
        if not given.lstrip().startswith("{"):
            given = os.path.join(cwd, given)
        operators = read_settings(given)
        settings = merged(base, operators)
        status_line = status_line_command(operators)
        if status_line:
            environment["CLAUDE_FAILOVER_STATUS_LINE"] = status_line
    settings = {**defaults, **settings}
    make_folder(folder)
    path = os.path.join(folder, file_name(name))
    try:
        require_replaceable(path)
    except NotARegularFileError as error:
        set_aside(path, f"is {error.kind}")
    write_atomic(path, json_text.render(settings, indent=1).encode() + b"\n")
    return [rest[0], "--settings", path, *rest[1:]], environment


def settings_folder(state_dir: str) -> str:
    """Return the folder with the settings file of each session."""
    return os.path.join(state_dir, "settings")


def file_name(name: str) -> str:
    """Return the name of a session's settings file; slashes in ``name`` are escaped."""
    return name.replace("%", "%25").replace("/", "%2F") + ".json"


def base_settings(config: Config) -> dict[str, Any]:
    """Return the daemon's own settings: ``claude-settings.json`` beside the configuration, or its defaults.

    Raises UsageError if the file cannot be read as settings.
    """
    path = os.path.join(os.path.dirname(config.path), "claude-settings.json")
    if os.path.exists(path):
        return read_settings(path)
    return own_settings(os.environ.get("CLAUDE_FAILOVER_LAUNCHER", "claude-failover"), config.control_socket)
