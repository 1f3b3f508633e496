# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store the daemon's releases side by side: verify, stage, publish, switch and prune.

A release is the folder ``<root>/releases/<name>`` with ``lib/`` (sources and byte code) and ``manifest.json`` (digests
of the byte code and the Python that made it). The sources need no digest: they are compared with the bundle's. What
else it was installed with is in ``files.json`` (:mod:`_release_record`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import RELEASES, Layout, ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_python import compile_library

MANIFEST = "manifest.json"
STAGING = ".staging-"
TRASH = ".trash-"


class SearchResult(NamedTuple):
    """Result of the search for a release on the host."""

    folder: str | None
    """Name of an intact folder."""
    problems: list[str]
    """Defects of the folders that are not intact."""


def read_current(layout: Layout) -> str | None:
    """Return the name of the release that ``current`` leads to, None where there is no such link.

    The release itself may be missing. For a link whose text is not of :func:`switch`, return its absolute path, which
    is the name of no release. Raises ReleaseError where ``current`` is no link.
    """
    try:
        text = os.readlink(layout.current)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ReleaseError(
            "%s is not a symbolic link (%s); expected a link into %s. Move it away."
            % (layout.current, error.strerror, layout.releases)
        ) from error
    folder, name = os.path.split(text)
    if folder == RELEASES and name not in ("", os.curdir, os.pardir):
        return name
    return os.path.join(layout.root, text)


def is_installed(layout: Layout, name: str | None) -> bool:
    """Return True if ``name``, as of :func:`read_current`, is that of an existing release, intact or not."""
    return name is not None and not os.path.isabs(name) and os.path.isdir(layout.folder(name))


def list_folders(layout: Layout) -> list[str]:
    """Return the names of all release folders, most recently used first."""
    try:
        with os.scandir(layout.releases) as entries:
            dated = [
                (-entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
    except FileNotFoundError:
        return []
    return [name for _mtime, name in sorted(dated)]


def leftovers(layout: Layout) -> list[str]:
    """Return the names of the folders that interrupted runs have left."""
    try:
        return sorted(name for name in os.listdir(layout.releases) if name.startswith((STAGING, TRASH)))
    except FileNotFoundError:
        return []


def find_intact(layout: Layout, name: str, sources: Mapping[str, bytes]) -> SearchResult:
    """Search for an intact folder of the release ``name`` with the files ``sources``, the one in use first.

    A release can have several folders: one that was tampered with is never repaired, since processes may run from it,
    but replaced by ``<name>.2``, ``<name>.3``, …
    """
    pattern = re.compile(re.escape(name) + r"(\.[0-9]+)?\Z")
    current = read_current(layout)
    candidates = [folder for folder in list_folders(layout) if pattern.match(folder)]
    candidates.sort(key=lambda folder: folder != current)
    problems: list[str] = []
    for folder in candidates:
        wrong = verify(layout.folder(folder), sources, layout.python)
        if not wrong:
            return SearchResult(folder, problems)
        problems += ["%s: %s" % (os.path.join(layout.folder(folder), path), why) for path, why in wrong]
    return SearchResult(None, problems)


def free_name(layout: Layout, name: str) -> str:
    """Return ``name``, or the first of ``name.2``, ``name.3``, … that is not taken."""
    number, candidate = 1, name
    while os.path.lexists(layout.folder(candidate)):
        number += 1
        candidate = "%s.%d" % (name, number)
    return candidate


def verify(folder: str, sources: Mapping[str, bytes], python: str) -> list[tuple[str, str]]:
    """Return the defects of a folder that should hold the release of ``sources``: (path below it, problem).

    An intact folder holds every file and no other, nothing in it is writable by others, and its byte code is that of
    the installation, made by the program that ``python`` still leads to.
    """
    problems: list[tuple[str, str]] = []
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            manifest = json.load(file)
        made_by, bytecode = str(manifest["python"]), dict(manifest["bytecode"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [(MANIFEST, "cannot be read (%s); expected the list that the installation wrote" % error)]
    if made_by != os.path.realpath(python):
        problems.append((MANIFEST, "byte code is of %s; this host now runs %s" % (made_by, os.path.realpath(python))))
    library = os.path.join(folder, "lib")
    found = set()
    for path, is_folder in _walk(library):
        relative = os.path.relpath(path, library)
        wrong = _permission_problem(path)
        if wrong:
            problems.append((os.path.join("lib", relative), wrong))
        if is_folder:
            continue
        found.add(relative)
        if not os.path.isfile(path) or os.path.islink(path):
            problems.append((os.path.join("lib", relative), "is no regular file"))
        elif relative in sources:
            if _read_bytes(path) != sources[relative]:
                problems.append((os.path.join("lib", relative), "content differs"))
        elif relative not in bytecode:
            problems.append((os.path.join("lib", relative), "does not belong to the release"))
        elif hashlib.sha256(_read_bytes(path)).hexdigest() != bytecode[relative]:
            problems.append((os.path.join("lib", relative), "content differs"))
    missing = (set(sources) | set(bytecode)) - found
    problems += [(os.path.join("lib", relative), "is missing") for relative in missing]
    return sorted(problems)


@contextlib.contextmanager
def lock(layout: Layout) -> Iterator[None]:
    """Create the root folder if it is missing, and hold its lock; one installation runs at a time.

    The lock is a file that nobody else can open: flock(2) asks for no right but that.
    """
    os.makedirs(layout.releases, mode=0o755, exist_ok=True)
    for folder in (layout.root, layout.releases):
        os.chmod(folder, 0o755)
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_sources(folder: str, sources: Mapping[str, bytes]) -> None:
    """Write ``sources`` below ``folder``, which may be missing; a file that exists is an error. Raises OSError."""
    for name, data in sources.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)


def make_readable(folder: str) -> None:
    """Make a folder and what is in it readable for everybody, whatever the umask was. Raises OSError."""
    _set_modes([(folder, True), *_walk(folder)])


def stage(layout: Layout, name: str, sources: Mapping[str, bytes]) -> str:
    """Create a complete release in a temporary folder beside the others; return that folder, for :func:`publish`.

    ``name`` is the name to publish it by; tracebacks will show it. Raises ReleaseError where byte-compilation fails or
    the folder does not verify.
    """
    staged = tempfile.mkdtemp(prefix=STAGING, dir=layout.releases)
    library = os.path.join(staged, "lib")
    write_sources(library, sources)
    compile_library(layout.python, library, layout.library(name))
    bytecode = {}
    for path, is_folder in _walk(library):
        relative = os.path.relpath(path, library)
        if not is_folder and relative not in sources:
            bytecode[relative] = hashlib.sha256(_read_bytes(path)).hexdigest()
    manifest = {"python": os.path.realpath(layout.python), "bytecode": bytecode}
    with open(os.path.join(staged, MANIFEST), "x", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1, sort_keys=True)
        file.write("\n")
    _finish(staged)
    wrong = verify(staged, sources, layout.python)
    if wrong:
        raise ReleaseError("the release was not written as intended: " + "; ".join("%s %s" % pair for pair in wrong))
    return staged


def publish(layout: Layout, staged: str, name: str) -> None:
    """Rename a staged release to its name."""
    os.rename(staged, layout.folder(name))
    _fsync_path(layout.releases)


def switch(layout: Layout, name: str) -> None:
    """Replace ``current`` atomically by a link to the release ``name``.

    The times of the folders, by which :func:`list_folders` sorts, are set explicitly: the kernel's clock for files is
    coarse enough to give two folders one time.
    """
    previous = read_current(layout)
    moment = time.time_ns()
    if previous is not None and is_installed(layout, previous):
        os.utime(layout.folder(previous), ns=(moment - 1, moment - 1))
    os.utime(layout.folder(name), ns=(moment, moment))
    folder = tempfile.mkdtemp(prefix=STAGING, dir=layout.releases)
    link = os.path.join(folder, "current")
    os.symlink(os.path.join(RELEASES, name), link)
    os.replace(link, layout.current)
    os.rmdir(folder)
    _fsync_path(layout.root)


def make_oldest(layout: Layout, name: str) -> None:
    """Date a release back, so that it counts as the least recently used one and is pruned first."""
    os.utime(layout.folder(name), ns=(0, 0))


def prunable(layout: Layout, keep: int, current: str, in_use: set[str]) -> list[str]:
    """Return the release folders to prune: not ``current``, not in use, not among the ``keep`` most recently used.

    ``keep`` counts the current release, and is at least 2, so that the one before it always stays.
    """
    order = [name for name in list_folders(layout) if name != current]
    kept = max(keep, 2) - 1
    return [name for name in order[kept:] if name not in in_use]


def remove_folders(layout: Layout, names: Sequence[str]) -> None:
    """Remove folders below ``releases``; an interrupted removal never leaves half a release under its name."""
    for name in names:
        folder = layout.folder(name)
        if not name.startswith((STAGING, TRASH)):
            trash = tempfile.mkdtemp(prefix=TRASH, dir=layout.releases)
            try:
                os.rename(folder, trash)
                folder = trash
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # An overlay file system does not rename a folder of its lower layer.
                os.rmdir(trash)
        shutil.rmtree(folder)


def remove_all(layout: Layout) -> None:
    """Remove every release, ``current``, and the folders that are then empty; foreign files stay."""
    if read_current(layout) is not None:
        os.unlink(layout.current)
    ours = [name for name in list_folders(layout) if os.path.isfile(os.path.join(layout.folder(name), MANIFEST))]
    remove_folders(layout, ours + leftovers(layout))
    for path in (layout.rollback, layout.lock):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    for folder in (layout.releases, layout.root):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def digests(sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return a short digest of each file, for a diff."""
    return {name: hashlib.sha256(data).hexdigest()[:12] for name, data in sources.items()}


def read_sources(library: str) -> dict[str, bytes]:
    """Return the regular files below ``library`` without byte code; none where the folder is missing."""
    return {
        os.path.relpath(path, library): _read_bytes(path)
        for path, is_folder in _walk(library)
        if not is_folder and os.path.isfile(path) and not path.endswith(".pyc")
    }


def _walk(top: str) -> Iterator[tuple[str, bool]]:
    """Yield (path, is a folder) for ``top`` and everything below; links are not followed."""
    if not os.path.isdir(top):
        return
    yield top, True
    for where, inner, files in os.walk(top):
        for name in inner:
            path = os.path.join(where, name)
            yield path, not os.path.islink(path)
        for name in files:
            yield os.path.join(where, name), False


def _permission_problem(path: str) -> str:
    status = os.lstat(path)
    if status.st_uid != os.geteuid():
        return "belongs to user %d; expected %d" % (status.st_uid, os.geteuid())
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "can be written by others (mode %04o)" % stat.S_IMODE(status.st_mode)
    return ""


def _finish(top: str) -> None:
    """Set the modes of everything below ``top``, whatever the umask, and flush it to the disk."""
    paths = [(top, True), (os.path.join(top, MANIFEST), False), *_walk(os.path.join(top, "lib"))]
    _set_modes(paths)
    for path, _is_folder in reversed(paths):
        _fsync_path(path)


def _set_modes(paths: Iterable[tuple[str, bool]]) -> None:
    """Make the paths readable for everybody, of which the second value says that it is a folder."""
    for path, is_folder in paths:
        os.chmod(path, 0o755 if is_folder else 0o644)


def _fsync_path(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
