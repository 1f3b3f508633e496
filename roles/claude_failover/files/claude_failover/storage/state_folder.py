# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the state folder ready for a start."""

from __future__ import annotations

import os

from ..common.errors import PassingFault, Refused, is_passing


def make_state_folder(folder: str) -> None:
    """Create the state folder (0700) if it is missing.

    Raises Refused if something else is in its place, PassingFault if it cannot be created for now.
    """
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        try:
            os.stat(folder)
            passing = False
        except OSError as reason:
            passing = is_passing(reason.errno)  # a symlink to a disk that is not mounted yet
        found = "a symlink that leads nowhere" if os.path.islink(folder) else "a file"
        kind = PassingFault if passing else Refused
        raise kind(f"state_dir {folder}: found {found}, expected a folder; move it away ({error.strerror})") from None
    except OSError as error:
        raise PassingFault(f"state_dir {folder} is missing, and cannot be created: {error.strerror}") from None
