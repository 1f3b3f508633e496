# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt a machine in use: check, plan, and do the steps, as the user of this process."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_plan import plan_adoption
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_steps import StepRunner
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    COPY,
    EXTEND,
    FOLDER,
    LINK,
    MAKE_LINK,
    PERSONS_FOLDER,
    REPLACE,
    VERIFY,
    AdoptionError,
    AdoptionRequest,
    Plan,
    Step,
)
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_view import DiskView
from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import ROOT, describe_owner, path_owner
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError
from ansible_collections.secuaas.claude.plugins.module_utils._running_sessions import (
    cli_processes,
    default_home_pids,
    session_pids,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_request import placement_problems, text_problems

MAXIMUM_UNPACKED = 256 << 20
"""Bytes of the longest result; that of 100000 files has 40 MB."""
_RESERVE = 16 << 20  # bytes that a file system keeps free


def adopt(
    request: AdoptionRequest,
    *,
    check_mode: bool,
    seen: Collection[int] = (),
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Adopt the machine; return ``steps``, ``notices`` and ``failures`` in the form of an Ansible result.

    ``seen`` are processes that use the homes, some of which only root can see. They matter if anything is to be done.
    ``progress`` is called for each entry that is looked at, while files are compared, and before each step.
    The steps are those that were done; in check mode those that a run would do. After a failure the next run does the
    rest.
    """
    plan = Plan([], [])
    failures: list[str] = []
    view = DiskView(progress)
    runner = StepRunner(lambda: require_unused(request), view)
    try:
        problems = request_problems(request)
        if problems:
            raise AdoptionError(problems)
        plan = plan_adoption(request, view)
        if plan.steps:
            _require_none(seen)
            require_unused(request)
            _check_space(plan)
            if not check_mode:
                with _only_one(os.path.dirname(request.active_link)):
                    runner.run(plan.steps)
    except AdoptionError as error:
        failures = [escaped(problem) for problem in error.problems]
    except OSError as error:
        # What was there when the plan was made has gone.
        failures = [escaped(f"{error.filename}: {error.strerror or type(error).__name__}; run again")]
    return {
        "steps": [
            {key: escaped(value) for key, value in _shown_step(step).items()}
            for step in (plan.steps if check_mode else runner.done)
            if step.action != VERIFY
        ],
        "notices": [escaped(notice) for notice in plan.notices],
        "failures": failures,
    }


def packed(result: dict[str, Any]) -> str:
    """Return a result in the form that a process answers with: a plan of a year's files is too long as it is."""
    return base64.b64encode(zlib.compress(json.dumps(result).encode())).decode()


def unpacked(answer: str) -> dict[str, Any]:
    """Return the result of ``packed``. Raises RunAsError if it is longer than MAXIMUM_UNPACKED."""
    stream = zlib.decompressobj()
    raw = stream.decompress(base64.b64decode(answer), MAXIMUM_UNPACKED)
    if not stream.eof:
        raise RunAsError(f"the answer has more than {MAXIMUM_UNPACKED >> 20} MiB")
    result: dict[str, Any] = json.loads(raw)
    return result


def _shown_step(step: Step) -> dict[str, str]:
    line = f"{step.action} {step.path}"
    if step.action in (MAKE_LINK, REPLACE):
        line += f" -> {step.source}"
    elif step.source:
        line = f"{step.action} {step.source} -> {step.path}"
    return {"action": step.action, "path": step.path, "source": step.source, "line": line}


def request_problems(request: AdoptionRequest) -> list[str]:
    """Return the reasons why the paths of a request cannot be used."""
    homes, links = list(request.homes), list(request.links)
    problems = request_text_problems(request)
    if problems:
        return problems
    in_use = DiskView().kind(request.active_link) == FOLDER
    return placement_problems([*homes, request.active_link] if in_use else homes, links)


def root_problems(request: AdoptionRequest, uid: int) -> list[str]:
    """Return the reasons why root may not adopt a machine as its own: paths that another user can lead elsewhere."""
    paths = [*request.homes, request.active_link, *(link.target for link in request.links)]
    if uid != ROOT or request_text_problems(request):
        return []
    try:
        owners = [path_owner(path) for path in paths]
    except OSError as error:
        return [f"{error.filename!r} cannot be followed: {error.strerror}"]
    return list(
        dict.fromkeys(
            f"owner: found root, and {describe_owner(owner)}; expected the user of the accounts"
            for owner in owners
            if owner.uid != ROOT
        )
    )


def request_text_problems(request: AdoptionRequest) -> list[str]:
    """Return the reasons why the paths of a request cannot be used that show in their text."""
    if not request.homes:
        return ["account_homes: found an empty list, expected at least one absolute path"]
    return text_problems([*request.homes, request.active_link], list(request.links))


def require_unused(request: AdoptionRequest) -> None:
    """Raise AdoptionError while a process of the CLI uses one of the homes."""
    homes = [*request.homes, request.active_link]
    _require_none({pid for home in homes for pid in session_pids(home)} | cli_users(request))


def cli_users(request: AdoptionRequest) -> set[int]:
    """Return the processes of the CLI that use one of the homes by their environment; opens no file of a user."""
    if request_text_problems(request):
        return set()
    users = {pid for pid, _folder in cli_processes([*request.homes, request.active_link])}
    folder, name = os.path.split(request.active_link)
    return users.union(default_home_pids(folder) if name == PERSONS_FOLDER else ())


def _require_none(users: Collection[int]) -> None:
    if users:
        numbers = ", ".join(map(str, sorted(users)))
        raise AdoptionError([f"a session of Claude Code uses these homes (process {numbers}); end it, and run again"])


@contextlib.contextmanager
def _only_one(folder: str) -> Iterator[None]:
    """Hold the lock of an adoption: an earlier one may still run after its Ansible has gone. Raises AdoptionError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AdoptionError([f"{folder}: another adoption is under way; run again when it has ended"]) from None
    finally:
        os.close(descriptor)


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
