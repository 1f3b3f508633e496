# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about logins to MCP servers: they lie in the credentials file of one account, and are not copied."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterator, Mapping

from ..claude.credentials import credentials_file
from ..claude.home_entries import read_object
from ..claude.login_settings import home_settings
from ..claude.mcp_logins import read_mcp_logins
from ..claude.mcp_servers import is_of_a_plugin, project_names, projects, remote_names
from ..claude.state_file import STATE_FILE
from ..common.text import one_line
from ..config.model import Account, Config
from ..host.finding import WARNING, Finding, ok


def check_mcp_logins(config: Config) -> Iterator[Finding]:
    """Look for MCP servers that one account is logged in to, and another is not."""
    logins = {account: read_mcp_logins(account.home) for account in config.accounts}
    known = [names for names in logins.values() if names is not None]
    differ = frozenset().union(*known) - frozenset.intersection(*known) if known else frozenset()
    yield from login_findings(logins, _used(config, differ) if differ else frozenset())


def login_findings(logins: Mapping[Account, frozenset[str] | None], used: Collection[str]) -> Iterator[Finding]:
    """Yield what each account lacks (pure); ``used``: the servers that are configured."""
    every = frozenset(used) & frozenset().union(*(names for names in logins.values() if names is not None))
    whole = True
    for account, names in logins.items():
        missing = sorted(every - (names if names is not None else every))
        whole = whole and names is not None and not missing
        if missing:
            shown = ", ".join(map(one_line, missing))
            lines = [
                shlex.join(["env", f"CLAUDE_CONFIG_DIR={account.home}", "claude", "mcp", "login", one_line(name)])
                for name in missing
            ]
            yield Finding(
                "mcp_login",
                WARNING,
                f"the account {account.name} is not logged in to MCP servers to which another account is: {shown}",
                "a login under each account: it is kept with the account's own, and is not copied",
                f"{' && '.join(lines)}; as the sessions' user, in the folder of the project where the server is its",
            )
        elif names is None and len(logins) > 1:
            path = credentials_file(account.home)
            yield Finding(
                "mcp_login",
                WARNING,
                f"to which MCP servers the account {account.name} is logged in cannot be read ({path})",
                "a file with a JSON object, which this user can read",
                shlex.join(["claude-failover", "login", account.name]),
            )
    if whole and len(logins) > 1:
        yield ok("mcp_login", "no account lacks the login to an MCP server that another account has")


def _used(config: Config, names: frozenset[str]) -> frozenset[str]:
    """Return those of the servers that a home, a plugin or the project of a configured session has."""
    homes = [
        (read_object(os.path.join(home, STATE_FILE)).content, read_object(home_settings(home)).content)
        for home in config.homes
    ]
    used = {name for state, settings in homes for name in remote_names(state, settings)}
    used.update(name for name in names for _state, settings in homes if is_of_a_plugin(name, settings))
    for folder in {session.cwd for session in config.sessions} if names - used else ():
        for state, settings in homes:
            used.update(project_names(folder, [settings, dict(projects(state)).get(folder, {})]))
    return names & used
