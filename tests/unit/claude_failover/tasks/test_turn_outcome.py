# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a task's turn, with what a person types below it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from claude_failover.common import clock
from claude_failover.tasks.turn_outcome import outcome

SINCE = clock.now()


def record(kind, text, **more):
    stamp = clock.iso(SINCE + timedelta(seconds=1))
    return {"type": kind, "timestamp": stamp, "message": {"content": [{"type": "text", "text": text}]}, **more}


PROMPT = record("user", "the task")
REFUSED = record("assistant", "You've hit your weekly limit", isApiErrorMessage=True)
LOCAL = [
    record("user", "<command-name>/usage-credits</command-name>"),
    record("user", "<local-command-stdout>dismissed</local-command-stdout>"),
]
COMPACTION = {
    **record("system", ""),
    "subtype": "local_command",
    "content": "<local-command-stderr>Error during compaction: You've hit your limit</local-command-stderr>",
}


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ([], ("error", "You've hit your weekly limit")),
        (LOCAL, ("error", "You've hit your weekly limit")),
        ([record("user", "<command-name>/compact</command-name>"), COMPACTION], ("error", "You've hit your limit")),
        ([record("user", "continue")], ("open", "")),
    ],
)
def test_a_command_of_the_clis_own_does_not_open_a_turn_that_was_refused(below, expected):
    assert outcome([PROMPT, REFUSED, *below], "the task", SINCE) == expected
