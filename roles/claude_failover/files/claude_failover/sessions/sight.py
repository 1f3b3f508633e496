# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The input that a session was observed from, by which an idle one is known not to have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..claude.session_files import SessionFile
from ..common.processes import Process
from ..config.model import SessionConfig
from ..tmux.client import Pane
from .registry import RegistryEntry
from .tracked_session import TrackedSession

#: A process in the tree of a pane, and its session file.
Found = tuple[Pane, Process, Optional[SessionFile]]


@dataclass(frozen=True)
class Sight:
    """The input that a session was observed from. As long as it is the same, so is what was found."""

    spec: SessionConfig | None
    entry: RegistryEntry | None
    panes: tuple[tuple[Any, ...], ...]
    processes: tuple[tuple[Any, ...], ...]
    files: tuple[SessionFile | None, ...]
    project: str | None

    @classmethod
    def of(
        cls,
        tracked: TrackedSession,
        entry: RegistryEntry | None,
        panes: Sequence[Pane],
        found: Sequence[Found],
        project: str | None = None,
    ) -> Sight:
        """Return the sight of a session; ``project`` is what was found to be the folder that it works in."""
        return cls(
            tracked.spec,
            entry,
            tuple((pane.pane_id, pane.pid, pane.dead, pane.cwd) for pane in panes),
            tuple((item.pid, item.start, item.alive, item.name, item.image) for _pane, item, _file in found),
            tuple(file for _pane, _process, file in found),
            project,
        )

    def is_same(self, other: Sight) -> bool:
        """Return whether the same would be found again."""
        return (
            self.spec is other.spec
            and self.entry is other.entry
            and self.panes == other.panes
            and self.processes == other.processes
            and all(one is another for one, another in zip(self.files, other.files))
        )

    @property
    def is_complete(self) -> bool:
        """True if all that counts of the processes can be seen: one that executes another program has a new image."""
        return bool(self.processes) and all(row[2] and row[-1] for row in self.processes)
