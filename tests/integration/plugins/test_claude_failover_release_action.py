# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin claude_failover_release: equal bytes wherever it packs, a release that runs, one round trip."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.action import claude_failover_release as action
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle as bundles
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from playbook_run import on_a_controller, run_playbook

COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(action.__file__))))
PARTS = ("roles/claude_failover/files", "plugins/module_utils")


def copy(folder: str, umask: int) -> str:
    """Copy what is packed, with other file times, modes and byte code than the original has."""
    previous = os.umask(umask)
    try:
        for part in PARTS:
            for where, folders, files in os.walk(os.path.join(COLLECTION, part)):
                folders[:] = [name for name in folders if name != "__pycache__"]
                target = os.path.join(folder, os.path.relpath(where, COLLECTION))
                os.makedirs(target)
                for name in reversed(files):
                    shutil.copyfile(os.path.join(where, name), os.path.join(target, name))
                    os.utime(os.path.join(target, name), (umask, umask))
    finally:
        os.umask(previous)
    compiled = os.path.join(folder, PARTS[0], "claude_failover", "__pycache__")
    os.mkdir(compiled)
    with open(os.path.join(compiled, f"cli.cpython-{umask}.pyc"), "wb") as file:
        file.write(b"byte code of the controller")
    return folder


def test_the_same_code_gives_the_same_bytes_and_name(base: str) -> None:
    packed = [action.release_sources(copy(f"{base}/{umask}", umask)) for umask in (0o022, 0o077)]
    packed.append(action.release_sources(COLLECTION))
    assert len({bundles.pack(members) for members in packed}) == 1
    assert len({bundles.pack(dict(reversed(list(members.items())))) for members in packed}) == 1
    assert len({bundles.release_name(members) for members in packed}) == 1
    assert not [name for name in packed[0] if "__pycache__" in name or name.endswith(".pyc")]


def test_any_change_of_content_gives_another_name() -> None:
    members = action.release_sources(COLLECTION)
    name = bundles.release_name(members)
    for changed in ("__main__.py", "claude_failover/hook.py"):
        assert bundles.release_name({**members, changed: members[changed] + b"\n"}) != name
    del members["claude_failover/hook.py"]
    assert bundles.release_name(members) != name


def test_what_is_packed_runs_by_itself(base: str) -> None:
    """Every module of the release is imported from the release alone, without the rest of the collection."""
    library = f"{base}/lib"
    members = action.release_sources(COLLECTION)
    store.write_sources(library, members)
    names = sorted(name[:-3].replace("/", ".") for name in members if name.endswith(".py") and "__" not in name)
    program = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); "
        "[importlib.import_module(name) for name in sys.argv[2:]]"
    )
    subprocess.run([sys.executable, "-I", "-B", "-c", program, library, *names], check=True)
    done = subprocess.run([sys.executable, "-I", "-B", library, "version"], check=True, capture_output=True, text=True)
    assert bundles.release_name(members).split("-")[0] in done.stdout


PACKAGE = "ansible_collections.secuaas.claude.plugins.module_utils"


def imported(source: bytes) -> set[str]:
    """Return the collection's modules that a file imports, at whatever place in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {f"{PACKAGE}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name for name in found if name.startswith("ansible_collections.")}


def test_all_module_utils_that_are_imported_are_packed_and_no_others() -> None:
    """Also those that are imported inside a function only, which no import of its module would miss."""
    members = action.release_sources(COLLECTION)
    packed = {
        name[:-3].replace("/", "."): data
        for name, data in members.items()
        if name.startswith("ansible_collections/") and not name.endswith("/__init__.py")
    }
    needed = set()
    for name, data in members.items():
        if name.endswith(".py"):
            needed |= imported(data)
    assert needed == set(packed)
    assert {f"{PACKAGE}.shared_symlinks", f"{PACKAGE}.control_client"} <= needed
    for name, data in packed.items():
        with open(os.path.join(COLLECTION, "plugins", "module_utils", name.rpartition(".")[2] + ".py"), "rb") as file:
            assert file.read() == data


@pytest.mark.parametrize("statement", ["import {0}.{1}", "from {0} import {1}", "from {0}.{1} import name"])
def test_every_form_of_import_is_followed(base: str, statement: str) -> None:
    copy(base, 0o022)
    folder = f"{base}/plugins/module_utils"
    for name, other in (("control_client", "_first"), ("_first", "_second"), ("_second", "_first")):
        with open(f"{folder}/{name}.py", "w", encoding="utf-8") as file:
            file.write(f"def late():\n    {statement.format(PACKAGE, other)}\n")
    packed = {os.path.basename(name) for name in action.release_sources(base) if "/module_utils/_" in name}
    assert {"_first.py", "_second.py"} <= packed


def play(base: str, python_path: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a play with the action on this machine, into a scratch folder."""
    os.makedirs(f"{base}/templates", exist_ok=True)
    for name, text in (("settings.json.j2", '{"who": "{{ who }}"}\n'), ("plain.txt.j2", "for {{ who }}\n\n")):
        with open(f"{base}/templates/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    tasks = [
        {
            "secuaas.claude.claude_failover_release": {
                "root": f"{base}/opt",
                "launcher": f"{base}/bin/cf",
                "python": sys.executable,
                "files": [
                    {"path": f"{base}/etc", "directory": True},
                    {"path": f"{base}/etc/settings.json", "src": "settings.json.j2"},
                    {"path": f"{base}/etc/plain.txt", "src": "plain.txt.j2"},
                ],
            },
        }
    ]
    with open(f"{base}/play.yml", "w", encoding="utf-8") as file:
        yaml.safe_dump([{"hosts": "all", "gather_facts": False, "vars": {"who": "somebody"}, "tasks": tasks}], file)
    return run_playbook(f"{base}/play.yml", python_path, *options)


@on_a_controller
def test_a_play_installs_in_one_round_trip_and_does_not_show_the_bundle(base: str, python_path: str) -> None:
    first = play(base, python_path, "-vvv")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count(" EXEC ") == 1
    assert " PUT " not in first.stdout
    assert '"bundle"' not in first.stdout
    assert max(len(line) for line in first.stdout.splitlines()) < 20_000
    with open(f"{base}/etc/settings.json", encoding="utf-8") as file:
        assert file.read() == '{"who": "somebody"}\n'
    with open(f"{base}/etc/plain.txt", encoding="utf-8") as file:
        assert file.read() == "for somebody\n\n"
    version = subprocess.run([f"{base}/bin/cf", "version"], capture_output=True, text=True, check=True).stdout
    assert os.path.basename(os.path.realpath(f"{base}/opt/current")).split("-")[0] in version
    second = play(base, python_path)
    assert "changed=0" in second.stdout


@on_a_controller
def test_a_template_that_cannot_be_rendered_is_an_error_of_the_controller(base: str, python_path: str) -> None:
    play(base, python_path, "--syntax-check")
    with open(f"{base}/play.yml", encoding="utf-8") as file:
        text = json.dumps(yaml.safe_load(file)).replace("plain.txt.j2", "missing.j2")
    with open(f"{base}/play.yml", "w", encoding="utf-8") as file:
        file.write(text)
    done = run_playbook(f"{base}/play.yml", python_path)
    assert done.returncode == 2
    assert "missing.j2" in done.stdout + done.stderr
    assert not os.path.exists(f"{base}/opt")
