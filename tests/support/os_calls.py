# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of a process's calls of the operating system by the functions of ``os``, for tests where no strace is."""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

#: The functions of ``os`` that ask or change the file system, each one system call.
CALLS = (
    *("access", "chmod", "chown", "close", "fchmod", "fchown", "fstat", "fsync", "lchown", "link", "listdir", "lstat"),
    *("mkdir", "open", "readlink", "rename", "replace", "rmdir", "scandir", "stat", "statvfs", "symlink", "unlink"),
)


@contextlib.contextmanager
def counted() -> Iterator[collections.Counter[str]]:
    """Count the calls made inside, by name of the function."""
    found: collections.Counter[str] = collections.Counter()

    def counting(name: str, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            found[name] += 1
            return function(*arguments, **options)

        return call

    with contextlib.ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(mock.patch.object(os, name, counting(name, getattr(os, name))))
        yield found
