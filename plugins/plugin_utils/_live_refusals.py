# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that are refused while a host is in use, each with the way to it."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import DIRECTORY, FILE
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import (
    LiveHost,
    WantedHost,
    homes,
    is_same_path,
    link_is_moved,
    section,
    shared_links,
)
from ansible_collections.secuaas.claude.plugins.plugin_utils._user_line import user_line

_UNITS = ("claude-failover", "claude-failover-tmux")
_END_SERVER = (
    "Set it back, or end the server, and so every session, when that suits (sudo systemctl stop claude-failover-tmux), "
    "and run the role again: each session then goes on in its conversation."
)


def refusals(live: LiveHost, wanted: WantedHost) -> list[str]:
    """Return what cannot be changed, and what to do."""
    return [
        *_user(live, wanted),
        *_group(live, wanted),
        *_active_account(live, wanted),
        *_shared_folders(live, wanted),
        *_tmux_socket(live, wanted),
    ]


def _user(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    owner, user = live.fact("owner"), wanted.user
    if owner in ("", user):
        return
    state = str(live.config.get("state_dir") or "/var/lib/claude-failover")
    targets = [link.target for link in shared_links(live.config).values()]
    give = ["sudo", "chown", "-hR", f"--from={owner}", f"{user}:", state, *homes(live.config).values(), *targets]
    yield (
        f"claude_failover_user is {user}, but the daemon, its state and the sessions on this host are {owner}'s, and "
        f"the role gives no login and no conversation to another user. Set claude_failover_user to {owner} again. Or "
        f"end every session by a run for {owner} with claude_failover_state: absent, give {user} what it leaves "
        f"({shlex.join(give)}) or set the state aside ({shlex.join(['sudo', 'mv', state, f'{state}.{owner}'])}), and "
        "run the role again."
    )


def _group(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    former, group = live.fact("group"), wanted.group
    if former in ("", group) or "tmux" not in live.facts or "ingroup" in live.facts:
        return
    yield (
        f"claude_failover_group is {group}, was {former}, and the running tmux server is not in {group}: no session "
        f"that starts in it could read its settings. {_END_SERVER}"
    )


def _active_account(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    active, after = live.fact("active"), homes(wanted.config)
    if not active or any(is_same_path(home, active) for home in after.values()):
        return
    if link_is_moved(live, wanted) and "free" not in live.facts:
        return  # the new active link is there, and leads to another account
    before = homes(live.config)
    name = next((name for name, home in before.items() if is_same_path(home, active)), "the account")
    what = f"is no longer in claude_failover_accounts (home {active})"
    if name in after:
        what = f"has another home in claude_failover_accounts ({after[name]}, was {active})"
    kept = [name for name, home in before.items() if any(is_same_path(home, other) for other in after.values())]
    way = (
        f"Keep {name} as it is beside the others, run the role, log one of them in (claude-failover login ACCOUNT), "
        f"switch to it (claude-failover switch ACCOUNT), and only then change {name}."
    )
    if kept:
        way = f"Switch before it: {shlex.join(['claude-failover', 'switch', kept[0]])}. Then run the role again."
    yield f"{name} {what}, but it is active: the sessions use it. {way}"


def _shared_folders(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    before, after = shared_links(live.config), shared_links(wanted.config)
    for name in (name for name in before if name in after):
        old, new = before[name].target, after[name].target
        paths = [posixpath.join(home, name) for home in homes(live.config).values()]
        links = [path for path in paths if f"link={path}={old}" in live.facts]
        if old == new or not links:
            continue
        move = f"test ! -e {shlex.quote(new)} && {shlex.join(['mv', '-T', old, new])} && {shlex.join(['rm', *links])}"
        stop = shlex.join(["sudo", "systemctl", "stop", *_UNITS])
        what, kind = ("folder", "") if before[name].kind == DIRECTORY else ("file", f", kind: {FILE}")
        yield (
            f"The shared {what} {name} is {new} by claude_failover_shared_root and claude_failover_shared_links, but "
            f"{', '.join(links)} lead to {old}, and the role moves no conversation. To leave it there, give its target "
            f"in claude_failover_shared_links: {{name: {name}, target: {old}{kind}}}. To move it, which ends every "
            f"session until the next run: {stop} && {user_line(wanted.user, '/bin/sh', '-c', move)}. Then "
            "run the role again."
        )


def _tmux_socket(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    old, new = (section(config, "tmux").get("socket") for config in (live.config, wanted.config))
    if old is None or is_same_path(old, new) or "tmux" not in live.facts:
        return
    yield (
        f"claude_failover_tmux_socket is {new}, but the running tmux server, with every session in it, has the socket "
        f"{old}: the daemon would not see them. {_END_SERVER}"
    )
