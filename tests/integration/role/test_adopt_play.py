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
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import SECRET, Machine

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)


def adopt(folder: Path, python_path: str, machine: Machine, *words: str) -> str:
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
            "ANSIBLE_COLLECTIONS_PATH": python_path,
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
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
        f"replace {machine.state} -> .claude/.claude.json",
    ]
    assert [line for line in shown if json.dumps(line) not in plan] == []
    done = adopt(tmp_path, python_path, machine)
    assert "changed=1" in done
    assert f"kept as {shared}/one.jsonl.kept-claude-compte2" in done
    assert os.readlink(machine.home) == machine.homes[0]
    assert "changed=0" in adopt(tmp_path, python_path, machine)
