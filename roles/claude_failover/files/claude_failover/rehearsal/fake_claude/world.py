# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each account gets: read from a file that a test or a rehearsal replaces, instead of asking an API.

The file, named by ``CLAUDE_STANDIN_WORLD``::

    {"accounts": {"A": {"mode": "limit", "claim": "five_hour", "resets_at": 1795383393, "refresh": "ok"}}}

``mode`` is ``ok``, ``limit`` (``claim`` as the API names it, ``resets_at`` epoch seconds), ``throttle``,
``overloaded``, ``unauthorized``, ``warning`` (``claim``, ``utilization``), ``tool`` (``command``), ``slow``
(``seconds``) or ``hold`` (no answer until the mode is another one). ``refresh`` is ``ok``, ``invalid_grant`` or
``hold``; ``used`` maps a window to the fraction used. A prompt can ask for ``[[tool COMMAND]]`` or
``[[slow SECONDS]]``.
An account that is not named is ``ok``, and so is every one where there is no file.

Requests are logged to ``requests.jsonl`` in the same folder, by the account's tag and never by its token.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

VARIABLE = "CLAUDE_STANDIN_WORLD"
DIRECTIVE = re.compile(r"\[\[(tool|slow) (.*?)\]\]")


class World:
    """The file at ``path`` (absolute), or none."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def account(self, tag: str) -> dict[str, Any]:
        """Return what the account gets now. Raises OSError and ValueError for a file that cannot be used."""
        if self.path is None:
            return {"mode": "ok"}
        with open(self.path, encoding="utf-8") as stream:
            found = json.load(stream).get("accounts", {}).get(tag, {})
        return {"mode": "ok", **found}

    def log(self, record: dict[str, Any]) -> None:
        """Add a record to the log of requests, in one write."""
        if self.path is None:
            return
        line = json.dumps({"time": time.time(), **record}) + "\n"
        path = os.path.join(os.path.dirname(self.path), "requests.jsonl")
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def directive(prompt: str) -> tuple[str, str] | None:
    """Return what a prompt asks for (``tool`` or ``slow``, and its argument), or None."""
    found = DIRECTIVE.search(prompt)
    return (found.group(1), found.group(2)) if found else None
