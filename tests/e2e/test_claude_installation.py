# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's installation of the real Claude Code CLI from npm, of which nothing is run as root."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import lacking, needs
from harness import cli

ROLE = Path(cli.ROOT, "roles", "claude_failover")
PINNED = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text("utf-8"))["claude_failover_claude_version"]
SCRIPT = yaml.safe_load((ROLE / "vars" / "main.yml").read_text("utf-8"))["__claude_failover_claude_script"]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "timeout", "60")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory(prefix="cf-npm-", dir="/tmp") as made:
        os.chmod(made, 0o755)
        yield Path(made)


@pytest.mark.parametrize("version", sorted({PINNED, cli.version_number(cli.NEW)}))
def test_the_installed_program_is_native_and_runs_as_another_user(folder: Path, version: str) -> None:
    needs("2.1.113", "it is a script, which Node runs", version)
    if os.geteuid() != 0:
        lacking("missing: root")
    prefix = folder / version
    watched = folder / "home"
    watched.mkdir()
    done = subprocess.run(
        ["sh", "-ec", SCRIPT, "sh", str(prefix), version],
        env={**os.environ, "HOME": str(watched)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    program = prefix / "bin" / "claude"
    assert program.resolve().parent.name.startswith("claude-code-linux-")
    assert program.read_bytes()[:4] == b"\x7fELF"
    wrapper = prefix / "lib" / "node_modules" / "@anthropic-ai" / "claude-code" / "bin" / "claude.exe"
    assert wrapper.stat().st_size < 100_000, "the script of the package, which puts the program there, did not run"
    assert {entry.name for entry in watched.iterdir()} <= {".npm"}, "Claude Code did not run"
    home = folder / "nobody"
    home.mkdir()
    os.chown(home, 65534, 65534)
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(home), "DISABLE_AUTOUPDATER": "1"}
    asked = subprocess.run([*NOBODY, program, "--version"], env=clean, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (0, f"{version} (Claude Code)\n"), asked.stderr
