# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one list of what has to be right on a host before the daemon starts.

The daemon's start, ``check-config --host``, ``doctor`` and the role look at it. Nothing is changed, and nothing is
started but for the version of Claude Code.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Callable

from ..common.errors import PassingFault, Refused, is_passing
from ..config.model import Config
from .finding import ERROR, Finding, errors, warnings
from .folders import check_homes, check_metrics, check_state_dir, check_working_folders
from .links import check_active_link, check_shared_links
from .programs import (
    check_apprise,
    check_claude_version,
    check_notify_command,
    check_session_programs,
    check_tmux_program,
)
from .telemetry import check_telemetry
from .tmux_server import check_tmux_socket

log = logging.getLogger(__name__)

Condition = Callable[[Config], Iterator[Finding]]

#: What a start depends on.
CONDITIONS: tuple[Condition, ...] = (
    check_tmux_program,
    check_tmux_socket,
    check_state_dir,
    check_active_link,
    check_homes,
    check_shared_links,
    check_working_folders,
    check_session_programs,
    check_metrics,
    check_notify_command,
    check_apprise,
    check_telemetry,
)
#: The same, and what has to be asked of the programs themselves.
WITH_PROGRAMS: tuple[Condition, ...] = (*CONDITIONS, check_claude_version)


def look(config: Config, conditions: Iterable[Condition] = CONDITIONS) -> list[Finding]:
    """Return what is found of each condition, as this user."""
    found: list[Finding] = []
    for condition in conditions:
        try:
            found += condition(config)
        except OSError as error:
            name = condition.__name__.partition("_")[2]
            found.append(
                Finding(
                    name,
                    ERROR,
                    f"{name}: {error}",
                    "to be looked at",
                    "claude-failover doctor, once that is over",
                    passing=is_passing(error.errno),
                )
            )
    return found


def require(config: Config) -> None:
    """Log every warning of a start, and refuse it for an error.

    Raises Refused with every error; PassingFault where all of them can be over by themselves.
    """
    found = look(config)
    for finding in warnings(found):
        log.warning("start: %s", finding.text)
    wrong = errors(found)
    if wrong:
        kind = PassingFault if all(finding.passing for finding in wrong) else Refused
        raise kind("\n".join(finding.text for finding in wrong))
