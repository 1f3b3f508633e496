# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a YAML document that anybody may have edited."""

from __future__ import annotations

from typing import Any, Optional

import yaml

# Beside its own errors PyYAML raises what its constructors do: for a date of no month, an empty !!int, a !!bool maybe.
_ERRORS = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


def read_mapping(text: str) -> Optional[dict[Any, Any]]:
    """Return the mapping in a text; None for a text that is none. Never raises."""
    try:
        document = yaml.safe_load(text)
    except _ERRORS:
        return None
    return document if isinstance(document, dict) else None
