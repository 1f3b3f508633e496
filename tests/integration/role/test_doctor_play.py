# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook ``doctor`` on a fleet: hosts that are well, that are not, that have no daemon, and that are away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="SKIPPED, NOT TESTED: a controller needs Python 3.10 or newer"
)

PLAYBOOKS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))), "playbooks"
)
LAUNCHER = "/usr/local/bin/claude-failover"
OK = {"name": "daemon", "level": "ok", "found": "the daemon runs", "expected": "", "mend": ""}
WARNING = {"name": "metrics", "level": "warning", "found": "no folder", "expected": "a folder", "mend": "mkdir it"}
ERROR = {"name": "login", "level": "error", "found": "a is not logged in", "expected": "a login", "mend": "log in a"}


def document(*checks: dict[str, str]) -> str:
    return json.dumps({"version": "1", "ok": ERROR not in checks, "errors": 0, "warnings": 0, "checks": checks})


class Fleet:
    """An inventory of this machine under several names, each with a daemon in small."""

    def __init__(self, folder: Path, python_path: str) -> None:
        self.folder, self._python_path = folder, python_path
        self.hosts: dict[str, dict[str, str]] = {}
        shutil.copytree(PLAYBOOKS, folder / "playbooks", ignore=shutil.ignore_patterns("provision"))
        path = folder / "playbooks" / "doctor.yml"
        text = path.read_text(encoding="utf-8")
        assert text.count(LAUNCHER) == 1
        path.write_text(text.replace(LAUNCHER, '"{{ program }}"'), encoding="utf-8")

    def add(self, name: str, script: str | None, **more: str) -> None:
        program = self.folder / f"program-{name}"
        if script is not None:
            program.write_text(f"#!/bin/sh\ntest \"$*\" = 'doctor --json' || exit 9\n{script}\n", encoding="utf-8")
            program.chmod(0o755)
        python = {"ansible_python_interpreter": sys.executable}
        self.hosts[name] = {"ansible_connection": "local", "program": str(program), **python, **more}

    def says(self, name: str, text: str, code: int) -> None:
        (self.folder / f"text-{name}").write_text(text, encoding="utf-8")
        self.add(name, f"cat {self.folder}/text-{name}; exit {code}")

    def run(self, *words: str) -> tuple[int, str, Any]:
        inventory, report = self.folder / "hosts.yml", self.folder / "report.json"
        inventory.write_text(yaml.safe_dump({"claude_failover": {"hosts": self.hosts}}), encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "ansible", "playbook", "-i", str(inventory)),
                *("-e", f"claude_failover_doctor_json={report}", "-e", '{"ansible_become": false}'),
                *words,
                str(self.folder / "playbooks" / "doctor.yml"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_COLLECTIONS_PATH": self._python_path,
            },
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        return done.returncode, done.stdout + done.stderr, found


@pytest.fixture
def fleet(tmp_path: Path, python_path: str) -> Fleet:
    return Fleet(tmp_path, python_path)


@pytest.mark.parametrize("words", [[], ["--check"]])
def test_hosts_that_are_well_end_with_0(fleet: Fleet, words: list[str]) -> None:
    fleet.says("one", document(OK), 0)
    fleet.says("two", document(OK, WARNING), 0)
    code, out, report = fleet.run(*words)
    assert code == 0, out
    assert "one   ok           1 checks" in out
    assert "two   warning      no folder; expected a folder" in out and "mend:      mkdir it" in out
    assert {host: row["state"] for host, row in report.items()} == {"one": "ok", "two": "ok"}
    assert (fleet.folder / "report.json").stat().st_mode & 0o777 == 0o600, "it says who is logged in"


def test_every_other_host_fails_with_what_is_wrong_there(fleet: Fleet) -> None:
    fleet.says("well", document(OK), 0)
    fleet.says("wrong", document(OK, WARNING, ERROR), 1)
    fleet.add("refused", "echo 'belongs to x\x1b[2J: run it as x' >&2; exit 1")
    fleet.says("odd", "{}", 0)
    fleet.says("torn", '{"checks": [}', 0)
    fleet.add("bare", None)
    fleet.add("away", None, ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port="1", ansible_timeout="5")
    code, out, report = fleet.run()
    assert code != 0
    assert {host: row["state"] for host, row in report.items()} == {
        "well": "ok",
        "wrong": "error",
        "refused": "failed",
        "odd": "failed",
        "torn": "failed",
        "bare": "failed",
        "away": "unreachable",
    }
    assert "wrong: a is not logged in" in out
    assert report["refused"]["error"] == "belongs to x [2J: run it as x"
    assert "expected it to be installed" in report["bare"]["error"]
    assert report["wrong"]["checks"][2]["mend"] == "log in a"
    assert "\x1b" not in out
    failed = {line.split(":")[1].split("]")[0].strip(" [") for line in out.splitlines() if line.startswith("fatal:")}
    assert failed >= {"wrong", "refused", "odd", "torn", "bare"}
    assert "well" not in failed


def test_an_inventory_without_the_group_is_an_error(fleet: Fleet) -> None:
    code, out, report = fleet.run("-e", "claude_failover_hosts=nothing")
    assert (code != 0, report) == (True, None)
    assert "Found no host nothing in the inventory" in out


def test_nothing_of_what_a_host_says_is_a_template(fleet: Fleet, tmp_path: Path) -> None:
    mark = tmp_path / "evaluated"
    words = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}" % mark
    fleet.says("check", document({**ERROR, "found": words, "expected": words, "mend": words}), 1)
    fleet.says("level", document({**WARNING, "level": words}), 0)
    (tmp_path / "words").write_text(words, encoding="utf-8")
    fleet.add("refused", f"cat {tmp_path}/words >&2; exit 1")
    _code, out, report = fleet.run()
    assert not mark.exists(), out
    assert report["check"]["checks"][0]["found"] == report["refused"]["error"] == words
