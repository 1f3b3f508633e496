# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate a request for shared links before anything is created."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable

from ansible_collections.secuaas.claude.plugins.module_utils._run_as import (
    current_user_name,
    find_group,
    find_user,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_filesystem import (
    file_identity,
    path_and_parents,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import (
    CREDENTIALS,
    FILE,
    KINDS,
    SharedSymlink,
)


class RequestError(Exception):
    """The owner or group of a request cannot be used; the text is for the operator."""


def resolve_owner(owner: str | None, check_mode: bool) -> pwd.struct_passwd | None:
    """Return the user to run as, None for the user of this process.

    Raises RequestError for a user that does not exist, and for one that only root could become. In check mode a user
    that does not exist yet counts as one that will.
    """
    if owner is None:
        return None
    user = find_user(owner)
    if user is None:
        if check_mode:
            return None
        raise RequestError(
            f"owner {owner!r}: found no such user on this host, expected one that exists; create it first"
        )
    if user.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise RequestError(
            f"owner {owner!r}: found that this runs as {current_user_name()}, expected root or the owner, for nobody"
            " else can create anything in the owner's name; become one of them (become, become_user)"
        )
    return user


def resolve_group(group: str | None, check_mode: bool) -> int | None:
    """Return the number of a group, None for no group.

    Raises RequestError for a group that does not exist; in check mode it counts as one that will.
    """
    if group is None:
        return None
    found = find_group(group)
    if found is not None:
        return found.gr_gid
    if check_mode:
        return None
    raise RequestError(f"group {group!r}: found no such group on this host, expected one that exists; create it first")


def group_problems(gid: int | None) -> list[str]:
    """Return a problem if the user of this process may not give files to the group."""
    if gid is None or os.geteuid() == 0 or gid in (os.getegid(), *os.getgroups()):
        return []
    problem = (
        f"group {gid}: found that the user {current_user_name()} is no member of it, expected a group of that user,"
        " in whose name everything is created; add the user to the group, or name another group"
    )
    return [problem]


def mode_problems(mode: int) -> list[str]:
    """Return a problem if ``mode`` is not a set of permission bits that gives the owner full access."""
    if 0 <= mode <= 0o7777 and mode & 0o700 == 0o700:
        return []
    problem = (
        f"mode: found {mode:#o}, expected permission bits that let the owner read, write and enter what is"
        " created, such as 0o700; in YAML write them in quotes, as in '0700'"
    )
    return [problem]


def text_problems(homes: list[str], links: list[SharedSymlink]) -> list[str]:
    """Return the problems of paths and names that show in their text alone."""
    problems = []
    if not homes:
        problems.append("no account homes: found an empty list, expected at least one absolute path")
    if not links:
        problems.append("no links: found an empty list, expected at least one link with a name and a target")
    problems += [_path_problem("account home", home) for home in homes]
    problems += [_path_problem(f"target of link {link.name!r}", link.target) for link in links]
    problems += [_name_problem(link.name) for link in links]
    problems += [_kind_problem(link) for link in links]
    problems += [f"link name {name!r}: found more than once, expected once" for name in _repeated_names(links)]
    return list(dict.fromkeys(filter(None, problems)))


def _repeated_names(links: list[SharedSymlink]) -> list[str]:
    names = [link.name for link in links]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _path_problem(role: str, path: str) -> str:
    if not path:
        found = "an empty path"
    elif not path.startswith("/"):
        found = "a relative path"
    elif "~" in path or "$" in path:
        found = "a '~' or '$', which nothing here expands"
    elif ".." in path.split("/"):
        found = "a '..', whose meaning changes with the links before it"
    else:
        found = _unusable_character(path)
    return found and f"{role} {path!r}: found {found}, expected an absolute path written out in full"


def _name_problem(name: str) -> str:
    if not name:
        found = "an empty name"
    elif name in (".", ".."):
        found = "the directory itself or its parent"
    elif "/" in name:
        found = "a '/'"
    elif name.startswith(CREDENTIALS) or name.endswith(".lock"):
        found = "what is an account's own: its login or a lock"
    else:
        found = _unusable_character(name)
    return found and f"link name {name!r}: found {found}, expected the name of one entry in the account home"


def _kind_problem(link: SharedSymlink) -> str:
    if link.kind not in KINDS:
        return f"kind of link {link.name!r}: found {link.kind!r}, expected one of {', '.join(KINDS)}"
    if link.kind == FILE and link.target and os.path.basename(link.target) in ("", "."):
        return f"target of link {link.name!r} {link.target!r}: found the path of a directory, expected that of a file"
    return ""


def _unusable_character(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return "a character that this host's file names cannot hold"
    return ""


def placement_problems(homes: list[str], links: list[SharedSymlink]) -> list[str]:
    """Return the conflicts between account homes and targets as they now lie on the disk; reads only."""
    targets = [link.target for link in links]
    locations = {path: _locations(path) for path in (*homes, *targets)}
    home_at = {location: home for home in homes for location in locations[home]}
    target_at = {location: target for target in targets for location in locations[target]}
    link_at = {os.path.join(location, link.name): home for location, home in home_at.items() for link in links}
    file_at = {location: link.target for link in links if link.kind == FILE for location in locations[link.target]}
    single = "each account needs one of its own"
    problems = _same_place_problems("account homes", "directory", single, homes, locations)
    mixing = "each link needs one of its own, or their contents mix"
    problems += _same_place_problems("link targets", "directory or file", mixing, targets, locations)
    for target in targets:
        outer = _enclosing(tuple(map(os.path.dirname, locations[target])), file_at)
        if outer is not None:
            problems.append(
                f"target {target!r}: found inside the target {outer!r}, which is a file, expected outside of it;"
                " choose another target"
            )
        outer = _enclosing(locations[target], home_at)
        if outer is not None:
            problems.append(
                f"target {target!r}: found inside the account home {outer!r}, expected outside every account"
                " home; choose another target"
            )
    for home in homes:
        outer = _enclosing(locations[home], target_at)
        if outer is not None:
            problems.append(
                f"account home {home!r}: found inside the target {outer!r}, expected outside every target;"
                " choose another target"
            )
        outer = _enclosing(locations[home], link_at)
        if outer is not None:
            problems.append(
                f"account home {home!r}: found below a link of the account home {outer!r}, expected a place"
                " of its own; choose another account home"
            )
    return list(dict.fromkeys(problems))


def _same_place_problems(
    role: str, kind: str, reason: str, paths: list[str], locations: dict[str, tuple[str, str]]
) -> list[str]:
    """Return a problem for every path that is the same place as an earlier one."""
    problems = []
    first: dict[object, str] = {}
    for path in paths:
        keys = [*locations[path], file_identity(path) or path]
        earlier = next((first[key] for key in keys if key in first), None)
        if earlier is not None:
            problems.append(f"{role} {earlier!r} and {path!r}: found the same {kind} twice, {reason}")
        for key in keys:
            first.setdefault(key, path)
    return problems


def _locations(path: str) -> tuple[str, str]:
    """Return the location of ``path`` by its text, and with its links followed."""
    return os.path.normpath(path), os.path.realpath(path)


def _enclosing(locations: Iterable[str], paths_at: dict[str, str]) -> str | None:
    """Return the path of ``paths_at`` (location to path) that is at or above one of ``locations``."""
    for location in locations:
        for directory in path_and_parents(location):
            if directory in paths_at:
                return paths_at[directory]
    return None
