# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing something with the ids and groups of another user, and nothing more. Standard library only."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable
from typing import Any


class AsUserError(Exception):
    """The work could not be done as that user; the message says why."""


def find(owner: str) -> pwd.struct_passwd | None:
    """Return the user of that name or number; None if there is none."""
    try:
        return pwd.getpwuid(int(owner)) if owner.isascii() and owner.isdecimal() else pwd.getpwnam(owner)
    except (KeyError, ValueError, OverflowError):
        return None


def run(user: pwd.struct_passwd, work: Callable[[], Any]) -> Any:
    """Do ``work`` as ``user`` and return what it returns, which JSON must be able to hold.

    As root this happens in a child process that has given up everything else, so that no link which the user plants
    can lead it where that user could not have written anyway. Raises AsUserError.
    """
    if user.pw_uid == os.geteuid():
        return work()
    if os.geteuid() != 0:
        raise AsUserError(
            f"this runs as the user number {os.geteuid()}; expected root or {user.pw_name}, in whose name it works"
        )
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(user, groups, work, reader, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as stream:
            raw = stream.read()
    finally:
        status = os.waitpid(pid, 0)[1]
    if not raw:
        raise AsUserError(f"the process that works as {user.pw_name} was ended (wait status {status}); run again")
    answer = json.loads(raw)
    if "failed" in answer:
        raise AsUserError(f"the process that works as {user.pw_name} failed: {answer['failed']}")
    return answer["done"]


def _child(
    user: pwd.struct_passwd, groups: list[int], work: Callable[[], Any], reader: int, writer: int
) -> None:
    """The life of the child process, from fork to end; never returns."""
    try:
        os.close(reader)
        try:
            os.setgroups(groups)
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            answer = {"done": work()}
        except Exception as exc:
            # Its kind only: the text of an error could quote what was read.
            answer = {"failed": type(exc).__name__}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)
