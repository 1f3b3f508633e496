# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as an operator meets them: an inventory that is not for them, and the end of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.callback.claude_failover_summary import STATUS_TASK

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)
ROOT = Path(__file__).resolve().parents[3]
SUMMARY = "secuaas.claude.claude_failover_summary"


def playbook(folder: Path, python_path: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-e", f"ansible_python_interpreter={sys.executable}", *arguments],
        env={
            "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_COLLECTIONS_PATH": python_path,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.mark.parametrize("name", ["site", "drift", "rollback", "adopt"])
def test_an_inventory_without_the_group_is_an_error(tmp_path: Path, python_path: str, name: str) -> None:
    (tmp_path / "hosts.yml").write_text("vms: {hosts: {vm1: {ansible_connection: local}}}\n", encoding="utf-8")
    done = playbook(tmp_path, python_path, "-i", "hosts.yml", f"secuaas.claude.{name}")
    assert done.returncode == 2, done.stdout
    assert "Found no host claude_failover in the inventory" in done.stdout + done.stderr


def test_a_run_ends_with_a_line_for_each_host(tmp_path: Path, python_path: str) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\necho no route >&2\nexit 255\n", encoding="utf-8")
    (tmp_path / "ssh").chmod(0o755)
    hosts = {name: {"ansible_connection": "local"} for name in ("ok", "broken", "gone")}
    hosts["far"] = {"ansible_connection": "ssh", "ansible_ssh_executable": str(tmp_path / "ssh")}
    answer = 'ubuntu\n{"sessions": [{"name": "main", "state": "idle"}], "accounts": [{"name": "one", "login": "ok"}]}'
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Reach it", "ansible.builtin.command": "true"},
            {"name": "Break", "ansible.builtin.fail": {"msg": "no room"}, "when": "inventory_hostname == 'broken'"},
            {
                "name": STATUS_TASK,
                "ansible.builtin.command": {
                    "argv": ["printf", "%s", "{{ answers[inventory_hostname] | default('') }}"]
                },
            },
        ],
        "vars": {"answers": {"ok": answer}},
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = playbook(tmp_path, python_path, "-i", "hosts.yml", "play.yml", ANSIBLE_CALLBACKS_ENABLED=SUMMARY)
    assert done.returncode != 0
    broken, far, gone, fine = [line for line in done.stdout.splitlines() if line][-4:]
    assert broken == "broken: failed at 'Break': no room; next: mend that, and run this again"
    assert far.startswith("far: not reached: ")
    assert gone.startswith("gone: claude-failover was removed")
    assert fine == "ok: sessions: 1 up, 0 down; accounts: 1 of 1 logged in; next: nothing to do"


def test_the_playbook_reads_the_status_for_the_summary_only() -> None:
    (_imported, play) = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text(encoding="utf-8"))
    (task,) = play["post_tasks"]
    assert task["name"] == STATUS_TASK
    assert SUMMARY in task["when"]


@pytest.mark.skipif(
    os.path.exists("/usr/local/bin/claude-failover"), reason="SKIPPED, NOT TESTED: claude-failover is installed here"
)
def test_the_end_of_a_removal_is_no_error(tmp_path: Path) -> None:
    """As after `make provision ARGS='-e claude_failover_state=absent'`; the programs of Ansible do nothing here."""
    provision = tmp_path / "playbooks" / "provision"
    shutil.copytree(ROOT / "playbooks" / "provision", provision)
    (tmp_path / "playbooks" / "inventories").mkdir()
    (tmp_path / "playbooks" / "inventories" / "local.yml").touch()
    (provision / "venv.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("ansible-galaxy", "ansible-playbook"):
        (tmp_path / ".venv" / "bin" / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    done = subprocess.run(["sh", provision / "provision.sh", "site"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "claude-failover is not on this machine any more" in done.stdout
