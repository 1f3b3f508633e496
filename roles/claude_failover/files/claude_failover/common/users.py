# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of this host, and the PATH of their sessions."""

from __future__ import annotations

import os
import pwd

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def user_name(uid: int) -> str:
    """Return the name of a user, or ``#uid`` if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def home_folder() -> str:
    """Return this user's home folder, ``/`` for a user without a name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return "/"


def session_path(home: str) -> str:
    """Return the PATH of the sessions of the user with that home folder, as the role's unit sets it."""
    return f"{home}/.local/bin:{SYSTEM_PATH}"
