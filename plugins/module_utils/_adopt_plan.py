# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the adoption of a machine in use, without I/O: every decision, from a view of the disk to a list of steps.

In the order of the steps, where ``~/.claude`` stands for the active link and ``HOME`` for the first account's home:

1. In ``~/.claude``, if it is a folder, and in every account home: the files of ``projects``, ``session-env`` and
   ``file-history`` are copied into the shared folders; the copy is verified; the folder is renamed to a dated name; a
   link takes its place.
2. ``.claude.json`` of the home is made from ``~/.claude.json`` (and from that of ``HOME``, if both homes exist).
3. If ``~/.claude`` and ``HOME`` are both folders, the files of ``HOME`` are copied into ``~/.claude``; the copy is
   verified; the login of ``HOME`` is moved; ``HOME`` is renamed to a dated name.
4. ``~/.claude`` is renamed to ``HOME``, and becomes a link to it.
5. ``~/.claude.json`` gets a second, dated name, and is replaced by a link to ``.claude/.claude.json``.

Before each step the home is whole for a session that starts then. A run that was interrupted leaves a disk whose plan
is the rest of these steps, and a disk that was adopted has a plan without steps.
"""

from __future__ import annotations

import os

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_state import merge_state
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_tree import merge_plan
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    ASIDE,
    CLEAR,
    COPY,
    CREDENTIALS,
    FILE,
    FOLDER,
    KEEP,
    LINK,
    MAKE_FOLDER,
    MAKE_LINK,
    MISSING,
    MOVE,
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
)
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import (
    STATE_FILE,
    StateFileError,
    parse_state,
    state_bytes,
)

PERSONS_FOLDER = ".claude"
"""Name of the home that a session without ``CLAUDE_CONFIG_DIR`` uses; its state file is beside it."""


def plan_adoption(request: AdoptionRequest, view: View) -> Plan:
    """Return the plan of an adoption. Raises AdoptionError with every reason why there is none."""
    problems = _problems(request, view)
    if problems:
        raise AdoptionError(problems)
    return _Planner(request, view).plan()


class _Planner:
    """Collects the steps; ``_planned`` holds the paths that they make."""

    def __init__(self, request: AdoptionRequest, view: View) -> None:
        self._request, self._view = request, view
        self._steps: list[Step] = []
        self._notices: list[str] = []
        self._planned: set[str] = set()
        self._targets: dict[str, Tree] = {}
        self._first, self._active = request.homes[0], request.active_link
        self._is_in_use = view.kind(self._active) == FOLDER
        self._joins = self._is_in_use and view.kind(self._first) == FOLDER
        self._is_persons = os.path.basename(self._active) == PERSONS_FOLDER
        persons = state_path(self._active)
        self._persons_state = persons if self._is_persons and view.kind(persons) == FILE else ""

    def plan(self) -> Plan:
        home = self._current_home()
        for folder in dict.fromkeys([home, self._active, os.path.dirname(self._active)]):
            if self._view.kind(folder) == FOLDER and TEMPORARY in self._view.names(folder):
                self._add(CLEAR, os.path.join(folder, TEMPORARY))
        if not self._exists(home) and self._persons_state:
            self._add(MAKE_FOLDER, home)
        for folder in ([self._active] if self._is_in_use else []) + list(self._request.homes):
            if self._exists(folder):
                self._share(folder)
        has_state = self._bring_state(home)
        if self._joins:
            self._join_first_home()
        if self._is_in_use:
            self._add(MOVE, self._first, self._active)
        if self._is_in_use or (self._view.kind(self._active) == MISSING and self._exists(self._first)):
            self._add(MAKE_LINK, self._active, self._first)
        if has_state and self._is_persons:
            self._link_state()
        return Plan(self._steps, self._notices)

    def _current_home(self) -> str:
        """Return the path that the active home has until the plan renames it."""
        kind = self._view.kind(self._active)
        if kind == LINK:
            return link_target(self._active, self._view.text(self._active))
        return self._active if kind == FOLDER else self._first

    def _share(self, folder: str) -> None:
        """Bring a home's conversations into the shared folders, and put links in their place."""
        for link in self._request.links:
            target, path = link.target, os.path.join(folder, link.name)
            kind = self._view.kind(path)
            leaves = self._joins and folder == self._first
            if kind == LINK or (kind == MISSING and leaves):
                continue
            if not self._exists(target):
                self._add(MAKE_FOLDER, target)
            if kind == FOLDER:
                if target not in self._targets:
                    self._targets[target] = self._view.tree(target)
                self._merge(path, target, self._targets[target], _label(folder), frozenset())
                self._add(MOVE, self._dated(path), path)
            self._add(MAKE_LINK, path, target)

    def _merge(self, source: str, target: str, there: Tree, label: str, left_out: frozenset[str]) -> None:
        merge = merge_plan(self._view.tree(source, left_out), target, there, label, self._view.relation)
        self._steps += merge.steps
        self._notices += merge.notices
        self._steps.append(Step(VERIFY, target, source, label, left_out))

    def _bring_state(self, home: str) -> bool:
        """Give the home its state file; return True if it has one then."""
        path = os.path.join(home, STATE_FILE)
        found = self._view.kind(path) == FILE
        sources = list(filter(None, [self._persons_state]))
        if self._joins and self._view.kind(os.path.join(self._first, STATE_FILE)) == FILE:
            sources.append(os.path.join(self._first, STATE_FILE))
        if not found and not sources:
            return self._view.kind(path) == LINK
        content = before = self._view.read(path) if found else None
        for source in sources:
            content = self._merged_state(content, source, path)
        if found and content != before:
            if not self._view.is_kept(path):
                self._add(KEEP, self._dated(path), path)
            self._steps.append(Step(WRITE, path, content=content or b""))
        elif not found and content == self._view.read(sources[0]):
            self._add(COPY, path, sources[0])
        elif not found:
            self._steps.append(Step(WRITE, path, content=content or b""))
        return True

    def _merged_state(self, content: bytes | None, source: str, path: str) -> bytes:
        """Return the content of a state file with that of another one; unchanged if that has nothing new."""
        added = self._view.read(source)
        if content is None or content == added:
            return added
        try:
            base, other = parse_state(content), parse_state(added)
            joins = source != self._persons_state
            if joins and self._has_login(self._first):
                # The file that goes with the login.
                base, other = other, base
            with_account = not joins and self._is_in_use and "oauthAccount" not in base
            merged, left = merge_state(base, other, with_account=with_account)
            self._notices += [f"{path}: {key} of another file is not merged; it stays in the original" for key in left]
            return content if merged == parse_state(content) else state_bytes(merged)
        except StateFileError as error:
            raise AdoptionError([f"{path} and {source} cannot be merged: {error}"]) from None

    def _join_first_home(self) -> None:
        """Bring the first account's home, which exists already, into the one in use."""
        # The originals that the steps until then make there, too.
        made = [os.path.basename(path) for path in self._planned if os.path.dirname(path) == self._first]
        names = self._view.names(self._first) + made
        own = [name for name in names if ASIDE in name or name.endswith(".lock") or ".lock." in name]
        shared = [link.name for link in self._request.links]
        left_out = frozenset([STATE_FILE, CREDENTIALS, TEMPORARY, *shared, *own])
        there = self._view.tree(self._active, left_out)
        self._merge(self._first, self._active, there, _label(self._first), left_out)
        if self._has_login(self._first):
            self._add(MOVE, os.path.join(self._active, CREDENTIALS), os.path.join(self._first, CREDENTIALS))
        self._add(MOVE, self._dated(self._first), self._first)

    def _link_state(self) -> None:
        """Make the state file of a session without ``CLAUDE_CONFIG_DIR`` a link to that of the active home."""
        path = state_path(self._active)
        text = os.path.join(os.path.basename(self._active), STATE_FILE)
        kind = self._view.kind(path)
        if kind == MISSING:
            self._add(MAKE_LINK, path, text)
        elif kind == FILE:
            if not self._view.is_kept(path):
                self._add(KEEP, self._dated(path), path)
            self._add(REPLACE, path, text)

    def _has_login(self, folder: str) -> bool:
        return self._view.kind(os.path.join(folder, CREDENTIALS)) == FILE

    def _exists(self, path: str) -> bool:
        return path in self._planned or self._view.kind(path) != MISSING

    def _add(self, action: str, path: str, source: str = "") -> None:
        self._steps.append(Step(action, path, source))
        self._planned.add(path)

    def _dated(self, path: str) -> str:
        """Return a free name for an original."""
        dated = path + ASIDE + self._request.date
        number = 1
        while self._exists(dated if number == 1 else f"{dated}-{number}"):
            number += 1
        return dated if number == 1 else f"{dated}-{number}"


def state_path(active_link: str) -> str:
    """Return the state file of a session without ``CLAUDE_CONFIG_DIR``."""
    return os.path.join(os.path.dirname(active_link), STATE_FILE)


def link_target(path: str, text: str) -> str:
    """Return the path that a link leads to, by its text."""
    return os.path.normpath(os.path.join(os.path.dirname(path), text))


def _label(folder: str) -> str:
    return os.path.basename(folder).lstrip(".")


# ---- Refusals ----------------------------------------------------------------------------------------------


def _problems(request: AdoptionRequest, view: View) -> list[str]:
    """Return every reason why the machine cannot be adopted as it is."""
    active, first = request.active_link, request.homes[0]
    problems = []
    kind = view.kind(active)
    if active in request.homes:
        problems.append(f"{active}: found as account home and as active link, expected an account home of its own")
    if kind == LINK and link_target(active, view.text(active)) not in request.homes:
        problems.append(
            f"{active}: found a link to {view.text(active)}, expected a folder, or a link to one of the account homes;"
            " lead it to one of them, or name the folder as an account home"
        )
    elif kind not in (LINK, FOLDER, MISSING):
        problems.append(f"{active}: found no folder, expected the home that Claude Code uses; move it away")
    folders = [active] if kind == FOLDER else []
    for home in request.homes:
        if view.kind(home) == FOLDER:
            folders.append(home)
        elif view.kind(home) != MISSING:
            problems.append(f"{home}: found a {view.kind(home)}, expected a folder; move it away")
    for folder in folders:
        problems += [
            problem for link in request.links for problem in _link_problems(view, folder, link.target, link.name)
        ]
        problems += _kind_problems(view, os.path.join(folder, CREDENTIALS), FILE)
    for target in [link.target for link in request.links]:
        problems += _kind_problems(view, target, FOLDER)
        if view.kind(os.path.dirname(target)) not in (FOLDER, LINK):
            problems.append(f"{os.path.dirname(target)}: found no folder, expected one for {target}; make it first")
    if kind == FOLDER:
        problems += _first_home_problems(view, active, first)
    if os.path.basename(active) == PERSONS_FOLDER:
        problems += _state_problems(view, active)
    for folder in folders:
        problems += _kind_problems(view, os.path.join(folder, STATE_FILE), FILE, LINK)
    return problems


def _link_problems(view: View, folder: str, target: str, name: str) -> list[str]:
    path = os.path.join(folder, name)
    kind = view.kind(path)
    if kind == LINK and view.text(path) != target:
        return [
            f"{path}: found a link to {view.text(path)}, expected one to {target}, or a folder; it is left as it is"
        ]
    if kind == FOLDER and not view.can_be_renamed(path, path + ASIDE):
        return [f"{path}: found a file system of its own, expected a folder of {folder}; make it the shared folder"]
    return _kind_problems(view, path, FOLDER, LINK)


def _kind_problems(view: View, path: str, *expected: str) -> list[str]:
    kind = view.kind(path)
    if kind in (*expected, MISSING):
        return []
    return [f"{path}: found a {kind}, expected a {' or a '.join(expected)}; move it away"]


def _first_home_problems(view: View, active: str, first: str) -> list[str]:
    """Return the reasons why the folder at the active link cannot become the first account's home."""
    problems = []
    logins = [path for path in (active, first) if view.kind(os.path.join(path, CREDENTIALS)) == FILE]
    if len(logins) == 2:
        problems.append(
            f"{active} and {first}: found a login in both, expected one, for the two become one home; log out of the"
            " one that is not wanted, or list another account first"
        )
    if not view.can_be_renamed(active, first):
        problems.append(f"{active} and {first}: found two file systems, expected one, so that a rename can move it")
    return problems


def _state_problems(view: View, active: str) -> list[str]:
    path = state_path(active)
    if view.kind(path) == LINK:
        if link_target(path, view.text(path)) == os.path.join(active, STATE_FILE):
            return []
        return [f"{path}: found a link to {view.text(path)}, expected a file; it is left as it is"]
    problems = _kind_problems(view, path, FILE)
    home = active if view.kind(active) != LINK else link_target(active, view.text(active))
    if view.kind(path) == FILE and view.kind(os.path.join(home, STATE_FILE)) == LINK:
        problems.append(
            f"{path}: found a file although {os.path.join(home, STATE_FILE)} is a link; expected one of them to hold"
            " the state; move the one that is not used away"
        )
    return problems
