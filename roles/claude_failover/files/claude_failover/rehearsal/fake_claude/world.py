# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the response for each account from a file that a test or a rehearsal replaces.

The file, named by ``CLAUDE_FAKE_WORLD``::

    {"accounts": {"A": {"mode": "limit", "claim": "five_hour", "resets_at": 1795383393, "refresh": "ok"}}}

``mode`` is ``ok``, ``limit`` (``claim`` as the API names it, ``resets_at`` epoch seconds), ``throttle``,
``overloaded``, ``unauthorized``, ``warning`` (``claim``, ``utilization``), ``tool`` (``command``), ``slow``
(``seconds``) or ``hold`` (no answer until the mode is another one). ``refresh`` is ``ok``, ``invalid_grant`` or
``hold``; ``used`` maps a window to the fraction used; ``answer`` is the text of all answers. A prompt may contain
``[[tool COMMAND]]`` or ``[[slow SECONDS]]``. The default mode is ``ok``.

Requests are logged to ``requests.jsonl`` in the same folder, with the account's tag, never its token.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

WORLD_VARIABLE = "CLAUDE_FAKE_WORLD"
DIRECTIVE = re.compile(r"\[\[(tool|slow) (.*?)\]\]")


class World:
    """The world file at ``path`` (absolute); None: every account is ``ok``."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def account(self, tag: str) -> dict[str, Any]:
        """Return the current entry of an account. Raises OSError and ValueError for an unusable file."""
        if self.path is None:
            return {"mode": "ok"}
        with open(self.path, encoding="utf-8") as stream:
            found = json.load(stream).get("accounts", {}).get(tag, {})
        return {"mode": "ok", **found}

    def log(self, record: dict[str, Any]) -> None:
        """Append a record to the log of requests in one write."""
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
    """Return the directive in a prompt (``tool`` or ``slow``, and its argument), or None."""
    found = DIRECTIVE.search(prompt)
    return (found.group(1), found.group(2)) if found else None
