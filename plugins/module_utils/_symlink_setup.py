# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the missing links of account homes and report every link that is wrong."""

from __future__ import annotations

import errno
import os

from ansible_collections.secuaas.claude.plugins.module_utils._run_as import current_user_name
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_filesystem import (
    DANGLING,
    IN_WORDS,
    FileSystem,
    file_identity,
    path_and_parents,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import (
    DIRECTORY,
    DIVERGENT,
    ERROR,
    FILE,
    NOT_A_SYMLINK,
    OK,
    AccessFailure,
    AccountReport,
    LinkReport,
    SharedSymlink,
    first_content,
)

_ATTEMPTS = 8
_DENIED = (errno.EACCES, errno.EPERM)
_CONTENTS = {DIRECTORY: "an account's sessions", FILE: "an account's settings or history"}


class LinkSetup:
    """One run over account homes: the links to set up, and the file system to set them up on."""

    def __init__(self, links: list[SharedSymlink], file_system: FileSystem) -> None:
        self._links = links
        self._file_system = file_system
        self._target_problems: dict[str, str] = {}

    def set_up_account(self, home: str) -> AccountReport:
        """Create the missing directories, files and links of one account home; report all of its links."""
        first = len(self._file_system.created)
        directory = os.path.normpath(home)
        problem = self._ensure_entry("account home", directory)
        failures = [problem]
        links = []
        for link in self._links:
            path = os.path.join(directory, link.name)
            status, found = ERROR, None
            if not problem:
                status, found, failure = self._ensure_link(path, link)
                failures.append(failure)
            links.append(LinkReport(home, link.name, path, link.target, found, status, link.kind))
        created = tuple(self._file_system.created[first:])
        return AccountReport(home, tuple(links), created, tuple(filter(None, failures)))

    def _ensure_link(self, path: str, link: SharedSymlink) -> tuple[str, str | None, str]:
        """Create a link that is missing; return its status, the entry found, and the problem or an empty text.

        A link that appears between reading and creating is read again.
        """
        found = None
        try:
            for _attempt in range(_ATTEMPTS):
                status, found = self._file_system.read_link(path)
                if status == NOT_A_SYMLINK:
                    return NOT_A_SYMLINK, found, _not_a_symlink(path, found, link)
                if status == OK and found != link.target:
                    return DIVERGENT, found, _divergent(path, found, link)
                problem = self._ensure_target(link)
                if problem:
                    return ERROR, found, problem
                if status == OK:
                    return OK, found, ""
                if self._file_system.make_link(link.target, path):
                    return self._file_system.link_status, None, ""
        except OSError as exc:
            return ERROR, found, _access_failure("link", path, exc)
        return ERROR, None, f"link {path!r}: it came and went {_ATTEMPTS} times; stop what does so and run again"

    def _ensure_target(self, link: SharedSymlink) -> str:
        """Create the target of a link, once in a run; return the problem or an empty text."""
        if link.target not in self._target_problems:
            problem = self._ensure_entry(
                "shared target", os.path.normpath(link.target), link.kind, first_content(link.name)
            )
            self._target_problems[link.target] = problem
        return self._target_problems[link.target]

    def _ensure_entry(self, role: str, path: str, kind: str = DIRECTORY, content: bytes = b"") -> str:
        """Create a directory or a file, with its missing parents; return the problem or an empty text."""
        absent: list[str] = []
        current = path
        try:
            for current in path_and_parents(path):
                wanted = kind if current == path else DIRECTORY
                found = self._file_system.entry_kind(current)
                if found == IN_WORDS[wanted]:
                    break
                if found is not None:
                    return _of_another_kind(role, path, kind, current, found)
                absent.append(current)
            for current in reversed(absent):
                wanted = kind if current == path else DIRECTORY
                if wanted == FILE:
                    made = self._file_system.make_file(current, content)
                else:
                    made = self._file_system.make_directory(current)
                if not made:
                    found = self._file_system.entry_kind(current)
                    if found != IN_WORDS[wanted]:
                        return _of_another_kind(role, path, kind, current, found)
        except OSError as exc:
            return _access_failure(role, current, exc, missing=current in absent)
        return ""


# ---- Failure texts -----------------------------------------------------------------------------------------


def _divergent(path: str, found: str | None, link: SharedSymlink) -> str:
    leads_to, expected = file_identity(path), file_identity(link.target)
    if leads_to is not None and leads_to == expected:
        advice = (
            f"Both lead to the same {link.kind}, but links are compared by their text, so that no two checks can"
            " ever disagree; nothing needs to be moved: remove the link and run again"
        )
    else:
        advice = (
            f"It is left as it is, for what it leads to may be the only copy of {_CONTENTS[link.kind]}: move"
            " that to the expected target, remove the link and run again"
        )
    return f"divergent link {path!r}: found a link to {found!r}, expected a link to {link.target!r}. {advice}"


def _not_a_symlink(path: str, found: str | None, link: SharedSymlink) -> str:
    return (
        f"{path!r} is not a symlink: found {found}, expected a link to {link.target!r}. It is left as it is, for"
        f" it may be the only copy of {_CONTENTS[link.kind]}: move its content to the target, remove it and run"
        " again"
    )


def _of_another_kind(role: str, path: str, kind: str, obstacle: str, found: str | None) -> str:
    where, expected = ("", kind) if obstacle == path else (f" at {obstacle!r}", DIRECTORY)
    text = (
        f"{role} {path!r} is not {IN_WORDS[kind]}: found {found or 'nothing, where something had been'}{where},"
        f" expected {IN_WORDS[expected]} or nothing. It is left as it is: move it away, or choose another path"
    )
    return AccessFailure(text, errno.ENOENT) if found in (None, DANGLING) else text


def _advice_on_rights(folder: str) -> str:
    """Return the advice for a folder without rights, which names the folder that a link leads to.

    Whoever follows it as root would follow a link of the user's too.
    """
    leads_to = os.path.realpath(folder)
    if leads_to == os.path.normpath(folder):
        return f"Create it for that user beforehand, or give that user rights on {folder!r}"
    return (
        f"{folder!r} leads to {leads_to!r}: if it should not, remove the link on the way; if it should, give that user"
        f" rights on {leads_to!r} itself"
    )


def _access_failure(role: str, path: str, exc: OSError, *, missing: bool = False) -> AccessFailure:
    """Return the failure of a system call; ``missing``: nothing is there, and creating it was not allowed."""
    reason = os.strerror(exc.errno) if exc.errno else str(exc)
    if exc.errno in _DENIED:
        advice = _advice_on_rights(os.path.dirname(path))
    elif exc.errno == errno.EROFS:
        advice = "Mount the file system for writing, or choose another path"
    else:
        advice = "Put this right, or choose another path"
    text = f"{role} {path!r}: the user {current_user_name()} could not look at it or make it ({reason}). {advice}"
    return AccessFailure(text, errno.ENOENT if missing and exc.errno in _DENIED else exc.errno)
