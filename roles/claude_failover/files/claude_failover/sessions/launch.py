# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration that a running session was started with, kept in its process's environment.

So it lives exactly as long as the process, whatever becomes of the daemon. Commands and variables can hold secrets:
of them there are digests only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common import json_text
from ..common.processes import variable
from ..config.model import Config, SessionConfig
from ..tmux.programs import is_variable_name

#: Holds the session's name in the environment of every session that the daemon starts.
SESSION_VARIABLE = "CLAUDE_FAILOVER_SESSION"
LAUNCH_VARIABLE = "CLAUDE_FAILOVER_LAUNCH"

# Keys of a session that take effect at its start only.
_KEYS = ("command", "claude_args", "env", "agent_view", "remote_control")


@dataclass(frozen=True)
class Launch:
    """The start of a process: its folder, digests by key, and the names of the ``variables`` given to it.

    ``cwd`` is None, and a digest is missing, where the process does not say it (one of an older release).
    """

    cwd: str | None
    digests: Mapping[str, str]
    variables: tuple[str, ...] = ()

    def changed(self, spec: SessionConfig, config: Config) -> list[str]:
        """Return the keys in which the configuration differs from what runs."""
        now = _current(spec, config)
        if (not self.digests or self.digests == now.digests) and self.cwd in (None, now.cwd):
            return []
        cwd = ["cwd"] if self.cwd is not None and self.cwd != now.cwd else []
        return cwd + [key for key, digest in now.digests.items() if self.digests.get(key, digest) != digest]

    @property
    def starts_claude(self) -> bool:
        """False where the process was started as a command of its own (``claude_args: false``)."""
        return self.digests.get("claude_args", _CLAUDE) == _CLAUDE

    def to_text(self) -> str:
        """Return the value of `LAUNCH_VARIABLE`."""
        return json_text.render({"cwd": self.cwd, "digests": dict(self.digests), "variables": list(self.variables)})


def launch_of(spec: SessionConfig, config: Config, environment: Iterable[str] = ()) -> Launch:
    """Return what a process that is started now, with the variables of these names, is started with."""
    values = {**{key: getattr(spec, key) for key in _KEYS}, "detection.hooks": config.detection.hooks}
    if spec.claude_args:
        values["telemetry"] = vars(config.telemetry)
    return Launch(spec.cwd, {key: _digest(value) for key, value in values.items()}, tuple(sorted(environment)))


_known: dict[str, tuple[SessionConfig, Config, Launch]] = {}  # by session: its launch, and what that was made from


def _current(spec: SessionConfig, config: Config) -> Launch:
    """Return `launch_of` what is configured; every status asks for it, and a configuration never changes itself."""
    known = _known.get(spec.name)
    if known is None or known[0] is not spec or known[1] is not config:
        known = _known[spec.name] = spec, config, launch_of(spec, config)
    return known[2]


def launch_in(text: str) -> Launch | None:
    """Return the launch that a variable's text holds, or None: a person can set it to anything."""
    try:
        found = json_text.parse(text)
    except json_text.JsonError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("cwd"), str):
        return None
    digests, variables = found.get("digests"), found.get("variables")
    if not isinstance(digests, dict) or not isinstance(variables, list):
        return None
    names = tuple(name for name in variables if isinstance(name, str) and is_variable_name(name))
    return Launch(found["cwd"], digests, names)


def read_launch(pid: int) -> tuple[str | None, Launch | None]:
    """Return the name of the session that the daemon started the process for, and how; None if it did not, or unknown.

    ``pid`` is a pane's own process. Right after its start it has the environment of the tmux server.
    """
    name = variable(pid, SESSION_VARIABLE)
    if name is None:
        return None, None
    text = variable(pid, LAUNCH_VARIABLE)
    # tmux sets PWD to the folder that it starts a program in (3.2 to 3.5).
    return name, Launch(variable(pid, "PWD"), {}) if text is None else launch_in(text)


def folder_problem(spec: SessionConfig) -> str | None:
    """Return why no program can be started in a session's folder, or None."""
    # Check X_OK too: otherwise the failure would surface only in the pane.
    if os.path.isdir(spec.cwd) and os.access(spec.cwd, os.X_OK, effective_ids=True):
        return None
    return (
        f"cwd {spec.cwd} is not a directory that this user may enter: create it, grant the user access, or "
        f"correct sessions[{spec.name}].cwd"
    )


def start_problem(spec: SessionConfig) -> str | None:
    """Return why a session could not be started as it is configured, as far as that can be known; or None."""
    program = spec.command[0]
    if program.startswith("/") and not os.access(program, os.X_OK, effective_ids=True):
        return f"{program} is no program that this user may run: install it, or correct sessions[{spec.name}].command"
    return folder_problem(spec)


def _digest(value: Any) -> str:
    known = sorted(value.items()) if isinstance(value, dict) else value
    return hashlib.sha256(json_text.render(known).encode()).hexdigest()[:16]


_CLAUDE = _digest(True)  # of claude_args
