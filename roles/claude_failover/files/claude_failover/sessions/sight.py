# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The input that a session was observed from, by which an idle one is known not to have changed."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..claude.session_files import SessionFile
from ..common.processes import Process
from ..config.model import SessionConfig
from ..tmux.client import Pane
from .process_login import ProcessLogin
from .registry import RegistryEntry

#: A process in the tree of a pane, and its session file.
Found = tuple[Pane, Process, Optional[SessionFile]]


@dataclass
class Sight:
    """The input that a session was observed from. As long as it is the same, so is what was found.

    ``trees`` are those of the panes, ``files`` the session files of their processes; both are the same objects while
    they have not changed. ``project`` is what was found to be the folder that it works in. ``login`` is what its login
    was found from, with the settings of ``stamp``.
    """

    spec: SessionConfig | None
    entry: RegistryEntry | None
    panes: Sequence[Pane]
    trees: Sequence[tuple[Process, ...]]
    files: Sequence[SessionFile | None]
    project: str | None = None
    login: ProcessLogin | None = None
    stamp: object = None

    def is_same(self, other: Sight) -> bool:
        """Return whether the same would be found again."""
        return (
            self.spec is other.spec
            and self.entry is other.entry
            and len(self.panes) == len(other.panes)
            and len(self.files) == len(other.files)
            and all(map(operator.is_, self.trees, other.trees))
            and all(map(operator.is_, self.files, other.files))
            and (all(map(operator.is_, self.panes, other.panes)) or self._rows() == other._rows())
        )

    def _rows(self) -> list[tuple[Any, ...]]:
        """Return what counts of the panes."""
        return [(pane.pane_id, pane.pid, pane.dead, pane.cwd) for pane in self.panes]

    @property
    def found(self) -> list[Found]:
        """The processes of all panes."""
        pairs = [(pane, process) for pane, tree in zip(self.panes, self.trees) for process in tree]
        return [(pane, process, file) for (pane, process), file in zip(pairs, self.files)]

    @property
    def is_complete(self) -> bool:
        """True if all that counts of the processes can be seen: one that executes another program has a new image."""
        return any(self.trees) and all(process.alive and process.image for tree in self.trees for process in tree)
