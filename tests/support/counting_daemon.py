# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the daemon and note each of its writes and flushes: ``counting_daemon.py FILE ARGUMENT…``.

FILE gets a line for each: ``fsync NAME`` (of a temporary file the name of its document), ``write NAME`` (a document is
replaced) or ``rename NAME`` (a link is).
"""

from __future__ import annotations

import os
import sys
from typing import Any

FSYNC, REPLACE, RENAME, WRITE = os.fsync, os.replace, os.rename, os.write


def install(path: str) -> None:
    """Note the calls from now on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(kind: str, name: str) -> None:
        WRITE(descriptor, f"{kind} {os.path.basename(name)}\n".encode())

    def fsync(number: int) -> None:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{number}"))
        note("fsync", name[1:].rpartition(".")[0] if name.startswith(".") else name)
        FSYNC(number)

    def replace(old: str, new: str, **options: Any) -> None:
        note("write", new)
        REPLACE(old, new, **options)

    def rename(old: str, new: str, **options: Any) -> None:
        note("rename", new)
        RENAME(old, new, **options)

    os.fsync, os.replace, os.rename = fsync, replace, rename


if __name__ == "__main__":
    install(sys.argv[1])
    from claude_failover import __main__ as program

    sys.exit(program.main(sys.argv[2:]))
