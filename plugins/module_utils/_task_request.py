# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dispatch a task once, however often its answer is lost, and wait for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._daemon_client import (
    DaemonClient,
    expect_object,
    expect_rows,
)
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, NoAnswer, NotRunning

FINISHED = ("done", "failed", "cancelled")
_ANSWER_WITHIN = 15.0  # seconds; the daemon answers within 5
_INTERVAL = 1.0  # seconds between two requests


class DispatchedTask(NamedTuple):
    """A task's row, and whether there was none before under its request id."""

    row: dict[str, Any]
    new: bool


def dispatch_task(
    client: DaemonClient, options: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> DispatchedTask:
    """Ask for a task, again under its ``request_id`` while the answer is lost and time is left.

    Raises NotRunning and ControlError where there is no task; NoAnswer, with the id, where that is not known.
    """
    lost = False
    while True:
        try:
            row = expect_object("dispatch", client.ask("dispatch", options, at_most=_ANSWER_WITHIN), "state")
            return DispatchedTask(row, lost or row.get("known") is not True)
        except (NoAnswer, NotRunning) as error:
            if isinstance(error, NotRunning) and not lost:
                raise
            lost = True
            if client.remaining <= _INTERVAL:
                raise NoAnswer(
                    f"{error}. Whether the task was taken is not known; to ask again without a second task, run this "
                    f"with request_id: {options['request_id']}"
                ) from None
        sleep(_INTERVAL)


def wait_for_task(
    client: DaemonClient, row: dict[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Return the row of a task that has ended, or that it has when the time is over. Raises ControlError.

    A daemon that is restarted meanwhile keeps its tasks.
    """
    while row["state"] not in FINISHED and client.remaining > _INTERVAL:
        sleep(_INTERVAL)
        try:
            rows = expect_rows("queue", client.ask("queue", at_most=_ANSWER_WITHIN), "id", "state")
        except (NoAnswer, NotRunning):
            continue
        found = [each for each in rows if each["id"] == row["id"]]
        if not found:
            raise ControlError(
                f"task {row['id']} is no longer in the queue: it has ended, and its result is not known here"
            )
        row = found[0]
    return row
