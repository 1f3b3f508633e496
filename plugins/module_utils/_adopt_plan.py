# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the adoption of a machine in use, without I/O: every decision, from a view of the disk to a list of steps.

In the order of the steps, where ``~/.claude`` stands for the active link and ``HOME`` for the first account's home:

1. In ``~/.claude``, if it is a folder, and in every account home, for each link: what is in its place is copied to its
   target; the copy is verified; a folder is renamed to a dated name, a file gets a second, dated name; the link takes
   its place.
2. ``.claude.json`` of the home is made from ``~/.claude.json`` (and from that of ``HOME``, if both homes exist). If the
   homes share it, its target is made of those of all homes instead, and each is replaced by the link.
3. Targets and links that are still missing are made.
4. If ``~/.claude`` and ``HOME`` are both folders, the files of ``HOME`` are copied into ``~/.claude``; the copy is
   verified; the login of ``HOME`` is moved; ``HOME`` is renamed to a dated name.
5. ``~/.claude`` is renamed to ``HOME``, and becomes a link to it.
6. ``~/.claude.json`` gets a second, dated name, and is replaced by a link to ``.claude/.claude.json``, or to the
   shared file: of two links in a row Claude Code replaces the second one by a file (2.1.332).

Before each step the home is whole for a session that starts then. A run that was interrupted leaves a disk whose plan
is the rest of these steps, and a disk that was adopted has a plan without steps.
"""

from __future__ import annotations

import os

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_problems import adoption_problems
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_scripts import script_notices
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_settings import SETTINGS_FILE, deny_notice
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_state import StateSource, is_equal, merge_sources
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_tree import file_merge, kept_beside, merge_plan
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    ASIDE,
    CLEAR,
    COPY,
    EXTEND,
    FILE,
    FOLDER,
    KEEP,
    LINK,
    MAKE_FILE,
    MAKE_FOLDER,
    MAKE_LINK,
    MISSING,
    MOVE,
    PERSONS_FOLDER,
    REPLACE,
    TEMPORARY,
    VERIFY,
    WRITE,
    AdoptionError,
    AdoptionRequest,
    Plan,
    Step,
    Tree,
    View,
    link_target,
    persons_state_path,
    persons_state_text,
)
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import STATE_FILE, StateFileError
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import (
    CREDENTIALS,
    SharedSymlink,
    first_content,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import FILE as TO_FILE


def plan_adoption(request: AdoptionRequest, view: View) -> Plan:
    """Return the plan of an adoption. Raises AdoptionError with every reason why there is none."""
    problems = adoption_problems(request, view)
    if problems:
        raise AdoptionError(problems)
    return _Planner(request, view).plan()


class _Planner:
    """Collects the steps; ``_planned`` holds the paths that they make.

    ``_trees`` are the targets as the steps leave them, ``_beside`` what is then beside the targets that are files.
    """

    def __init__(self, request: AdoptionRequest, view: View) -> None:
        self._request, self._view = request, view
        self._steps: list[Step] = []
        self._notices: list[str] = []
        self._planned: set[str] = set()
        self._trees: dict[str, Tree] = {}
        self._beside: dict[str, Tree] = {}
        self._first, self._active = request.homes[0], request.active_link
        self._is_in_use = view.kind(self._active) == FOLDER
        self._joins = self._is_in_use and view.kind(self._first) == FOLDER
        self._is_persons = os.path.basename(self._active) == PERSONS_FOLDER
        persons = persons_state_path(self._active)
        self._persons_state = persons if self._is_persons and view.kind(persons) == FILE else ""
        self._shared_state = next((link.target for link in request.links if link.name == STATE_FILE), "")

    def plan(self) -> Plan:
        home = self._current_home()
        written = [os.path.dirname(link.target) for link in self._request.links if link.kind == TO_FILE]
        for folder in dict.fromkeys([home, self._active, os.path.dirname(self._active), *written]):
            if self._view.kind(folder) == FOLDER and TEMPORARY in self._view.names(folder):
                self._add(CLEAR, os.path.join(folder, TEMPORARY))
        if not self._exists(home) and self._persons_state:
            self._add(MAKE_FOLDER, home)
        # The files of the first one keep their names.
        folders = ([self._active] if self._is_in_use else []) + list(self._request.homes)
        folders = [folder for folder in folders if self._exists(folder)]
        for folder in folders:
            for link in self._request.links:
                if link.name != STATE_FILE:
                    self._share(folder, link)
        has_state = self._share_state(home, folders) if self._shared_state else self._bring_state(home)
        for folder in folders:
            for link in self._request.links:
                self._complete(folder, link)
        if self._joins:
            self._join_first_home()
        if self._is_in_use:
            self._add(MOVE, self._first, self._active)
        if self._is_in_use or (self._view.kind(self._active) == MISSING and self._exists(self._first)):
            self._add(MAKE_LINK, self._active, self._first)
        if has_state and self._is_persons:
            self._link_state()
        targets = [link.target for link in self._request.links if link.name in (SETTINGS_FILE, STATE_FILE)]
        scripts = script_notices(self._request, self._view, map(self._content_after, targets))
        return Plan(self._steps, self._deny_notices(folders) + scripts + self._notices)

    def _current_home(self) -> str:
        """Return the path that the active home has until the plan renames it."""
        kind = self._view.kind(self._active)
        if kind == LINK:
            return link_target(self._active, self._view.text(self._active))
        return self._active if kind == FOLDER else self._first

    # ---- Links ---------------------------------------------------------------------------------------------

    def _share(self, folder: str, link: SharedSymlink) -> None:
        """Bring what is in the place of a link to its target, and put the link there."""
        path, target = os.path.join(folder, link.name), link.target
        kind = self._view.kind(path)
        if kind == FOLDER:
            if not self._exists(target):
                self._add(MAKE_FOLDER, target)
            self._merge(path, target, frozenset(), _label(folder))
            self._add(MOVE, self._dated(path), path)
            self._add(MAKE_LINK, path, target)
        elif kind == FILE:
            source, root, beside = file_merge(self._view, path, target)
            merge = merge_plan(source, root, self._beside.setdefault(root, beside), _label(folder), self._view.relation)
            for step in merge.steps:
                self._append(step._replace(private=True))
            self._notices += merge.notices
            self._append(Step(VERIFY, target, path, _label(folder)))
            self._replace(path, target)
        elif kind == LINK and self._view.text(path) != target:
            self._replace(path, target)

    def _complete(self, folder: str, link: SharedSymlink) -> None:
        """Make a link that is missing, and its target first: little is created through a link that leads nowhere."""
        path, target = os.path.join(folder, link.name), link.target
        if not self._exists(path) and self._joins and folder == self._first:
            return
        if not self._exists(target):
            action = MAKE_FILE if link.kind == TO_FILE else MAKE_FOLDER
            self._append(Step(action, target, content=first_content(link.name)))
        if not self._exists(path):
            self._add(MAKE_LINK, path, target)

    def _merge(self, source: str, target: str, left_out: frozenset[str], label: str) -> None:
        if target not in self._trees:
            self._trees[target] = self._view.tree(target, left_out)
        there = self._trees[target]
        merge = merge_plan(self._view.tree(source, left_out), target, there, label, self._view.relation)
        for step in merge.steps:
            self._append(step)
        self._notices += merge.notices
        self._append(Step(VERIFY, target, source, label, left_out))

    def _deny_notices(self, folders: list[str]) -> list[str]:
        """Return a notice for each settings file beside the one that is used that has deny rules of its own."""
        shared = [link.target for link in self._request.links if link.name == SETTINGS_FILE]
        notices = []
        for path in shared or [os.path.join(folder, SETTINGS_FILE) for folder in folders]:
            root, name = os.path.split(path)
            there = self._beside.get(root) or self._trees.get(root) or self._view.listing(root)
            for kept in kept_beside(there, name):
                contents = [self._view.read(there[one].origin) for one in (name, kept)]
                notices.append(deny_notice(path, contents[0], os.path.join(root, kept), contents[1]))
        return list(filter(None, notices))

    def _content_after(self, path: str) -> bytes:
        """Return what a file holds after the steps; nothing if it is missing."""
        for step in reversed(self._steps):
            if step.path == path and step.action in (COPY, EXTEND):
                return self._view.read(step.source)
            if step.path == path and step.action in (MAKE_FILE, WRITE):
                return step.content
        return self._view.read(path) if self._view.kind(path) == FILE else b""

    # ---- State file ----------------------------------------------------------------------------------------

    def _share_state(self, home: str, folders: list[str]) -> bool:
        """Make the state file that the homes share of theirs, and replace theirs; return True if there is one then."""
        places = [os.path.join(folder, STATE_FILE) for folder in folders]
        found = self._view.kind(self._shared_state) == FILE
        before = self._view.read(self._shared_state) if found else None
        sources = self._state_sources(home, places)
        if sources:
            base = first_content(STATE_FILE) if before is None else before
            self._write_state(self._shared_state, before, base, sources)
        for place in places:
            kind = self._view.kind(place)
            if kind == FILE or (kind == LINK and self._view.text(place) != self._shared_state):
                self._replace(place, self._shared_state)
        return bool(folders)

    def _bring_state(self, home: str) -> bool:
        """Give the home its state file; return True if it has one then."""
        path = os.path.join(home, STATE_FILE)
        found = self._view.kind(path) == FILE
        first = os.path.join(self._first, STATE_FILE)
        sources = self._state_sources(home, [path, first] if self._joins else [path])
        if sources:
            self._write_state(path, self._view.read(path) if found else None, None, sources)
        return bool(sources) or self._view.kind(path) == LINK

    def _state_sources(self, home: str, places: list[str]) -> list[StateSource]:
        """Return the state files of ``places`` and that of the person, those whose keys stay before the others."""
        own, first = os.path.join(home, STATE_FILE), os.path.join(self._first, STATE_FILE)
        accounts = [own] if self._view.kind(self._active) == LINK else [own, self._persons_state]
        if self._joins and self._has_login(self._first):
            accounts = [first]  # the file that goes with the login
        ordered = [*(accounts if self._is_in_use else []), *places[:1], self._persons_state, *places]
        return [
            StateSource(path, self._view.read(path), path in accounts)
            for path in dict.fromkeys(filter(None, ordered))
            if self._view.kind(path) == FILE
        ]

    def _write_state(self, path: str, before: bytes | None, base: bytes | None, sources: list[StateSource]) -> None:
        """Write the state file that has all sources merged into ``base``; ``before`` is what it holds."""
        try:
            content, notices = merge_sources(base, sources)
            is_copy = before is None and is_equal(content, sources[0].content)
        except StateFileError as error:
            paths = " and ".join(source.path for source in sources)
            raise AdoptionError([f"{paths} cannot be merged: {error}"]) from None
        self._notices += notices
        if is_copy:
            self._append(Step(COPY, path, sources[0].path, private=bool(self._shared_state)))
        elif content != before:
            if before is not None and not self._view.is_kept(path):
                self._add(KEEP, self._dated(path), path)
            self._append(Step(WRITE, path, content=content))

    def _link_state(self) -> None:
        """Make the state file of a session without ``CLAUDE_CONFIG_DIR`` a link to that of the active home."""
        path = persons_state_path(self._active)
        text = persons_state_text(self._request)
        kind = self._view.kind(path)
        if kind == MISSING:
            self._add(MAKE_LINK, path, text)
        elif kind == FILE or self._view.text(path) != text:
            self._replace(path, text)

    # ---- First home ----------------------------------------------------------------------------------------

    def _join_first_home(self) -> None:
        """Bring the first account's home, which exists already, into the one in use."""
        # The originals that the steps until then make there, too.
        made = [os.path.basename(path) for path in self._planned if os.path.dirname(path) == self._first]
        names = self._view.names(self._first) + made
        locks = [name for name in names if name.endswith(".lock") or ".lock." in name]
        own = [name for name in names if ASIDE in name or name.startswith(CREDENTIALS)] + locks
        for name in sorted({name for name in own if name.startswith(CREDENTIALS)} - {CREDENTIALS, *locks}):
            self._notices.append(f"{os.path.join(self._first, name)}: it can hold a login; it stays with the original")
        shared = [link.name for link in self._request.links]
        left_out = frozenset([STATE_FILE, TEMPORARY, *shared, *own])
        self._merge(self._first, self._active, left_out, _label(self._first))
        if self._has_login(self._first):
            self._add(MOVE, os.path.join(self._active, CREDENTIALS), os.path.join(self._first, CREDENTIALS))
        self._add(MOVE, self._dated(self._first), self._first)

    def _has_login(self, folder: str) -> bool:
        return self._view.kind(os.path.join(folder, CREDENTIALS)) == FILE

    # ---- Steps ---------------------------------------------------------------------------------------------

    def _exists(self, path: str) -> bool:
        return path in self._planned or self._view.kind(path) != MISSING

    def _replace(self, path: str, text: str) -> None:
        """Replace a file by a link; it keeps a dated name."""
        if not self._view.is_kept(path):
            self._add(KEEP, self._dated(path), path)
        self._add(REPLACE, path, text)

    def _add(self, action: str, path: str, source: str = "") -> None:
        self._append(Step(action, path, source))

    def _append(self, step: Step) -> None:
        self._steps.append(step)
        self._planned.add(step.path)

    def _dated(self, path: str) -> str:
        """Return a free name for an original."""
        dated = path + ASIDE + self._request.date
        number = 1
        while self._exists(dated if number == 1 else f"{dated}-{number}"):
            number += 1
        return dated if number == 1 else f"{dated}-{number}"


def _label(folder: str) -> str:
    return os.path.basename(folder).lstrip(".")
