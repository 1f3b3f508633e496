# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that no output of a play shows a secret of the configuration.

Whole runs of the role with -vvv and --diff, into a scratch folder, over a connection that shows the raw results of
modules as that of SSH does.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [
    pytest.mark.skipif(
        sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
    ),
    pytest.mark.skipif(
        not os.path.exists("/etc/debian_version"), reason="SKIPPED, NOT TESTED: the role takes Debian and Ubuntu only"
    ),
]

# As the connection plugin ssh, which shows the result of a command with -vvv unless no_log holds.
CONNECTION = """
DOCUMENTATION = '''
name: telling
short_description: This machine, as over SSH
description: Runs commands on this machine.
options: {}
'''
from ansible.plugins.connection.local import Connection as Local
from ansible.utils.display import Display


class Connection(Local):
    transport = "telling"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        result = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if not self._play_context.no_log:
            Display().vvv("telling: %s" % (result,), host="here")
        return result
"""


class Host:
    """A scratch folder in place of a host, and what the role is to install there."""

    def __init__(self, folder: Path, python_path: str) -> None:
        self.folder = folder
        self._python_path = python_path
        self.config = folder / "etc" / "config.yml"
        home, user = str(folder / "home"), pwd.getpwuid(os.getuid()).pw_name
        self.variables: dict[str, Any] = {
            "claude_failover_user": user,
            "claude_failover_group": grp.getgrgid(os.getgid()).gr_name,
            "claude_failover_home": home,
            "claude_failover_tmux_socket": f"{folder}/run/tmux.sock",
            "claude_failover_notify_command": ["curl", "--header", "Authorization: planted-notify", "https://x"],
            "claude_failover_notify_urls": ["ntfys://planted-user:planted-word@example.org/planted-topic"],
            "claude_failover_tmux_extra_config": "set-option -g mouse on\nset-environment -g KEY planted-tmux",
            "claude_failover_sessions": [
                {
                    "name": "main",
                    "cwd": "/srv",
                    "command": ["claude", "--model", "opus"],
                    "env": {"TOKEN": "planted-first", "EDITOR": "planted-editor"},
                },
                {"name": "plain", "cwd": "/srv", "env": {}},
            ],
        }
        # What of the real machine would be asked or written.
        self._stand_ins = {
            "__claude_failover_probe_script": "printf '%s\\n' user group tmux"
            " python3-yaml python3-systemd python3-rich apprise",
            "__claude_failover_config_dir": f"{folder}/etc",
            "__claude_failover_state_dir": f"{folder}/state",
            "__claude_failover_control_socket": f"{folder}/run/control.sock",
            "__claude_failover_launcher": f"{folder}/bin/claude-failover",
            "__claude_failover_runtime_directories": [],
        }
        (folder / "connections").mkdir()
        (folder / "connections" / "telling.py").write_text(CONNECTION, encoding="utf-8")
        (folder / "stand_ins.json").write_text(json.dumps(self._stand_ins), encoding="utf-8")

    def run(self, *options: str, fails: bool = False, reaches_host: bool = True) -> str:
        """Apply the role; return all output."""
        play = {
            "hosts": "all",
            "gather_facts": False,
            "vars": self.variables,
            "module_defaults": {
                "secuaas.claude.claude_failover_release": {"root": f"{self.folder}/opt", "python": sys.executable}
            },
            "roles": ["secuaas.claude.claude_failover"],
        }
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", "here,", "-c", "telling", "-vvv", "--diff"),
                *("-e", f"ansible_python_interpreter={sys.executable}", "-e", "@stand_ins.json", *options, "play.yml"),
            ],
            cwd=self.folder,
            env={
                "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": self._python_path,
                "ANSIBLE_CONNECTION_PLUGINS": str(self.folder / "connections"),
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        output = done.stdout + done.stderr
        assert done.returncode == (2 if fails else 0), output
        if reaches_host:
            assert "<here> telling: (0, " in output, "the connection shows no results: no leak would be seen there"
        return output


@pytest.fixture
def host(tmp_path: Path, python_path: str) -> Host:
    return Host(tmp_path, python_path)


def leaks(output: str) -> list[str]:
    """Return the surroundings of every secret that is shown."""
    return [output[max(found.start() - 80, 0) : found.end() + 20] for found in re.finditer("planted", output)]


def diff_lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(("+", "-"))]


@pytest.mark.parametrize("mode", [["--check"], []], ids=["check", "real"])
def test_no_secret_is_shown_by_a_first_run_or_a_change(host: Host, mode: list[str]) -> None:
    first = host.run(*mode)
    assert leaks(first) == []
    hidden = ["+    TOKEN: <value not shown>", "+  - <value not shown>", "+set-environment <value not shown>"]
    shown = ["+  name: main", "+  cwd: /srv", "+  - opus", "+set-option -g mouse on"]
    assert set(hidden + shown) <= set(first.splitlines())
    if mode:
        host.run()
    assert host.config.read_text(encoding="utf-8").count("planted") == 6
    host.variables["claude_failover_sessions"][0]["env"] = {"TOKEN": "planted-second", "EDITOR": "planted-editor"}
    host.variables["claude_failover_sessions"][0]["cwd"] = "/srv/other"
    change = host.run(*mode)
    assert leaks(change) == []
    assert diff_lines(change)[2:] == [
        "-  cwd: /srv",
        "+  cwd: /srv/other",
        "-    TOKEN: <value not shown>",
        "+    TOKEN: <value not shown, changed>",
    ]
    if not mode:
        assert "planted-second" in host.config.read_text(encoding="utf-8")
        assert "changed=0" in host.run()


def test_no_secret_of_a_file_changed_by_hand_is_shown(host: Host) -> None:
    host.run()
    text = host.config.read_text(encoding="utf-8")
    for other in (f"# planted in a comment\n{text}", f"{text}}} planted: [\n"):
        host.config.write_text(other, encoding="utf-8")
        shown = host.run("--check")
        assert leaks(shown) == []
        assert f"--- before: {host.config}" in shown
        assert diff_lines(shown)[2:] != [], "a change is told"


def test_a_refused_configuration_shows_its_key_and_no_secret(host: Host) -> None:
    host.variables["claude_failover_sessions"][0]["env"]["OTHER"] = "planted\nwith a newline"
    host.variables["claude_failover_sessions"][0]["env"]["9X"] = "planted"
    host.variables["claude_failover_failover"] = {"cooldown": -1}
    output = host.run(fails=True)
    assert leaks(output) == []
    for problem in ("sessions[0].env.OTHER: found a newline at position 7", "the name '9X'", "found the number -1"):
        assert problem in output
    host.variables["claude_failover_failover"] = {}
    for wrong in ("TOKEN=planted", [{"name": "main", "cwd": "/srv", "env": "TOKEN=planted"}], ["planted"]):
        host.variables["claude_failover_sessions"] = wrong
        output = host.run(fails=True, reaches_host=False)
        assert leaks(output) == []
        assert "claude_failover_sessions" in output


@pytest.mark.parametrize("options", [("--check",), ()])
def test_a_session_with_a_login_of_its_own_is_refused_and_predicted(host: Host, options: tuple[str, ...]) -> None:
    host.variables["claude_failover_sessions"][0]["env"]["CLAUDE_CODE_OAUTH_TOKEN"] = "planted-login"
    output = host.run(*options, fails=True)
    assert leaks(output) == []
    assert "sessions[0].env.CLAUDE_CODE_OAUTH_TOKEN: found a variable that makes the login another" in output
    assert not host.config.exists()
