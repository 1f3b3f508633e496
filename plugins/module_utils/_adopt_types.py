# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of an adoption: the request, the steps of its plan, and the view of the disk that the plan is made from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from ansible_collections.secuaas.claude.plugins.module_utils._state_file import STATE_FILE
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import SharedSymlink

MISSING, FOLDER, FILE, LINK, OTHER = "missing", "folder", "file", "link", "special file"
"""Kinds of an entry."""

SAME, PREFIX, EXTENSION, DIFFERENT = "same", "prefix", "extension", "different"
"""Relations of the content of a file to that of another: equal, its beginning, its continuation, none of these."""

CLEAR, MAKE_FOLDER, MAKE_FILE, COPY, EXTEND = "clear", "make_folder", "make_file", "copy", "extend"
MAKE_LINK, VERIFY, KEEP, WRITE, MOVE, REPLACE = "make_link", "verify", "keep", "write", "move", "replace"
"""Actions of a step; ``_adopt_steps`` says what each does."""

PERSONS_FOLDER = ".claude"
"""Name of the home that a session without ``CLAUDE_CONFIG_DIR`` uses; its state file is beside it."""
TEMPORARY = ".claude-adoption.tmp"
"""Name of a file that is written before it gets its own name; there is at most one in a folder."""
ASIDE = ".before-adoption-"
"""What the name of an original has between its old name and the date."""


class AdoptionError(Exception):
    """The adoption is refused, or has stopped at a step; ``problems`` holds a text for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("; ".join(self.problems))


class AdoptionRequest(NamedTuple):
    """A machine to adopt; all paths are absolute.

    ``homes`` are the account homes, the first of which the folder at ``active_link`` becomes. ``date`` is part of the
    names of the originals.
    """

    homes: tuple[str, ...]
    active_link: str
    links: tuple[SharedSymlink, ...]
    date: str


class Node(NamedTuple):
    """An entry of a tree. ``origin`` is the path that has its content at the time of planning."""

    kind: str
    origin: str
    text: str = ""


Tree = dict[str, Node]
"""The entries below a folder by their relative path, a folder before what it holds."""


class Step(NamedTuple):
    """One step of a plan: ``path`` is made, replaced or verified from ``source``.

    ``source`` is a path, or the text of a link. ``label`` and ``left_out`` are those of the merge that ``verify`` plans
    again: what a second name has in it, and the names at the top of the trees that it passes over. ``content`` is that
    of ``write`` and ``make_file``; it is never shown. Of a ``private`` copy only the owner has rights.
    """

    action: str
    path: str
    source: str = ""
    label: str = ""
    left_out: frozenset[str] = frozenset()
    content: bytes = b""
    private: bool = False


class Plan(NamedTuple):
    """The steps of an adoption, and what the operator has to know of them."""

    steps: list[Step]
    notices: list[str]


class View(Protocol):
    """The disk as the plan sees it; follows no link."""

    def kind(self, path: str) -> str:
        """Return the kind of an entry."""

    def text(self, path: str) -> str:
        """Return the text of a link."""

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, none if it is missing."""

    def listing(self, path: str) -> Tree:
        """Return what is directly in a folder; nothing if it is missing."""

    def tree(self, path: str, left_out: frozenset[str] = frozenset()) -> Tree:
        """Return everything below a folder but the names ``left_out`` at its top; nothing if it is missing."""

    def read(self, path: str) -> bytes:
        """Return the content of a file of settings or state."""

    def relation(self, path: str, other: str) -> str:
        """Return the relation of the content of the file ``path`` to that of ``other``.

        What a shared file is made with is the beginning of every content.
        """

    def is_kept(self, path: str) -> bool:
        """Return True if an original with a dated name beside ``path`` is the same file."""

    def can_be_renamed(self, path: str, new: str) -> bool:
        """Return True if both are on one file system, and ``path`` is not the root of one."""

    def can_be_kept(self, path: str) -> bool:
        """Return True if the file can get a second name beside its own."""


def persons_state_path(active_link: str) -> str:
    """Return the state file of a session without ``CLAUDE_CONFIG_DIR``."""
    return os.path.join(os.path.dirname(active_link), STATE_FILE)


def persons_state_text(request: AdoptionRequest) -> str:
    """Return the text of the link that an adoption makes there."""
    shared = next((link.target for link in request.links if link.name == STATE_FILE), "")
    return shared or os.path.join(os.path.basename(request.active_link), STATE_FILE)


def link_target(path: str, text: str) -> str:
    """Return the path that a link leads to, by its text."""
    return os.path.normpath(os.path.join(os.path.dirname(path), text))
