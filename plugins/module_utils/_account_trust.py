# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders that Claude Code is not to ask about: the trust keys of an account home's ``.claude.json``.

Seen on Claude Code 2.1.330: with ``CLAUDE_CONFIG_DIR`` set, ``<home>/.claude.json`` holds for each folder
``projects.<real path>.hasTrustDialogAccepted``; where it is not true, a session that starts there asks, and nobody
answers. A running session keeps that file in memory and writes it as a whole, so it is left alone while one runs. A
file with nothing but these keys still lets the first start ask all else, and keeps them.

Nothing of a file's content is ever returned or told. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

OK, ADDED, MISSING, IN_USE, ERROR = "ok", "added", "missing", "in_use", "error"

STATE_FILE = ".claude.json"
_KEY = "hasTrustDialogAccepted"
# What the CLI is called in a list of processes: as a native program and title (2.1.330), or run by Node.
_NAMES = ("claude", "node")


class HomeReport(NamedTuple):
    """What became of one account home.

    ``status`` is one of the constants of this module; ``missing`` means that a run would add what ``folders`` names.
    ``folders`` are those whose key was added; ``declined`` those with a key that is not true, which stays. ``detail``
    says why nothing was done, for ``in_use`` and ``error``.
    """

    home: str
    status: str
    folders: list[str]
    declined: list[str]
    detail: str


class _Refused(Exception):
    """The file is not as expected, and is left as it is; the text is for the operator and quotes nothing."""


class _Busy(Exception):
    """A session uses the file, or has changed it meanwhile; the text is for the operator."""


def seed(
    homes: Iterable[str], folders: Iterable[str], active_link: str, *, check_mode: bool = False
) -> list[HomeReport]:
    """Add the trust keys that are absent, in every account home that no session uses.

    Args:
        homes: the account homes, as absolute paths.
        folders: where sessions start, as absolute paths; links in them are followed, as Claude Code does.
        active_link: the link to the active home, which may be missing. While any session runs, that home counts as
            used: a session that a flip has moved there has left its own file in another home.
        check_mode: write nothing; say what would be done.

    Raises nothing for a home that cannot be used; its report tells.
    """
    wanted = list(dict.fromkeys(os.path.realpath(folder) for folder in folders))
    everywhere = list(homes)
    return [_home(home, wanted, everywhere, active_link, check_mode) for home in everywhere]


def _home(home: str, wanted: list[str], homes: list[str], active_link: str, check_mode: bool) -> HomeReport:
    try:
        before = _read(home)
        content, absent, declined = _with_keys(before, wanted)
        if not absent:
            return HomeReport(home, OK, [], declined, "")
        _refuse_use(home, homes, active_link)
        if check_mode:
            _foresee(home)
            return HomeReport(home, MISSING, absent, declined, "")
        _write(home, before, content, lambda: _refuse_use(home, homes, active_link))
    except _Busy as busy:
        return HomeReport(home, IN_USE, [], [], str(busy))
    except _Refused as refusal:
        return HomeReport(home, ERROR, [], [], str(refusal))
    except OSError as error:
        return HomeReport(home, ERROR, [], [], f"{STATE_FILE}: {error.strerror or type(error).__name__}")
    return HomeReport(home, ADDED, absent, declined, "")


# ---- The file ----------------------------------------------------------------------------------------------


class _File(NamedTuple):
    """A file as it was read."""

    raw: bytes
    status: os.stat_result


def _read(home: str) -> _File | None:
    """Return the state file; None if there is none. Raises _Refused, OSError."""
    path = os.path.join(home, STATE_FILE)
    try:
        # Checked before it is opened, so that no device is; and opened so that nothing planted since is followed.
        kind = os.lstat(path).st_mode
        if not stat.S_ISREG(kind):
            raise _Refused(f"{path} is {'a link' if stat.S_ISLNK(kind) else 'no regular file'}; it is left as it is")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused(f"{path} is no regular file; it is left as it is")
        return _File(stream.read(), status)


def _with_keys(file: _File | None, wanted: list[str]) -> tuple[bytes, list[str], list[str]]:
    """Return the content with the keys, the folders whose key was absent, and those whose key is not true.

    Raises _Refused for a content that cannot be kept whole.
    """
    data = {} if file is None else _parsed(file.raw)
    projects = data.setdefault("projects", {})
    if not isinstance(projects, dict):
        raise _Refused(f"{STATE_FILE}: projects is not an object; it is left as it is")
    absent, declined = [], []
    for folder in wanted:
        if not _is_text(folder):
            raise _Refused(f"the folder {folder!r} has a name that is not UTF-8, which no key can hold")
        project = projects.setdefault(folder, {})
        if not isinstance(project, dict):
            raise _Refused(f"{STATE_FILE}: what it holds for {folder} is not an object; it is left as it is")
        if _KEY not in project:
            project[_KEY] = True
            absent.append(folder)
        elif project[_KEY] is not True:
            declined.append(folder)
    try:
        # Escaped where it is not ASCII: the same to every reader, and possible for every text.
        return json.dumps(data, indent=2, allow_nan=False).encode("ascii"), absent, declined
    except (ValueError, RecursionError):
        raise _Refused(f"{STATE_FILE} holds something that cannot be written again; it is left as it is") from None


def _is_text(name: str) -> bool:
    """Whether a file's name is more than bytes that mean nothing."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        # The error itself is not passed on: it holds the content.
        raise _Refused(f"{STATE_FILE} is not valid JSON; it is left as it is") from None
    if not isinstance(data, dict):
        raise _Refused(f"{STATE_FILE} is not a JSON object; it is left as it is")
    return data


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _foresee(home: str) -> None:
    """Raise the OSError that writing into ``home`` would, if it is there already."""
    if os.path.isdir(home) and not os.access(home, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(None, "this user may not write there", home)


def _write(home: str, before: _File | None, content: bytes, refuse_use: Callable[[], None]) -> None:
    """Replace the file by ``content`` in one step, if it is still the one that was read. Raises _Busy, OSError."""
    path = os.path.join(home, STATE_FILE)
    descriptor, temporary = tempfile.mkstemp(prefix=STATE_FILE + ".", dir=home)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if before is not None:
                made = os.fstat(descriptor)
                if (made.st_uid, made.st_gid) != (before.status.st_uid, before.status.st_gid):
                    os.fchown(descriptor, before.status.st_uid, before.status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(before.status.st_mode))
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        refuse_use()
        if before is None:
            # Unlike a rename, this never replaces anything.
            os.link(temporary, path)
            os.unlink(temporary)
        else:
            if _version(os.lstat(path)) != _version(before.status):
                raise _Busy(f"{path} was changed meanwhile; run again")
            os.replace(temporary, path)
    except FileExistsError:
        raise _Busy(f"{path} was made meanwhile; run again") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


# ---- Who uses it -------------------------------------------------------------------------------------------


def _refuse_use(home: str, homes: list[str], active_link: str) -> None:
    """Raise _Busy while a session uses the home, or may do so through the active link."""
    users = {other: list(_sessions_in(other)) for other in homes}
    started = list(_started_with([*homes, active_link]))
    users[home] += [pid for pid, folder in started if folder == os.path.normpath(home)]
    if users[home]:
        raise _Busy(f"the process {users[home][0]} uses this home; run again once its session has ended")
    running = [pid for found in users.values() for pid in found] + [pid for pid, _folder in started]
    if running and os.path.realpath(active_link) == os.path.realpath(home):
        raise _Busy(f"the active link leads to this home while the session of process {running[0]} runs")


def _sessions_in(home: str) -> Iterator[int]:
    """Yield the running processes that have a file in ``<home>/sessions``.

    One that was killed leaves its file, and its number may be another's by now: the start time tells.
    """
    folder = os.path.join(home, "sessions")
    try:
        names = os.listdir(folder)
    except OSError:
        return  # where this user may not look, its sessions write nothing either
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending != ".json" or not (stem.isascii() and stem.isdecimal()):
            continue
        start = _start(int(stem))
        if start is not None and _told_start(os.path.join(folder, name)) in (start, None):
            yield int(stem)


def _told_start(path: str) -> str | None:
    """Return the start time in a session's file; None if it tells none, in which case its number has to do."""
    try:
        with open(path, "rb") as stream:
            return str(json.loads(stream.read(1 << 16))["procStart"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _start(pid: int) -> str | None:
    """Return when the process began, in clock ticks since boot; None if it does not run. proc(5)."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in ("Z", "X") else fields[19]


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on; the name before them may hold blanks and brackets."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stream:
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return None


def _started_with(folders: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the processes of the CLI that were started with one of the folders, and which one.

    Finds a session that has written no file yet, and a login under way. Only this user's processes can be looked at.
    """
    wanted = {os.fsencode(os.path.normpath(folder)): os.path.normpath(folder) for folder in folders}
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        try:
            with open(f"/proc/{entry}/comm", encoding="utf-8", errors="replace") as stream:
                if stream.read().strip() not in _NAMES:
                    continue
            with open(f"/proc/{entry}/environ", "rb") as stream:
                variables = stream.read().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            name, _equals, value = variable.partition(b"=")
            if name == b"CLAUDE_CONFIG_DIR" and value and os.path.normpath(value) in wanted:
                yield int(entry), wanted[os.path.normpath(value)]
