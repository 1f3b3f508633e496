# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration that became unusable locks nobody out of a running daemon: these commands need the socket only."""

from __future__ import annotations

import builtins
import os

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import control_client

from claude_failover.cli import common, main
from claude_failover.config import defaults

RECORD = {"outcome": "stayed", "from_account": "a", "to_account": "a", "detail": ""}
ANSWERS = {
    "status": {"accounts": [], "sessions": [], "cooldown_until": None, "last_switch": None, "queue": {}},
    "switch": RECORD,
    "sessions": [],
    "history": [],
    "queue": [],
    "dispatch": {"id": "1", "state": "queued", "created_at": "", "prompt": "x", "session": None, "detail": None},
    "reload": {"reloaded": "x"},
}
COMMANDS = {
    "status": ["status", "--json"],
    "switch": ["switch", "a"],
    "sessions": ["sessions"],
    "history": ["history"],
    "queue": ["queue"],
    "dispatch": ["dispatch", "x"],
    "reload": ["reload"],
}
GOOD = "accounts: [{name: a, home: /h/.claude-a}]\ncontrol_socket: /run/mine.sock\n"
#: Texts that cannot be used, by what is wrong; the daemon of each listens on /run/mine.sock.
UNUSABLE = {
    "an unknown key": GOOD + "wrong: 1\n",
    "a wrong value": GOOD + "state_dir: here\n",
    "no account": "accounts: []\ncontrol_socket: '/run/mine.sock'  # ours\n",
    "no YAML": GOOD + "sessions: [\n",
    "a tab": GOOD + "failover:\n\tcooldown: 1\n",
    "no YAML, quoted": 'control_socket: "/run/mine.sock"\n}{\n',
    "a key twice": GOOD + "control_socket: /run/mine.sock\n",
}


@pytest.fixture
def asked(monkeypatch):
    """The sockets that were asked."""
    found = []

    def request(op, _options=None, *, socket_path, timeout):
        found.append(socket_path)
        return ANSWERS[op]

    monkeypatch.setattr(control_client, "request", request)
    common._print_once.cache_clear()
    return found


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config.yml"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("what", UNUSABLE)
def test_the_daemon_that_the_file_names_is_asked(asked, config, capsys, command, what):
    config.write_text(UNUSABLE[what])
    assert main.main(["--config", str(config), *COMMANDS[command]]) == 0
    assert asked == ["/run/mine.sock"]
    told = capsys.readouterr().err
    assert told.startswith("claude-failover: the configuration is unusable, asking the daemon at /run/mine.sock; see ")
    assert str(config) in told


@pytest.mark.parametrize(
    "text", ["control_socket: 7\n", "control_socket: run/x\n", "[control_socket: /a\n", "a: 1\n", ""]
)
def test_another_file_that_does_not_name_the_socket_is_refused(asked, config, capsys, text):
    config.write_text(text)
    assert main.main(["--config", str(config), "sessions"]) == 2
    assert asked == []
    assert str(config) in capsys.readouterr().err


def test_another_file_that_is_missing_is_refused(asked, config):
    assert main.main(["--config", str(config), "sessions"]) == 2
    assert asked == []


@pytest.mark.parametrize("text", [None, "control_socket: 7\n", "[control_socket: /a\n", GOOD + "wrong: 1\n"])
def test_the_default_file_locks_nobody_out(asked, config, monkeypatch, text):
    monkeypatch.setattr(defaults, "CONFIG", str(config))
    monkeypatch.delenv("CLAUDE_FAILOVER_CONFIG", raising=False)
    if text is not None:
        config.write_text(text)
    assert main.main(["sessions"]) == 0
    assert asked == ["/run/mine.sock" if text and "mine" in text else defaults.CONTROL_SOCKET]


@pytest.mark.parametrize("text", [GOOD, UNUSABLE["no YAML"]])
def test_a_host_without_pyyaml_locks_nobody_out(asked, config, monkeypatch, capsys, text):
    real = builtins.__import__

    def without_yaml(name, variables=None, *arguments):
        if name in ("yaml", "config.loader", "yaml_loader") or name.endswith("yaml_loader"):
            raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
        if name == "" and arguments and arguments[0] and "yaml_loader" in arguments[0]:
            raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
        return real(name, variables, *arguments)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    config.write_text(text)
    assert main.main(["--config", str(config), "sessions"]) == 0
    assert asked == ["/run/mine.sock"]
    assert "python3-yaml" in capsys.readouterr().err


def test_it_is_told_once_however_often_the_daemon_is_asked(asked, config, capsys):
    config.write_text(UNUSABLE["no YAML"])
    arguments = main.parser().parse_args(["--config", str(config), "status"])
    for _time in range(3):
        common.request(arguments, "status")
    assert capsys.readouterr().err.count("unusable") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_means_the_default_socket(asked, config):
    config.write_text(GOOD)
    config.chmod(0)
    assert main.main(["--config", str(config), "sessions"]) == 0
    assert asked == [defaults.CONTROL_SOCKET]
