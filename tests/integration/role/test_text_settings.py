# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test booleans and numbers that are text, as from `-e name=value` and an INI inventory, by whole runs of the role.

The runs are in check mode, for a user who does not exist.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from playbook_run import on_a_controller, run_playbook

pytestmark = [
    on_a_controller,
    pytest.mark.skipif(
        not os.path.exists("/etc/debian_version"), reason="SKIPPED, NOT TESTED: the role takes Debian and Ubuntu only"
    ),
]
USER = "no-such-user-cf"
TRUST = "Trust the sessions' directories in every account"
OWNERSHIP = "Validate the user and the group"
FALSE = {"claude_failover_create_user", "claude_failover_service_enabled", "claude_failover_seed_trust"}


class Run(NamedTuple):
    """One run of ansible-playbook: exit code, output, and the converted settings of each host that came to the end."""

    code: int
    output: str
    settings: dict[str, Any]

    def outcome(self, task: str, host: str) -> str:
        """Return ok, changed, skipping or fatal; empty text if the task was not reached."""
        block = re.search(rf"^TASK \[[^\n]*{re.escape(task)}\][^\n]*\n(.*?)^(TASK|PLAY) ", self.output, re.M | re.S)
        found = re.search(rf"^(\w+): \[{host}\]", block[1] if block else "", re.M)
        return found[1] if found else ""


def run(folder: Path, python_path: str, inventory: str, *options: str) -> Run:
    """Run the role in check mode on the hosts of an INI inventory."""
    (folder / "hosts.ini").write_text(inventory, encoding="utf-8")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars": {
            "claude_failover_user": USER,
            "claude_failover_home": f"{folder}/home",
            "claude_failover_accounts": [
                {"name": "one", "home": "/srv/one", "standby": "{{ word }}", "proactive_threshold": "{{ figure }}"}
            ],
            "claude_failover_sessions": [
                {"name": "main", "cwd": "/srv", "dedicated": "{{ word }}", "claude_args": "{{ word }}"}
            ],
            "claude_failover_failover": {"failback": "{{ word }}", "cooldown": "{{ figure }}"},
            "claude_failover_detection": {"panes": "{{ word }}", "capture_lines": "{{ figure }}"},
            "claude_failover_lifecycle": {"check_interval": "{{ figure }}"},
        },
        "roles": ["secuaas.claude.claude_failover"],
        "post_tasks": [
            {
                "ansible.builtin.copy": {
                    "content": "{{ __claude_failover_settings | to_json }}",
                    "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
                    "mode": "0600",
                },
                "check_mode": False,
            }
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = run_playbook(
        str(folder / "play.yml"),
        python_path,
        "--check",
        "--diff",
        *options,
        inventory="hosts.ini",
        timeout=120,
        ANSIBLE_REMOTE_TMP=f"{folder}/remote",
        ANSIBLE_DISPLAY_FAILED_STDERR="false",
    )
    settings = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    return Run(done.returncode, done.stdout + done.stderr, settings)


def expected_settings(word: bool) -> dict[str, Any]:
    return {
        "create_user": True,
        "accounts": [{"name": "one", "home": "/srv/one", "standby": word, "proactive_threshold": 30}],
        "sessions": [{"name": "main", "cwd": "/srv", "dedicated": word, "claude_args": word}],
        "failover": {"failback": word, "cooldown": 30},
        "detection": {"panes": word, "capture_lines": 30},
        "lifecycle": {"check_interval": 30},
        "service_enabled": word,
        "seed_trust": word,
        "keep_releases": 5,
        "telemetry": {},
        "notify_waiting_after": 600,
    }


def test_text_of_the_command_line_means_what_it_says(tmp_path: Path, python_path: str) -> None:
    words = ["word=false", "figure=30", "claude_failover_keep_releases=5", "claude_failover_service_enabled=false"]
    words += ["claude_failover_seed_trust=false"]
    done = run(tmp_path, python_path, "here\n", *(part for word in words for part in ("-e", word)))
    assert done.code == 0, done.output
    assert done.settings == {"here": expected_settings(False)}
    assert done.outcome(TRUST, "here") == "skipping"
    assert "DEPRECATION WARNING" not in done.output
    refused = run(tmp_path, python_path, "here\n", "-e", "claude_failover_create_user=false", "-e", "word=no figure=30")
    assert refused.outcome(OWNERSHIP, "here") == "fatal"
    assert f"There is no user {USER} on this host, and claude_failover_create_user is false." in refused.output


INVENTORY = """
off word=false claude_failover_seed_trust=false claude_failover_service_enabled=false
on word=yes claude_failover_seed_trust=yes claude_failover_service_enabled=yes claude_failover_create_user=yes
nobody word=no claude_failover_create_user=false
[all:vars]
figure=30
claude_failover_keep_releases=5
"""


def test_text_of_an_ini_inventory_means_what_it_says(tmp_path: Path, python_path: str) -> None:
    done = run(tmp_path, python_path, INVENTORY)
    assert done.settings == {"off": expected_settings(False), "on": expected_settings(True)}, done.output
    assert (done.outcome(TRUST, "off"), done.outcome(TRUST, "on")) == ("skipping", "changed")
    assert done.outcome(OWNERSHIP, "nobody") == "fatal"
    assert "DEPRECATION WARNING" not in done.output


def test_an_impossible_value_is_refused_by_its_name(tmp_path: Path, python_path: str) -> None:
    wrong = ["claude_failover_create_user=maybe", "word=perhaps", "figure=few", "claude_failover_keep_releases=some"]
    done = run(tmp_path, python_path, "here\n", *(part for word in wrong for part in ("-e", word)))
    assert done.code == 2
    assert done.settings == {}
    names = ["claude_failover_create_user", "claude_failover_keep_releases", "dedicated", "failback", "cooldown"]
    for name in names:
        refusal = rf"argument '{name}' is of type [^\n]*unable to convert to (bool|int|float)"
        assert re.search(refusal, done.output), name
    assert "The value 'maybe' is not a valid boolean" in done.output


def test_a_comparison_refuses_an_impossible_value_by_its_name(tmp_path: Path, python_path: str) -> None:
    """The entry point `drift` has no argument specification of its own."""
    run(tmp_path, python_path, "here\n", "--syntax-check")
    tasks = [{"ansible.builtin.import_role": {"name": "secuaas.claude.claude_failover", "tasks_from": "drift"}}]
    play = yaml.safe_load((tmp_path / "play.yml").read_text(encoding="utf-8"))
    play[0].update(roles=[], tasks=tasks, post_tasks=[])
    (tmp_path / "drift.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    done = run(tmp_path, python_path, "here\n", "-e", "word=perhaps figure=30", "drift.yml")
    assert done.code == 2
    told = done.output.replace("\\", "")
    assert 'claude_failover_sessions[0].dedicated is "perhaps"; expected true or false.' in told
