# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the state folder ready for a start, and clear what a kill left beside other files."""

from __future__ import annotations

import logging
import os
import re
import stat

from ..common.errors import PassingFault, Refused, is_passing

log = logging.getLogger(__name__)

# The names that `files.write_atomic` gives: a document or a copy of it, and the random part of mkstemp.
_TEMPORARY = re.compile(r"\..+\.jsonl?(?:\.[0-9]+\.set-aside)?\.[a-z0-9_]{8}")


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


def clear_temporary_files(state_folder: str) -> None:
    """Remove the temporary files that a killed daemon left in the state folder and the folders in it, and log each.

    Anything else stays. The caller holds the locks: the files of a running daemon look the same. Never raises: one that
    cannot be removed harms nothing.
    """
    for folder in (state_folder, *_folders_in(state_folder)):
        _clear(folder, _TEMPORARY)


def clear_temporary_files_of(path: str) -> None:
    """Remove the temporary files that a killed daemon left beside a file that it replaces, and log each; as above."""
    folder, name = os.path.split(os.path.realpath(path))
    _clear(folder, re.compile(re.escape(f".{name}.") + "[a-z0-9_]{8}"))


def _clear(folder: str, pattern: re.Pattern[str]) -> None:
    for name in sorted(filter(pattern.fullmatch, _names_in(folder))):
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                os.unlink(path)
                log.info("start: removed %s, left by a killed daemon", path)
        except OSError as error:
            log.warning("start: cannot remove %s, left by a killed daemon: %s", path, error)


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        log.warning("start: cannot look for temporary files in %s: %s", folder, error)
        return []


def _folders_in(folder: str) -> list[str]:
    paths = [os.path.join(folder, name) for name in _names_in(folder)]
    return [path for path in paths if os.path.isdir(path) and not os.path.islink(path)]
