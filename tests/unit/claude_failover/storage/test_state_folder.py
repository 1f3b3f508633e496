# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state folder at a start: what a kill left there goes, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from claude_failover.claude.settings import file_name
from claude_failover.storage.state_folder import clear_temporary_files, clear_temporary_files_of
from claude_failover.storage.store import Store

KILLED = """
import os, signal, sys
from claude_failover.storage import files
from claude_failover.storage.store import Store
os.replace = lambda *_names: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomic(sys.argv[1], b"half")
"""
DOCUMENTS = [
    "registry.json",
    "000000000001-0123abcd.json",
    "switches.jsonl.17.set-aside",
    file_name("a b/c.d"),
    "é.json",
]


def killed(path, python_path):
    done = subprocess.run([sys.executable, "-c", KILLED, path], env={"PYTHONPATH": python_path}, check=False)
    assert done.returncode < 0


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_killed_daemon_left_is_removed_and_told(tmp_path, python_path, caplog, name):
    caplog.set_level("INFO")
    killed(str(tmp_path / name), python_path)
    (left,) = os.listdir(tmp_path)
    clear_temporary_files(str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert str(tmp_path / left) in caplog.text


def test_what_a_killed_daemon_left_beside_a_shared_file_is_removed_and_all_else_stays(tmp_path, python_path, caplog):
    caplog.set_level("INFO")
    target = tmp_path / ".claude-claude.json-shared"
    target.write_text("{}")
    killed(str(target), python_path)
    (left,) = set(os.listdir(tmp_path)) - {target.name}
    others = ["..claude-claude.json-shared.ABCDEFGH", ".claude-claude.json-sharedx.abcdefgh", ".notes"]
    for name in others:
        (tmp_path / name).write_text("mine")
    os.symlink(target, tmp_path / "link")
    clear_temporary_files_of(str(tmp_path / "link"))
    assert sorted(os.listdir(tmp_path)) == sorted([*others, target.name, "link"])
    assert str(tmp_path / left) in caplog.text


def test_anything_else_stays(tmp_path, caplog):
    store = Store(str(tmp_path))
    store.save("registry", {})
    store.append("switches", {})
    for name in (
        ".notes",
        ".registry.json",
        ".registry.json.ABCDEFGH",
        ".registry.json.abcdefg",
        "registry.json.abcdefgh",
    ):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".folder.json.abcdefgh").mkdir()
    os.symlink("registry.json", tmp_path / ".link.json.abcdefgh")
    os.mkfifo(tmp_path / ".fifo.json.abcdefgh")
    before = sorted(os.listdir(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / ".a.json.abcdefgh").write_text("")
    (tmp_path / "state").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "state" / "tasks")
    clear_temporary_files(str(tmp_path / "state"))
    assert os.listdir(tmp_path / "elsewhere") == [".a.json.abcdefgh"], "the link leads out of the state folder"
    clear_temporary_files(str(tmp_path / "missing"))
    clear_temporary_files(str(tmp_path / "registry.json"))
    clear_temporary_files(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "elsewhere", "state"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_stays(tmp_path):
    path = tmp_path / ".registry.json.abcdefgh"
    path.write_text("theirs")
    os.chown(path, 65534, 65534)
    clear_temporary_files(str(tmp_path))
    assert path.exists()


def test_one_that_cannot_be_removed_is_told_and_ends_nothing(tmp_path, monkeypatch, caplog):
    path = tmp_path / ".registry.json.abcdefgh"
    path.write_text("")

    def refuse(_path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "unlink", refuse)
    clear_temporary_files(str(tmp_path))
    assert "Read-only file system" in caplog.text
