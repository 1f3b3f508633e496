# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put ``oauthAccount`` of a home's ``.claude.json`` back, where a login to another account has replaced it.

Homes can share the file by a link (Claude Code keeps the link, 2.1.84 to 2.1.332). The entry holds no token; running
sessions read it again when the file changes, and send it with every request.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from ..storage.files import write_atomic
from ..storage.regular_file import read_regular
from .home_file import HOME_FILE, read_home_file

KEY = "oauthAccount"
LOCK_WAIT = 5.0  # seconds that another process's lock of the file is waited for
_POLL = 0.05


def read_entry(home: str) -> dict[str, Any] | None:
    """Return the entry of a home's file as it stands there; None where there is none."""
    found = read_home_file(home).get(KEY)
    return found if isinstance(found, dict) else None


def put_back(home: str, entry: dict[str, Any], replaced: dict[str, Any]) -> bool:
    """Write ``entry`` to a home's file, if ``replaced`` stands there; return whether it did.

    Everything else in the file stays, and so does a link in its place. Raises OSError, ValueError (no JSON object).
    """
    path = os.path.join(home, HOME_FILE)
    with _locked(path):
        document = json.loads(read_regular(path))
        if not isinstance(document, dict):
            raise ValueError("found no JSON object")
        if document.get(KEY) != replaced:
            return False
        document[KEY] = entry
        target = os.path.realpath(path)
        # Escapes, so that lone surrogates stay what they are.
        write_atomic(target, json.dumps(document, indent=2).encode(), os.stat(target).st_mode & 0o777)
    return True


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold the lock that Claude Code takes while it writes the file. Raises TimeoutError where another one holds it."""
    lock, end = path + ".lock", time.monotonic() + LOCK_WAIT
    while True:
        try:
            os.mkdir(lock)
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise TimeoutError(f"{lock} is held by another process") from None
            time.sleep(_POLL)
    try:
        yield
    finally:
        os.rmdir(lock)
