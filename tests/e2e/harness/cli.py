# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Claude Code CLI, fetched from npm into ``.cache/claude-cli`` of the checkout.

The versions are pinned. ``CLAUDE_E2E_VERSION`` replaces the newest pinned one: a number, or a tag of npm's such as
``latest``.
"""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
import tempfile

NEW = os.environ.get("CLAUDE_E2E_VERSION") or "2.1.330"
OLD = "2.1.197"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CACHE = os.path.join(ROOT, ".cache", "claude-cli")


def native(folder: str) -> str | None:
    """Return the native program in an npm folder, or None."""
    found = glob.glob(os.path.join(folder, "node_modules", "@anthropic-ai", "claude-code-linux-*", "claude"))
    # The musl variant, where npm put both, does not run on Debian.
    chosen = [path for path in found if not os.path.dirname(path).endswith("-musl")]
    return chosen[0] if chosen else None


@functools.cache
def version_number(version: str) -> str:
    """Return the number of a version, which npm knows where a tag such as ``latest`` is given.

    Raises RuntimeError, with npm's own words, when it has none.
    """
    if version[:1].isdigit():
        return version
    done = subprocess.run(
        [npm(), "view", f"@anthropic-ai/claude-code@{version}", "version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"npm has no version of Claude Code for {version!r}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def program(version: str) -> str:
    """Return the path of the CLI's native program of that version, fetching it if it is not there yet.

    Raises RuntimeError, with npm's own words, when it cannot be had.
    """
    version = version_number(version)
    folder = os.path.join(CACHE, version)
    path = native(folder)
    if path is None:
        fetch(version, folder)
        path = native(folder)
    if path is None:
        raise RuntimeError(
            f"npm installed Claude Code {version} in {folder}, but no native program for this machine "
            "is in it: is npm run with --omit=optional, or is this architecture not supported?"
        )
    return path


def npm() -> str:
    """Return the path of npm. Raises RuntimeError where there is none."""
    found = shutil.which("npm")
    if found is None:
        raise RuntimeError("npm is missing: apt-get install npm")
    return found


def fetch(version: str, folder: str) -> None:
    """Install one version with npm; a part of one never takes the place of a whole one."""
    os.makedirs(CACHE, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=f".{version}-", dir=CACHE)
    try:
        done = subprocess.run(
            [
                npm(),
                "install",
                "--prefix",
                temporary,
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--include=optional",
                f"@anthropic-ai/claude-code@{version}",
            ],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install Claude Code {version}:\n{done.stdout}{done.stderr}")
        os.chmod(temporary, 0o755)
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
