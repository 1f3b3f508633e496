# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give what tables are kept by other names (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def renamed(table: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """Return a table with other ``names``, by the old ones, which can be exchanged too.

    What the table has under a new name is of something earlier, and left out.
    """
    kept = {name: row for name, row in table.items() if name not in names and name not in names.values()}
    return {**kept, **{names[name]: row for name, row in table.items() if name in names}}


def new_name(name: str | None, names: Mapping[str, str]) -> str | None:
    """Return the name by which something goes now, None for none."""
    return None if name is None else names.get(name, name)
