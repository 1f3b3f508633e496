# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables and settings by which Claude Code takes its login, or sends its requests, elsewhere than by its home.

A session with one of them uses the same login whatever account the active link leads to. Only names are looked at and
kept; of a value no more than that it is empty or switches off, and of CLAUDE_SECURESTORAGE_CONFIG_DIR the folder.

Seen on Claude Code 2.1.330 and 2.1.197: tokens, ANTHROPIC_BASE_URL, ANTHROPIC_UNIX_SOCKET, the switches of Bedrock on
AWS, Mantle and a managing host, ``apiKeyHelper``; the others by the program's own lists. Without an effect on requests
there: CLAUDE_CODE_API_BASE_URL, ANTHROPIC_API_HOST, CLAUDE_CODE_OAUTH_REFRESH_TOKEN, CLAUDE_CODE_SESSION_ACCESS_TOKEN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Variables that name a token, or a place to get one.
LOGINS = frozenset(
    {
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_FEDERATION_RULE_ID",
        "ANTHROPIC_IDENTITY_TOKEN",
        "ANTHROPIC_IDENTITY_TOKEN_FILE",
        "ANTHROPIC_PROFILE",
        "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
        "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
        "CLAUDE_CODE_HOST_AUTH_ENV_VAR",
        "CLAUDE_CODE_HOST_CREDS_FILE",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    }
)

#: Variables that send the requests, or the logins, to another server.
SERVERS = frozenset({"ANTHROPIC_BASE_URL", "ANTHROPIC_UNIX_SOCKET", "CLAUDE_CODE_CUSTOM_OAUTH_URL"})

#: Switches to another provider.
PROVIDERS = frozenset(
    {
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
        "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_FOUNDRY",
        "CLAUDE_CODE_USE_GATEWAY",
        "CLAUDE_CODE_USE_MANTLE",
        "CLAUDE_CODE_USE_VERTEX",
    }
)

#: The folder of .credentials.json, where it is not the home; empty it is ~/.claude.
STORAGE = "CLAUDE_SECURESTORAGE_CONFIG_DIR"

#: Headers of every request; only these names replace the login's. In a process's environment it is not looked into.
HEADERS = "ANTHROPIC_CUSTOM_HEADERS"
_LOGIN_HEADERS = frozenset({"authorization", "x-api-key"})

VARIABLES = LOGINS | SERVERS | PROVIDERS

#: Values with which Claude Code treats a variable as one that is not set.
OFF = frozenset({"", "0", "false", "no", "off"})

#: Settings that give the login, beside ``env``.
SETTINGS = ("apiKeyHelper",)


def is_off(value: str) -> bool:
    """Return whether a variable with this value counts as not set."""
    return value.strip().lower() in OFF


def is_foreign_login(name: str, value: str) -> bool:
    """Return whether a variable makes the login another than that of the session's home."""
    if name == STORAGE:
        return True
    if name == HEADERS:
        return any(line.partition(":")[0].strip().lower() in _LOGIN_HEADERS for line in value.splitlines())
    return name in VARIABLES and not is_off(value)


def foreign_login_variables(environment: Mapping[str, Any]) -> list[str]:
    """Return the names of the variables that make the login another, sorted."""
    return sorted(
        name for name, value in environment.items() if isinstance(name, str) and is_foreign_login(name, str(value))
    )


def foreign_login_settings(settings: Any) -> list[str]:
    """Return the keys of Claude Code's settings that make the login another: ``env.NAME`` and `SETTINGS`."""
    if not isinstance(settings, dict):
        return []
    environment = settings.get("env")
    found = [f"env.{name}" for name in foreign_login_variables(environment)] if isinstance(environment, dict) else []
    return found + [name for name in SETTINGS if settings.get(name)]


def listed(names: Iterable[str]) -> str:
    """Return names as the subject of a sentence: ``A``, ``A and B``."""
    found = list(dict.fromkeys(names))
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
