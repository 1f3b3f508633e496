# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders that the daemon and the sessions work in: whose they are, and whether they are there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from ..common.errors import is_passing
from ..common.users import user_name
from ..config.model import Config
from ..sessions import launch
from .access import give_line, is_allowed, nearest, owner_problem, writable_folder_problem
from .finding import ERROR, WARNING, Finding, ok

_SHOWN = 3  # files that are named
_LOOKED_AT = 20_000  # entries of the state folder


def check_homes(config: Config) -> Iterator[Finding]:
    """Look whose the account homes and the shared folders are. Whether they can be made is the shared links' part."""
    problems = [owner_problem("homes", os.path.realpath(path)) for path in config.link_places]
    found = [problem for problem in problems if problem is not None]
    yield from found
    if not found:
        yield ok("homes", "the account homes and the shared folders are this user's, or still to be made")


def check_state_dir(config: Config) -> Iterator[Finding]:
    """Look at the state folder, and for files in it that belong to a former user."""
    path = config.state_dir
    try:
        os.lstat(path)
    except FileNotFoundError:
        parent = nearest(path)
        if is_allowed(parent, os.W_OK | os.X_OK):
            yield ok("state_dir", f"{path} is missing; the start makes it")
        else:
            yield writable_folder_problem("state_dir", path, "state_dir") or ok("state_dir", path)
        return
    except OSError as error:
        found = f"{path} cannot be looked at ({error.strerror})"
        mend = shlex.join(["ls", "-ld", os.path.dirname(path)])
        passing = is_passing(error.errno)
        yield Finding("state_dir", ERROR, found, "a folder of this user's", mend, passing=passing)
        return
    problem = writable_folder_problem("state_dir", path, "state_dir")
    if problem is not None:
        owner = _owner(path)
        if owner not in (None, 0, os.geteuid()):
            # Its files are the former user's too: the folder alone would not do.
            problem = Finding(problem.name, problem.level, problem.found, problem.expected, problem.mend)
        yield problem
        return
    foreign = _foreign_files(path)
    if not foreign:
        yield ok("state_dir", f"{path} and what is in it are this user's")
        return
    owner = _owner(foreign[0])
    more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
    yield Finding(
        "state_dir",
        ERROR,
        f"{', '.join(foreign[:_SHOWN])}{more} in state_dir belong to {user_name(owner or 0)}, a former user of the "
        "daemon, and cannot be used",
        "files of the daemon's user: who the accounts are, the conversations and the queue are in them",
        give_line(path, owner or 0),
    )


def _foreign_files(folder: str) -> list[str]:
    """Return the entries of the state folder that belong to another user and cannot be read and written."""
    found: list[str] = []
    looked_at = 0
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            looked_at += 1
            path = os.path.join(place, name)
            problem = owner_problem("state_dir", path)
            if problem is not None and problem.level == ERROR:
                found.append(path)
        if looked_at > _LOOKED_AT:
            break
    return sorted(found)


def check_metrics(config: Config) -> Iterator[Finding]:
    """Look at the folder that the metrics are written to."""
    path = config.metrics.textfile
    if path is None:
        return
    problem = writable_folder_problem("metrics", os.path.dirname(path), "the folder of metrics.textfile", WARNING)
    yield problem or ok("metrics", f"the metrics are written to {path}")


def check_working_folders(config: Config) -> Iterator[Finding]:
    """Look at the folder of each session."""
    wrong = 0
    for session in config.sessions:
        path = session.cwd
        if launch.folder_problem(session) is None:
            continue
        wrong += 1
        yield Finding(
            "session_cwd",
            WARNING,
            f"the folder {path} of the session {session.name} is none that this user may enter",
            "a folder; the session is down until it is there",
            shlex.join(["sudo", "install", "-d", "-o", user_name(os.geteuid()), path])
            + f", or correct the cwd of the session {session.name}",
            path,
        )
    if config.sessions and not wrong:
        yield ok("session_cwd", f"the folders of {len(config.sessions)} sessions are there")


def _owner(path: str) -> int | None:
    try:
        return os.lstat(path).st_uid
    except OSError:
        return None
