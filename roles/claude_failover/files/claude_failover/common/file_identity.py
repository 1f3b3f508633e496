# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of a file: device and inode, which tell it from another one at its path."""

from __future__ import annotations

import os

FileIdentity = tuple[int, int]  # device and inode


def identity_of(status: os.stat_result) -> FileIdentity:
    """Return the identity of the file that has this status."""
    return status.st_dev, status.st_ino
