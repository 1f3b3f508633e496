# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the Python of the releases: byte-compile, validate a configuration, probe a module."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import BinaryIO

from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import ReleaseError

_COMPILE_TIMEOUT = 300.0
_CHECK_TIMEOUT = 60.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def compile_library(python: str, library: str, final: str) -> None:
    """Byte-compile the folder ``library``; tracebacks will show the folder ``final``. Raises ReleaseError."""
    command = [
        python,
        "-I",
        "-m",
        "compileall",
        "-q",
        "-f",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        library,
        "-p",
        final,
        library,
    ]
    code, _out, err = run_program(command, b"", _COMPILE_TIMEOUT)
    if code != 0:
        raise ReleaseError("%s cannot byte-compile the release: %s" % (python, err))


def config_problem(python: str, library: str, text: bytes) -> str | None:
    """Validate a configuration with the release in ``library``; return its refusal, None for a valid one.

    Raises ReleaseError where the release cannot be run.
    """
    code, out, err = run_program([python, "-I", "-B", library, "check-config", "-"], text, _CHECK_TIMEOUT)
    return None if code == 0 else (err or out or "exit code %d" % code)


def can_import(python: str, module: str) -> bool:
    """Return True if the Python of the releases finds ``module``. Raises ReleaseError."""
    return run_program([python, "-I", "-c", "import " + module], b"", _CHECK_TIMEOUT)[0] == 0


def run_program(command: Sequence[str], text: bytes, timeout: float) -> tuple[int, str, str]:
    """Run a program with a fixed environment and no terminal; return exit code, standard output and standard error.

    ``text`` is its standard input, ``timeout`` is in seconds: after it the program and what it has started in its
    process group are killed. Its PATH is that of a unit. Raises ReleaseError.
    """
    # In memory and not through pipes: a process that the program leaves behind would keep them open.
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(os.fdopen(os.memfd_create(name), "w+b")) for name in ("in", "out", "err")]
        streams[0].write(text)
        for stream in streams:
            stream.seek(0)
        # The kernel keeps no exit code where SIGCHLD is ignored, as a module can inherit it.
        stack.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL))
        try:
            code = asyncio.run(_exit_code(command, streams, timeout))
        except asyncio.TimeoutError as error:
            raise ReleaseError("%s did not end within %g s" % (" ".join(command), timeout)) from error
        except OSError as error:
            raise ReleaseError("%s cannot be started: %s" % (command[0], error)) from error
        for stream in streams:
            stream.seek(0)
        out, err = (stream.read().decode("utf-8", "replace").strip() for stream in streams[1:])
    return code, out, err


async def _exit_code(command: Sequence[str], streams: Sequence[BinaryIO], timeout: float) -> int:
    # Not by AnsibleModule.run_command, which has no timeout and adds to the environment of the module.
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        return await asyncio.wait_for(process.wait(), timeout)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
