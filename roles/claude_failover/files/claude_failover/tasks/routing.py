# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a task may go to. Pure.

There is one rule and no exception: a session is of the pool when the configuration that holds now names it with
``dedicated: false`` and ``claude_args: true``, and the process in its pane is surely the one that the daemon started
for that name. It is asked when a session is chosen, and again before every key that a task's prompt needs.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..common.errors import Refused, UsageError
from ..config.model import Config
from .task import Task


@dataclass(frozen=True)
class TaskRequirements:
    """What a task asks for: a session's name, and the folder that a session has to be configured with; None: any."""

    session: str | None = None
    cwd: str | None = None


@dataclass(frozen=True)
class PooledSession:
    """A session at one moment.

    ``planned``: the configuration names it; ``dedicated``, ``claude_args`` and ``cwd`` are its words. ``doubt`` is why
    it is not sure that its process is the one that the daemon started for that name, None when it is sure.
    """

    name: str
    configured: bool
    dedicated: bool
    claude_args: bool
    cwd: str | None
    state: str
    ownership_problem: str | None


def requirements_of(task: Task) -> TaskRequirements:
    """Return what a task asks for."""
    return TaskRequirements(task.wanted, task.cwd)


def same_folder(one: str, other: str) -> bool:
    """Tell whether two absolute paths name one folder, links resolved."""
    return os.path.realpath(one) == os.path.realpath(other)


def barred(candidate: PooledSession, requirements: TaskRequirements) -> str | None:
    """Say why a session must not get a task, whatever it does; None when it may."""
    if not candidate.configured:
        return "was started by hand"
    if candidate.dedicated:
        return "is dedicated"
    if not candidate.claude_args:
        return "runs a command of its own (claude_args: false)"
    if requirements.session is not None and requirements.session != candidate.name:
        return "is another one than was asked for"
    if requirements.cwd is not None and (candidate.cwd is None or not same_folder(requirements.cwd, candidate.cwd)):
        return "works in another folder"
    return None


def refusal(candidate: PooledSession, requirements: TaskRequirements) -> str | None:
    """Say why a session cannot get a task now; None when it can."""
    why = barred(candidate, requirements)
    if why is not None:
        return why
    if candidate.state != "idle":
        return f"is {candidate.state}"
    return candidate.ownership_problem


def choose(candidates: Iterable[PooledSession], requirements: TaskRequirements, taken: Collection[str]) -> str | None:
    """Return the first session, in the configuration's order, that can get a task now; ``taken`` are spoken for."""
    for candidate in candidates:
        if candidate.name not in taken and refusal(candidate, requirements) is None:
            return candidate.name
    return None


def explain(candidates: Sequence[PooledSession], requirements: TaskRequirements, taken: Collection[str]) -> str:
    """Say why a task has to wait, session by session."""
    asked = [candidate for candidate in candidates if requirements.session in (None, candidate.name)]
    if requirements.session is not None and not asked:
        return f"waits: the configuration has no session {requirements.session}"
    reasons = [
        f"{candidate.name} "
        f"{refusal(candidate, requirements) or ('is not free yet' if candidate.name in taken else 'is next')}"
        for candidate in asked
    ]
    more = f", and {len(reasons) - 10} more" if len(reasons) > 10 else ""
    return "waits for a session of the pool: " + (", ".join(reasons[:10]) + more if reasons else "there is none")


def check_requirements(config: Config, by_hand: Collection[str], requirements: TaskRequirements) -> None:
    """Check what a task asks for. ``by_hand`` are the sessions that the configuration does not name.

    A pool that has no session for it is no error: the task waits. Raises UsageError for a name that no session has;
    Refused for a session that no task may go to, and for a folder that no session works in.
    """
    pool = ", ".join(spec.name for spec in config.sessions if not spec.dedicated and spec.claude_args) or "none"
    if requirements.session is not None:
        spec = config.session(requirements.session)
        if spec is None and requirements.session in by_hand:
            raise Refused(
                f"session {requirements.session!r} was started by hand, and belongs to whoever did; "
                f"tasks go to the sessions of the pool: {pool}"
            )
        if spec is None:
            raise UsageError(
                f"session {requirements.session!r} does not exist; tasks go to the sessions of the pool: {pool}"
            )
        if spec.dedicated:
            raise Refused(f"session {spec.name} is dedicated, and never gets a task; the pool has: {pool}")
        if not spec.claude_args:
            raise Refused(
                f"session {spec.name} runs a command of its own (claude_args: false), and never gets a task; "
                f"the pool has: {pool}"
            )
        if requirements.cwd is not None and not same_folder(requirements.cwd, spec.cwd):
            raise Refused(
                f"session {spec.name} works in {spec.cwd}, not in {requirements.cwd}; leave one of the two out"
            )
    elif requirements.cwd is not None and not any(same_folder(requirements.cwd, spec.cwd) for spec in config.sessions):
        folders = ", ".join(sorted({spec.cwd for spec in config.sessions})) or "none"
        raise Refused(f"no configured session works in {requirements.cwd}; they work in: {folders}")
