# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the session for a task. Pure.

A session belongs to the pool if the current configuration names it with ``dedicated: false`` and
``claude_args: true``, and the process in its pane is verified to be the one that the daemon started for that name.
There is no exception. The rule is applied when a session is chosen, and again before every key of a delivery.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Callable

from ..common.errors import Refused, UsageError
from ..common.suggestions import did_you_mean
from ..config.model import Config
from .task import Task

MOST_REASONS = 10  # sessions with a reason of their own in what a task waits for


@dataclass(frozen=True)
class TaskRequirements:
    """The session name and the folder that a task requires; None: any."""

    session: str | None = None
    cwd: str | None = None


@dataclass(frozen=True)
class PooledSession:
    """Snapshot of a session for routing.

    ``configured``: the configuration names it; ``dedicated`` is its setting there; ``claude_args`` there, and
    of what runs; ``cwd`` is the folder that it works in.
    ``ownership_problem`` returns why its process cannot be verified as the daemon's own, None when it is verified. It
    reads /proc: it is asked last, of a session that could get the task.
    """

    name: str
    configured: bool
    dedicated: bool
    claude_args: bool
    cwd: str | None
    state: str
    ownership_problem: Callable[[], str | None]


def requirements_of(task: Task) -> TaskRequirements:
    """Return the requirements of a task."""
    return TaskRequirements(task.wanted, task.cwd)


def same_folder(one: str, other: str) -> bool:
    """Return whether two absolute paths name one folder, symlinks resolved."""
    return os.path.realpath(one) == os.path.realpath(other)


def disqualification(pooled: PooledSession, requirements: TaskRequirements) -> str | None:
    """Return why a session may not get a task in any state; None if it may."""
    if not pooled.configured:
        return "was started by hand"
    if pooled.dedicated:
        return "is dedicated"
    if not pooled.claude_args:
        return "runs a command of its own (claude_args: false)"
    if requirements.session is not None and requirements.session != pooled.name:
        return "is another one than was asked for"
    if requirements.cwd is not None and (pooled.cwd is None or not same_folder(requirements.cwd, pooled.cwd)):
        return "works in another folder"
    return None


def refusal(pooled: PooledSession, requirements: TaskRequirements) -> str | None:
    """Return why a session cannot get a task now; None if it can."""
    why = disqualification(pooled, requirements)
    if why is not None:
        return why
    if pooled.state != "idle":
        return f"is {pooled.state}"
    return pooled.ownership_problem()


def choose(sessions: Iterable[PooledSession], requirements: TaskRequirements, reserved: Collection[str]) -> str | None:
    """Return the name of the first session that can get a task now, None for none; skips those in ``reserved``."""
    for pooled in sessions:
        if pooled.name not in reserved and refusal(pooled, requirements) is None:
            return pooled.name
    return None


def explain(sessions: Sequence[PooledSession], requirements: TaskRequirements, reserved: Collection[str]) -> str:
    """Return why a task waits, with a reason for each of the first `MOST_REASONS` sessions."""
    named = [pooled for pooled in sessions if requirements.session in (None, pooled.name)]
    if requirements.session is not None and not named:
        return f"waits: the configuration has no session {requirements.session}"
    reasons = [
        f"{pooled.name} "
        f"{refusal(pooled, requirements) or ('is not free yet' if pooled.name in reserved else 'is next')}"
        for pooled in named[:MOST_REASONS]
    ]
    more = f", and {len(named) - MOST_REASONS} more" if len(named) > MOST_REASONS else ""
    return "waits for a session of the pool: " + (", ".join(reasons) + more if reasons else "there is none")


def check_requirements(
    config: Config,
    unconfigured: Collection[str],
    requirements: TaskRequirements,
    running: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Check that some session could ever meet the requirements.

    ``unconfigured``: sessions started by hand; ``running``: the folder that each session works in now, where its
    configuration has another one since it was started.

    A pool that currently has no such session is no error: the task waits. Raises UsageError for a name that no session
    has; Refused for a session that never gets tasks, and for a folder that no session works in.
    """
    pool = ", ".join(spec.name for spec in config.sessions if not spec.dedicated and spec.claude_args) or "none"
    if requirements.session is not None:
        spec = config.session(requirements.session)
        if spec is None and requirements.session in unconfigured:
            raise Refused(
                f"session {requirements.session!r} was started by hand, and belongs to whoever did; "
                f"tasks go to the sessions of the pool: {pool}"
            )
        if spec is None:
            hint = did_you_mean(requirements.session, (known.name for known in config.sessions))
            raise UsageError(
                f"session {requirements.session!r} does not exist; tasks go to the sessions of the pool: {pool}{hint}"
            )
        if spec.dedicated:
            raise Refused(f"session {spec.name} is dedicated, and never gets a task; the pool has: {pool}")
        if not spec.claude_args:
            raise Refused(
                f"session {spec.name} runs a command of its own (claude_args: false), and never gets a task; "
                f"the pool has: {pool}"
            )
        folders = {spec.cwd, running.get(spec.name, spec.cwd)}
        if requirements.cwd is not None and not _has_folder(folders, requirements.cwd):
            works = running.get(spec.name, spec.cwd)
            raise Refused(f"session {spec.name} works in {works}, not in {requirements.cwd}; leave one of the two out")
    elif requirements.cwd is not None:
        folders = {spec.cwd for spec in config.sessions} | set(running.values())
        if not _has_folder(folders, requirements.cwd):
            names = ", ".join(sorted(folders)) or "none"
            raise Refused(f"no configured session works in {requirements.cwd}; they work in: {names}")


def _has_folder(folders: Iterable[str], wanted: str) -> bool:
    return any(same_folder(wanted, folder) for folder in folders)
