# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which of a person's entries the accounts of a host share."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import shared_links as links_by_name
from ansible_collections.secuaas.claude.plugins.plugin_utils._yaml_mapping import read_mapping

DOCUMENTATION = r"""
name: claude_failover_sharing
author:
  - secuaas.claude contributors (@secuaas)
short_description: Decide which of a person's entries the accounts of a host share
version_added: 0.4.0
description:
  - Decides by C(claude_failover_shared_settings) of the role P(secuaas.claude.claude_failover#role).
  - Written for that role.
  - V(auto) shares them where no home has an entry of its own, and where the host shares them already. A home that has
    one there is then divergent, as it is with V(true).
  - Where V(auto) does not share them, C(sessions) alone is shared as earlier releases of the role did, which is with
    the default of the other links and where no home has its own.
positional: _input
options:
  _input:
    description: The setting, V(auto), V(true) or V(false).
    type: raw
    required: true
  links:
    description: The links to the person's entries, each with C(name), C(kind) and C(target).
    type: list
    elements: dict
    required: true
  shared_links:
    description: The other shared links, names or dictionaries. An entry that they name is theirs.
    type: list
    elements: raw
    required: true
  shared_root:
    description: The folder of the usual targets.
    type: str
    required: true
  facts:
    description:
      - What the role has found on the host. C(own=PATH) is an entry of a home's own, C(looked) says that the look at
        the homes came to its end, C(user) that there is a user whose homes they can be.
    type: list
    elements: str
    default: []
  installed:
    description: The text of the installed configuration. Empty on a host without one.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Show what the accounts of a host share beside their conversations
  ansible.builtin.debug:
    msg: "{{ (true | secuaas.claude.claude_failover_sharing(entries, ['projects'], shared_root='/srv')).links }}"
"""

RETURN = r"""
_value:
  description: The decision.
  type: dict
  contains:
    links:
      description: The links to add to the others, names or dictionaries.
      type: list
      elements: raw
    divergent:
      description: Whether the entries are shared although a home has one of its own.
      type: bool
    told:
      description: Why V(auto) does not share the entries, and what is to be done. Empty where it does.
      type: list
      elements: str
"""

_USUAL_NAMES = ["session-env", "file-history", "projects"]
"""The role's default of the other links."""
_SESSIONS = "sessions"
"""The entry that earlier releases of the role shared."""
_SETTING = "claude_failover_shared_settings"


def decide_sharing(
    setting: Any,
    links: Sequence[Mapping[str, Any]],
    shared_links: Sequence[Any],
    shared_root: str,
    facts: Sequence[str] = (),
    installed: str = "",
) -> dict[str, Any]:
    """Return the ``links`` to add, whether they are ``divergent``, and what is ``told``.

    Raises AnsibleFilterError for an impossible setting.
    """
    wanted = str(setting).lower()
    if wanted not in ("auto", "true", "false"):
        raise AnsibleFilterError("%s is %r; expected auto, true or false" % (_SETTING, setting))
    named = [link.get("name") if isinstance(link, Mapping) else link for link in shared_links]
    entries = [dict(link) for link in links if link["name"] not in named]
    if wanted == "false":
        return {"links": [], "divergent": False, "told": []}
    before = links_by_name(read_mapping(installed) or {})
    reason = "" if wanted == "true" else _reason_against(entries, shared_root, facts, set(before))
    if not reason:
        own = _own_paths(facts, [entry["name"] for entry in entries])
        return {"links": entries, "divergent": bool(own), "told": []}
    shares_sessions = list(shared_links) == _USUAL_NAMES and (
        _SESSIONS in before or ("looked" in facts and not _own_paths(facts, [_SESSIONS]))
    )
    told = ["%s is auto, and off: %s" % (_SETTING, reason)]
    return {"links": [_SESSIONS] if shares_sessions else [], "divergent": False, "told": told}


def _reason_against(
    entries: Sequence[Mapping[str, Any]], shared_root: str, facts: Sequence[str], before: set[str]
) -> str:
    """Return why the entries are not shared, with the way to it; an empty text where they are."""
    if posixpath.normpath(shared_root).strip("/") == "":
        return "shared files would lie in /. Choose another claude_failover_shared_root."
    files = {entry["name"] for entry in entries if entry["kind"] == "file"}
    if "user" not in facts or (files and files <= before):
        return ""
    if "looked" not in facts:
        return (
            "the look at the homes, in the name of their user, did not come to its end within 30 s, so they may have "
            "entries of their own. See that this user can enter them, and that setpriv works, and run the role again."
        )
    own: dict[str, list[str]] = {}
    for path in _own_paths(facts, [entry["name"] for entry in entries]):
        folder, name = posixpath.split(path)
        own.setdefault(folder, []).append(name)
    if not own:
        return ""
    return (
        "%s. Each is left as it is. The playbook secuaas.claude.adopt (playbooks/adopt.yml) brings the homes together "
        "once the sessions in them have ended, and loses nothing; the accounts share all of it afterwards."
    ) % "; ".join("%s has its own %s" % (folder, ", ".join(names)) for folder, names in own.items())


def _own_paths(facts: Sequence[str], names: Sequence[str]) -> list[str]:
    paths = [fact.partition("=")[2] for fact in facts if fact.startswith("own=")]
    return [path for path in paths if posixpath.basename(path) in names]


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_sharing": decide_sharing}
