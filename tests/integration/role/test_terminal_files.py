# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role finds the completions and the manual page in its folder, and installs them byte for byte."""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml
from playbook_run import on_a_controller, run_playbook

ROLE = Path(__file__).parents[3] / "roles" / "claude_failover"


@on_a_controller
def test_the_role_installs_the_made_files_as_they_are(tmp_path: Path, python_path: str) -> None:
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    entries = variables["__claude_failover_terminal_files"]
    files = [{**entry, "path": f"{tmp_path}{entry['path']}"} for entry in entries]
    # The tasks of the role find their files there: a lookup in its folder, and no host is changed.
    role = tmp_path / "roles" / "claude_failover"
    role.mkdir(parents=True)
    (role / "files").symlink_to(ROLE / "files")
    (role / "tasks").mkdir()
    install = {"root": f"{tmp_path}/opt", "launcher": f"{tmp_path}/bin/cf", "files": files}
    tasks = [{"name": "Install", "secuaas.claude.claude_failover_release": install}]
    (role / "tasks" / "main.yml").write_text(yaml.safe_dump(tasks), encoding="utf-8")
    play = [{"hosts": "all", "gather_facts": False, "roles": ["claude_failover"]}]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    done = run_playbook(str(tmp_path / "play.yml"), python_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for entry in files:
        made = (ROLE / entry["src"]).read_bytes()
        assert Path(entry["path"]).read_bytes() == made
        assert os.stat(entry["path"]).st_mode & 0o777 == 0o644
        assert os.stat(os.path.dirname(entry["path"])).st_mode & 0o777 == 0o755
