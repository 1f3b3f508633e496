# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release's own look at this host, in the name of the daemon's user: whether its daemon could start here."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_python import run_program
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError, find_user, run_as

_KEYS = ("name", "level", "found", "expected", "mend", "path")
_TIMEOUT = 60.0
_MAXIMUM = 1000
"""Findings that are kept."""


class HostError(ReleaseError):
    """The daemon could not start on this host; ``result`` is that of the module, with what it would have changed."""

    def __init__(self, result: dict[str, Any]) -> None:
        lines = [finding["text"] for finding in result["conditions"] if finding["level"] == "error"]
        super().__init__("\n- ".join(["The daemon could not start on this host; nothing was changed.", *lines]))
        self.result = result


def look_at_host(python: str, library: str, text: bytes, owner: str) -> list[dict[str, str]]:
    """Return what the release in ``library`` finds wrong for a daemon of ``owner`` with the configuration ``text``.

    An owner who is still to be made has nothing on the host. Raises ReleaseError where the look cannot be taken.
    """
    user = find_user(owner)
    if user is None:
        return []
    command = [python, "-I", "-B", library, "check-config", "--host", "--no-programs", "--json", "-"]
    try:
        _code, out, err = run_as(user, lambda: run_program(command, text, _TIMEOUT))
    except RunAsError as error:
        raise ReleaseError("The host could not be looked at as %s: %s" % (user.pw_name, error)) from error
    try:
        checks = json.loads(out)["checks"]
        rows = [{key: escaped(row[key]) for key in _KEYS} for row in checks[:_MAXIMUM] if row["level"] != "ok"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ReleaseError(
            "The host could not be looked at as %s: found an answer that is none of check-config; expected JSON. %s"
            % (user.pw_name, escaped((err or out)[:500]))
        ) from None
    return [{**row, "text": "{found}; expected {expected}. To mend it: {mend}".format(**row)} for row in rows]
