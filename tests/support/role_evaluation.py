# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables and templates as Ansible evaluates them, without a host."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import yaml
from playbook_run import run_playbook

ROLE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "roles", "claude_failover"
)
HOST_FACTS = ["systemd", "user", "group", "looked", "tmux", "python3-yaml", "python3-systemd", "python3-rich"]
PASSWORD = "of a test"


def template(name: str, variables: str = "{}") -> str:
    return f"lookup('ansible.builtin.template', {os.path.join(ROLE, 'templates', name)!r}, template_vars={variables})"


def evaluate(
    folder: str,
    collections: str,
    cases: Mapping[str, tuple[dict[str, Any], dict[str, str]]],
    files_of_variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Evaluate the expressions of every case in one task of Ansible, which starts a process for each.

    A case has variables in addition to the role's own, and expressions by name; ``files_of_variables`` has the path of
    a file of further variables for some.
    """
    given = [
        {
            "variables": variables,
            "expression": "{{ {%s} | to_json }}" % ", ".join(f"{key!r}: {text}" for key, text in expressions.items()),
            "file": (files_of_variables or {}).get(name, ""),
            "dest": f"{folder}/{name}.json",
        }
        for name, (variables, expressions) in cases.items()
    ]
    play = {
        "hosts": "all",
        "gather_facts": True,
        "gather_subset": ["!all"],
        # Not templated before the action sees them.
        "vars": {"__claude_failover_probe": {"stdout_lines": HOST_FACTS}, "evaluated_cases": given},
        "vars_files": [os.path.join(ROLE, "defaults", "main.yml"), os.path.join(ROLE, "vars", "main.yml")],
        "tasks": [{"evaluate_cases": {}}],
    }
    with open(f"{folder}/plays.yml", "w", encoding="utf-8") as file:
        yaml.safe_dump([play], file)
    with open(f"{folder}/password", "w", encoding="utf-8") as file:
        file.write(PASSWORD)
    done = run_playbook(
        f"{folder}/plays.yml",
        *(collections, "--vault-password-file", f"{folder}/password"),
        ANSIBLE_ACTION_PLUGINS=os.path.join(os.path.dirname(os.path.abspath(__file__)), "action_plugins"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for name in cases:
        with open(f"{folder}/{name}.json", encoding="utf-8") as file:
            found[name] = json.load(file)
    return found
