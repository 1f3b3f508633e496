# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which files of a home that shared settings name are missing in another home, without I/O.

Only the name of a file that is there is part of a text, nothing else of a command.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    FILE,
    FOLDER,
    LINK,
    MISSING,
    AdoptionError,
    AdoptionRequest,
    View,
)
from ansible_collections.secuaas.claude.plugins.module_utils._home_scripts import PERMISSION_EVENTS, called_files
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import StateFileError, parse_state

_HOOKS = "hooks"
"""The folder that such files can lie in where the homes share it."""


def script_notices(request: AdoptionRequest, view: View, contents: Iterable[bytes]) -> list[str]:
    """Return a notice for each file that one home has and another lacks, those of hooks that can refuse first.

    ``contents``: what the settings and the state file hold that the homes share.
    """
    shared = {link.name for link in request.links}
    calls: dict[str, bool] = {}
    for content in contents:
        for name, guards in _called(content, request.active_link).items():
            if name.partition("/")[0] not in shared:
                calls[name] = calls.get(name, False) or guards
    place = os.path.join(request.active_link, _HOOKS)
    inside = f", or to {place}, which all accounts share" if _HOOKS in shared else ""
    mend = f"move it to a folder outside of the homes{inside}, and correct its path where it is named"
    notices = []
    for name, guards in sorted(calls.items(), key=lambda item: not item[1]):
        kinds = {home: _kinds(request, view, home, name) for home in request.homes}
        owners = [home for home, found in kinds.items() if {FILE, LINK} & found]
        missing = ", ".join(home for home, found in kinds.items() if found == {MISSING})
        if not owners or not missing:
            continue
        named = "a command of the settings or an MCP server names it"
        effect = ""
        if guards:
            named = f"a hook for {' or '.join(PERMISSION_EVENTS)} calls it"
            effect = ": after a switch there, what it denies can be let through"
        notices.append(f"{owners[0]}/{name}: {named}, and it is missing in {missing}{effect}; {mend}")
    return notices


def _called(content: bytes, active_link: str) -> dict[str, bool]:
    try:
        return called_files(parse_state(content or b"{}"), active_link)
    except StateFileError:
        return {}


def _kinds(request: AdoptionRequest, view: View, home: str, name: str) -> set[str]:
    """Return the kinds of what a home has by a name; those of the home in use are the first account's."""
    in_use = home == request.homes[0] and view.kind(request.active_link) == FOLDER
    folders = [request.active_link, home] if in_use else [home]
    try:
        return {view.kind(os.path.join(folder, name)) for folder in folders}
    except AdoptionError:  # such as for a name that is too long
        return set()
