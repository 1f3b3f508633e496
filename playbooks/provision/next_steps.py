# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the next steps on a machine that was provisioned: what to install, start and log in to.

Run by root from provision.sh, with the system's Python and the code of the installed release. It starts no program: the
sessions' user could own it, and would have root's terminal.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shlex
import shutil
import sys
from collections.abc import Iterator


def main() -> None:
    """Print the next steps."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--library", default="/opt/claude-failover/current/lib")
    options.add_argument("--config", default="/etc/claude-failover/config.yml")
    options.add_argument("--no-systemd", action="store_true")
    given = options.parse_args()
    sys.path.insert(0, given.library)
    for line in steps(given.config, systemd=not given.no_systemd):
        print(line)


def steps(path: str, *, systemd: bool) -> Iterator[str]:
    """Yield the lines; ``path`` is that of the configuration."""
    from ansible_collections.secuaas.claude.plugins.module_utils import _run_as

    from claude_failover.cli import other_user
    from claude_failover.config import defaults
    from claude_failover.config.loader import load

    config = load(path)
    user = pwd.getpwuid(os.lstat(config.state_dir).st_uid)
    named = ["--config", path] if path != defaults.CONFIG else []
    if not systemd:
        socket_folder = os.path.dirname(config.control_socket)
        tmux_folder = os.path.dirname(config.tmux.socket)
        tmux = ("/usr/bin/tmux", "-D", "-f", os.path.join(os.path.dirname(path), "tmux.conf"), "-S", config.tmux.socket)
        yield "==> there is no systemd on this machine: start the tmux server and the daemon yourself, as root"
        yield f"  {_folder_line(user.pw_name, '0755', socket_folder)}"
        yield f"  {_folder_line(user.pw_name, '0700', tmux_folder)}"
        yield f"  {other_user.background_line(user, *tmux)}"
        yield f"  {other_user.shell_line(user.pw_name, defaults.LAUNCHER, *named, 'run')}"
    try:
        if _run_as.run_as(user, lambda: shutil.which("claude", path=other_user.session_path(user.pw_dir))) is None:
            yield (
                f"==> next: install the Claude Code CLI, which the user {user.pw_name} does not find: in your own way, "
                "or from npm by"
            )
            yield "  make provision ARGS='-e claude_failover_claude_install=npm'"
    except _run_as.RunAsError as error:
        yield f"==> next: see to the folders in which {user.pw_name} would find the Claude Code CLI: {error}"
    yield "==> next: log each account in, once"
    for account in [account for account in config.accounts if account.enabled]:
        yield f"  {other_user.shell_line(user.pw_name, defaults.LAUNCHER, *named, 'login', account.name)}"


def _folder_line(user: str, mode: str, folder: str) -> str:
    """Return the line for root that makes a folder of the user's; the user makes it where it could put a link."""
    from claude_failover.cli import other_user
    from claude_failover.common.errors import Refused

    try:
        if other_user.deciding_user([os.path.dirname(folder)]).uid == other_user.ROOT:
            return shlex.join(["install", "-d", "-o", user, "-m", mode, folder])
    except Refused:
        pass  # a folder that root cannot follow is no folder of root's
    return other_user.shell_line(user, "/usr/bin/mkdir", "-p", "-m", mode, folder)


if __name__ == "__main__":
    main()
