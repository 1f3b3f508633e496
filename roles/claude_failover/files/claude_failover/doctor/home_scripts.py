# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about files of a home that commands name by the active link, and that another home lacks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping

from ansible_collections.secuaas.claude.plugins.module_utils._home_scripts import PERMISSION_EVENTS, called_files

from ..claude.home_entries import read_all, read_object
from ..claude.state_file import STATE_FILE
from ..config.model import Config
from ..host.finding import ERROR, WARNING, Finding, ok
from .home_differences import LOCAL_SETTINGS, SETTINGS, SHARE, named
from .homes import place_of

SOURCES = (SETTINGS, LOCAL_SETTINGS, STATE_FILE)
_HOOKS = "hooks"  # the shared folder that such files can lie in


def check_home_scripts(config: Config) -> Iterator[Finding]:
    """Look for files that a command finds under one account and not under another."""
    calls: list[dict[str, bool]] = [{} for _home in config.homes]
    for source in SOURCES:
        entries = read_all([place_of(config, home, source) for home in config.homes], read_object)
        for own, entry in zip(calls, entries):
            for name, guards in called_files(entry.content, config.active_link).items():
                own[name] = own.get(name, False) or guards
    places = {name: [place_of(config, home, name) for home in config.homes] for own in calls for name in own}
    files = {name: paths for name, paths in places.items() if any(map(os.path.isfile, paths))}
    whole = True
    for row, account in enumerate(config.accounts):
        missing = [name for name, paths in files.items() if not os.path.exists(paths[row])]
        lacking = {name: calls[row][name] for name in missing if name in calls[row]}
        whole = whole and not lacking
        level = ERROR if account.enabled else WARNING
        yield from _findings(config, f"the account {account.name} lacks ({account.home})", lacking, level)
    if files and whole and len(calls) > 1:
        yield ok("home_script", f"every account has the files in the homes that commands name ({len(files)})")


def _findings(config: Config, lacks: str, names: Mapping[str, bool], level: str) -> Iterator[Finding]:
    """Yield what an account lacks, files of hooks that can refuse first."""
    guards = [name for name, is_guard in names.items() if is_guard]
    if guards:
        what = f"a hook for {' or '.join(PERMISSION_EVENTS)} calls {named(guards)}, which {lacks}"
        yield _finding(config, level, f"{what}: after a switch to it, what the hook denies can be let through")
    others = [name for name in names if name not in guards]
    if others:
        yield _finding(config, WARNING, f"commands of settings or MCP servers name {named(others)}, which {lacks}")


def _finding(config: Config, level: str, found: str) -> Finding:
    folder = shlex.quote(os.path.join(config.active_link, _HOOKS))
    mend = "move each file to a folder outside of the homes, and correct its path where it is named; or move it to "
    shared = any(link.name == _HOOKS for link in config.shared_links)
    mend += f"{folder}, which all accounts share" if shared else f"{folder}, and share that: {SHARE}"
    return Finding("home_script", level, found, "a file that the sessions of every account find", mend)
