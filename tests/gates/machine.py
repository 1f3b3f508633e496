# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine has: Pythons, and Debian packages where something is missing."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys

from places import OLDEST_PYTHON, ROOT, TOOLS
from runner import StageError, require, say


def pythons() -> list[tuple[tuple[int, int], str]]:
    """Every released Python at hand of 3.9 or newer, oldest first, one of each minor version: (version, program)."""
    candidates = glob.glob("/usr/bin/python3.[0-9]*") + glob.glob("/usr/local/bin/python3.[0-9]*")
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates += sorted(glob.glob(os.path.join(pyenv, "versions", "*", "bin", "python3")))
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        candidates += glob.glob(os.path.join(folder, "python3.[0-9]*"))
    candidates.append(sys.executable)
    found: dict[tuple[int, int], str] = {}
    ask = (
        "import sys; version = sys.version_info\n"
        "print(sys.executable, *version[:2], version.releaselevel, sys.prefix == sys.base_prefix)"
    )
    for candidate in candidates:
        if not re.fullmatch(r"python3(\.\d+)?", os.path.basename(candidate)):
            continue
        asked = subprocess.run([candidate, "-I", "-c", ask], text=True, capture_output=True, check=False)
        told = asked.stdout.split()
        if len(told) != 5 or told[3:] != ["final", "True"]:
            continue
        version = (int(told[1]), int(told[2]))
        if version >= OLDEST_PYTHON:
            found.setdefault(version, told[0])
    return sorted(found.items())


def real_python_path() -> str:
    """PATH with the folders of every Python at hand: ansible-test cannot use the launchers of a version manager."""
    folders = [os.path.dirname(program) for _version, program in pythons()]
    return os.pathsep.join([os.path.join(TOOLS, "bin"), *folders, os.environ.get("PATH", os.defpath)])


def apt_install(*packages: str) -> None:
    """Install Debian packages, as root or with sudo."""
    say(f"setup: installing {' '.join(packages)}")
    require([os.path.join(ROOT, "playbooks", "provision", "apt.sh"), *packages])


def dotted(version: tuple[int, int]) -> str:
    """A version as people write it: 3.9."""
    return ".".join(map(str, version))


def oldest_and_newest() -> list[tuple[tuple[int, int], str]]:
    """The oldest and the newest Python at hand, or the only one."""
    at_hand = pythons()
    if not at_hand:
        raise StageError("no Python of 3.9 or newer was found in /usr/bin, /usr/local/bin, pyenv or PATH")
    return at_hand if len(at_hand) == 1 else [at_hand[0], at_hand[-1]]
