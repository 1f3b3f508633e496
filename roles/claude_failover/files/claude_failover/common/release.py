# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed release that this code belongs to."""

from __future__ import annotations

import os


def library_folder() -> str:
    """Return the folder that the package ``claude_failover`` lies in."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def release_name() -> str | None:
    """Return the name of the installed release, ``<version>-<hash>``; None for a checkout."""
    library = library_folder()
    folder = os.path.dirname(library)
    if os.path.basename(library) == "lib" and os.path.basename(os.path.dirname(folder)) == "releases":
        return os.path.basename(folder)
    return None
