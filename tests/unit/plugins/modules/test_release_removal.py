# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_release, state absent: what the programs made in a folder goes with them."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from release_host import Host


@pytest.fixture
def host(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(base, monkeypatch, capsys)


def make(path: str) -> None:
    pathlib.Path(path).touch()


def run_folder(host: Host) -> tuple[str, dict[str, Any]]:
    """Return a folder of another user's as the programs leave it, and arguments that name it."""
    folder = f"{host.folder}/run/cf"
    files = [*host.arguments()["files"], {"path": folder, "directory": True, "disposable": ["c.sock.figures-*"]}]
    host.run(files=files)
    make(f"{folder}/c.sock.figures-one%2Ftwo")
    return folder, {"files": files, "state": "absent"}


def test_absent_removes_what_the_programs_made_in_a_folder(host: Host) -> None:
    folder, absent = run_folder(host)
    before = host.tree()
    foreseen = host.run(**absent, check=True)
    assert host.tree() == before
    result = host.run(**absent)
    assert result["removed"] == foreseen["removed"]
    assert {folder, f"{folder}/c.sock.figures-one%2Ftwo"} < set(result["removed"])
    assert not os.path.exists(folder)
    assert host.run(**absent)["changed"] is False


def test_absent_removes_what_the_programs_make_until_they_are_gone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, absent = run_folder(host)
    remove_all = store.remove_all

    def remove(layout: Layout) -> None:
        make(f"{folder}/c.sock.figures-late")
        remove_all(layout)

    monkeypatch.setattr(store, "remove_all", remove)
    host.run(**absent)
    assert not os.path.exists(folder)


def test_absent_leaves_what_only_looks_like_a_file_of_the_programs(host: Host) -> None:
    folder, absent = run_folder(host)
    theirs = f"{host.folder}/theirs"
    make(theirs)
    os.symlink(theirs, f"{folder}/c.sock.figures-link")
    os.mkdir(f"{folder}/c.sock.figures-folder")
    make(f"{folder}/notes")
    host.run(**absent)
    assert sorted(os.listdir(folder)) == ["c.sock.figures-folder", "c.sock.figures-link", "notes"]
    assert os.path.exists(theirs)


def test_absent_empties_no_folder_that_a_link_leads_to(host: Host) -> None:
    folder, absent = run_folder(host)
    os.rename(folder, f"{host.folder}/theirs")
    os.symlink(f"{host.folder}/theirs", folder)
    host.run(**absent)
    assert os.listdir(f"{host.folder}/theirs") == ["c.sock.figures-one%2Ftwo"]
