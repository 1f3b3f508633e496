# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of the daemon on disk: verified, made beside one another, switched atomically, pruned.

Standard library only.

A release is the folder ``<root>/releases/<name>`` with ``lib/`` (sources and byte code) and ``manifest.json`` (digests
of the byte code and the Python that made it). The sources need no digest: they are compared with the bundle's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

MANIFEST = "manifest.json"
STAGING = ".staging-"
TRASH = ".trash-"
_COMPILE_TIMEOUT = 300.0
_CHECK_TIMEOUT = 60.0
_RELEASES = "releases"
# The clock may have been set by a little between the start of a process and the writing of a file.
_CLOCK_TOLERANCE = 2.0


class ReleaseError(Exception):
    """Something on the host is not as expected; the message says what, and what to do."""


class Layout(NamedTuple):
    """Where releases live (absolute paths), and the Python that runs them."""

    root: str
    python: str

    @property
    def releases(self) -> str:
        """The folder that holds one folder for each release."""
        return os.path.join(self.root, _RELEASES)

    @property
    def current(self) -> str:
        """The link to the release in use."""
        return os.path.join(self.root, "current")

    def folder(self, name: str) -> str:
        """The folder of the release ``name``."""
        return os.path.join(self.releases, name)

    def library(self, name: str) -> str:
        """The folder that Python is given to run the release ``name``."""
        return os.path.join(self.releases, name, "lib")


class Found(NamedTuple):
    """What is there of a wanted release."""

    folder: Optional[str]
    """Name of an intact folder of it."""
    problems: list[str]
    """What is wrong with each folder of it that is not intact."""


class Daemon(NamedTuple):
    """A daemon that runs."""

    release: str
    """Name of the release that it was started from."""
    started: float
    """When, in seconds since the epoch."""


def read_current(layout: Layout) -> Optional[str]:
    """Return the name of the release that ``current`` leads to, or None where there is no such link.

    The release need not be there. A link of another text than :func:`switch` writes leads elsewhere, and what is
    returned is then an absolute path, which is the name of no release. Raises ReleaseError where ``current`` is no
    link, which is then somebody else's.
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
    if folder == _RELEASES and name not in ("", os.curdir, os.pardir):
        return name
    return os.path.join(layout.root, text)


def is_there(layout: Layout, name: Optional[str]) -> bool:
    """Tell whether ``name``, as :func:`read_current` returns it, is that of a release that is there, intact or not."""
    return name is not None and not os.path.isabs(name) and os.path.isdir(layout.folder(name))


def folders(layout: Layout) -> list[str]:
    """Return the names of all release folders, the one used last first."""
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
    """Return the names of what an interrupted run left behind."""
    try:
        return sorted(name for name in os.listdir(layout.releases) if name.startswith((STAGING, TRASH)))
    except FileNotFoundError:
        return []


def find(layout: Layout, name: str, sources: Mapping[str, bytes]) -> Found:
    """Look for an intact folder of the release ``name`` with the files ``sources``, the one in use first.

    A folder that was tampered with is not mended in place, since processes may run from it. It is replaced by
    one beside it, ``<name>.2``, ``<name>.3``, …
    """
    pattern = re.compile(re.escape(name) + r"(\.[0-9]+)?\Z")
    current = read_current(layout)
    candidates = [folder for folder in folders(layout) if pattern.match(folder)]
    candidates.sort(key=lambda folder: folder != current)
    problems: list[str] = []
    for folder in candidates:
        wrong = check(layout.folder(folder), sources, layout.python)
        if not wrong:
            return Found(folder, problems)
        problems += ["%s: %s" % (os.path.join(layout.folder(folder), path), why) for path, why in wrong]
    return Found(None, problems)


def free_name(layout: Layout, name: str) -> str:
    """Return ``name``, or the first of ``name.2``, ``name.3``, … that is not taken."""
    number, candidate = 1, name
    while os.path.lexists(layout.folder(candidate)):
        number += 1
        candidate = "%s.%d" % (name, number)
    return candidate


def check(folder: str, sources: Mapping[str, bytes], python: str) -> list[tuple[str, str]]:
    """Return (path below ``folder``, what is wrong) for each thing in which it is not the release of ``sources``.

    An empty list means: every file is there, no other is, none can be written by others, and the byte code is
    the one that was made at installation, by the Python that ``python`` still is.
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
        wrong = _ownership(path)
        if wrong:
            problems.append((os.path.join("lib", relative), wrong))
        if is_folder:
            continue
        found.add(relative)
        if not os.path.isfile(path) or os.path.islink(path):
            problems.append((os.path.join("lib", relative), "is no regular file"))
        elif relative in sources:
            if _read(path) != sources[relative]:
                problems.append((os.path.join("lib", relative), "content differs"))
        elif relative not in bytecode:
            problems.append((os.path.join("lib", relative), "does not belong to the release"))
        elif hashlib.sha256(_read(path)).hexdigest() != bytecode[relative]:
            problems.append((os.path.join("lib", relative), "content differs"))
    missing = (set(sources) | set(bytecode)) - found
    problems += [(os.path.join("lib", relative), "is missing") for relative in missing]
    return sorted(problems)


@contextlib.contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the lock of the root folder, which is made if missing, so that two installations cannot interleave."""
    os.makedirs(layout.releases, mode=0o755, exist_ok=True)
    for folder in (layout.root, layout.releases):
        os.chmod(folder, 0o755)
    descriptor = os.open(layout.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_sources(folder: str, sources: Mapping[str, bytes]) -> None:
    """Write ``sources`` below ``folder``, whatever the umask: files 0644, folders 0755."""
    for name, data in sources.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)


def stage(layout: Layout, name: str, sources: Mapping[str, bytes]) -> str:
    """Make the release whole in a folder beside the others, and return that folder (to :func:`publish`).

    ``name`` is the folder's name once published; tracebacks will show it. Raises ReleaseError where
    byte-compilation fails or what was written does not read back as intended.
    """
    staged = tempfile.mkdtemp(prefix=STAGING, dir=layout.releases)
    library = os.path.join(staged, "lib")
    write_sources(library, sources)
    command = [
        layout.python,
        "-I",
        "-m",
        "compileall",
        "-q",
        "-f",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        library,
        "-p",
        layout.library(name),
        library,
    ]
    code, _out, err = _run(command, b"", _COMPILE_TIMEOUT)
    if code != 0:
        raise ReleaseError("%s cannot byte-compile the release: %s" % (layout.python, err))
    bytecode = {}
    for path, is_folder in _walk(library):
        relative = os.path.relpath(path, library)
        if not is_folder and relative not in sources:
            bytecode[relative] = hashlib.sha256(_read(path)).hexdigest()
    manifest = {"python": os.path.realpath(layout.python), "bytecode": bytecode}
    with open(os.path.join(staged, MANIFEST), "x", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1, sort_keys=True)
        file.write("\n")
    _settle(staged)
    wrong = check(staged, sources, layout.python)
    if wrong:
        raise ReleaseError("the release was not written as intended: " + "; ".join("%s %s" % pair for pair in wrong))
    return staged


def publish(layout: Layout, staged: str, name: str) -> None:
    """Give a staged release its name, in one step."""
    os.rename(staged, layout.folder(name))
    _sync(layout.releases)


def switch(layout: Layout, name: str) -> None:
    """Let ``current`` lead to the release ``name``, in one step; the link is there at every moment.

    The folder's time tells :func:`folders` the order of use; it is set to the nanosecond, since the kernel's own
    clock for files is coarse enough to give two folders one time.
    """
    previous = read_current(layout)
    moment = time.time_ns()
    if previous is not None and is_there(layout, previous):
        os.utime(layout.folder(previous), ns=(moment - 1, moment - 1))
    os.utime(layout.folder(name), ns=(moment, moment))
    folder = tempfile.mkdtemp(prefix=STAGING, dir=layout.releases)
    link = os.path.join(folder, "current")
    os.symlink(os.path.join(_RELEASES, name), link)
    os.replace(link, layout.current)
    os.rmdir(folder)
    _sync(layout.root)


def surplus(layout: Layout, keep: int, current: str, used: set[str]) -> list[str]:
    """Return the release folders that may go: neither ``current``, nor in use, nor among the ``keep`` used last.

    ``keep`` counts the current release, and is at least 2, so that the one before it always stays.
    """
    order = [name for name in folders(layout) if name != current]
    return [name for name in order[max(keep, 2) - 1 :] if name not in used]


def used_by_processes(layout: Layout, proc: str = "/proc") -> set[str]:
    """Return the names of the releases that a running process was started from."""
    return {name for _pid, name, _rest in _started_from_a_release(layout, proc)}


def daemons(layout: Layout, proc: str = "/proc") -> list[Daemon]:
    """Return the daemons that run, as the unit starts them: by the launcher, with ``run`` and nothing else.

    One that was started with other words has another configuration, and is not the unit's; nor is one in a
    container, whose releases are its own.
    """
    # When this system was started, by the clock as it stands now; a process counts its start from there.
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    found = []
    for pid, name, rest in _started_from_a_release(layout, proc):
        if rest != [b"lib", b"run"]:
            continue
        try:
            # The name of the program, in parentheses, may hold blanks and parentheses itself.
            ticks = int(_read(os.path.join(proc, pid, "stat")).rpartition(b")")[2].split()[19])
            numbers = re.search(rb"^NSpid:(.*)$", _read(os.path.join(proc, pid, "status")), re.MULTILINE)
        except OSError:
            continue  # ended meanwhile
        # A process has a number in each namespace down to its own: in a container it has more than one.
        if numbers is None or len(numbers.group(1).split()) == 1:
            found.append(Daemon(name, booted + ticks / os.sysconf("SC_CLK_TCK")))
    return found


def is_stale(layout: Layout, paths: Sequence[str], proc: str = "/proc") -> bool:
    """Tell whether a daemon runs another release than ``current``, or since before one of ``paths`` was last written.

    Such a daemon is what a run leaves that broke between the installation and the restart. A file from the future
    tells of a clock that was wrong, and of nothing else.
    """
    now = time.time()
    written = [os.lstat(path).st_mtime for path in paths if os.path.lexists(path)]
    newest = max((moment for moment in written if moment <= now), default=0.0)
    current = read_current(layout)
    return any(
        daemon.release != current or daemon.started + _CLOCK_TOLERANCE < newest for daemon in daemons(layout, proc)
    )


def remove(layout: Layout, names: Sequence[str]) -> None:
    """Remove folders below ``releases``. A removal that is interrupted leaves no half release under its name."""
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
    """Remove every release and ``current``, and the folders that are empty then; what is not ours stays."""
    if read_current(layout) is not None:
        os.unlink(layout.current)
    ours = [name for name in folders(layout) if os.path.isfile(os.path.join(layout.folder(name), MANIFEST))]
    remove(layout, ours + leftovers(layout))
    for folder in (layout.releases, layout.root):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def check_config(layout: Layout, library: str, text: bytes) -> Optional[str]:
    """Let the release in ``library`` judge a configuration. Return None if it is good, else what is wrong with it."""
    code, out, err = _run([layout.python, "-I", "-B", library, "check-config", "-"], text, _CHECK_TIMEOUT)
    return None if code == 0 else (err or out or "exit code %d" % code)


def can_import(layout: Layout, module: str) -> bool:
    """Tell whether the Python that runs releases finds ``module``."""
    return _run([layout.python, "-I", "-c", "import " + module], b"", _CHECK_TIMEOUT)[0] == 0


def launcher_text(layout: Layout) -> str:
    """Return the shell script that starts the current release.

    It resolves ``current`` once, so that a process never mixes two releases. A hook of Claude Code is started
    without ``site``, for speed, and ends well even where there is no release, since it must not fail a session.
    """
    return _LAUNCHER.format(current=shlex.quote(layout.current), python=shlex.quote(layout.python))


_LAUNCHER = """\
#!/bin/sh
# Starts the current release of claude-failover.
# Installed by the Ansible collection secuaas.claude; changes are overwritten.
release=$(CDPATH= cd -P -- {current} 2>/dev/null && pwd -P) || release=
if [ "${{1-}}" = hook ]; then
    [ -n "$release" ] || exit 0
    exec {python} -I -S -B "$release/lib" "$@"
fi
if [ -z "$release" ]; then
    echo "claude-failover: "{current}" leads to no release; expected the role"\
        "secuaas.claude.claude_failover to have installed one" >&2
    exit 1
fi
exec {python} -I -B "$release/lib" "$@"
"""


def is_launcher(data: bytes) -> bool:
    """Tell whether ``data`` is a launcher that this collection wrote, of whatever version."""
    return data.startswith(b"#!/bin/sh\n# Starts the current release of claude-failover.")


def digests(sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return a short digest of each file, for showing what a new release changes."""
    return {name: hashlib.sha256(data).hexdigest()[:12] for name, data in sources.items()}


def read_sources(library: str) -> dict[str, bytes]:
    """Return the regular files below ``library`` that are no byte code; nothing where the folder is missing."""
    return {
        os.path.relpath(path, library): _read(path)
        for path, is_folder in _walk(library)
        if not is_folder and os.path.isfile(path) and not path.endswith(".pyc")
    }


def _started_from_a_release(layout: Layout, proc: str) -> Iterator[tuple[str, str, list[bytes]]]:
    """Yield (process, name of its release, path below that release and the arguments behind it)."""
    prefixes = {os.fsencode(path) + b"/" for path in (layout.releases, os.path.realpath(layout.releases))}
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        try:
            arguments = _read(os.path.join(proc, entry, "cmdline")).rstrip(b"\0").split(b"\0")
        except OSError:
            continue  # ended meanwhile, or may not be looked at
        for index, argument in enumerate(arguments):
            for prefix in prefixes:
                if argument.startswith(prefix):
                    name, _slash, below = argument[len(prefix) :].partition(b"/")
                    yield entry, os.fsdecode(name), [below, *arguments[index + 1 :]]


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


def _ownership(path: str) -> str:
    status = os.lstat(path)
    if status.st_uid != os.geteuid():
        return "belongs to user %d; expected %d" % (status.st_uid, os.geteuid())
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "can be written by others (mode %04o)" % stat.S_IMODE(status.st_mode)
    return ""


def _settle(top: str) -> None:
    """Give everything below ``top`` its mode whatever the umask, and bring it to the disk."""
    paths = [(top, True), (os.path.join(top, MANIFEST), False), *_walk(os.path.join(top, "lib"))]
    for path, is_folder in paths:
        os.chmod(path, 0o755 if is_folder else 0o644)
    for path, _is_folder in reversed(paths):
        _sync(path)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _run(command: Sequence[str], text: bytes, timeout: float) -> tuple[int, str, str]:
    """Run a program with a fixed environment; return exit code, standard output and standard error."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            list(command), input=text, capture_output=True, env=environment, cwd="/", timeout=timeout, check=False
        )
    except OSError as error:
        raise ReleaseError("%s cannot be started: %s" % (command[0], error)) from error
    except subprocess.TimeoutExpired as error:
        raise ReleaseError("%s did not end within %g s" % (" ".join(command), timeout)) from error
    out, err = (text.decode("utf-8", "replace").strip() for text in (done.stdout, done.stderr))
    return done.returncode, out, err
