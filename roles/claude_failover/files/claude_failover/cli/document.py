# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the daemon's documents, of which any may be missing or of another type (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list of JSON, none for another value."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Return a value as text, which may be foreign; ``-`` for none."""
    return "-" if value is None else str(value)
