# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program runs from a clone, wherever that lies and however it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from import_path import ROOT

FILES = os.path.join("roles", "claude_failover", "files")
PACKAGE = os.path.join(FILES, "claude_failover")


def run(clone: str, program: list[str], *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program, *words],
        cwd=clone,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize(
    ("below", "program", "variables"),
    [
        ("", [FILES], {}),
        ("", ["-I", FILES], {}),
        ("", [PACKAGE], {}),
        ("", [os.path.join(PACKAGE, "__main__.py")], {}),
        ("", ["-I", os.path.join(PACKAGE, "__main__.py")], {}),
        ("", ["-m", "claude_failover"], {"PYTHONPATH": FILES}),
        ("", ["-m", "roles.claude_failover.files.claude_failover"], {}),
        (FILES, ["-m", "claude_failover"], {}),
        (PACKAGE, ["."], {}),
        (PACKAGE, ["__main__.py"], {}),
    ],
)
def test_every_call_finds_the_shared_files(below: str, program: list[str], variables: dict[str, str]) -> None:
    done = run(os.path.join(ROOT, below), program, "check-config", "--config", "/nonexistent/config.yml", **variables)
    assert done.returncode == 2, done
    assert "/nonexistent/config.yml" in done.stderr and "import" not in done.stderr.lower()


def test_a_rehearsal_succeeds_in_a_clone_with_an_awkward_path(tmp_path: Path) -> None:
    clone = tmp_path / "it's a clone: of mine"
    for part in (FILES, os.path.join("plugins", "module_utils")):
        shutil.copytree(os.path.join(ROOT, part), clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    done = run(str(clone), [PACKAGE], "rehearse", PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done
    assert done.stdout.endswith("The rehearsal succeeded.\n")


def test_a_copy_without_the_shared_files_says_so_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(os.path.join(ROOT, FILES), tmp_path / FILES, ignore=shutil.ignore_patterns("__pycache__"))
    for words in (("rehearse",), ("check-config",)):
        done = run(str(tmp_path), [FILES], *words)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert "this copy of the program is not complete: found no plugins/module_utils/" in done.stderr
        assert done.stderr.count("\n") == 1
