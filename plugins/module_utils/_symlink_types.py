# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of the shared links: a link, the reports of a run, and their error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

OK = "ok"
CREATED = "created"
MISSING = "missing"
DIVERGENT = "divergent"
NOT_A_SYMLINK = "not_a_symlink"
ERROR = "error"

DIRECTORY = "directory"
CREDENTIALS = ".credentials.json"
"""The file of a home's login; names that begin so can hold a copy of it."""
FILE = "file"
KINDS = (DIRECTORY, FILE)


FIRST_CONTENTS = (b"{}", b'{"bindings": []}')
"""What JSON files begin with; without the list Claude Code calls its keybindings.json invalid."""


def first_content(name: str) -> bytes:
    """Return what the file of a link begins with."""
    if name.endswith(".json"):
        return FIRST_CONTENTS[name == "keybindings.json"]
    return b""


class SharedSymlink(NamedTuple):
    """A link that every account home must have: its text, its name inside the home, and the kind of its target.

    ``kind`` is one of ``KINDS``.
    """

    target: str
    name: str
    kind: str = DIRECTORY


class LinkReport(NamedTuple):
    """One link of one account home.

    ``found`` is the previous entry: the text of the link, or in words the kind of another entry; None for no entry.
    ``status`` is one of the constants of this module; ``missing`` means that a run would create the link.
    """

    account_home: str
    name: str
    path: str
    target: str
    found: str | None
    status: str
    kind: str = DIRECTORY


class AccountReport(NamedTuple):
    """Result for one account home.

    ``created`` lists, in order, every directory, file and link that was created, or in check mode would be; a target
    that several accounts share is listed for the first of them. ``failures`` is empty when every link is right.
    """

    account_home: str
    links: tuple[LinkReport, ...]
    created: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """True if something was created, or in check mode would be."""
        return bool(self.created)


class AccessFailure(str):
    """The text of a failure of the system; ``errno`` is its number, ENOENT where an entry could not be created."""

    __slots__ = ("errno",)

    errno: int | None

    def __new__(cls, text: str, number: int | None) -> AccessFailure:
        failure = super().__new__(cls, text)
        failure.errno = number
        return failure


class SharedSymlinkError(Exception):
    """Links are wrong and cannot be put right without touching an existing entry.

    ``failures`` lists the problems, one text each, and ``errnos`` the number of the system's error behind each: None
    where something is there and wrong. ``reports`` holds the result for every account home, and is empty when the
    request itself was refused before anything was read.
    """

    def __init__(self, failures: Iterable[str], reports: Iterable[AccountReport] = ()) -> None:
        found = list(failures)
        self.failures = [str(failure) for failure in found]
        self.errnos = [failure.errno if isinstance(failure, AccessFailure) else None for failure in found]
        self.reports = list(reports)
        if len(self.failures) == 1:
            text = f"shared links: {self.failures[0]}"
        else:
            text = "\n- ".join([f"shared links: {len(self.failures)} problems", *self.failures])
        super().__init__(text)
