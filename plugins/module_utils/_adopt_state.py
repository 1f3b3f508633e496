# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge the state files (``.claude.json``) of homes, without I/O.

A key of the first one stays as it is, but the projects and the MCP servers are merged one by one. A key that holds an
API key never goes into another file. The keys of an account's identity and its caches go there only where that is
asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, NamedTuple

from ansible_collections.secuaas.claude.plugins.module_utils._state_file import parse_state, state_bytes

API_KEYS = frozenset(("primaryApiKey", "customApiKeyResponses", "apiKeyHelper", "env"))
ACCOUNT_KEYS = frozenset(
    (
        "oauthAccount",
        "clientDataCacheSlots",
        "hostBootstrapSeed",
        "additionalModelOptionsCache",
        "additionalModelOptionsCacheAnsweredAt",
        "additionalModelCostsCache",
        "modelAccessCache",
        "orgModelDefaultCache",
        "autoCompactWindowsCache",
        "penguinModeOrgEnabled",
        "cachedExtraUsageDisabledReason",
        "cachedUsageUtilization",
        "metricsStatusCache",
        "metricsStatusCacheByPrincipal",
        "groveConfigCache",
        "passesEligibilityCache",
        "firstWeek",
        "claudeAiMcpEverConnected",
        "gzipRequestBodiesLatchedOff",
        "connectorFileSendsAllowedV1",
        "feedbackRefusedByServer",
        "cachedFeatureFlags",
        "cachedGrowthBookFeatures",
        "cachedGrowthBookFeaturesAt",
        "cachedDynamicConfigs",
        "apiCreditLinkStatusCache",
        "subscriptionNoticeCount",
        "hasAvailableSubscription",
        "claudeCodeFirstTokenDate",
    )
)
"""Keys that a change of account may change (2.1.332)."""
_ACCOUNT_PREFIXES = ("cachedExperiment",)
_REFUSED = "disabledMcpjsonServers"
"""Servers of a project that were refused; one that was refused in any home stays so."""


def merge_state(base: dict[str, Any], other: dict[str, Any], *, with_account: bool) -> tuple[dict[str, Any], list[str]]:
    """Return ``base`` with the keys that only ``other`` has, and the names of the keys of API keys that stay behind."""
    allowed = {
        key: value for key, value in other.items() if key not in API_KEYS and (with_account or not _is_accounts(key))
    }
    return _union(base, allowed), sorted(key for key in API_KEYS & set(other) if other[key] != base.get(key))


class StateSource(NamedTuple):
    """A state file to merge; ``has_account``: it is the one of the account whose login the home has."""

    path: str
    content: bytes
    has_account: bool


def merge_sources(base: bytes | None, sources: Iterable[StateSource]) -> tuple[bytes, list[str]]:
    """Return the content that has every source merged into ``base``, and a notice for each key of an API key left out.

    For None the first source is the base. A content that lacks nothing stays as it is, byte for byte. Raises
    StateFileError.
    """
    notices: list[str] = []
    merged: dict[str, Any] | None = None
    content = base
    for source in sources:
        if content is None or content == source.content:
            content = source.content
            continue
        before = parse_state(content) if merged is None else merged
        with_account = source.has_account and "oauthAccount" not in before
        parsed = parse_state(source.content)
        merged, left = merge_state(before, parsed, with_account=with_account)
        notices += [f"{source.path}: its key {key} is not merged; it stays in the original" for key in left]
        notices += [
            f"{source.path}: its MCP server {name} is another one than that of the same name which is kept; it stays in"
            " the original"
            for name in _differing(before.get("mcpServers"), parsed.get("mcpServers"))
        ]
        if merged != before:
            content = state_bytes(merged)
    return content or b"{}", notices


def is_equal(content: bytes, other: bytes) -> bool:
    """Return True if two state files hold the same. Raises StateFileError."""
    return content == other or parse_state(content) == parse_state(other)


def _is_accounts(key: str) -> bool:
    return key in ACCOUNT_KEYS or key.startswith(_ACCOUNT_PREFIXES)


def _differing(base: Any, other: Any) -> list[str]:
    """Return the names that have another value in each of two objects."""
    if not isinstance(base, dict) or not isinstance(other, dict):
        return []
    return sorted(name for name in base.keys() & other.keys() if base[name] != other[name])


def _union(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for key, value in other.items():
        if key not in merged:
            merged[key] = copy.deepcopy(value)
        elif key in _CONTAINERS and isinstance(merged[key], dict) and isinstance(value, dict):
            merged[key] = _CONTAINERS[key](merged[key], value)
        elif key == _REFUSED and isinstance(merged[key], list) and isinstance(value, list):
            merged[key] += [name for name in value if name not in merged[key]]
    return merged


def _add_missing(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**base, **{key: value for key, value in other.items() if key not in base}}


def _merge_projects(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = _add_missing(base, other)
    for folder in base.keys() & other.keys():
        if isinstance(base[folder], dict) and isinstance(other[folder], dict):
            merged[folder] = _union(base[folder], other[folder])
    return merged


_CONTAINERS = {"projects": _merge_projects, "mcpServers": _add_missing}
"""Keys whose entries are merged one by one; a server is never made of two."""
