# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons why a machine cannot be adopted as it is, without I/O."""

from __future__ import annotations

import os

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    ASIDE,
    FILE,
    FOLDER,
    LINK,
    MISSING,
    PERSONS_FOLDER,
    AdoptionRequest,
    View,
    link_target,
    persons_state_path,
    persons_state_text,
)
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import OLD_STATE_FILE, STATE_FILE
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import CREDENTIALS, DIRECTORY, SharedSymlink
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import FILE as TO_FILE

_KINDS = {DIRECTORY: FOLDER, TO_FILE: FILE}
"""Kind of the target of a link, and of what is in its place before an adoption."""


def adoption_problems(request: AdoptionRequest, view: View) -> list[str]:
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
        problems += [problem for link in request.links for problem in _link_problems(view, folder, link)]
        problems += _kind_problems(view, os.path.join(folder, CREDENTIALS), FILE)
        problems += _old_state_problems(view, folder)
    for link in request.links:
        problems += _kind_problems(view, link.target, _KINDS[link.kind])
    for path in [link.target for link in request.links] + _to_be_made(request, view):
        parent = os.path.dirname(path)
        if view.kind(parent) not in (FOLDER, LINK):
            problems.append(f"{parent}: found no folder, expected one for {path}; make it first")
    if kind == FOLDER:
        problems += _first_home_problems(view, active, first) + _relative_problems(request, view)
    if os.path.basename(active) == PERSONS_FOLDER:
        problems += _state_problems(request, view)
    for folder in folders:
        path = os.path.join(folder, STATE_FILE)
        problems += _kind_problems(view, path, FILE, LINK)
        problems += _kept_problems(view, path) if view.kind(path) == FILE else []
    return problems


def _to_be_made(request: AdoptionRequest, view: View) -> list[str]:
    """Return the first account's home and the active link, if the adoption makes one of them."""
    active, first = request.active_link, request.homes[0]
    has_state = os.path.basename(active) == PERSONS_FOLDER and view.kind(persons_state_path(active)) == FILE
    is_made = has_state or FOLDER in (view.kind(active), view.kind(first))
    return [path for path in (first, active) if is_made and view.kind(path) == MISSING]


def _old_state_problems(view: View, folder: str) -> list[str]:
    path = os.path.join(folder, OLD_STATE_FILE)
    if view.kind(path) == MISSING:
        return []
    found = f"{path}: found what Claude Code reads instead of {STATE_FILE}, a state file of old versions, expected none"
    return [f"{found}; end the sessions, and make it the {STATE_FILE} of that home, or move it away"]


def _link_problems(view: View, folder: str, link: SharedSymlink) -> list[str]:
    path, expected = os.path.join(folder, link.name), _KINDS[link.kind]
    kind = view.kind(path)
    if kind == LINK and view.text(path) != link.target:
        leads_to = link_target(path, view.text(path))
        if leads_to == link.target:
            return _kept_problems(view, path)
        found = f"{path}: found a link to {view.text(path)}, expected one to {link.target}, or a {expected}"
        entry = f"{{name: {link.name}, kind: {link.kind}, target: {leads_to}}} in claude_failover_shared_links"
        return [f"{found}; it is left as it is: put what it leads to in its place, or share it where it is by {entry}"]
    if kind == FOLDER and not view.can_be_renamed(path, path + ASIDE):
        return [f"{path}: found a file system of its own, expected a folder of {folder}; make it the shared folder"]
    return _kind_problems(view, path, expected, LINK) + (_kept_problems(view, path) if kind == FILE else [])


def _relative_problems(request: AdoptionRequest, view: View) -> list[str]:
    """Return the relative links below the folder at the active link that lead elsewhere once it is the first home.

    What is to be shared does not count: it is copied, and its links are made to fit.
    """
    active, first = request.active_link, request.homes[0]
    if os.path.dirname(active) == os.path.dirname(first):
        return []
    shared = [link.name for link in request.links]
    pending = [os.path.join(active, name) for name in view.names(active) if name not in shared and ASIDE not in name]
    problems = []
    for path in pending:
        kind = view.kind(path)
        if kind == FOLDER:
            pending += [os.path.join(path, name) for name in view.names(path)]
        elif kind == LINK:
            text, moved = view.text(path), first + path.removeprefix(active)
            leads_to = link_target(path, text)
            wanted = first + leads_to.removeprefix(active) if f"{leads_to}/".startswith(f"{active}/") else leads_to
            if link_target(moved, text) != wanted:
                problems.append(
                    f"{path}: found a link to {text}, which leads elsewhere from {first}; expected one to {leads_to},"
                    " its absolute path; make it so"
                )
    return problems


def _kept_problems(view: View, path: str) -> list[str]:
    kind = view.kind(path)
    if kind not in (FILE, LINK) or view.can_be_kept(path):
        return []
    expected = "expected one of the user's, which can get a second name; replace it by a copy"
    return [f"{path}: found a {kind} of another user or file system, {expected}"]


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
    if view.kind(os.path.dirname(first)) in (FOLDER, LINK) and not view.can_be_renamed(active, first):
        problems.append(f"{active} and {first}: found two file systems, expected one, so that a rename can move it")
    return problems


def _state_problems(request: AdoptionRequest, view: View) -> list[str]:
    active = request.active_link
    path = persons_state_path(active)
    if view.kind(path) == LINK:
        shared = [link.target for link in request.links if link.name == STATE_FILE]
        if view.text(path) == persons_state_text(request):
            return []
        if link_target(path, view.text(path)) in (os.path.join(active, STATE_FILE), *shared):
            return _kept_problems(view, path)
        return [f"{path}: found a link to {view.text(path)}, expected a file; it is left as it is"]
    problems = _kind_problems(view, path, FILE) + _kept_problems(view, path)
    home = active if view.kind(active) != LINK else link_target(active, view.text(active))
    is_shared = any(link.name == STATE_FILE for link in request.links)
    if not is_shared and view.kind(path) == FILE and view.kind(os.path.join(home, STATE_FILE)) == LINK:
        problems.append(
            f"{path}: found a file although {os.path.join(home, STATE_FILE)} is a link; expected one of them to hold"
            " the state; move the one that is not used away"
        )
    return problems
