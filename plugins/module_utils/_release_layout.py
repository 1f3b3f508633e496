# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths and error of the releases on a host."""

from __future__ import annotations

import os
from typing import NamedTuple

RELEASES = "releases"


class ReleaseError(Exception):
    """The host is in an unexpected state; the text says what was found and what to do."""


class Layout(NamedTuple):
    """Root folder of the releases (an absolute path), and the Python that runs them."""

    root: str
    python: str

    @property
    def releases(self) -> str:
        """The folder that holds one folder for each release."""
        return os.path.join(self.root, RELEASES)

    @property
    def current(self) -> str:
        """The link to the release in use."""
        return os.path.join(self.root, "current")

    @property
    def lock(self) -> str:
        """The file that an installation locks."""
        return os.path.join(self.root, ".lock")

    @property
    def rollback(self) -> str:
        """The file that says that the host was rolled back."""
        return os.path.join(self.root, "rollback.json")

    def folder(self, name: str) -> str:
        """Return the folder of the release ``name``."""
        return os.path.join(self.releases, name)

    def library(self, name: str) -> str:
        """Return the folder that Python runs for the release ``name``."""
        return os.path.join(self.releases, name, "lib")
