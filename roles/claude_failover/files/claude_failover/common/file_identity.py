# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of a file: device and inode, which tell it from another one at its path; and of an entry of a folder."""

from __future__ import annotations

import os

FileIdentity = tuple[int, int]  # device and inode


def identity_of(status: os.stat_result) -> FileIdentity:
    """Return the identity of the file that has this status."""
    return status.st_dev, status.st_ino


def is_same_entry(one: str, other: str) -> bool:
    """Return whether two paths name the same entry of the same folder; a link as the entry is not followed."""
    return one == other or _entry(one) == _entry(other)


def _entry(path: str) -> str:
    path = os.path.normpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
