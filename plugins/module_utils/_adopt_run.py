# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt a machine in use: check, plan, and do the steps, as the user of this process."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_plan import PERSONS_FOLDER, plan_adoption
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_steps import StepRunner
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    COPY,
    EXTEND,
    FOLDER,
    LINK,
    VERIFY,
    AdoptionError,
    AdoptionRequest,
    Plan,
)
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_view import DiskView
from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils._running_sessions import (
    cli_processes,
    default_home_pids,
    session_pids,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_request import placement_problems, text_problems

_RESERVE = 16 << 20  # bytes that a file system keeps free


def adopt(request: AdoptionRequest, *, check_mode: bool) -> dict[str, Any]:
    """Adopt the machine; return ``steps``, ``notices`` and ``failures`` in the form of an Ansible result.

    In check mode the steps are those that a run would do. With a failure they are those of the plan, and a run may
    have done some of them; the next run does the rest.
    """
    plan = Plan([], [])
    failures: list[str] = []
    try:
        problems = request_problems(request)
        if problems:
            raise AdoptionError(problems)
        plan = plan_adoption(request, DiskView())
        if plan.steps:
            require_unused(request)
            _check_space(plan)
            if not check_mode:
                StepRunner(lambda: require_unused(request)).run(plan.steps)
    except AdoptionError as error:
        failures = [escaped(problem) for problem in error.problems]
    return {
        "steps": [
            {"action": step.action, "path": escaped(step.path), "source": escaped(step.source)}
            for step in plan.steps
            if step.action != VERIFY
        ],
        "notices": [escaped(notice) for notice in plan.notices],
        "failures": failures,
    }


def request_problems(request: AdoptionRequest) -> list[str]:
    """Return the reasons why the paths of a request cannot be used."""
    homes, links = list(request.homes), list(request.links)
    problems = text_problems([*homes, request.active_link], links)
    if problems or not homes:
        return problems or ["account_homes: found an empty list, expected at least one absolute path"]
    in_use = DiskView().kind(request.active_link) == FOLDER
    return placement_problems([*homes, request.active_link] if in_use else homes, links)


def require_unused(request: AdoptionRequest) -> None:
    """Raise AdoptionError while a process of the CLI uses one of the homes."""
    homes = [*request.homes, request.active_link]
    users = {pid for home in homes for pid in session_pids(home)}
    users.update(pid for pid, _folder in cli_processes(homes))
    folder, name = os.path.split(request.active_link)
    if name == PERSONS_FOLDER:
        users.update(default_home_pids(folder))
    if users:
        numbers = ", ".join(map(str, sorted(users)))
        raise AdoptionError([f"a session of Claude Code uses these homes (process {numbers}); end it, and run again"])


def _check_space(plan: Plan) -> None:
    """Raise AdoptionError if the copies do not fit on the file systems where they are to be."""
    needed: dict[int, int] = {}
    free: dict[int, tuple[int, str]] = {}
    for step in plan.steps:
        if step.action not in (COPY, EXTEND):
            continue
        folder = os.path.dirname(step.path)
        while DiskView().kind(folder) not in (FOLDER, LINK):
            folder = os.path.dirname(folder)
        device = os.stat(folder).st_dev
        needed[device] = needed.get(device, _RESERVE) + os.lstat(step.source).st_size
        if device not in free:
            space = os.statvfs(folder)
            free[device] = space.f_bavail * space.f_frsize, folder
    problems = [
        f"{free[device][1]}: found {free[device][0] >> 20} MiB free, expected {size >> 20} MiB for the copies of the"
        " conversations; free some space"
        for device, size in needed.items()
        if size > free[device][0]
    ]
    if problems:
        raise AdoptionError(problems)
