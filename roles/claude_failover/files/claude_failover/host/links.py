# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The active link, the folder that it lies in, and the shared links."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DIRECTORY,
    DIVERGENT,
    NOT_A_SYMLINK,
    LinkReport,
    SharedSymlinkError,
    validate_all,
)

from ..accounts.active_link import ActiveLink, default_account, read_active
from ..common.errors import is_passing
from ..config.model import Config
from ..storage.locks import daemon_locks
from .access import owner_problem, writable_folder_problem
from .finding import ERROR, Finding, ok

_VALIDATE = "claude-failover validate"


def check_active_link(config: Config) -> Iterator[Finding]:
    """Look at the active link, at the folder that a flip writes to, and at the lock beside it."""
    path = config.active_link
    folder = writable_folder_problem("active_link", os.path.dirname(path), "the folder of active_link")
    if folder is not None and folder.path not in _foreseen(config):
        yield folder
    link = read_active(path, config.accounts)
    if link.kind == "account" and link.account is not None:
        yield ok("active_link", f"{path} leads to the account {link.account.name}")
    elif link.kind == "missing":
        yield ok(
            "active_link", f"{path} is missing; the first start makes it, to {default_account(config.accounts).name}"
        )
    else:
        yield _active_link_problem(path, link, config)
    lock = daemon_locks(path, config.state_dir)[0].path
    problem = owner_problem("active_link", lock)
    if problem is not None:
        yield problem


def _foreseen(config: Config) -> set[str]:
    """Return the folders that are missing and are made together with the homes, by the role before any start."""
    try:
        reports = validate_all(config.homes, config.shared_links, check_mode=True)
    except SharedSymlinkError as error:
        reports = error.reports
    return {path for report in reports for path in report.created}


def _active_link_problem(path: str, link: ActiveLink, config: Config) -> Finding:
    homes = ", ".join(account.home for account in config.accounts)
    expected = f"a link to one of {homes}"
    if link.kind == "unreadable":
        passing = link.error is not None and is_passing(link.error.errno)
        return Finding(
            "active_link",
            ERROR,
            f"active_link {path} cannot be read: {link.text}",
            f"{expected}, in a folder that this user may enter",
            shlex.join(["ls", "-ld", os.path.dirname(path)]) + ", and give the user rights on that folder",
            passing=passing,
        )
    if link.kind == "not_a_link":
        return Finding(
            "active_link",
            ERROR,
            f"active_link {path} is not a symlink, and was left as it is: it may hold a login and settings",
            expected,
            f"{_move_aside(path, config)}; as the sessions' user, with no session in it. Name that folder as the home "
            "of an account, and start again",
        )
    others = [account for account in config.accounts if os.path.isdir(account.home)] or list(config.accounts)
    return Finding(
        "active_link",
        ERROR,
        f"active_link {path} leads to {link.text!r}, which is the home of no configured account, and was left as it is",
        f"{expected}: the active account stays in accounts until another is active",
        f"{shlex.join(['claude-failover', 'switch', others[0].name])} while the daemon still has that account, or add "
        "the account again; where no daemon runs, as the sessions' user and never as root: "
        f"{shlex.join(['ln', '-sfn', others[0].home, path])}",
    )


def _move_aside(path: str, config: Config) -> str:
    """Return the line that keeps an old single-account home at a path of its own, with its ``.claude.json``."""
    free = [account.home for account in config.accounts if not os.path.lexists(account.home)]
    home = free[0] if free else f"{path}-before"
    line = shlex.join(["mv", "-nT", path, home])
    if os.path.isfile(f"{path}.json"):
        line += f" && {shlex.join(['cp', '-np', f'{path}.json', os.path.join(home, '.claude.json')])}"
    return line


def check_shared_links(config: Config) -> Iterator[Finding]:
    """Look at the shared links of every account, as a start would validate them."""
    try:
        reports = validate_all(config.homes, config.shared_links, check_mode=True)
    except SharedSymlinkError as error:
        links = [link for report in error.reports for link in report.links]
        for failure, number in zip(error.failures, error.errnos):
            link = next((link for link in links if repr(link.path) in failure), None)
            passing = number is not None and is_passing(number)
            yield _link_problem(failure, link, passing)
        return
    missing = [path for report in reports for path in report.created]
    more = f"; the next start makes {len(missing)} missing folders, files and links" if missing else ""
    yield ok("shared_links", f"the shared links of {len(reports)} accounts are valid{more}")


def _link_problem(failure: str, link: LinkReport | None, passing: bool) -> Finding:
    expected = "homes and shared folders in which this user can make the links"
    mend = _VALIDATE
    if link is not None and link.status in (DIVERGENT, NOT_A_SYMLINK):
        expected = f"a link to {link.target!r}"
        way = "move what is there into" if link.kind == DIRECTORY else "take over what is to be kept of it into"
        mend = f"{way} {link.target!r}, then: {shlex.join(['rm', link.path])} && {_VALIDATE}"
        if os.path.isdir(link.path) and not os.path.islink(link.path):
            mend = mend.replace("then: rm ", "then: rmdir ")
    return Finding("shared_links", ERROR, failure, expected, mend, passing=passing)
