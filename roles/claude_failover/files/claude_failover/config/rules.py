# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between values of the configuration: no two of one name, no place in another.

A rule is a function of the configuration, of the document as it was read, and of the list that problems go to. A
value that is wrong in itself is empty text in the configuration, and the rules pass over it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import FILE

from ..common.file_identity import identity_of
from ..tmux.quoting import tmux_name
from .model import Config
from .validators import Location, Problem, describe

Rule = Callable[[Config, Mapping[Any, Any], list[Problem]], None]


def check_accounts(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report accounts of one name, or of one home: the same path, or the same directory where it exists."""
    names: dict[str, int] = {}
    homes: dict[object, int] = {}
    for index, (name, home) in enumerate((account.name, account.home) for account in config.accounts):
        if name and names.setdefault(name, index) != index:
            location = Location(f"accounts[{index}].name", problems)
            location.reject(f"{describe(name)}, the name of accounts[{names[name]}] too", "a name of its own")
        if not home:
            continue
        same = [homes[key] for key in _identities(home) if key in homes]
        if same:
            location = Location(f"accounts[{index}].home", problems)
            location.reject(f"{describe(home)}, the same directory as accounts[{same[0]}].home", "a home of its own")
        for key in _identities(home):
            homes.setdefault(key, index)
    if config.accounts and not any(account.enabled for account in config.accounts):
        Location("accounts", problems).reject("no account that is enabled", "one without enabled: false")


def check_links(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report shared links of one name, or to one target."""
    names: dict[str, int] = {}
    targets: dict[object, int] = {}
    for index, (target, name, _kind) in enumerate(config.shared_links):
        location = Location(f"shared_links[{index}]", problems)
        if name and names.setdefault(name, index) != index:
            location.reject(f"the name {describe(name)} of shared_links[{names[name]}] again", "each name once")
            continue
        if not target:
            continue
        same = [targets[key] for key in _identities(target) if key in targets]
        if same:
            location.reject(
                f"the target {describe(target)}, the same place as that of shared_links[{same[0]}]",
                "a target of its own",
            )
        for key in _identities(target):
            targets.setdefault(key, index)


def check_session_names(_config: Config, document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report sessions of one name, or of names that tmux would make one.

    The names are the document's, for two may be the same though each is refused.
    """
    sessions = document.get("sessions")
    first: dict[str, int] = {}
    for index, session in enumerate(sessions if isinstance(sessions, list) else []):
        name = session.get("name") if isinstance(session, dict) else None
        if isinstance(name, str) and name and first.setdefault(tmux_name(name), index) != index:
            location = Location(f"sessions[{index}].name", problems)
            location.reject(
                f"{describe(name)}, the name of sessions[{first[tmux_name(name)]}] too", "a name of its own"
            )


def check_renamed_from(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report a former name that a session has now, and one that two sessions had."""
    names = {session.name for session in config.sessions}
    first: dict[str, int] = {}
    for index, session in enumerate(config.sessions):
        old = session.renamed_from
        if not old:
            continue
        location = Location(f"sessions[{index}].renamed_from", problems)
        if old in names:
            location.reject(f"{describe(old)}, the name of a session", "the name that no session has any more")
        elif first.setdefault(old, index) != index:
            location.reject(f"{describe(old)}, as in sessions[{first[old]}] too", "it in one session only")


def check_remote_control(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report Remote Control of a session whose settings the daemon does not choose."""
    for index, session in enumerate(config.sessions):
        if session.remote_control and not session.claude_args:
            location = Location(f"sessions[{index}].remote_control", problems)
            location.reject("true, beside claude_args: false", "false, or claude_args: true")


def check_nesting(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report an active link, homes and targets that lie in one another."""
    active_link = config.active_link
    location = Location("active_link", problems)
    homes = {f"accounts[{index}].home": item.home for index, item in enumerate(config.accounts) if item.home}
    for key, home in homes.items():
        # The link itself leads to a home, so it is compared by where it lies, not by where it leads.
        if _lies_in(active_link, home, follow_last=False):
            location.reject(f"{describe(active_link)}, which is or lies in {key}", "a path outside every account home")
        elif _lies_in(home, active_link, follow_last=False):
            location.reject(f"{describe(active_link)}, which {key} lies in", "a path that no account home lies in")
    for index, link in enumerate(config.shared_links):
        if link.target:
            location = Location(f"shared_links[{index}]", problems)
            _check_target(link.target, active_link, homes, location)
            for other, file in enumerate(config.shared_links):
                if file.kind == FILE and file.target and _lies_in(os.path.dirname(link.target), file.target):
                    found = f"the target {describe(link.target)}, which lies in that of shared_links[{other}], a file"
                    location.reject(found, "a target outside of it")


def _check_target(target: str, active_link: str, homes: Mapping[str, str], location: Location) -> None:
    if _lies_in(target, active_link, follow_last=False):
        location.reject(f"the target {describe(target)}, which is or lies in active_link", "a target outside of it")
    for key, home in homes.items():
        if _lies_in(target, home):
            location.reject(
                f"the target {describe(target)}, which is or lies in {key}", "one outside the account homes"
            )
        elif _lies_in(home, target):
            location.reject(f"the target {describe(target)}, which {key} lies in", "one that no account home lies in")


def check_outside_link(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report a path of the daemon that is or lies in the active link: each switch would change where it leads."""
    paths = {
        "state_dir": config.state_dir,
        "control_socket": config.control_socket,
        "tmux.socket": config.tmux.socket,
        "metrics.textfile": config.metrics.textfile,
        "telemetry.headers_file": config.telemetry.headers_file,
    }
    for key, path in paths.items():
        if path and _lies_in(path, config.active_link, follow_last=False):
            Location(key, problems).reject(f"{describe(path)}, which is or lies in active_link", "a path outside of it")


def check_sockets(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report one path for both sockets."""
    if os.path.realpath(config.control_socket) == os.path.realpath(config.tmux.socket):
        Location("control_socket", problems).reject(
            f"{describe(config.control_socket)}, the path of tmux.socket too", "a path of its own"
        )


def check_telemetry(config: Config, _document: Mapping[Any, Any], problems: list[Problem]) -> None:
    """Report headers that go nowhere."""
    if config.telemetry.headers_file is not None and config.telemetry.endpoint is None:
        found = f"{describe(config.telemetry.headers_file)}, without telemetry.endpoint"
        Location("telemetry.headers_file", problems).reject(found, "an endpoint beside it, or no file")


RULES: tuple[Rule, ...] = (
    check_accounts,
    check_links,
    check_session_names,
    check_renamed_from,
    check_remote_control,
    check_nesting,
    check_outside_link,
    check_sockets,
    check_telemetry,
)


def _identities(path: str) -> list[object]:
    """Return what identifies ``path``: its text, the same with links resolved, and the directory if it exists."""
    found: list[object] = [os.path.normpath(path), os.path.realpath(path)]
    try:
        status = os.stat(path)
        found.append(identity_of(status))
    except OSError:
        pass
    return found


def _lies_in(inner: str, outer: str, *, follow_last: bool = True) -> bool:
    """Return True if ``inner`` is ``outer`` or lies in it, by the text or with links followed.

    Without ``follow_last`` a link at the very end of either path is not followed.
    """
    resolve = os.path.realpath if follow_last else _resolve_folder
    for clean in (os.path.normpath, resolve):
        first, second = clean(inner), clean(outer)
        if first == second or first.startswith(second.rstrip("/") + "/"):
            return True
    return False


def _resolve_folder(path: str) -> str:
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(folder), name)
