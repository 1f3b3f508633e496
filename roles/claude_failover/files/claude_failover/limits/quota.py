# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data about a limit in a record of the CLI: find it, wherever it stands. Pure.

Seen: ``quotaLimits`` of the record (2.1.260 to 2.1.332), ``rate_limit_info`` of ``apiErrorParams`` (2.1.332, found in
its code). Other places are searched, too, but not what a tool was given or gave, nor what the model writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = ("quotaLimits", "quota_limits", "rate_limit_info", "rateLimitInfo")
_FIRST = ("apiErrorParams", "api_error_params", "message")
_NOT_THE_CLIS = frozenset(
    ("input", "tool_input", "toolUseResult", "tool_use_result", "permission_denials", "structured_output")
)
#: Fields in the two spellings; a record has the first one.
_SPELLINGS = {"resetsAt": "resets_at", "rateLimitType": "rate_limit_type", "isUsingOverage": "is_using_overage"}
_DEPTH = 4
_MOST = 200  # values that are looked into


def quota_limits(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record's data about the limit, with the names of ``quotaLimits``; empty without any."""
    for holder in _holders(record):
        for name in _NAMES:
            value = holder.get(name)
            several = value if isinstance(value, list) else [value]
            found = [{**one, **_spelled(one)} for one in several if isinstance(one, Mapping)]
            if found:
                return next(filter(is_rejected, found), found[0])
    return {}


def is_rejected(quota: Mapping[str, Any]) -> bool:
    """Return whether a record's data says that the request was refused, and not paid for by credits."""
    return quota.get("status") == "rejected" and not quota.get("isUsingOverage")


def _spelled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[other] for name, other in _SPELLINGS.items() if name not in found and other in found}


def _holders(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings in which the data may stand: the record, the seen places, then all others, nearest first."""
    yield record
    yield from (value for name in _FIRST if isinstance(value := record.get(name), Mapping))
    level: list[Any] = [record]
    left = _MOST
    for _depth in range(_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                inner += [below for name, below in value.items() if name not in _NOT_THE_CLIS]
            else:
                inner += value
        level = [value for value in inner if isinstance(value, (Mapping, list))][:left]
        left -= len(level)
        yield from (value for value in level if isinstance(value, Mapping))
