# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for many panes in few round trips: several commands in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Callable

from .errors import TmuxNotFound

BATCH = 25  # commands of one line; more would keep the server from the sessions for too long

Run = Callable[..., Awaitable[list[list[str]]]]  # see `ControlClient.run`


async def run_each(run: Run, commands: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Run one command for each pane; return what each printed, without the panes that are gone. Raises TmuxError."""
    found: dict[str, list[str]] = {}
    names = list(commands)
    for begin in range(0, len(names), BATCH):
        batch = names[begin : begin + BATCH]
        try:
            found.update(zip(batch, await run(*[commands[name] for name in batch])))
        except TmuxNotFound:  # tmux runs no command behind one that fails
            for name in batch:
                try:
                    found[name] = (await run(commands[name]))[0]
                except TmuxNotFound:
                    continue
    return found
