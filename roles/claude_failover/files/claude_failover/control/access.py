# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access to the control socket, decided by the peer's credentials (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
import socket

from ..common.unix_socket import credentials_of

log = logging.getLogger(__name__)


async def access_problem(peer: socket.socket, owner_uid: int, group: str | None) -> str | None:
    """Return why the client has no access, or None if it has.

    Root, ``owner_uid`` and the members of ``group`` (primary or supplementary) have. Raises OSError.
    """
    _pid, uid, gid = credentials_of(peer)
    if uid in (0, owner_uid):
        return None
    if group is not None:
        # User and group lookups may go over the network: not in the event loop.
        loop = asyncio.get_running_loop()
        if await loop.run_in_executor(None, is_member, uid, gid, group):
            return None
    log.warning("control socket: uid %d has no access", uid)
    members = f", and members of the group {group}" if group else ""
    other = f"become a member of {group}" if group else "have control_group set to a group of yours"
    return (
        f"not allowed: found uid {uid}; only root, the daemon's user{members} may use this socket. Run it as root "
        f"(sudo claude-failover ...), or {other}"
    )


def is_member(uid: int, gid: int, group: str) -> bool:
    """Return True if user ``uid``, whose process has the primary group ``gid``, is a member of ``group``."""
    try:
        wanted = grp.getgrnam(group).gr_gid
        if gid == wanted:
            return True
        user = pwd.getpwuid(uid)
        return wanted in os.getgrouplist(user.pw_name, user.pw_gid)
    except (KeyError, OSError):
        return False
