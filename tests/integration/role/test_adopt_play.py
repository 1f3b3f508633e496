# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``adopt`` on a machine in use: the plan in check mode, the run, and the run after it."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import NAMES, picture, texts, walk
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import SECRET, SETTINGS, Machine

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)


def adopt(folder: Path, python_path: str, machine: Machine, *words: str, expected: int = 0) -> str:
    """Run the playbook on this machine; return its output, in which nothing is that may not be seen."""
    host = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "claude_failover_user": getpass.getuser(),
        "claude_failover_home": machine.user,
    }
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"claude_failover": {"hosts": {"vm1": host}}}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "secuaas.claude.adopt", "--diff", *words],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_COLLECTIONS_PATH": python_path,
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    output = done.stdout + done.stderr
    assert done.returncode == expected, output
    assert SECRET not in output
    return output


def test_the_plan_is_shown_and_then_done(tmp_path: Path, python_path: str) -> None:
    machine = Machine(str(tmp_path / "machine")).fill()
    machine.put(".claude-compte2/projects/-srv-work/one.jsonl", "another\n")
    before = picture(machine.user)
    plan = adopt(tmp_path, python_path, machine, "--check")
    assert picture(machine.user) == before
    shared = f"{machine.shared()}/-srv-work"
    shown = [
        f"copy {machine.home}/projects/-srv-work/one.jsonl -> {shared}/one.jsonl",
        f"move {machine.home} -> {machine.homes[0]}",
        f"make_link {machine.home} -> {machine.homes[0]}",
        f"replace {machine.state} -> {machine.shared('claude.json')}",
    ]
    assert [line for line in shown if json.dumps(line) not in plan] == []
    done = adopt(tmp_path, python_path, machine)
    assert "changed=1" in done
    assert f"kept as {shared}/one.jsonl.kept-claude-compte2" in done
    assert os.readlink(machine.home) == machine.homes[0]
    assert "changed=0" in adopt(tmp_path, python_path, machine)


def test_the_persons_settings_are_brought_together_unless_they_are_not_to_be_shared(
    tmp_path: Path, python_path: str
) -> None:
    machine = Machine(str(tmp_path / "machine"), settings=True).fill()
    adopt(tmp_path, python_path, machine, "-e", "claude_failover_shared_settings=false")
    assert texts(machine.homes[0]) == {name: machine.shared(name) for name in NAMES}
    adopt(tmp_path, python_path, machine)
    for home in machine.homes:
        assert texts(home) == {name: machine.shared(name) for name in (*NAMES, *SETTINGS)}
    assert "changed=0" in adopt(tmp_path, python_path, machine)


def test_nothing_that_a_file_holds_is_told(tmp_path: Path, python_path: str) -> None:
    """With all that Ansible can say, in check mode, in a run that is refused, in the run, and in the one after it."""
    machine = Machine(str(tmp_path / "machine"), settings=True).fill()
    state = {
        "oauthAccount": {"emailAddress": SECRET, "accountUuid": SECRET},
        "customApiKeyResponses": {"approved": [SECRET]},
        "mcpServers": {"http": {"url": SECRET, "headers": {"Authorization": SECRET}}},
    }
    machine.put(".claude-compte2/.claude.json", state)
    machine.put(".claude-compte2/settings.json", {"permissions": {"deny": [SECRET]}, "env": {"KEY": SECRET}})
    for name in ("CLAUDE.md", "history.jsonl", "keybindings.json", "agents/x.md", "plugins/config.json"):
        machine.put(f".claude/{name}", SECRET)
        machine.put(f".claude-compte2/{name}", SECRET + "2")
    broken = machine.put(".claude/.claude.json", "{" + SECRET)
    told = [adopt(tmp_path, python_path, machine, "-vvv", expected=2)]
    assert "is not valid JSON" in told[0]
    os.unlink(broken)
    told += [adopt(tmp_path, python_path, machine, "-vvv", *words) for words in (["--check"], [], [])]
    kept = f"{machine.shared('settings.json')}.kept-claude-compte2: its deny rules are not in force"
    assert [kept in output for output in told] == [False, True, True, True]
    logged = [path for path in walk(str(tmp_path)) if os.path.isfile(path) and not path.startswith(machine.base)]
    assert [path for path in logged if SECRET in Path(path).read_text(encoding="utf-8", errors="replace")] == []
