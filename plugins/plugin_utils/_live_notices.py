# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices of a change of the configuration of a live host: what stays, what waits, what is left to a person."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import (
    Document,
    LiveHost,
    WantedHost,
    home_for_new_link,
    homes,
    is_same_path,
    link_is_moved,
    rows,
    section,
    shared_links,
)
from ansible_collections.secuaas.claude.plugins.plugin_utils._user_line import user_line

# Keys of a session that take effect at its start, with the daemon's defaults.
_STARTED_WITH: Mapping[str, Any] = {
    "cwd": None,
    "command": ["claude"],
    "claude_args": True,
    "env": {},
    "agent_view": False,
    "remote_control": False,
}


def notices(live: LiveHost, wanted: WantedHost) -> list[str]:
    """Return what has to be told, without a command or a value of a session's environment."""
    return [
        *_account_notices(live.config, wanted),
        *_active_link_notices(live, wanted),
        *_shared_link_notices(live.config, wanted.config),
        *_session_notices(live.config, wanted.config),
        *_leftover_notices(live.config, wanted.config),
    ]


def _account_notices(config: Document, wanted: WantedHost) -> Iterator[str]:
    before, after = homes(config), homes(wanted.config)
    for name, home in after.items():
        former = next((other for other, old in before.items() if is_same_path(old, home)), None)
        login = f"log it in, as {wanted.user}: {shlex.join(['claude-failover', 'login', name])}"
        if former == name:
            continue
        if former is not None:
            yield f"The account with the home {home} is called {name}, was {former}; its home and its login stay."
        elif name in before:
            move = user_line(wanted.user, "/bin/mv", "-nT", before[name], home)
            yield (
                f"The home of {name} is {home}, was {before[name]}, which stays with its login; nothing is copied. To "
                f"keep the login, move the home before the run: {move}. Else {login}."
            )
        else:
            yield f"The account {name} is new: {login}."
    for name, home in before.items():
        if name not in after and not any(is_same_path(home, other) for other in after.values()):
            yield f"The account {name} is no longer configured; its home {home} stays, with its login."


def _active_link_notices(live: LiveHost, wanted: WantedHost) -> Iterator[str]:
    if not link_is_moved(live, wanted):
        return
    old, new = live.config.get("active_link"), wanted.config.get("active_link")
    home = home_for_new_link(live, wanted)
    made = f" The role makes it, to {home}, the home of the active account." if home else ""
    way = "is restarted once it is idle" if _restarts(wanted.config) else "needs: claude-failover restart NAME"
    yield (
        f"claude_failover_active_link is {new}, was {old}.{made} A session that was started with {old} keeps it, and "
        f"no switch moves it any more; it {way}. {old} stays; remove it when no session has it."
    )


def _shared_link_notices(before: Document, after: Document) -> Iterator[str]:
    kept = shared_links(after)
    gone = [link for name, link in shared_links(before).items() if name not in kept]
    if gone:
        names, targets = (", ".join(parts) for parts in zip(*((link.name, link.target) for link in gone)))
        yield (
            f"{names} {'is' if len(gone) == 1 else 'are'} no longer in claude_failover_shared_links, nor shared by "
            f"claude_failover_shared_settings; the links in the homes and {targets} stay."
        )


def _session_notices(before: Document, after: Document) -> Iterator[str]:
    old, new = ({str(row.get("name")): row for row in rows(config, "sessions")} for config in (before, after))
    renamed = {str(row["renamed_from"]) for row in new.values() if row.get("renamed_from")}
    hooks = [section(config, "detection").get("hooks", True) for config in (before, after)]
    telemetry = [
        {key: value for key, value in section(config, "telemetry").items() if value is not None}
        for config in (before, after)
    ]
    for name, row in new.items():
        former = name if name in old else row.get("renamed_from")
        if former not in old:
            yield f"The session {name} is new: the daemon starts it."
            continue
        if former != name:
            yield f"The session {former} is called {name}, and keeps its conversation."
        keys = [key for key, default in _STARTED_WITH.items() if old[former].get(key, default) != row.get(key, default)]
        keys += ["detection.hooks"] * (hooks[0] != hooks[1])
        keys += ["telemetry"] * (telemetry[0] != telemetry[1] and row.get("claude_args", True) is not False)
        yield from _changed_session(name, keys, after)
    for name in old:
        if name in new or name in renamed:
            continue
        way = f"goes on, and is not started again; to end it: {shlex.join(['claude-failover', 'stop', name])}"
        if after.get("removed_sessions") == "stop":
            way = "is ended once it is idle"
        yield f"The session {name} is no longer configured: it {way}."


def _changed_session(name: str, keys: list[str], after: Document) -> Iterator[str]:
    if keys:
        way = f"to apply it: {shlex.join(['claude-failover', 'restart', name])}"
        if _restarts(after):
            way = "it is restarted in its conversation once it is idle"
        yield f"The session {name} goes on as it was started, without the change of {', '.join(keys)}; {way}."


def _leftover_notices(before: Document, after: Document) -> Iterator[str]:
    group = before.get("control_group")
    if group and group != after.get("control_group"):
        yield f"The members of {group} may not use the control socket any more; the group stays."
    old, new = (section(config, "metrics").get("textfile") for config in (before, after))
    if old and old != new:
        yield f"{old} is not written any more, and stays with its last figures: remove it, or they pass for new ones."


def _restarts(config: Document) -> bool:
    return config.get("restart_sessions") == "idle"
