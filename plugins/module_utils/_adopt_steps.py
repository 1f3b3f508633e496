# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the steps of an adoption.

Each step is whole or not at all: a file is written beside its place under the name TEMPORARY, flushed, compared with
its source by digest, and then gets its name; it replaces nothing but the beginning of itself (``extend``), and a state
file that was kept (``write``, ``replace``). The folders are flushed before anything is renamed that was the only copy.

| action | does |
|---|---|
| clear | removes what an interrupted run left under the name TEMPORARY |
| make_folder | makes a folder, with the mode of its source or 0700 |
| make_file | makes a file, for its owner alone |
| copy | copies a file, its mode and its times |
| extend | the same, over a file that is the beginning of the source |
| make_link | makes a link |
| verify | plans the merge again, and stops unless nothing is left of it |
| keep | gives a file a second name |
| write | replaces a state file |
| move | renames a file or a folder to a name that is free |
| replace | replaces a file that was kept by a link |
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from io import BufferedWriter
from typing import Callable

from ansible_collections.secuaas.claude.plugins.module_utils._adopt_tree import file_merge, merge_plan
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import (
    CLEAR,
    COPY,
    EXTEND,
    FILE,
    KEEP,
    MAKE_FILE,
    MAKE_FOLDER,
    MAKE_LINK,
    MOVE,
    PREFIX,
    REPLACE,
    TEMPORARY,
    VERIFY,
    WRITE,
    AdoptionError,
    Step,
)
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_view import DiskView, open_regular

_CHUNK = 1 << 20
_UNUSED_ONLY = (MOVE, WRITE, REPLACE)
"""Actions that a session would notice."""


class StepRunner:
    """Does steps; ``check_unused`` raises AdoptionError while a session uses a home. ``done`` lists those that are."""

    def __init__(self, check_unused: Callable[[], None], view: DiskView) -> None:
        self._check_unused = check_unused
        self.done: list[Step] = []
        self._view = view
        self._unsynced: set[str] = set()
        self._actions: dict[str, Callable[[Step], None]] = {
            CLEAR: self._clear,
            MAKE_FOLDER: self._make_folder,
            MAKE_FILE: self._make_file,
            COPY: self._copy,
            EXTEND: self._extend,
            MAKE_LINK: self._make_link,
            VERIFY: self._verify,
            KEEP: self._keep,
            WRITE: self._write,
            MOVE: self._move,
            REPLACE: self._replace,
        }

    def run(self, steps: Iterable[Step]) -> None:
        """Do the steps in order. Raises AdoptionError at the first one that cannot be done."""
        for step in steps:
            self._view.progress()
            if step.action in _UNUSED_ONLY:
                self._check_unused()
            try:
                self._actions[step.action](step)
            except FileExistsError:
                raise AdoptionError([f"{step.path}: it was made meanwhile; run again"]) from None
            except OSError as error:
                raise AdoptionError([f"{step.action} {step.path}: {error.strerror or type(error).__name__}"]) from None
            self.done.append(step)
        self._sync_folders()

    def _clear(self, step: Step) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(step.path)

    def _make_folder(self, step: Step) -> None:
        os.mkdir(step.path, 0o700)
        if step.source:
            # Its owner has to be able to fill it.
            os.chmod(step.path, stat.S_IMODE(os.lstat(step.source).st_mode) | 0o700)
        self._made_in(step.path)

    def _make_file(self, step: Step) -> None:
        self._name(_write_content(step), step.path)

    def _copy(self, step: Step) -> None:
        self._name(_write_copy(step), step.path)

    def _extend(self, step: Step) -> None:
        if self._view.relation(step.path, step.source) != PREFIX:
            raise AdoptionError([f"{step.path}: it was changed meanwhile; run again"])
        os.replace(_write_copy(step), step.path)
        self._made_in(step.path)

    def _make_link(self, step: Step) -> None:
        os.symlink(step.source, step.path)
        self._made_in(step.path)

    def _verify(self, step: Step) -> None:
        if self._view.kind(step.source) == FILE:
            source, root, target = file_merge(self._view, step.source, step.path)
        else:
            root = step.path
            source, target = (self._view.tree(path, step.left_out) for path in (step.source, root))
        left = merge_plan(source, root, target, step.label, self._view.relation).steps
        if left:
            raise AdoptionError([f"{left[0].path}: it is not as in {step.source}; run again"])

    def _keep(self, step: Step) -> None:
        os.link(step.source, step.path, follow_symlinks=False)
        self._made_in(step.path)

    def _write(self, step: Step) -> None:
        temporary = _write_content(step)
        self._sync_folders()
        os.replace(temporary, step.path)
        self._made_in(step.path)

    def _move(self, step: Step) -> None:
        if os.path.lexists(step.path):
            raise FileExistsError
        self._sync_folders()
        os.rename(step.source, step.path)
        self._made_in(step.path)
        self._made_in(step.source)

    def _replace(self, step: Step) -> None:
        if not self._view.is_kept(step.path):
            raise AdoptionError([f"{step.path}: it was replaced meanwhile; run again"])
        self._sync_folders()
        temporary = _temporary_path(step.path)
        os.symlink(step.source, temporary)
        os.replace(temporary, step.path)
        self._made_in(step.path)

    def _name(self, temporary: str, path: str) -> None:
        # Unlike a rename, a link never replaces an existing file.
        os.link(temporary, path)
        os.unlink(temporary)
        self._made_in(path)

    def _made_in(self, path: str) -> None:
        self._unsynced.add(os.path.dirname(path))

    def _sync_folders(self) -> None:
        """Flush the folders of everything that was made to the disk."""
        for folder in sorted(self._unsynced):
            # A folder that was renamed since keeps what was flushed under its old name.
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        self._unsynced.clear()


def _temporary_path(path: str) -> str:
    """Return a free path for a file that will be called ``path``."""
    temporary = os.path.join(os.path.dirname(path), TEMPORARY)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    return temporary


def _temporary_beside(path: str) -> BufferedWriter:
    """Open a new file that will be called ``path``; nobody else can read it."""
    return open(_temporary_path(path), "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600))


def _write_content(step: Step) -> str:
    """Return the path of a file with the content of a step, and the mode of the file that it will replace."""
    with _temporary_beside(step.path) as stream:
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(stream.fileno(), stat.S_IMODE(os.lstat(step.path).st_mode))
        stream.write(step.content)
        stream.flush()
        os.fsync(stream.fileno())
    return stream.name


def _write_copy(step: Step) -> str:
    """Return the path of a copy of a step's source. Raises AdoptionError if it is not what was read."""
    with open_regular(step.source) as original, _temporary_beside(step.path) as stream:
        read = hashlib.sha256()
        for chunk in iter(lambda: original.read(_CHUNK), b""):
            read.update(chunk)
            stream.write(chunk)
        stream.flush()
        status = os.fstat(original.fileno())
        os.fchmod(stream.fileno(), stat.S_IMODE(status.st_mode) & (0o700 if step.private else 0o7777))
        os.utime(stream.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(stream.fileno())
    with open_regular(stream.name) as copy:
        written = hashlib.sha256()
        for chunk in iter(lambda: copy.read(_CHUNK), b""):
            written.update(chunk)
    if written.digest() != read.digest():
        raise AdoptionError([f"{step.path}: its copy is not what was read from {step.source}; check the disk"])
    return stream.name
