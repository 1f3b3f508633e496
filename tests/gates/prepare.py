# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several stages need: environments, a copy of the tree, the installed collection."""

from __future__ import annotations

import glob
import os
import shutil

from machine import apt_install, dotted
from places import (
    ANSIBLE_PACKAGE,
    CACHE,
    COLLECTIONS,
    COPY,
    DRIVER_COLLECTIONS,
    ROOT,
    TOOLS,
)
from runner import require, say


def make_tools() -> None:
    """The environment of the tools, and the programs that tests drive."""
    if shutil.which("tmux") is None:
        apt_install("tmux")
    make_venv(TOOLS, "tests/requirements.txt")


def make_venv(folder: str, requirements: str, python: str = "") -> None:
    """A virtual environment that holds what a requirements file asks for (playbooks/provision/venv.sh)."""
    command = [os.path.join(ROOT, "playbooks", "provision", "venv.sh"), folder, os.path.join(ROOT, requirements)]
    done = require([*command, python] if python else command).strip()
    if done:
        say(f"setup: {done.splitlines()[-1]}")


def make_copy() -> None:
    """Copy what git knows, or would add, to build/ansible_collections/secuaas/claude; a file that went, goes."""
    safe = ["git", "-c", f"safe.directory={ROOT}"]
    listed = require([*safe, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).split("\0")
    if os.path.isdir(COPY):
        shutil.rmtree(COPY)
    for name in filter(None, listed):
        source = os.path.join(ROOT, name)
        if not os.path.lexists(source):
            continue  # deleted, and not yet committed
        target = os.path.join(COPY, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    # The linters ask git what there is. In a folder that this repository ignores it would say: nothing.
    require(["git", "init", "-q", COPY])


def make_ansible_test_home() -> dict[str, str]:
    """A home folder for ansible-test, which keeps environments there; returns what its environment needs.

    Holds a script that ansible-test would else fetch, from a host that is not reachable everywhere.
    """
    home = os.path.join(CACHE, "home")
    cache = os.path.join(home, ".ansible", "test", "cache")
    os.makedirs(cache, exist_ok=True)
    # The name is that of ansible-core 2.19.
    shutil.copyfile(os.path.join(ROOT, "tests", "gates", "get_pip.py"), os.path.join(cache, "get_pip_24_2.py"))
    # pip's settings and cache stay those of the caller.
    return {
        "HOME": home,
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", os.path.expanduser("~/.config")),
    }


def make_installed() -> None:
    """Build the collection and install it into .cache/collections."""
    output = os.path.join(CACHE, "dist")
    os.makedirs(output, exist_ok=True)
    galaxy = os.path.join(TOOLS, "bin", "ansible-galaxy")
    require([galaxy, "collection", "build", "--force", "--output-path", output, COPY])
    archives = sorted(glob.glob(os.path.join(output, "secuaas-claude-*.tar.gz")), key=os.path.getmtime)
    require([galaxy, "collection", "install", archives[-1], "-p", COLLECTIONS, "--offline", "--force"])
    for old in archives[:-1]:
        os.unlink(old)


def make_driver_collections() -> None:
    """The collections that molecule's docker driver needs, from the PyPI package of ansible."""
    stamp = os.path.join(COLLECTIONS, ".driver")
    if read(stamp) == ANSIBLE_PACKAGE:
        return
    say(f"molecule: fetching the docker driver's collections out of {ANSIBLE_PACKAGE}")
    folder = os.path.join(CACHE, "download")
    shutil.rmtree(folder, ignore_errors=True)
    python = os.path.join(TOOLS, "bin", "python")
    download = [python, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:", "--dest", folder]
    require([*download, ANSIBLE_PACKAGE])
    wheel = glob.glob(os.path.join(folder, "*.whl"))[0]
    wanted = [f"ansible_collections/{name}/*" for name in DRIVER_COLLECTIONS]
    unpack = (
        "import fnmatch, sys, zipfile\n"
        "archive = zipfile.ZipFile(sys.argv[1])\n"
        "names = [n for n in archive.namelist() if any(fnmatch.fnmatch(n, p) for p in sys.argv[3:])]\n"
        "archive.extractall(sys.argv[2], names)\n"
    )
    require([python, "-c", unpack, wheel, COLLECTIONS, *wanted])
    shutil.rmtree(folder)
    with open(stamp, "w", encoding="utf-8") as out:
        out.write(ANSIBLE_PACKAGE)


def python_venv(version: tuple[int, int]) -> str:
    """Where the environment of one Python's tests lies."""
    return os.path.join(CACHE, "venv", f"py{dotted(version)}")


def read(path: str) -> str:
    """The text of a small file, empty where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
