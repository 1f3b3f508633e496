# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which deny rules an adoption leaves out of force, without I/O; a rule is never part of a text."""

from __future__ import annotations

import json

from ansible_collections.secuaas.claude.plugins.module_utils._state_file import StateFileError, parse_state

SETTINGS_FILE = "settings.json"


def deny_notice(path: str, content: bytes, kept_path: str, kept: bytes) -> str:
    """Return a notice if the settings that are kept at ``kept_path`` deny what those at ``path`` do not, or ""."""
    try:
        if _denied(kept) <= _denied(content):
            return ""
        told = f"these are not in {path}, which is used; add them there"
    except StateFileError:
        told = f"it or {path}, which is used, is not valid; compare the two"
    return f"{kept_path}: its deny rules are not in force: {told}"


def _denied(content: bytes) -> set[str]:
    permissions = parse_state(content or b"{}").get("permissions")
    rules = permissions.get("deny") if isinstance(permissions, dict) else None
    return {json.dumps(rule) for rule in rules} if isinstance(rules, list) else set()
