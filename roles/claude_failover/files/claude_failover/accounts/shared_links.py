# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate and create the accounts' shared links, with the code of the module claude_shared_symlinks."""

from __future__ import annotations

import logging

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    DIVERGENT,
    NOT_A_SYMLINK,
    SharedSymlinkError,
    ensure_for_account,
    validate_all,
)

from ..common.errors import PassingFault, Refused, is_passing
from ..config.model import Account, Config

log = logging.getLogger(__name__)


def validate_links(config: Config) -> None:
    """Validate the shared links of every account, and create missing ones.

    Raises Refused for any divergence, PassingFault where something is only missing, full or read-only.
    """
    try:
        reports = validate_all(config.homes, config.shared_links)
    except SharedSymlinkError as error:
        passing = all(number is not None and is_passing(number) for number in error.errnos)
        raise (PassingFault if passing else Refused)(f"the shared links are not right: {error}") from None
    for report in reports:
        for path in report.created:
            log.info("links: created %s", path)
    log.info("links: correct for %d accounts", len(reports))


def ensure_links(account: Account, config: Config, *, check_mode: bool = False) -> str | None:
    """Create the account's missing shared links (check mode: create nothing); return what is wrong, or None."""
    try:
        ensure_for_account(account.home, config.shared_links, check_mode=check_mode)
    except (SharedSymlinkError, OSError) as error:
        return str(error)
    return None


def links_problem(account: Account, config: Config) -> str | None:
    """Return what is wrong with the account's shared links, missing ones included, or None. Creates nothing."""
    try:
        report = ensure_for_account(account.home, config.shared_links, check_mode=True)
    except SharedSymlinkError as error:
        return "; ".join(error.failures)
    missing = ", ".join(map(repr, report.created))
    return f"found nothing at {missing}, expected the shared links and what they lead to" if missing else None


def links_state(account: Account, config: Config) -> str:
    """Return ``ok``, ``divergent`` or ``unknown``. Creates nothing."""
    try:
        report = ensure_for_account(account.home, config.shared_links, check_mode=True)
    except SharedSymlinkError as error:
        found = {link.status for report in error.reports for link in report.links}
        return "divergent" if found & {DIVERGENT, NOT_A_SYMLINK} else "unknown"
    return "divergent" if report.changed else "ok"
