# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test installation, upgrade and downgrade of the Claude Code CLI by the role, with an npm of the test's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)
NPM = r"""#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#--prefix=} ;; @*) version=${word##*@} ;; esac; done
main=$prefix/lib/node_modules/@anthropic-ai/claude-code
mkdir -p "$main/bin" "$prefix/bin"
printf '{"version": "%s"}' "$version" >"$main/package.json"
printf '#!/bin/sh\necho %s\n' "$version" >"$main/bin/claude.exe"
chmod +x "$main/bin/claude.exe"
ln -s ../lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe "$prefix/bin/claude"
"""


class Installation:
    """A scratch folder with the versions and the command claude."""

    def __init__(self, folder: Path, python_path: str) -> None:
        self.folder = folder
        self.command = folder / "claude"
        self._python_path = python_path
        (folder / "bin").mkdir()
        (folder / "bin" / "npm").write_text(NPM, encoding="utf-8")
        (folder / "bin" / "npm").chmod(0o755)

    def apply(self, version: str, *options: str) -> int:
        """Run the tasks; return the number of changes."""
        role = {"name": "secuaas.claude.claude_failover", "tasks_from": "claude"}
        paths = {"__claude_failover_claude_versions": f"{self.folder}/versions"}
        paths["__claude_failover_claude_path"] = str(self.command)
        (self.folder / "paths.json").write_text(json.dumps(paths), encoding="utf-8")
        play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.import_role": role}]}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", "here,", "-c", "local", *options),
                *("-e", f"ansible_python_interpreter={sys.executable}", "-e", "@paths.json"),
                *("-e", f"claude_failover_claude_version={version}", "play.yml"),
            ],
            cwd=self.folder,
            env={
                "PATH": f"{self.folder}/bin:{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": self._python_path,
                "ANSIBLE_PIPELINING": "true",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"changed=(\d+)", done.stdout)
        assert found is not None
        return int(found[1])

    def version(self) -> str:
        """Return what the command claude says."""
        return subprocess.run([self.command], capture_output=True, text=True, check=True).stdout.strip()


def test_a_version_is_installed_once_and_changed_by_upgrade_and_downgrade(tmp_path: Path, python_path: str) -> None:
    installation = Installation(tmp_path, python_path)
    for version, changes in (("1.0.1", 2), ("1.0.2", 2), ("1.0.1", 1)):
        before = sorted(tmp_path.glob("versions/*")), os.path.lexists(installation.command)
        assert installation.apply(version, "--check") == changes, "check mode predicts"
        assert (sorted(tmp_path.glob("versions/*")), os.path.lexists(installation.command)) == before
        assert installation.apply(version) == changes
        assert installation.version() == version
        assert installation.apply(version) == 0
    assert installation.apply("1.0.1", "--check") == 0
    assert sorted(path.name for path in tmp_path.glob("versions/*")) == ["1.0.1", "1.0.2"]
