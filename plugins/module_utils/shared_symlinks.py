# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create and validate the links by which the homes of several Claude Code accounts share one state.

A conversation can move from one account to another only if both accounts keep it in the same place. In every account
home ``projects``, ``session-env`` and ``file-history`` are therefore links to one shared directory each. Claude Code
2.1.330 needs no other link and never replaces one of these. A link may lead to a file too, such as ``settings.json``;
its target is created before it, for nothing is created through a link that leads nowhere.

Missing directories, files and links are created. An existing entry is never removed, replaced, emptied, re-owned or
re-moded: a link that leads elsewhere, or a directory or file in a link's place, may hold the only copy of somebody's
work, so it is reported and left alone. Check mode runs the same procedure on a prediction of the file system.

All paths are absolute ``str``. The daemon imports this module too: standard library only, no Ansible import.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils._foreign_text import escaped
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError, run_as
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_filesystem import (
    IN_WORDS,
    FileSystem,
    PredictedFileSystem,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_request import (
    RequestError,
    group_problems,
    mode_problems,
    placement_problems,
    resolve_group,
    resolve_owner,
    text_problems,
)
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_setup import LinkSetup
from ansible_collections.secuaas.claude.plugins.module_utils._symlink_types import (
    CREATED,
    DIRECTORY,
    DIVERGENT,
    ERROR,
    FILE,
    KINDS,
    MISSING,
    NOT_A_SYMLINK,
    OK,
    AccountReport,
    LinkReport,
    SharedSymlink,
    SharedSymlinkError,
)

__all__ = [
    "CREATED",
    "DEFAULT_MODE",
    "DEFAULT_SHARED_ROOT",
    "DIRECTORY",
    "DIVERGENT",
    "ERROR",
    "FILE",
    "KINDS",
    "MISSING",
    "NOT_A_SYMLINK",
    "OK",
    "REQUIRED_SHARED",
    "AccountReport",
    "LinkReport",
    "SharedSymlink",
    "SharedSymlinkError",
    "ensure_for_account",
    "parse_mode",
    "required_links",
    "required_shared",
    "result_of",
    "shared_symlink",
    "validate_all",
]

DEFAULT_SHARED_ROOT = "/home/ubuntu"
DEFAULT_MODE = 0o700

_SHARED_NAMES = ("session-env", "file-history", "projects")
_Outcome = tuple[list[str], list[AccountReport]]


def shared_symlink(shared_root: str, name: str, kind: str = DIRECTORY) -> SharedSymlink:
    """Return the link ``name`` to its usual target, ``<shared_root>/.claude-<name without its dot>-shared``."""
    return SharedSymlink(os.path.join(shared_root, f".claude-{name.removeprefix('.')}-shared"), name, kind)


def required_shared(shared_root: str) -> tuple[SharedSymlink, ...]:
    """Return the three links that Claude Code needs, to targets under ``shared_root``."""
    return tuple(shared_symlink(shared_root, name) for name in _SHARED_NAMES)


REQUIRED_SHARED = required_shared(DEFAULT_SHARED_ROOT)


def required_links(shared_root: str, links: Iterable[Mapping[str, str | None]] | None) -> tuple[SharedSymlink, ...]:
    """Return the links of ``links``, each with or without ``target`` and ``kind``; for None the three usual ones."""
    if links is None:
        return required_shared(shared_root)
    required = []
    for link in links:
        usual = shared_symlink(shared_root, link["name"] or "", link.get("kind") or DIRECTORY)
        target = link.get("target")
        required.append(usual if target is None else usual._replace(target=target))
    return tuple(required)


def parse_mode(value: object) -> int:
    """Return the permission bits of ``value``, a number or a text of octal digits. Raises SharedSymlinkError."""
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
    """Create the missing links of one account home; arguments and errors are those of ``validate_all``."""
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
    """Create the missing links of every account home; existing entries are left alone.

    Args:
        account_homes: the account homes, as absolute paths.
        required: the links that each of them must have.
        check_mode: write nothing; report the result of a run, failures included. An owner or a group that does not
            exist yet counts as one that will.
        owner: the user, by name or number, of everything that is created. As root, the run is a child process with
            the ids and groups of that user.
        group: the group, by name or number, of everything that is created.
        mode: the permission bits of created directories, whatever the umask. A created file has 0600.

    Returns one report for each account home, in order. Raises SharedSymlinkError after all of them have been
    processed, or, when the request itself is invalid, before anything is touched.
    """
    homes, links = list(account_homes), list(required)
    problems = mode_problems(mode)
    user = gid = None
    try:
        user = resolve_owner(None if owner is None else str(owner), check_mode)
    except RequestError as refusal:
        problems.append(str(refusal))
    try:
        gid = resolve_group(None if group is None else str(group), check_mode)
    except RequestError as refusal:
        problems.append(str(refusal))
    problems += text_problems(homes, links)
    if problems:
        raise SharedSymlinkError(problems)

    def work() -> _Outcome:
        file_system = PredictedFileSystem(mode, gid) if check_mode else FileSystem(mode, gid)
        return _set_up_accounts(homes, links, file_system)

    if user is None:
        failures, reports = work()
    else:
        try:
            failures, rows = run_as(user, work)
        except RunAsError as exc:
            kept = "What it had created by then is kept and nothing else was touched; put this right and run again"
            raise SharedSymlinkError([f"{exc}. {kept}"]) from exc
        reports = [_report_from_json(row) for row in rows]
    if failures:
        raise SharedSymlinkError(failures, reports)
    return reports


def _set_up_accounts(homes: list[str], links: list[SharedSymlink], file_system: FileSystem) -> _Outcome:
    """Set up every account as the user of this process; return all failures and all reports."""
    problems = group_problems(file_system.gid) + placement_problems(homes, links)
    if problems:
        return problems, []
    setup = LinkSetup(links, file_system)
    reports = [setup.set_up_account(home) for home in homes]
    failures = [failure for report in reports for failure in report.failures]
    return list(dict.fromkeys(failures + file_system.sync())), reports


def _report_from_json(row: list[Any]) -> AccountReport:
    """Return the report that JSON has turned into nested lists."""
    home, links, created, failures = row
    return AccountReport(home, tuple(LinkReport(*link) for link in links), tuple(created), tuple(failures))


def result_of(reports: Sequence[AccountReport]) -> dict[str, Any]:
    """Return ``changed``, ``links``, ``created`` and ``diff`` in the form of an Ansible result.

    Of names of files, what a terminal interprets or hides and bytes that are not UTF-8 are escaped.
    """
    links: list[dict[str, str | None]] = []
    created: list[str] = []
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    targets = [link for report in reports for link in report.links if link.kind == FILE]
    files = {escaped(os.path.normpath(link.target)) for link in targets}
    for report in reports:
        for path in map(escaped, report.created):
            created.append(path)
            before[path], after[path] = "nothing", IN_WORDS[FILE if path in files else DIRECTORY]
        for link in report.links:
            links.append({key: value and escaped(value) for key, value in link._asdict().items()})
            path = escaped(link.path)
            before[path] = after[path] = _found_in_words(link)
            if link.status in (CREATED, MISSING):
                after[path] = f"a link to {escaped(link.target)}"
    diff = {"before": before, "after": after}
    return {"changed": bool(created), "links": links, "created": created, "diff": diff}


def _found_in_words(link: LinkReport) -> str:
    if link.found is None:
        return "unknown" if link.status == ERROR else "nothing"
    return escaped(link.found) if link.status == NOT_A_SYMLINK else f"a link to {escaped(link.found)}"
