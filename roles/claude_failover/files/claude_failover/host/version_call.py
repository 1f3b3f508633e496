# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a program for its version: with no terminal, no input, for a bounded time."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import subprocess
import time

from ..claude import versions
from ..common.text import decoded, printable

TIMEOUT = 30.0  # seconds
_MOST = 4096  # bytes


def version_of(program: str, path: str) -> str | None:
    """Return the version that ``program --version`` prints, with ``path`` as its PATH; None for no version."""
    output, writing = os.pipe()
    try:
        try:
            child = subprocess.Popen(
                [program, "--version"],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.DEVNULL,
                env=_environment(path),
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError):
            return None
        finally:
            os.close(writing)
        try:
            text = printable(decoded(_first_line(output))).strip()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    finally:
        os.close(output)
    found = versions.numbers(text) if text.endswith("(Claude Code)") else None
    return ".".join(map(str, found)) if found else None


def _first_line(output: int) -> bytes:
    """Return the first line of a child's output, a descriptor, as much of it as there is at the bounds."""
    end, said = time.monotonic() + TIMEOUT, b""
    while b"\n" not in said and len(said) < _MOST:
        ready, _writable, _failed = select.select([output], [], [], max(0.0, end - time.monotonic()))
        chunk = os.read(output, _MOST) if ready else b""
        if not chunk:
            break
        said += chunk
    return said.partition(b"\n")[0]


def _environment(path: str) -> dict[str, str]:
    environment = {"PATH": path, "LANG": "C.UTF-8", "DISABLE_AUTOUPDATER": "1"}
    try:
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        return environment
    return {**environment, "HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
