# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scratch host on which the module claude_failover_release installs a daemon in small."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle as bundles
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.plugins.modules import claude_failover_release as module

# A daemon in small: it says its version, and refuses a configuration that says so.
MAIN = b"""\
import sys
from claude_failover import VERSION
if sys.argv[1:2] == ["check-config"]:
    text = sys.stdin.read()
    sys.exit("line 1: found 'bad', expected 'good'" if "bad" in text else 0)
print(VERSION, sys.argv[1:], sys.flags.no_site, sys.flags.isolated)
"""
# Its hook says how it was started.
HOOK = b"""\
import sys
from . import VERSION
def main(arguments):
    print(VERSION, arguments, sys.flags.no_site, sys.flags.isolated, sys.path[0])
    return 0
"""


def sources(version: str) -> dict[str, bytes]:
    return {
        "__main__.py": MAIN,
        "claude_failover/__init__.py": b'VERSION = "%s"\n' % version.encode(),
        "claude_failover/hook.py": HOOK,
        "claude_failover/inner/__init__.py": b"",
        "claude_failover/inner/deep.py": b"DEPTH = 2\n",
    }


def bundle(code: dict[str, bytes], files: dict[int, bytes]) -> str:
    """Return the packed release with its rendered files, by their number in the option `files`."""
    members = {bundles.LIBRARY + name: data for name, data in code.items()}
    members.update({f"{bundles.FILES}{number}": data for number, data in files.items()})
    return base64.b64encode(bundles.pack(members)).decode()


class Host:
    """A scratch host, and the module run on it in this process as a controller would."""

    def __init__(self, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        self.layout = Layout(f"{folder}/opt/cf", sys.executable)
        self.launcher, self.config = f"{folder}/bin/claude-failover", f"{folder}/etc/cf/config.yml"

    def arguments(
        self, version: str = "1.0.0", config: str = "good\n", restart: bool = False, **more: Any
    ) -> dict[str, Any]:
        return {
            "root": self.layout.root,
            "launcher": self.launcher,
            "python": self.layout.python,
            "bundle": bundle(sources(version), {1: config.encode()}),
            "files": [
                {"path": f"{self.folder}/etc/cf", "directory": True, "mode": "0750"},
                {"path": self.config, "src": "config.yml.j2", "mode": "0640", "config": True, "restart": restart},
            ],
            **more,
        }

    def run(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        sent = {"_ansible_check_mode": check, "_ansible_diff": True, **self.arguments(**arguments)}
        self._monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": sent}).encode())
        self._monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ended:
            module.main()
        output = self._capsys.readouterr()
        result: dict[str, Any] = json.loads(output.out)
        # Where the controller's code is loaded too, a warning is shown and not returned.
        result["told"] = str(result.pop("warnings", "")) + output.err
        assert bool(result.get("failed")) == (ended.value.code != 0)
        return result

    def start(self, *words: str) -> str:
        done = subprocess.run([self.launcher, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def tree(self) -> dict[str, tuple[Any, ...]]:
        """Everything that can be seen of every file: kind, mode, owner, times to the nanosecond, content."""
        found: dict[str, tuple[Any, ...]] = {}
        for where, folders, files in os.walk(self.folder):
            for path in [where, *(os.path.join(where, name) for name in folders + files)]:
                status = os.lstat(path)
                if os.path.islink(path):
                    content: Any = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        content = file.read()
                else:
                    content = None
                times = (status.st_mtime_ns, status.st_ctime_ns)
                found[path] = (status.st_mode, status.st_uid, status.st_ino, *times, content)
        return found


def with_mark(host: Host, text: str, version: str = "1.0.0") -> dict[str, Any]:
    """Return arguments with a file that has a mark, and this text."""
    arguments = host.arguments(version)
    members = bundles.unpack(base64.b64decode(arguments["bundle"]))
    members[bundles.FILES + "2"] = text.encode()
    path = f"{host.folder}/share/completions/cf"
    files = [*arguments["files"], {"path": path, "src": "x", "mark": "of this role"}]
    return {"files": files, "bundle": base64.b64encode(bundles.pack(members)).decode()}
