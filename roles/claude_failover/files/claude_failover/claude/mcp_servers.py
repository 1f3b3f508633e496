# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the MCP servers in ``.claude.json``, in settings and in the ``.mcp.json`` of a project, by name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .home_entries import read_object
from .login_settings import project_settings

Document = Mapping[str, Any]
Named = Mapping[tuple[str, str], Any]  # by name and folder of the project, "" for the user


def projects(state: Document) -> Iterator[tuple[str, Document]]:
    """Yield the folder of each project in a ``.claude.json``, and what stands there of it."""
    for folder, row in _object(state.get("projects")).items():
        if isinstance(row, dict):
            yield folder, row


def own_servers(state: Document) -> Named:
    """Return the servers of a ``.claude.json``: the user's, and the user's in one project."""
    rows = [("", state), *projects(state)]
    return {(name, folder): row for folder, item in rows for name, row in _object(item.get("mcpServers")).items()}


def remote_names(state: Document, settings: Document) -> set[str]:
    """Return the servers of a home to which one can be logged in, as far as its own files name them.

    A server of a project's ``.mcp.json`` is known by the approval of it, one of a plugin by the plugin.
    """
    found = {name for (name, _folder), row in own_servers(state).items() if _is_remote(row)}
    for row in (settings, *(row for _folder, row in projects(state))):
        found.update(_approved(row))
    return found


def project_names(folder: str, approvals: Iterable[Document]) -> set[str]:
    """Return the servers in the ``.mcp.json`` of a session's folder, and of those above it, that are approved.

    ``approvals``: settings and rows of `projects` that hold in the folder, beside the project's own settings.
    """
    folders = [folder]
    while os.path.dirname(folders[-1]) != folders[-1]:
        folders.append(os.path.dirname(folders[-1]))
    rows = [*approvals, *(read_object(path).content for path in project_settings(folder))]
    every = any(row.get("enableAllProjectMcpServers") is True for row in rows)
    approved = {name for row in rows for name in _approved(row)}
    refused = {name for row in rows for name in _texts(row.get("disabledMcpjsonServers"))}
    found: set[str] = set()
    for path in folders:
        servers = _object(read_object(os.path.join(path, ".mcp.json")).content.get("mcpServers"))
        found.update(name for name, row in servers.items() if _is_remote(row))
    return {name for name in found - refused if every or name in approved}


def is_of_a_plugin(name: str, settings: Document) -> bool:
    """Return whether a server is one of a plugin that the settings enable: ``plugin:<plugin>:<server>``."""
    kind, _separator, rest = name.partition(":")
    plugins = {key.partition("@")[0] for key, on in _object(settings.get("enabledPlugins")).items() if on}
    return kind == "plugin" and rest.partition(":")[0] in plugins


def _approved(row: Document) -> list[str]:
    return _texts(row.get("enabledMcpjsonServers"))


def _is_remote(server: object) -> bool:
    return isinstance(server, dict) and isinstance(server.get("url"), str)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
