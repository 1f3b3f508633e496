# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live host: the configuration that it has, the one that it is to have, and facts about what is there."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    SharedSymlink,
    SharedSymlinkError,
    required_links,
)

Document = Mapping[str, Any]


class WantedHost(NamedTuple):
    """The configuration that a host is to have, and the user and group of the units."""

    config: Document
    user: str
    group: str


class LiveHost(NamedTuple):
    """The configuration that a host has, and ``facts`` as the role's look prints them: ``key=value`` or a word."""

    config: Document
    facts: Sequence[str]

    def fact(self, key: str) -> str:
        """Return the value of a fact, empty for one that is not there."""
        start = key + "="
        return next((fact[len(start) :] for fact in self.facts if fact.startswith(start)), "")


def rows(config: Document, key: str) -> list[Document]:
    """Return a list of dictionaries of a configuration, without what is none."""
    found = config.get(key)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, (list, tuple)) else []


def section(config: Document, key: str) -> Document:
    """Return a dictionary of a configuration, empty for none."""
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def homes(config: Document) -> dict[str, str]:
    """Return the home of each account, by its name, in the order of preference."""
    return {str(row.get("name")): str(row.get("home")) for row in rows(config, "accounts")}


def shared_links(config: Document) -> dict[str, SharedSymlink]:
    """Return the shared links by their name; none where they are invalid, which the module that makes them tells."""
    try:
        links = [{"name": link} if isinstance(link, str) else link for link in config.get("shared_links") or []]
        return {link.name: link for link in required_links(config.get("shared_root") or "", links)}
    except (SharedSymlinkError, LookupError, TypeError, AttributeError):
        return {}


def is_same_path(one: object, other: object) -> bool:
    """Return whether two spellings are of one path."""
    return _normalized(one) == _normalized(other)


def link_is_moved(live: LiveHost, wanted: WantedHost) -> bool:
    """Return whether the configurations have different active links."""
    return not is_same_path(live.config.get("active_link"), wanted.config.get("active_link"))


def home_for_new_link(live: LiveHost, wanted: WantedHost) -> str:
    """Return the home that a changed active link is to lead to: the active account's; empty without such a link."""
    if not link_is_moved(live, wanted) or "free" not in live.facts:
        return ""
    active = live.fact("active")
    return next((home for home in homes(wanted.config).values() if is_same_path(home, active)), "")


def places(config: Document) -> list[str]:
    """Return what of a configuration has to be looked at on its host, as arguments of the role's script.

    They are the active link, the number of homes, the homes, and the paths of the shared links in them.
    """
    found = list(homes(config).values())
    links = [posixpath.join(home, name) for home in found for name in shared_links(config)]
    return [str(config.get("active_link") or ""), str(len(found)), *found, *links] if found else []


def _normalized(path: object) -> str:
    return "/" + posixpath.normpath(str(path)).lstrip("/")
