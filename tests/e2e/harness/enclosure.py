# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A place for a test's processes that only its own commands enter."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence


class Enclosure(ABC):
    """A namespace or a container."""

    @abstractmethod
    def command(self, argv: Sequence[str], env: Mapping[str, str], *, root: bool = False) -> list[str]:
        """Return the command line that runs ``argv`` inside, with exactly ``env``, as the user or as root."""

    def run(
        self, argv: Sequence[str], env: Mapping[str, str], *, timeout: float = 60, stdin: str = "", root: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; its outcome is the caller's to judge."""
        return subprocess.run(
            self.command(argv, env, root=root),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
