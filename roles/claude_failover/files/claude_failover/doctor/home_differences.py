# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about what differs between the accounts' homes, deny rules first (pure).

Names are told, and numbers of rules; never what stands under a name.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..claude.home_entries import HomeEntry
from ..claude.mcp_servers import own_servers, projects
from ..claude.state_file import STATE_FILE
from ..common import json_text
from ..common.text import counted, one_line, shorten
from ..host.finding import ERROR, WARNING, Finding, ok

SETTINGS = "settings.json"
#: Those of the folder that the active link is in, as a project; never shared.
LOCAL_SETTINGS = "settings.local.json"
KEYBINDINGS = "keybindings.json"
PLUGINS = "plugins/installed_plugins.json"
MARKETPLACES = "plugins/known_marketplaces.json"
#: What a person wrote, and what Claude Code writes of a person's work.
TREES = ("CLAUDE.md", "agents", "commands", "skills", "hooks", "rules", "output-styles", "themes", "workflows")
WORK = ("history.jsonl", "plans", "tasks", "todos")

SHARE = (
    "end the sessions (claude-failover stop NAME; /exit in one that was started by hand), then ansible-playbook "
    "-i INVENTORY secuaas.claude.adopt, and secuaas.claude.site, with claude_failover_shared_settings: auto"
)
_SHOWN = 5  # names
_LONGEST = 60  # characters of one
_APART = ("permissions", "hooks", "enabledPlugins")  # keys of the settings that are compared by themselves
_RULES = ("deny", "ask", "allow")  # lists below permissions
_MEND_OF_RULES = {
    SETTINGS: f"share the settings: {SHARE}",
    LOCAL_SETTINGS: f"move them to the {SETTINGS} of every home",
}

Key = tuple[str, ...]  # begins with the name that is shown
Row = Mapping[Key, str]


class HomeContent(NamedTuple):
    """The home of an account, and the entries in it that are compared, by name."""

    account: str
    home: str
    enabled: bool
    entries: Mapping[str, HomeEntry]


def difference_findings(homes: Sequence[HomeContent]) -> Iterator[Finding]:
    """Yield what the home of one account has and that of another lacks."""
    if len(homes) < 2:
        return
    wrong = [*_deny_rules(homes), *_ways(homes), *_unknown(homes)]
    yield from wrong
    if not any(finding.name == "deny_rules" for finding in wrong):
        counts = {name: len(_rules(homes[0].entries[name].content, "deny")) for name in _MEND_OF_RULES}
        shown = [f"{name} ({count})" for name, count in counts.items() if count or name == SETTINGS]
        yield ok("deny_rules", f"every account has the same deny rules in {' and '.join(shown)}")
    if all(finding.name == "deny_rules" for finding in wrong):
        yield ok("homes", f"the homes of {len(homes)} accounts hold the same settings and the same of a person's work")


def _deny_rules(homes: Sequence[HomeContent]) -> Iterator[Finding]:
    """Yield an error for each account under which something is allowed that is denied under another.

    It is one because a switch is made with nobody there: the session goes on without the rule.
    """
    for name, otherwise in _MEND_OF_RULES.items():
        yield from _deny_rules_of(homes, name, otherwise)


def _deny_rules_of(homes: Sequence[HomeContent], name: str, otherwise: str) -> Iterator[Finding]:
    rules = [_rules(home.entries[name].content, "deny") for home in homes]
    every: set[str] = set().union(*rules)
    for home, own in zip(homes, rules):
        problem, path = home.entries[name].problem, os.path.join(home.home, name)
        lost = every - own
        if not lost:
            continue
        number = counted(len(lost), "deny rule")
        found = (
            f"the account {home.account} lacks {number} of {name} that another account has: what is denied before "
            f"a switch to it is allowed afterwards ({path})"
        )
        mend = f"add the rules to {shlex.quote(path)}, or {otherwise}"
        if problem:
            found = f"{path} of the account {home.account} cannot be read ({problem}); another account has {number}"
            mend = f"claude-failover doctor, once {shlex.quote(path)} is a file with a JSON object"
        level = ERROR if home.enabled else WARNING
        yield Finding("deny_rules", level, found, "the same deny rules in every home", mend)


def _ways(homes: Sequence[HomeContent]) -> Iterator[Finding]:
    """Yield what else differs, each way in which homes can differ at most once."""
    settings, state = _known(homes, SETTINGS), _known(homes, STATE_FILE)
    clauses = [
        clause
        for kind in ("ask", "allow")
        for clause in _numbers(f"{kind} rule", {name: _rules(row, kind) for name, row in settings.items()})
    ]
    clauses += _numbers(
        "allowed tool of a project", {name: _listed(row, "allowedTools") for name, row in state.items()}
    )
    clauses += _clauses({name: _other_permissions(row) for name, row in settings.items()})
    yield from _finding("permissions", "the permissions", clauses)
    for name, what, key in (("hooks", "the hooks", "hooks"), ("plugins", "the plugins that are on", "enabledPlugins")):
        rows = {account: _row(_object(row.get(key))) for account, row in settings.items()}
        yield from _finding(name, what, _clauses(rows))
    rows = {name: _row({key: row[key] for key in row if key not in _APART}) for name, row in settings.items()}
    yield from _finding("settings", "other settings", _clauses(rows))
    rows = {name: _row(_without_deny_rules(row)) for name, row in _known(homes, LOCAL_SETTINGS).items()}
    yield from _finding("settings", LOCAL_SETTINGS, _clauses(rows), f"make {LOCAL_SETTINGS} the same in every home")
    for entry in (*TREES, KEYBINDINGS):
        if not _is_shared(homes, entry):
            rows = {name: _row(content) for name, content in _known(homes, entry).items()}
            yield from _finding("home_entry", entry, _clauses(rows))
    installed = {name: dict.fromkeys(_object(row.get("plugins"))) for name, row in _known(homes, PLUGINS).items()}
    for what, found in (("the plugins", installed), ("the marketplaces of plugins", _known(homes, MARKETPLACES))):
        rows = {name: _row(dict.fromkeys(content)) for name, content in found.items()}
        yield from _finding("plugins", what, _clauses(rows))
    yield from _of_the_state(state)
    own = [entry for entry in WORK if len({row.get("") for row in _known(homes, entry).values()}) > 1]
    if own:
        found_own = f"each account has its own {', '.join(own)}: that of one is missing after a switch to another"
        yield Finding("home_entry", WARNING, found_own, "one that all accounts share", SHARE)


def _of_the_state(state: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    servers: dict[str, Row] = {
        name: {key: _text(row) for key, row in own_servers(content).items()} for name, content in state.items()
    }
    yield from _finding("mcp_servers", "the MCP servers", _clauses(servers))
    for key, what in (("enabledMcpjsonServers", "approved"), ("disabledMcpjsonServers", "refused")):
        rows = {name: dict.fromkeys(_listed(content, key), "") for name, content in state.items()}
        yield from _finding("mcp_servers", f"the MCP servers of projects that are {what}", _clauses(rows))
    trusted = {name: _trusted(content) for name, content in state.items()}
    every: set[str] = set().union(*trusted.values())
    clauses = [
        f"{name} lacks the trust in {counted(number, 'folder')}"
        for name, own in trusted.items()
        for number in [sum(not _covers(own, folder) for folder in every)]
        if number
    ]
    yield from _finding("trust", "the folders that are trusted", clauses)
    done = {name: content.get("hasCompletedOnboarding") is True for name, content in state.items()}
    if len(set(done.values())) > 1:
        names = ", ".join(name for name, value in done.items() if not value)
        found = f"a session that starts under {names} stands at the first-run screen, and not under another account"
        yield Finding("onboarding", WARNING, found, f"hasCompletedOnboarding in {STATE_FILE} of every home", SHARE)


def _unknown(homes: Sequence[HomeContent]) -> Iterator[Finding]:
    denied = [name for name in _MEND_OF_RULES if any(_rules(home.entries[name].content, "deny") for home in homes)]
    for name in homes[0].entries:
        if name not in (SETTINGS, STATE_FILE) and _is_shared(homes, name):
            continue
        for home in homes:
            problem = home.entries[name].problem
            if problem and name not in denied:  # else it is told with the rules
                path = os.path.join(home.home, name)
                found = f"{path} could not be compared: {problem}"
                mend = f"{shlex.join(['ls', '-ldL', path])}, and give it the form of the others"
                mend += f"; or share it: {SHARE}" if name != LOCAL_SETTINGS else ""
                yield Finding("home_entry", WARNING, found, "an entry that can be compared, or is shared", mend)


def _finding(name: str, what: str, clauses: Sequence[str], mend: str = SHARE) -> Iterator[Finding]:
    if clauses:
        found = f"not the same under every account: {what} ({'; '.join(clauses)})"
        yield Finding(name, WARNING, found, "the same under every account", mend)


def _clauses(rows: Mapping[str, Row]) -> list[str]:
    """Return which accounts lack which names, and the names under which they have something else."""
    lacking: dict[str, list[str]] = {}
    other: list[str] = []
    for key in sorted(set().union(*rows.values())):
        values = {account: row.get(key) for account, row in rows.items()}
        for account, value in values.items():
            if value is None:
                lacking.setdefault(account, []).append(key[0])
        if len({value for value in values.values() if value is not None}) > 1:
            other.append(key[0])
    found = [f"{account} lacks {named(names)}" for account, names in lacking.items()]
    return [*found, *([f"different: {named(other)}"] if other else [])]


def named(names: Sequence[str]) -> str:
    shown = [shorten(one_line(name), _LONGEST) or "the content" for name in dict.fromkeys(names)]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _known(homes: Sequence[HomeContent], name: str) -> dict[str, Mapping[str, Any]]:
    """Return the content of an entry by account, but of those where it is not known."""
    return {home.account: home.entries[name].content for home in homes if not home.entries[name].problem}


def _is_shared(homes: Sequence[HomeContent], name: str) -> bool:
    identities = {home.entries[name].identity for home in homes}
    return len(identities) == 1 and None not in identities


def _numbers(what: str, sets: Mapping[str, set[Any]]) -> list[str]:
    """Return how many of the things that any account has each of them lacks."""
    every: set[Any] = set().union(*sets.values())
    return [f"{name} lacks {counted(len(every - own), what)}" for name, own in sets.items() if every - own]


def _rules(settings: Mapping[str, Any], kind: str) -> set[str]:
    rules = _object(settings.get("permissions")).get(kind)
    return set(map(_text, rules)) if isinstance(rules, list) else set()


def _other_permissions(settings: Mapping[str, Any]) -> Row:
    permissions = _object(settings.get("permissions"))
    return _row({key: value for key, value in permissions.items() if key not in _RULES})


def _without_deny_rules(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    permissions = {key: value for key, value in _object(settings.get("permissions")).items() if key != "deny"}
    rest = {key: value for key, value in settings.items() if key != "permissions"}
    return {**rest, "permissions": permissions} if permissions else rest


def _listed(state: Mapping[str, Any], key: str) -> set[Key]:
    """Return the texts in a list of every project, each with the project's folder."""
    lists = [(folder, row.get(key)) for folder, row in projects(state)]
    return {
        (text, folder) for folder, found in lists if isinstance(found, list) for text in found if isinstance(text, str)
    }


def _trusted(state: Mapping[str, Any]) -> set[str]:
    return {folder for folder, row in projects(state) if row.get("hasTrustDialogAccepted") is True}


def _covers(trusted: set[str], folder: str) -> bool:
    """Return whether a folder, or one above it, is trusted."""
    while folder not in trusted:
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True


def _row(values: Mapping[str, Any]) -> Row:
    return {(key,): _text(value) for key, value in values.items()}


def _text(value: Any) -> str:
    return json_text.render(value, sort_keys=True)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
