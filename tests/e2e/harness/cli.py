# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Claude Code CLI, fetched from npm into ``.cache/claude-cli`` of the checkout.

A run is about one version, `NEW`: the one that the role installs, or what ``CLAUDE_E2E_VERSION`` names (a number, or a
tag of npm's such as ``latest``). Unless one is named, tests that take `VERSIONS` run on `OLD` as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import glob
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from .namespace import SYSTEM_PATH

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
CACHE = os.path.join(ROOT, ".cache", "claude-cli")


def pinned() -> str:
    """Return the version that the role installs."""
    with open(os.path.join(ROOT, "roles", "claude_failover", "defaults", "main.yml"), encoding="utf-8") as stream:
        found = re.search(r"^claude_failover_claude_version: (\d+\.\d+\.\d+)$", stream.read(), re.MULTILINE)
    if found is None:
        raise RuntimeError("the role's defaults name no claude_failover_claude_version")
    return found.group(1)


PINNED = pinned()
OLD = "2.1.197"
NAMED = os.environ.get("CLAUDE_E2E_VERSION", "")
NEW = NAMED or PINNED
VERSIONS = (NAMED,) if NAMED else (PINNED, OLD)
# Folders of programs for other systems in the package of an old version.
OTHER_SYSTEMS = shutil.ignore_patterns("*-darwin", "*-win32", "*_darwin*", "*_win32*")


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers that can be compared."""
    return tuple(int(part) for part in version_number(version).split("."))


def program_in(folder: str) -> str | None:
    """Return the program in an npm folder, or None: a native one, before 2.1.113 a script that Node runs."""
    modules = os.path.join(folder, "node_modules", "@anthropic-ai")
    found = glob.glob(os.path.join(modules, "claude-code-linux-*", "claude"))
    # The musl variant, where npm put both, does not run on Debian.
    chosen = [path for path in found if not os.path.dirname(path).endswith("-musl")]
    script = os.path.join(modules, "claude-code", "cli.js")
    return chosen[0] if chosen else script if os.path.exists(script) else None


def install(program: str, place: str) -> None:
    """Put a program where the ordinary user reaches it (the checkout may lie in a home that is closed).

    Of a script the whole package is copied beside, and ``place`` is a link to it, as npm makes one.
    """
    if program.endswith(".js"):
        package = os.path.join(os.path.dirname(place), "claude-code")
        shutil.copytree(os.path.dirname(program), package, ignore=OTHER_SYSTEMS)
        os.chmod(os.path.join(package, os.path.basename(program)), 0o755)
        os.symlink(os.path.join(package, os.path.basename(program)), place)
        return
    try:
        os.link(program, place)
    except OSError:
        shutil.copy2(program, place)
    os.chmod(place, 0o755)


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
    """Return the path of the CLI's program of that version, fetching it if it is not there yet.

    Raises RuntimeError, with npm's own words, when it cannot be had.
    """
    version = version_number(version)
    folder = os.path.join(CACHE, version)
    with fetching():
        path = program_in(folder)
        if path is None:
            fetch(version, folder)
            path = program_in(folder)
    if path is None:
        raise RuntimeError(
            f"npm installed Claude Code {version} in {folder}, but no program for this machine is in it: "
            "is npm run with --omit=optional, or is this architecture not supported?"
        )
    if path.endswith(".js") and shutil.which("node", path=SYSTEM_PATH) is None:
        raise RuntimeError(
            f"Claude Code {version} is a script, and node is missing in {SYSTEM_PATH}: apt-get install nodejs"
        )
    return path


def npm() -> str:
    """Return the path of npm. Raises RuntimeError where there is none."""
    found = shutil.which("npm")
    if found is None:
        raise RuntimeError("npm is missing: apt-get install npm")
    return found


@contextlib.contextmanager
def fetching() -> Iterator[None]:
    """Keep other processes of this run from fetching meanwhile."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, ".lock"), "w", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def fetch(version: str, folder: str) -> None:
    """Install one version with npm; a part of one never takes the place of a whole one."""
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
