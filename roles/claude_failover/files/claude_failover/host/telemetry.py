# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of headers with which Claude Code sends its telemetry."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from ..common import json_text
from ..config.model import Config
from ..storage.regular_file import read_regular
from .finding import WARNING, Finding, ok

_MAX_BYTES = 64 << 10
_EXPECTED = 'a file of this user\'s with a JSON object, as {"Authorization": "Bearer …"}, that nobody else can read'


def check_telemetry(config: Config) -> Iterator[Finding]:
    """Look at ``telemetry.headers_file``: it is there, private, and holds headers. Nothing of it is told."""
    path = config.telemetry.headers_file
    if path is None:
        return
    yield _told(path) or _unusable(path) or ok("telemetry", f"the headers of the telemetry are in {path}")


def _told(path: str) -> Finding | None:
    """Return that others may read or change the file, which holds a token; None where they may not."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    foreign, mode = status.st_uid not in (os.geteuid(), 0), stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode) or not (foreign or mode & 0o077):
        return None
    owner = "another user" if foreign else "this user or root"
    text = (
        f"telemetry.headers_file: {path} belongs to {owner}, with the mode {mode:04o}, so its token is told to others"
    )
    return Finding("telemetry", WARNING, text, _EXPECTED, f"chmod 0600 {shlex.quote(path)}, as its owner")


def _unusable(path: str) -> Finding | None:
    """Return why the file holds no headers; None where it holds some."""
    found, mend = _problem(path)
    if found is None:
        return None
    text = f"telemetry.headers_file: {path} {found}, so the sessions' telemetry is not taken"
    return Finding("telemetry", WARNING, text, _EXPECTED, mend or f"write the headers to {path} anew")


def _problem(path: str) -> tuple[str | None, str | None]:
    """Return what is wrong with the file, and the command that mends it; None each where there is none."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "is no regular file", None
        headers = json_text.parse(read_regular(path, _MAX_BYTES))
    except OSError as error:
        return f"cannot be read ({error.strerror})", f"ls -l {shlex.quote(path)}"
    except json_text.JsonError:
        headers = None
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        return "holds no JSON object of texts", None
    return None, None
