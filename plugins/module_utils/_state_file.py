# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write Claude Code's state file, ``.claude.json``.

The content of a file is never part of a text.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any, NamedTuple, NoReturn

STATE_FILE = ".claude.json"
OLD_STATE_FILE = ".config.json"
"""Name of what Claude Code reads instead, if a home has it (2.1.78 to 2.1.332; that one not if it is empty)."""
MAXIMUM_BYTES = 64 << 20


class StateFileError(Exception):
    """The state file has an unexpected kind or content and is left alone; the text quotes nothing of it."""


class StateFile(NamedTuple):
    """Content and status of a state file at the time of reading."""

    raw: bytes
    status: os.stat_result


def read_state_file(home: str) -> StateFile | None:
    """Return the state file, None if there is none. Raises StateFileError, OSError."""
    return read_regular(os.path.join(home, STATE_FILE))


def home_state_path(home: str, shared_file: str | None) -> str:
    """Return the path of a home's state file: ``shared_file`` where the home has a link with that text."""
    path = os.path.join(home, STATE_FILE)
    if shared_file and os.path.islink(path) and os.readlink(path) == shared_file:
        return shared_file
    return path


def read_regular(path: str) -> StateFile | None:
    """Return a regular file of the user's, None if there is none. Raises StateFileError, OSError."""
    try:
        # The check before opening keeps devices closed; the flags refuse a link or FIFO planted since.
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            raise StateFileError(
                f"{path} is {'a link' if stat.S_ISLNK(kind) else 'no regular file'}; it is left as it is"
            )
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StateFileError(f"{path} is no regular file; it is left as it is")
        raw = stream.read(MAXIMUM_BYTES + 1)
        if len(raw) > MAXIMUM_BYTES:
            raise StateFileError(f"{path} has more than {MAXIMUM_BYTES >> 20} MiB; it is left as it is")
        return StateFile(raw, status)


def parse_state(raw: bytes) -> dict[str, Any]:
    """Return the object that a state file holds. Raises StateFileError, whose text quotes nothing of it."""
    try:
        data = json.loads(raw, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        # Not chained: the error holds the content.
        raise StateFileError(f"{STATE_FILE} is not valid JSON; it is left as it is") from None
    if not isinstance(data, dict):
        raise StateFileError(f"{STATE_FILE} is not a JSON object; it is left as it is")
    return data


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


def state_bytes(data: dict[str, Any]) -> bytes:
    """Return the content of a state file. Raises StateFileError for content that would not survive the rewrite."""
    try:
        # ASCII escapes, because lone surrogates have no UTF-8 form.
        return json.dumps(data, indent=2, allow_nan=False).encode("ascii")
    except (ValueError, RecursionError):
        raise StateFileError(
            f"{STATE_FILE} holds something that cannot be written again; it is left as it is"
        ) from None
