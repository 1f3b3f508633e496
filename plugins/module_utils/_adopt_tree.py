# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the merge of one tree of files into another, without I/O.

1. An entry whose path is free in the target is copied: folders with their mode, links with their text. A relative link
   that leads out of its tree gets the absolute path that it leads to; one that leads back in stays inside.
2. Of two files the longer one stays if the other is its beginning.
3. Otherwise both stay: the second gets a name of its own beside the first, ``<name>.kept-<label>``.

Nothing of the source is changed, and no byte of the target is lost. Once the steps are done, the same merge has none.
"""

from __future__ import annotations

import hashlib
import os
from typing import Callable

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    CLEAR,
    COPY,
    EXTEND,
    EXTENSION,
    FILE,
    FOLDER,
    LINK,
    MAKE_FOLDER,
    MAKE_LINK,
    OTHER,
    PREFIX,
    SAME,
    TEMPORARY,
    Node,
    Plan,
    Step,
    Tree,
    View,
)

_NAME_BYTES = 255
_DIGEST = 12  # characters


def merge_plan(source: Tree, target_root: str, target: Tree, label: str, relation: Callable[[str, str], str]) -> Plan:
    """Return the steps that bring ``source`` into ``target``, which then shows the result.

    ``relation`` compares the content of two files, see ``View.relation``.
    """
    steps = [Step(CLEAR, os.path.join(target_root, path)) for path in target if os.path.basename(path) == TEMPORARY]
    for step in steps:
        del target[os.path.relpath(step.path, target_root)]
    notices = []
    places = {"": ""}
    for path, entry in source.items():
        node = _portable(path, entry)
        parent, name = os.path.split(path)
        if name == TEMPORARY:
            continue
        if node.kind == OTHER or parent not in places:
            notices.append(f"{node.origin}: neither file, folder nor link; it stays with the original")
            continue
        place = wanted = os.path.join(places[parent], name)
        action = _next_action(node, target.get(place), relation)
        while action is None:
            place = os.path.join(os.path.dirname(place), beside(os.path.basename(place), label))
            action = _next_action(node, target.get(place), relation)
        if place != wanted:
            notices.append(
                f"{os.path.join(target_root, wanted)}: found another one in {node.origin}, which is kept as"
                f" {os.path.join(target_root, place)}"
            )
        if action:
            steps.append(Step(action, os.path.join(target_root, place), node.text or node.origin))
            target[place] = node
        if node.kind == FOLDER:
            places[path] = place
    return Plan(steps, notices)


def file_merge(view: View, source: str, target: str) -> tuple[Tree, str, Tree]:
    """Return what merges a file into a file of another name: source, target root and target of ``merge_plan``."""
    root, name = os.path.split(target)
    there = {entry: node for entry, node in view.listing(root).items() if entry != TEMPORARY}
    return {name: Node(FILE, source)}, root, there


def kept_beside(tree: Tree, name: str) -> list[str]:
    """Return the names of the files that were kept beside the file ``name`` of a folder."""
    kinds = {entry: node.kind for entry, node in tree.items() if "/" not in entry}
    kept = [entry for entry, kind in kinds.items() if entry.startswith(f"{name}.kept-") and kind == FILE]
    return kept if kinds.get(name) == FILE else []


def _portable(path: str, node: Node) -> Node:
    """Return the node with a text that leads to the same place from wherever its tree is."""
    if node.kind != LINK or os.path.isabs(node.text):
        return node
    root = node.origin[: -len(path)]
    folder = os.path.dirname(node.origin)
    leads_to = os.path.normpath(os.path.join(folder, node.text))
    if not f"{leads_to}/".startswith(root):
        return node._replace(text=leads_to)
    inside = os.path.relpath(leads_to, folder)
    return node if os.path.normpath(node.text) == inside else node._replace(text=inside)


def _next_action(node: Node, there: Node | None, relation: Callable[[str, str], str]) -> str | None:
    """Return the action that puts a node where ``there`` is, an empty text for none, None if both have to stay."""
    if there is None:
        return {FOLDER: MAKE_FOLDER, FILE: COPY, LINK: MAKE_LINK}[node.kind]
    if node.kind != there.kind or node.text != there.text:
        return None
    if node.kind != FILE:
        return ""
    found = relation(node.origin, there.origin)
    if found in (SAME, PREFIX):
        return ""
    return EXTEND if found == EXTENSION else None


def beside(name: str, label: str) -> str:
    """Return a name for the second entry that is called ``name``; a long one is cut and told apart by a digest."""
    whole = f"{name}.kept-{label}"
    raw = os.fsencode(whole)
    if len(raw) <= _NAME_BYTES:
        return whole
    return os.fsdecode(raw[: _NAME_BYTES - _DIGEST - 1]) + "." + hashlib.sha256(raw).hexdigest()[:_DIGEST]
