# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links by which the homes of several Claude Code accounts share one state.

A conversation can move from one account to another only if both keep it in the same place. So in every
account home ``projects``, ``session-env`` and ``file-history`` are links to one shared directory each
(seen to suffice, and never to be replaced by the program, on Claude Code 2.1.330).

What is missing is made. What is there is never removed, replaced, emptied, re-owned or re-moded: a link that
leads elsewhere, or a directory in a link's place, may hold the only copy of somebody's work, so it is told
and left alone. A run and its prediction (check mode) are one procedure over two file systems, the real one
and an imagined one, which is why they agree.

All paths are absolute ``str``. Standard library only and nothing of Ansible: the daemon imports this too.
"""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

DEFAULT_SHARED_ROOT = "/home/ubuntu"
DEFAULT_MODE = 0o700

OK = "ok"
CREATED = "created"
MISSING = "missing"
DIVERGENT = "divergent"
NOT_A_SYMLINK = "not_a_symlink"
ERROR = "error"

_SHARED_NAMES = ("session-env", "file-history", "projects")
_NAME_BYTES = 255
_LOOKS = 8
_DIRECTORY = "a directory"
_KINDS = {
    stat.S_IFDIR: _DIRECTORY,
    stat.S_IFREG: "a regular file",
    stat.S_IFLNK: "a symlink that leads nowhere",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


class SharedSymlink(NamedTuple):
    """A link that every account home must have: its text, and its name inside the home."""

    target: str
    name: str


class LinkReport(NamedTuple):
    """One link of one account home.

    ``found`` is what was there before: the text of the link, or in words what stood in its place; None for
    nothing. ``status`` is one of the constants of this module; ``missing`` means that a run would create it.
    """

    account_home: str
    name: str
    path: str
    target: str
    found: str | None
    status: str


class AccountReport(NamedTuple):
    """What was found and made for one account home.

    ``created`` holds, in order, every directory and link that was made, or in check mode would be. What
    several accounts share is told by the first of them. ``failures`` is empty when every link is right.
    """

    account_home: str
    links: tuple[LinkReport, ...]
    created: tuple[str, ...]
    failures: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """True if something was made, or in check mode would be."""
        return bool(self.created)


class SharedSymlinkError(Exception):
    """The links are not right, and could not be made so without touching what is there.

    ``failures`` lists what is wrong, one text for each thing; ``reports`` says what was done all the same,
    account by account, and is empty when the request itself was refused and nothing was looked at.
    """

    def __init__(self, failures: Iterable[str], reports: Iterable[AccountReport] = ()) -> None:
        self.failures = list(failures)
        self.reports = list(reports)
        if len(self.failures) == 1:
            text = f"shared links: {self.failures[0]}"
        else:
            text = "\n- ".join([f"shared links: {len(self.failures)} problems", *self.failures])
        super().__init__(text)


def shared_symlink(shared_root: str, name: str) -> SharedSymlink:
    """Return the link ``name`` to its usual target, ``<shared_root>/.claude-<name>-shared``."""
    return SharedSymlink(os.path.join(shared_root, f".claude-{name}-shared"), name)


def required_shared(shared_root: str) -> tuple[SharedSymlink, ...]:
    """Return the three links that Claude Code needs, to targets under ``shared_root``."""
    return tuple(shared_symlink(shared_root, name) for name in _SHARED_NAMES)


REQUIRED_SHARED = required_shared(DEFAULT_SHARED_ROOT)


def required_links(shared_root: str, links: Iterable[Mapping[str, str | None]] | None) -> tuple[SharedSymlink, ...]:
    """Return the links that ``links`` names, with or without a ``target``; for None the usual three."""
    if links is None:
        return required_shared(shared_root)
    required = []
    for link in links:
        name, target = link["name"] or "", link.get("target")
        required.append(shared_symlink(shared_root, name) if target is None else SharedSymlink(target, name))
    return tuple(required)


def parse_mode(value: object) -> int:
    """Return the permission bits that ``value`` means: a number, or a text of octal digits.

    Raises SharedSymlinkError.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value, 8)
        except ValueError:
            pass
    raise SharedSymlinkError([f"mode: found {value!r}, expected octal digits in quotes, as in '0700'"])


def ensure_for_account(
    account_home: str,
    required: Iterable[SharedSymlink],
    *,
    check_mode: bool = False,
    owner: str | int | None = None,
    group: str | int | None = None,
    mode: int = DEFAULT_MODE,
) -> AccountReport:
    """Make every link of one account home right, or say why not; see ``validate_all``."""
    reports = validate_all([account_home], required, check_mode=check_mode, owner=owner, group=group, mode=mode)
    return reports[0]


def validate_all(
    account_homes: Iterable[str],
    required: Iterable[SharedSymlink],
    *,
    check_mode: bool = False,
    owner: str | int | None = None,
    group: str | int | None = None,
    mode: int = DEFAULT_MODE,
) -> list[AccountReport]:
    """Make every link of every account home right; create what is missing, touch nothing that is there.

    ``check_mode`` writes nothing and reports what a run would do, failures included. ``owner`` and ``group``
    (names or numbers) and ``mode`` (permission bits, whatever the umask) are those of what is created. When
    the caller is root and ``owner`` somebody else, all is done in a child process with that user's ids and
    groups. In check mode an owner or a group that does not exist yet counts as one that will.

    Returns one report for each account home, in order. Raises SharedSymlinkError after all of them have been
    seen to, or, when the request itself cannot be right, before anything is touched.
    """
    homes, links = list(account_homes), list(required)
    problems = _problems_of_mode(mode)
    user = gid = None
    try:
        user = _user(None if owner is None else str(owner), check_mode)
    except _RefusedError as refusal:
        problems.append(str(refusal))
    try:
        gid = _group_id(None if group is None else str(group), check_mode)
    except _RefusedError as refusal:
        problems.append(str(refusal))
    problems += _problems_of_text(homes, links)
    if problems:
        raise SharedSymlinkError(problems)

    def work() -> _Outcome:
        return _run(homes, links, _Imagined(mode, gid) if check_mode else _Disk(mode, gid))

    failures, reports = work() if user is None else _run_as(user, work)
    if failures:
        raise SharedSymlinkError(failures, reports)
    return reports


def result_of(reports: Iterable[AccountReport]) -> dict[str, Any]:
    """Return ``changed``, ``links``, ``created`` and ``diff`` in the form of an Ansible result.

    Text is fit for JSON: bytes of file names that are not UTF-8 appear as ``\\xNN``.
    """
    links: list[dict[str, str | None]] = []
    created: list[str] = []
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for report in reports:
        for path in map(_shown, report.created):
            created.append(path)
            before[path], after[path] = "nothing", _DIRECTORY
        for link in report.links:
            shown = {key: value and _shown(value) for key, value in link._asdict().items()}
            links.append(shown)
            path = _shown(link.path)
            before[path] = after[path] = _state(link)
            if link.status in (CREATED, MISSING):
                after[path] = f"a link to {_shown(link.target)}"
    diff = {"before": before, "after": after}
    return {"changed": bool(created), "links": links, "created": created, "diff": diff}


def _state(link: LinkReport) -> str:
    if link.found is None:
        return "unknown" if link.status == ERROR else "nothing"
    return _shown(link.found) if link.status == NOT_A_SYMLINK else f"a link to {_shown(link.found)}"


def _shown(text: str) -> str:
    return os.fsencode(text).decode("utf-8", "backslashreplace")


_Outcome = tuple[list[str], list[AccountReport]]


class _RefusedError(Exception):
    """Something is not as expected and not ours to change; the text is for the operator."""


# ---- What is asked for -------------------------------------------------------------------------------------


def _problems_of_mode(mode: int) -> list[str]:
    if 0 <= mode <= 0o7777 and mode & 0o700 == 0o700:
        return []
    problem = (
        f"mode: found {mode:#o}, expected permission bits that let the owner read, write and enter what is"
        " created, such as 0o700; in YAML write them in quotes, as in '0700'"
    )
    return [problem]


def _problems_of_text(homes: list[str], links: list[SharedSymlink]) -> list[str]:
    """Return what is wrong with a request by its text alone."""
    problems = []
    if not homes:
        problems.append("no account homes: found an empty list, expected at least one absolute path")
    if not links:
        problems.append("no links: found an empty list, expected at least one link with a name and a target")
    problems += [_problem_of_path("account home", home) for home in homes]
    problems += [_problem_of_path(f"target of link {link.name!r}", link.target) for link in links]
    problems += [_problem_of_name(link.name) for link in links]
    problems += [f"link name {name!r}: found more than once, expected once" for name in _repeated(links)]
    return list(dict.fromkeys(filter(None, problems)))


def _repeated(links: list[SharedSymlink]) -> list[str]:
    names = [link.name for link in links]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _problem_of_path(what: str, path: str) -> str:
    if not path:
        found = "an empty path"
    elif not path.startswith("/"):
        found = "a relative path"
    elif "~" in path or "$" in path:
        found = "a '~' or '$', which nothing here expands"
    elif ".." in path.split("/"):
        found = "a '..', whose meaning changes with the links before it"
    else:
        found = _unusable_characters(path)
    return found and f"{what} {path!r}: found {found}, expected an absolute path written out in full"


def _problem_of_name(name: str) -> str:
    if not name:
        found = "an empty name"
    elif name in (".", ".."):
        found = "the directory itself or its parent"
    elif "/" in name:
        found = "a '/'"
    else:
        found = _unusable_characters(name)
    return found and f"link name {name!r}: found {found}, expected the name of one entry in the account home"


def _unusable_characters(text: str) -> str:
    if "\0" in text:
        return "a NUL character"
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return "a character that this host's file names cannot hold"
    return ""


def _problems_of_places(homes: list[str], links: list[SharedSymlink]) -> list[str]:
    """Return what is wrong with where homes and targets lie, as the disk is now; reads, writes nothing."""
    targets = [link.target for link in links]
    where = {path: _places(path) for path in (*homes, *targets)}
    home_at = {place: home for home in homes for place in where[home]}
    target_at = {place: target for target in targets for place in where[target]}
    link_at = {os.path.join(place, link.name): home for place, home in home_at.items() for link in links}
    problems = _repeated_places("account homes", "each account needs one of its own", homes, where)
    mixing = "each link needs one of its own, or their contents mix"
    problems += _repeated_places("link targets", mixing, targets, where)
    for target in targets:
        outer = _around(where[target], home_at)
        if outer is not None:
            problems.append(
                f"target {target!r}: found inside the account home {outer!r}, expected outside every account"
                " home; choose another target"
            )
    for home in homes:
        outer = _around(where[home], target_at)
        if outer is not None:
            problems.append(
                f"account home {home!r}: found inside the target {outer!r}, expected outside every target;"
                " choose another target"
            )
        outer = _around(where[home], link_at)
        if outer is not None:
            problems.append(
                f"account home {home!r}: found below a link of the account home {outer!r}, expected a place"
                " of its own; choose another account home"
            )
    return list(dict.fromkeys(problems))


def _repeated_places(what: str, why: str, paths: list[str], where: dict[str, tuple[str, str]]) -> list[str]:
    """Return a problem for every path that is the same directory as an earlier one."""
    problems = []
    first: dict[object, str] = {}
    for path in paths:
        keys = [*where[path], _identity(path) or path]
        earlier = next((first[key] for key in keys if key in first), None)
        if earlier is not None:
            problems.append(f"{what} {earlier!r} and {path!r}: found the same directory twice, {why}")
        for key in keys:
            first.setdefault(key, path)
    return problems


def _places(path: str) -> tuple[str, str]:
    """Return where ``path`` lies: by its text, and with its links followed."""
    return os.path.normpath(path), os.path.realpath(path)


def _around(places: tuple[str, str], at: dict[str, str]) -> str | None:
    """Return what lies, by ``at``, where one of ``places`` is or above it."""
    for place in places:
        for folder in _upwards(place):
            if folder in at:
                return at[folder]
    return None


def _upwards(path: str) -> Iterator[str]:
    """Yield ``path`` and every directory above it."""
    while True:
        yield path
        parent = os.path.dirname(path)
        if parent == path:
            return
        path = parent


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells one directory from another, however it is reached; None if it cannot be seen."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


# ---- The file system, real and imagined --------------------------------------------------------------------


class _Disk:
    """The file system, and what this run has made in it."""

    made_status = CREATED

    def __init__(self, mode: int, gid: int | None) -> None:
        self.created: list[str] = []
        self._mode = mode
        self.gid = gid
        self._unflushed: dict[str, None] = {}

    def kind(self, path: str) -> str | None:
        """Say in words what ``path`` leads to; None for nothing. Raises OSError."""
        try:
            return _kind(os.stat(path))
        except NotADirectoryError:
            return None
        except FileNotFoundError:
            pass
        try:
            return _kind(os.lstat(path))
        except FileNotFoundError:
            return None

    def look(self, path: str) -> tuple[str, str | None]:
        """Say what stands at a link's path, without following it. Raises OSError.

        Returns OK and the text of a link, NOT_A_SYMLINK and its kind in words, or MISSING and None.
        """
        try:
            return OK, os.readlink(path)
        except FileNotFoundError:
            return MISSING, None
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
        try:
            return NOT_A_SYMLINK, _kind(os.lstat(path))
        except FileNotFoundError:
            return MISSING, None

    def make_folder(self, path: str) -> bool:
        """Make a directory; return False if something has appeared there meanwhile. Raises OSError."""
        try:
            self._mkdir(path)
        except FileExistsError:
            return False
        return True

    def make_link(self, target: str, path: str) -> bool:
        """Make a link, whole or not at all; return False if something has appeared there meanwhile.

        Raises OSError.
        """
        try:
            self._symlink(target, path)
        except FileExistsError:
            return False
        return True

    def flush(self) -> list[str]:
        """Make what was created survive a power cut; return what went wrong.

        Done once, at the end: a journalling file system then commits one transaction for all of it.
        """
        problems = [_flush(folder) for folder in self._unflushed]
        self._unflushed.clear()
        return [problem for problem in problems if problem]

    def _mkdir(self, path: str) -> None:
        os.mkdir(path, self._mode)
        self._record(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if self.gid is not None and os.fstat(descriptor).st_gid != self.gid:
                os.fchown(descriptor, -1, self.gid)
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != self._mode:
                os.fchmod(descriptor, self._mode)
        finally:
            os.close(descriptor)

    def _symlink(self, target: str, path: str) -> None:
        os.symlink(target, path)
        self._record(path)
        if self.gid is not None and os.lstat(path).st_gid != self.gid:
            os.lchown(path, -1, self.gid)

    def _record(self, path: str) -> None:
        self.created.append(path)
        self._unflushed[os.path.dirname(path)] = None


class _Imagined(_Disk):
    """The file system as a run would leave it: nothing is written, what would be made is remembered.

    Foresees missing rights, a read-only file system and names that are too long; not a full disk or a quota.
    """

    made_status = MISSING

    def __init__(self, mode: int, gid: int | None) -> None:
        super().__init__(mode, gid)
        self._folders: set[str] = set()

    def kind(self, path: str) -> str | None:
        return _DIRECTORY if self._is_imagined(path) else super().kind(path)

    def _mkdir(self, path: str) -> None:
        self._foresee(path)
        self._folders.add(os.path.realpath(path))
        self.created.append(path)

    def _symlink(self, target: str, path: str) -> None:  # noqa: ARG002  (there is nothing to write it into)
        self._foresee(path)
        self.created.append(path)

    def _is_imagined(self, path: str) -> bool:
        return bool(self._folders) and os.path.realpath(path) in self._folders

    def _foresee(self, path: str) -> None:
        """Raise the OSError that making ``path`` would."""
        folder, name = os.path.split(path)
        number = None
        if len(os.fsencode(name)) > _NAME_BYTES:
            number = errno.ENAMETOOLONG
        elif not self._is_imagined(folder) and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        if number is not None:
            raise OSError(number, os.strerror(number), path)


def _flush(folder: str) -> str:
    """Write a directory's entries to the disk; return what is wrong or an empty text."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        # A directory that may be written but not read, a file system without fsync, one that is gone again.
        if exc.errno in (errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.ENOENT):
            return ""
        return f"{folder!r}: what was made in it may be lost in a power cut ({exc.strerror}); check the disk"
    return ""


def _kind(status: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(status.st_mode), "something unknown")


# ---- The run -----------------------------------------------------------------------------------------------


def _run(homes: list[str], links: list[SharedSymlink], disk: _Disk) -> _Outcome:
    """See to every account, as the user that this process is; return all failures and all reports."""
    problems = _problems_of_group(disk.gid) + _problems_of_places(homes, links)
    if problems:
        return problems, []
    run = _Run(links, disk)
    reports = [run.account(home) for home in homes]
    failures = [failure for report in reports for failure in report.failures]
    return list(dict.fromkeys(failures + disk.flush())), reports


class _Run:
    """The procedure itself: every account, every link, on one file system."""

    def __init__(self, links: list[SharedSymlink], disk: _Disk) -> None:
        self._links = links
        self._disk = disk
        self._targets: dict[str, str] = {}

    def account(self, home: str) -> AccountReport:
        first = len(self._disk.created)
        folder = os.path.normpath(home)
        problem = self._folder("account home", folder)
        failures = [problem]
        links = []
        for link in self._links:
            path = os.path.join(folder, link.name)
            status, found = ERROR, None
            if not problem:
                status, found, failure = self._link(path, link.target)
                failures.append(failure)
            links.append(LinkReport(home, link.name, path, link.target, found, status))
        return AccountReport(home, tuple(links), tuple(self._disk.created[first:]), tuple(filter(None, failures)))

    def _link(self, path: str, target: str) -> tuple[str, str | None, str]:
        """See to one link; return its status, what was found, and what is wrong or an empty text."""
        found = None
        try:
            for _look in range(_LOOKS):
                state, found = self._disk.look(path)
                if state == NOT_A_SYMLINK:
                    return NOT_A_SYMLINK, found, _not_a_symlink(path, found, target)
                if state == OK and found != target:
                    return DIVERGENT, found, _divergent(path, found, target)
                problem = self._target(target)
                if problem:
                    return ERROR, found, problem
                if state == OK:
                    return OK, found, ""
                if self._disk.make_link(target, path):
                    return self._disk.made_status, None, ""
        except OSError as exc:
            return ERROR, found, _impossible("link", path, exc)
        return ERROR, None, f"link {path!r}: it came and went {_LOOKS} times; stop what does so and run again"

    def _target(self, target: str) -> str:
        """See to the directory behind a link, once in a run; return what is wrong or an empty text."""
        if target not in self._targets:
            self._targets[target] = self._folder("shared target", os.path.normpath(target))
        return self._targets[target]

    def _folder(self, what: str, path: str) -> str:
        """See to a directory and those above it; return what is wrong or an empty text."""
        absent = []
        at = path
        try:
            for at in _upwards(path):
                kind = self._disk.kind(at)
                if kind == _DIRECTORY:
                    break
                if kind is not None:
                    return _not_a_folder(what, path, at, kind)
                absent.append(at)
            for at in reversed(absent):
                if not self._disk.make_folder(at):
                    kind = self._disk.kind(at)
                    if kind != _DIRECTORY:
                        return _not_a_folder(what, path, at, kind)
        except OSError as exc:
            return _impossible(what, at, exc)
        return ""


# ---- What the operator reads -------------------------------------------------------------------------------


def _divergent(path: str, found: str | None, target: str) -> str:
    here, there = _identity(path), _identity(target)
    if here is not None and here == there:
        advice = (
            "Both lead to the same directory, but links are compared by their text, so that no two checks can"
            " ever disagree; nothing needs to be moved: remove the link and run again"
        )
    else:
        advice = (
            "It is left as it is, for what it leads to may be the only copy of an account's sessions: move"
            " that to the expected target, remove the link and run again"
        )
    return f"divergent link {path!r}: found a link to {found!r}, expected a link to {target!r}. {advice}"


def _not_a_symlink(path: str, found: str | None, target: str) -> str:
    return (
        f"{path!r} is not a symlink: found {found}, expected a link to {target!r}. It is left as it is, for"
        " it may be the only copy of an account's sessions: move its content to the target, remove it and run"
        " again"
    )


def _not_a_folder(what: str, path: str, at: str, kind: str | None) -> str:
    where = "" if at == path else f" at {at!r}"
    return (
        f"{what} {path!r} is not a directory: found {kind or 'nothing, where something had been'}{where},"
        " expected a directory or nothing. It is left as it is: move it away, or choose another path"
    )


def _impossible(what: str, path: str, exc: OSError) -> str:
    reason = os.strerror(exc.errno) if exc.errno else str(exc)
    if exc.errno in (errno.EACCES, errno.EPERM):
        advice = f"Create it for that user beforehand, or give that user rights on {os.path.dirname(path)!r}"
    elif exc.errno == errno.EROFS:
        advice = "Mount the file system for writing, or choose another path"
    else:
        advice = "Put this right, or choose another path"
    return f"{what} {path!r}: the user {_user_name()} could not look at it or make it ({reason}). {advice}"


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


# ---- Users and groups --------------------------------------------------------------------------------------


class AsUserError(Exception):
    """Something could not be done in another user's name; the text says why."""


def find_user(owner: str) -> pwd.struct_passwd | None:
    """Return the user of that name or number; None if there is none."""
    try:
        return pwd.getpwuid(int(owner)) if _is_number(owner) else pwd.getpwnam(owner)
    except (KeyError, ValueError, OverflowError):
        return None


def run_as(user: pwd.struct_passwd, work: Callable[[], Any]) -> Any:
    """Do ``work`` with the ids and groups of ``user`` and nothing more; return what it returns, as JSON holds it.

    As root this happens in a child process. So no link that the user plants, before or during the work, can lead it
    where that user could not have written anyway. The kernel lets the user neither trace nor read a process that was
    root's before it changed its ids (PR_SET_DUMPABLE in prctl(2)); should the user kill it, the work has failed.

    Raises AsUserError if the work ends without an answer, or if this process is neither root nor the user.
    """
    if user.pw_uid == os.geteuid():
        return work()
    if os.geteuid() != 0:
        raise AsUserError(f"this runs as {_user_name()}; expected root or {user.pw_name}, in whose name it works")
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(user, groups, work, reader, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as stream:
            raw = stream.read()
    finally:
        status = _wait(pid)
    answer = json.loads(raw) if raw else {"failed": f"wait status {status}"}
    if "failed" in answer:
        raise AsUserError(f"the process that works as {user.pw_name} ended before it was done ({answer['failed']})")
    return answer["done"]


def _child(user: pwd.struct_passwd, groups: list[int], work: Callable[[], Any], reader: int, writer: int) -> None:
    """The life of the child process, from fork to end; never returns."""
    try:
        os.close(reader)
        try:
            # Else an odd one would leave a directory in which not even its maker may set the mode.
            os.umask(0o077)
            os.setgroups(groups)
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            answer = {"done": work()}
        except Exception as exc:
            # Not its text, which could quote what was read.
            kind = exc.strerror if isinstance(exc, OSError) and exc.strerror else type(exc).__name__
            place = traceback.extract_tb(exc.__traceback__)[-1]
            answer = {"failed": f"{kind}, at {os.path.basename(place.filename)}:{place.lineno}"}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _wait(pid: int) -> int | None:
    """Return how the child ended; None where this process was started with SIGCHLD ignored and cannot know."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return None


def _user(owner: str | None, check_mode: bool) -> pwd.struct_passwd | None:
    """Return the user in whose name to work, or None for the one that this process is.

    Raises _RefusedError for one that does not exist (check mode: one that will), or that only root could be.
    """
    if owner is None:
        return None
    user = find_user(owner)
    if user is None:
        if check_mode:
            return None
        raise _RefusedError(
            f"owner {owner!r}: found no such user on this host, expected one that exists; create it first"
        )
    if user.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise _RefusedError(
            f"owner {owner!r}: found that this runs as {_user_name()}, expected root or the owner, for nobody"
            " else can create anything in the owner's name; become one of them (become, become_user)"
        )
    return user


def _group_id(group: str | None, check_mode: bool) -> int | None:
    """Return a group's number; None for none given, or in check mode for one that will exist.

    Raises _RefusedError.
    """
    if group is None:
        return None
    try:
        return (grp.getgrgid(int(group)) if _is_number(group) else grp.getgrnam(group)).gr_gid
    except (KeyError, ValueError, OverflowError):
        if check_mode:
            return None
        raise _RefusedError(
            f"group {group!r}: found no such group on this host, expected one that exists; create it first"
        ) from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _problems_of_group(gid: int | None) -> list[str]:
    """Return why the user that this process is may not give what it creates to the group."""
    if gid is None or os.geteuid() == 0 or gid in (os.getegid(), *os.getgroups()):
        return []
    problem = (
        f"group {gid}: found that the user {_user_name()} is no member of it, expected a group of that user,"
        " in whose name everything is created; add the user to the group, or name another group"
    )
    return [problem]


def _run_as(user: pwd.struct_passwd, work: Callable[[], _Outcome]) -> _Outcome:
    """Do ``work`` in the name of ``user`` and return what it returns. Raises SharedSymlinkError."""
    try:
        failures, reports = run_as(user, work)
    except AsUserError as exc:
        kept = "What it had created by then is kept and nothing else was touched; put this right and run again"
        raise SharedSymlinkError([f"{exc}. {kept}"]) from exc
    return failures, [
        AccountReport(home, tuple(LinkReport(*link) for link in links), tuple(created), tuple(failed))
        for home, links, created, failed in reports
    ]
