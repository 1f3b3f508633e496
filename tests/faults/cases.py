# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix as data: the durable steps of each scenario, the faults, and which of them meet.

A step is named by its document and what is new in it; `launcher` finds the name from what is written. Faults that need
no step of the daemon's, or another program's, are tests of their own (`FAULT_ROWS` in noxfile.py): clock jumps between
the steps, inotify, the ``projects`` folder, a full disk, the role's run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from faked_clock import JUMPS


@dataclass(frozen=True)
class Fault:
    """A fault; ``lasts`` is how many seconds the test leaves it before it mends it (None: there is nothing to mend).

    ``jump`` is how many seconds the wall clock is set forward.
    """

    name: str
    lasts: float | None = None
    jump: int = 0


#: The daemon is killed before a step, in its middle (the temporary file is written, the rename not made), and after it.
KILLS = (Fault("kill before"), Fault("kill within"), Fault("kill after"))
#: From the step on no file of that folder can be written.
ERRORS = (Fault("EIO", 2.0), Fault("ENOSPC", 2.0), Fault("EROFS", 2.0))
#: What happens to the tmux server at the step.
TMUX = (Fault("tmux killed"), Fault("tmux stopped", 3.0))
#: The Claude CLI does not react any more, to SIGTERM neither.
CLI = (Fault("cli stopped"),)
#: The host's clock is set at the step; monotonic time stays true.
CLOCK = tuple(Fault(f"clock {seconds:+}", jump=seconds) for seconds in JUMPS)

SWITCH = (
    "evidence stored",
    "account exhausted",
    "reset noted",
    "session held",
    "journal: prepare",
    "journal: wait",
    "journal: flip",
    "link",
    "flips",
    "account named",
    "journal: touch",
    "journal: verify",
    "journal: settle",
    "journal: record",
    "cooldown",
    "log",
    "event logged",
)
PROMPT = ("prompt counted", "prompt seen", "prompts answered")
RESUME = ("resume begins", *PROMPT, "resume ends", "session resumed", "journal: sessions")
DISPATCH = ("task queued", "task assigned", "task sent", "task accepted", "task done", *PROMPT)
REGISTRY = ("clock noted", "accounts seen", "settings", "conversation assigned", "conversation running")
HANDS = ("session stopped", "session restarting", "session started")

#: The steps of each scenario, and those at which something else than the daemon and its disk fails.
SCENARIOS = {
    "failover": ((*SWITCH, *RESUME), ("journal: flip", "resume begins", "session resumed")),
    "dispatch": (DISPATCH, ("task assigned", "task sent", "task accepted")),
    "registry": (REGISTRY, ("conversation running",)),
    "hands": (HANDS, ("session restarting",)),
}


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    scenario: str
    step: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.scenario}-{self.step}-{self.fault.name}".replace(" ", "_").replace(":", "")


def matrix() -> Iterator[Case]:
    """Yield every case."""
    for scenario, (steps, places) in SCENARIOS.items():
        for step in steps:
            for fault in (*KILLS, *ERRORS):
                yield Case(scenario, step, fault)
        for step in places:
            for fault in TMUX:
                yield Case(scenario, step, fault)
    for step in (*SWITCH, *RESUME):
        for fault in CLOCK:
            yield Case("failover", step, fault)
    yield Case("failover", "resume begins", CLI[0])


def short() -> Iterator[Case]:
    """Yield one case for each step, with the faults in turn, and some jumps of the clock."""
    faults = (*KILLS, *ERRORS)
    steps = [(scenario, step) for scenario, (names, _places) in SCENARIOS.items() for step in names]
    for number, (scenario, step) in enumerate(steps):
        yield Case(scenario, step, faults[number % len(faults)])
    yield Case("failover", "journal: flip", TMUX[0])
    yield Case("failover", "resume begins", TMUX[1])
    for step, fault in zip(("evidence stored", "journal: flip", "link", "prompt counted"), CLOCK[4:]):
        yield Case("failover", step, fault)
    yield Case("failover", "resume begins", CLI[0])
