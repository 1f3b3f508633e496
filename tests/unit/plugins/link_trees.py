# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scratch folders, users and snapshots of whole trees for the tests of the plugins."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links

NAMES = ("session-env", "file-history", "projects")

needs_root = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="SKIPPED, NOT TESTED: that root works in the name of an owner can only be shown by root; run as root",
)
needs_no_root = pytest.mark.skipif(
    os.geteuid() == 0,
    reason="not for root, whom permissions do not stop; the same is tested for root with an owner",
)


def scratch() -> str:
    """Make a folder that every user can reach, unlike pytest's; its path holds no link."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="cf-links-", dir="/tmp"))
    os.chmod(folder, 0o755)
    return folder


def required(root: str) -> tuple[links.SharedSymlink, ...]:
    """Return the three usual links, to targets under ``root``."""
    return links.required_shared(os.path.join(root, "shared"))


def mixed(root: str) -> tuple[links.SharedSymlink, ...]:
    """Return links to directories and to files under ``root``."""
    shared = os.path.join(root, "shared")
    files = (links.shared_symlink(shared, name, links.FILE) for name in ("settings.json", "history.jsonl"))
    return (*required(root), *files)


def some_user() -> pwd.struct_passwd:
    """Return a user that every system has and that owns nothing."""
    return pwd.getpwnam("nobody")


Facts = dict[str, tuple[object, ...]]


def picture(root: str, *, depth_times: bool = True) -> Facts:
    """Return everything that a write could change, for every entry under ``root``: kind and mode, owner, group,
    inode, both times, and content or the text of a link. Access times are left out: looking changes those.

    Without ``depth_times`` the times, size and link count of directories are left out, which making an entry
    in them changes.
    """
    facts: Facts = {}
    for path in walk(root):
        status = os.lstat(path)
        entry: tuple[object, ...] = (status.st_mode, status.st_uid, status.st_gid, status.st_ino)
        if os.path.islink(path):
            entry += (os.readlink(path), status.st_mtime_ns, status.st_ctime_ns)
        elif not os.path.isdir(path):
            entry += (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if os.path.isfile(path):
                with open(path, "rb") as stream:
                    entry += (stream.read(),)
        elif depth_times:
            entry += (status.st_mtime_ns, status.st_ctime_ns, status.st_nlink)
        facts[path] = entry
    return facts


def walk(root: str) -> Iterator[str]:
    """Yield ``root`` and everything under it, following no link."""
    yield root
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            yield os.path.join(folder, name)


def outcome(homes: list[str], wanted: object, **options: object) -> tuple[list[str], list[links.AccountReport]]:
    """Run ``validate_all``; return failures and reports, whether it raised or not."""
    try:
        return [], links.validate_all(homes, wanted, **options)  # type: ignore[arg-type]  # any option, any value
    except links.SharedSymlinkError as error:
        return error.failures, error.reports


def texts(home: str) -> dict[str, str]:
    """Return the text of every link in ``home``."""
    return {entry.name: os.readlink(entry.path) for entry in os.scandir(home) if entry.is_symlink()}


def as_owner(homes: list[str], root: str, **options: Any) -> tuple[list[str], list[links.AccountReport]]:
    return outcome(homes, required(root), **{"owner": some_user().pw_name, **options})


def in_the_name_of_the_owner(work: Callable[[], Any]) -> None:
    """Do ``work`` as that user would, in a process of that user."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(some_user().pw_gid)
            os.setuid(some_user().pw_uid)
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
