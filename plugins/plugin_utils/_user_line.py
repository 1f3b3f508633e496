# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell line by which a person runs a program as the user of the sessions."""

from __future__ import annotations

import shlex


def user_line(user: str, *command: str) -> str:
    """Return the shell line that runs a program, by its absolute path, as a user.

    The program gets a terminal of its own, since it could push input into root's (TIOCSTI), and nothing of root's
    environment; the daemon's ``cli/other_user.py`` tells the same line.
    """
    return 'sudo env -i TERM="$TERM" ' + shlex.join(["/usr/sbin/runuser", "--pty", "-u", user, "--", *command])
