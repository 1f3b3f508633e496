# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A violation: something that a soak has found and that must not be."""

from __future__ import annotations

from typing import NamedTuple

# A session, a prompt or a task is gone, or does not go on; a prompt was sent twice; a switch, its sessions or a task
# are not accounted for; memory, descriptors, threads or a file grew; a program did not do as it was told.
LOST, TWICE, UNACCOUNTED, GROWN, BROKEN = KINDS = ("lost", "twice", "unaccounted", "grown", "broken")


class Violation(NamedTuple):
    """One of `KINDS`, and a sentence."""

    kind: str
    text: str
