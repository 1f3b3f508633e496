# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add the trust keys of folders to the ``.claude.json`` of account homes.

Claude Code 2.1.330 with ``CLAUDE_CONFIG_DIR`` set: ``<home>/.claude.json`` holds for each folder
``projects.<real path>.hasTrustDialogAccepted``. Unless it is true, a session that starts in the folder asks for trust
and waits. A running session keeps the file in memory and writes it as a whole, so the file of such a home is left
alone. A file with nothing but these keys does not suppress the other questions of a first start, and keeps the keys.
Homes may share one file by links; a session under any of them then uses it.

The content of a file is never returned and never part of a text.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils._running_sessions import (
    cli_processes,
    is_elsewhere,
    session_pids,
)
from ansible_collections.secuaas.claude.plugins.module_utils._state_file import (
    STATE_FILE,
    StateFile,
    StateFileError,
    home_state_path,
    parse_state,
    read_regular,
    state_bytes,
)

OK, ADDED, MISSING, IN_USE, ERROR = "ok", "added", "missing", "in_use", "error"

_KEY = "hasTrustDialogAccepted"


class HomeReport(NamedTuple):
    """Result for one account home.

    ``status`` is one of the constants of this module; ``missing`` means that a run would add the keys of ``folders``.
    ``folders`` lists the folders whose key was added, ``declined`` those with a key that is not true, which stays.
    ``detail`` is the reason of ``in_use`` and ``error``.
    """

    home: str
    status: str
    folders: list[str]
    declined: list[str]
    detail: str


class _InUseError(Exception):
    """A session uses the home, or the file has changed since it was read; the text is for the operator."""


class _Use(NamedTuple):
    """A home, and what its use by a session is seen from."""

    home: str
    homes: list[str]
    active_link: str
    shared_file: str | None

    def check(self) -> None:
        """Raise _InUseError while a session uses the home, or may do so through the active link or a shared file."""
        home = self.home
        sessions = {other: list(session_pids(other)) for other in self.homes}
        started = list(cli_processes([*self.homes, self.active_link]))
        shared = os.path.islink(os.path.join(home, "sessions"))
        users = [pid for pid in sessions[home] if not (shared and is_elsewhere(pid, home))]
        users += [pid for pid, folder in started if folder == os.path.normpath(home)]
        if users:
            raise _InUseError(f"the process {users[0]} uses this home; run again once its session has ended")
        running = [pid for found in sessions.values() for pid in found] + [pid for pid, _folder in started]
        if running and os.path.realpath(self.active_link) == os.path.realpath(home):
            raise _InUseError(f"the active link leads to this home while the session of process {running[0]} runs")
        if running and home_state_path(home, self.shared_file) == self.shared_file:
            raise _InUseError(f"the homes share {STATE_FILE}, and the session of process {running[0]} runs")


def seed(
    homes: Iterable[str],
    folders: Iterable[str],
    active_link: str,
    *,
    shared_file: str | None = None,
    check_mode: bool = False,
) -> list[HomeReport]:
    """Add the missing trust keys in every account home that no session uses.

    Args:
        homes: the account homes, as absolute paths.
        folders: the folders that sessions start in, as absolute paths; their links are followed, as by Claude Code.
        active_link: the link to the active home, which may be missing. While any session runs, that home counts as
            used: a session that a flip has moved there has its own file in another home.
        shared_file: the file that the homes may share. Of the links in a file's place, those with this text are
            followed.
        check_mode: write nothing; report the result of a run.

    Returns one report for each home, in order. An error in one home is part of its report and never raised.
    """
    wanted = list(dict.fromkeys(os.path.realpath(folder) for folder in folders))
    all_homes = list(homes)
    return [_seed_home(home, wanted, _Use(home, all_homes, active_link, shared_file), check_mode) for home in all_homes]


def foresee(homes: Iterable[str], folders: Iterable[str]) -> list[HomeReport]:
    """Return the reports of a run for a user who does not exist yet and so has no homes; reads nothing."""
    wanted = list(dict.fromkeys(folders))
    return [HomeReport(home, MISSING, wanted, [], "") for home in homes]


def _seed_home(home: str, wanted: list[str], use: _Use, check_mode: bool) -> HomeReport:
    try:
        path = home_state_path(home, use.shared_file)
        before = read_regular(path)
        content, absent, declined = _add_keys(before, wanted)
        if not absent:
            return HomeReport(home, OK, [], declined, "")
        use.check()
        if check_mode:
            _check_writable(os.path.dirname(path))
            return HomeReport(home, MISSING, absent, declined, "")
        _replace_state_file(path, before, content, use.check)
    except _InUseError as busy:
        return HomeReport(home, IN_USE, [], [], str(busy))
    except StateFileError as refusal:
        return HomeReport(home, ERROR, [], [], str(refusal))
    except OSError as error:
        return HomeReport(home, ERROR, [], [], f"{STATE_FILE}: {error.strerror or type(error).__name__}")
    return HomeReport(home, ADDED, absent, declined, "")


# ---- State file ----------------------------------------------------------------------------------------------


def _add_keys(file: StateFile | None, wanted: list[str]) -> tuple[bytes, list[str], list[str]]:
    """Return the content with the keys, the folders whose key was absent, and those whose key is not true.

    Raises StateFileError for content that would not survive the rewrite.
    """
    data = {} if file is None else parse_state(file.raw)
    projects = data.setdefault("projects", {})
    if not isinstance(projects, dict):
        raise StateFileError(f"{STATE_FILE}: projects is not an object; it is left as it is")
    absent, declined = [], []
    for folder in wanted:
        if not _is_utf8(folder):
            raise StateFileError(f"the folder {folder!r} has a name that is not UTF-8, which no key can hold")
        project = projects.setdefault(folder, {})
        if not isinstance(project, dict):
            raise StateFileError(
                f"{STATE_FILE}: what it holds for {escaped(folder)} is not an object; it is left as it is"
            )
        if _KEY not in project:
            project[_KEY] = True
            absent.append(folder)
        elif project[_KEY] is not True:
            declined.append(folder)
    return state_bytes(data), absent, declined


def _is_utf8(name: str) -> bool:
    """Return True if a file name is valid UTF-8 on the disk."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_writable(folder: str) -> None:
    """Raise the OSError that writing into ``folder`` would; one that does not exist passes."""
    if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(None, "this user may not write there", folder)


def _replace_state_file(path: str, before: StateFile | None, content: bytes, check_unused: Callable[[], None]) -> None:
    """Replace the file by ``content`` in one step if it has not changed. Raises _InUseError, OSError."""
    place = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=STATE_FILE + ".", dir=place)
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
        check_unused()
        if before is None:
            # Unlike a rename, a link never replaces an existing file.
            os.link(temporary, path)
            os.unlink(temporary)
        else:
            if _file_version(os.lstat(path)) != _file_version(before.status):
                raise _InUseError(f"{path} was changed meanwhile; run again")
            os.replace(temporary, path)
    except FileExistsError:
        raise _InUseError(f"{path} was made meanwhile; run again") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _file_version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


# ---- Running sessions --------------------------------------------------------------------------------------
