# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of the role on hosts that are scratch folders of this machine; they need no root and no systemd."""

from __future__ import annotations

import grp
import json
import os
import pwd
import sys
from subprocess import CompletedProcess
from typing import Any

from playbook_run import run_playbook

#: Packages that the role finds on the host already.
PACKAGES = "tmux python3-yaml python3-systemd python3-rich"


class ScratchHosts:
    """Hosts below one folder, which is also that of the playbook."""

    def __init__(self, folder: str, collections: str, count: int = 1) -> None:
        self._collections = collections
        self.names = [f"host{number}" for number in range(count)]
        for name in self.names:
            os.makedirs(os.path.join(folder, name))
        base = f"{folder}/{{{{ inventory_hostname }}}}"
        variables = {
            "claude_failover_user": pwd.getpwuid(os.getuid()).pw_name,
            "claude_failover_group": grp.getgrgid(os.getgid()).gr_name,
            "claude_failover_home": f"{base}/home",
            "claude_failover_tmux_socket": f"{base}/run/tmux.sock",
            "claude_failover_sessions": [{"name": "main", "cwd": "/srv"}],
        }
        # What of the real machine would be asked or written.
        stand_ins = {
            "__claude_failover_probe_script": f"printf '%s\\n' user group {PACKAGES}",
            "__claude_failover_config_dir": f"{base}/etc",
            "__claude_failover_state_dir": f"{base}/state",
            "__claude_failover_control_socket": f"{base}/run/control.sock",
            "__claude_failover_launcher": f"{base}/bin/claude-failover",
            "__claude_failover_runtime_directories": [],
        }
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": variables,
            "module_defaults": {
                "secuaas.claude.claude_failover_release": {"root": f"{base}/opt", "python": sys.executable}
            },
            "roles": ["secuaas.claude.claude_failover"],
        }
        self._play, self._stand_ins = os.path.join(folder, "play.json"), os.path.join(folder, "stand_ins.json")
        for path, content in ((self._play, [play]), (self._stand_ins, stand_ins)):
            self._write(path, content)

    def apply(self, *options: str, hosts: int | None = None, **variables: str) -> CompletedProcess[str]:
        """Apply the role to the first ``hosts`` of them; ``variables`` are added to the environment."""
        chosen = ",".join(self.names[:hosts]) + ","
        return run_playbook(
            self._play, self._collections, "-e", f"@{self._stand_ins}", *options, inventory=chosen, **variables
        )

    def _write(self, path: str, content: Any) -> None:
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(content, stream)
