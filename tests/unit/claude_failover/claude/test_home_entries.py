# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the reader of what homes are compared by."""

from __future__ import annotations

import os

import pytest

from claude_failover.claude import home_entries
from claude_failover.claude.home_entries import HomeEntry, read_all, read_object, read_presence, read_tree


@pytest.mark.parametrize("read", [read_object, read_tree, read_presence])
def test_nothing_at_a_path_is_an_entry_without_content(tmp_path, read):
    os.symlink("nowhere", tmp_path / "dangling")
    assert [read(str(tmp_path / name)) for name in ("missing", "dangling")] == [HomeEntry(), HomeEntry()]


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "it is no JSON"), ('{"a": 1, "a": 2}', "it is no JSON"), ("[]", "it is no JSON object"), (" \n", "")],
)
def test_an_object(tmp_path, text, problem):
    (tmp_path / "x").write_text(text, encoding="utf-8")
    found = read_object(str(tmp_path / "x"))
    assert (dict(found.content), found.problem) == ({}, problem)
    assert found.identity == (os.stat(tmp_path / "x").st_dev, os.stat(tmp_path / "x").st_ino)


def test_an_impossible_path_is_a_problem():
    assert read_object("/a\0b").problem


def test_a_tree_holds_what_is_below_it_in_any_order(tmp_path):
    for name in ("one", "other"):
        for file in sorted(("b/c", "a"), reverse=name == "one"):
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(file, encoding="utf-8")
    one, other = (read_tree(str(tmp_path / name)) for name in ("one", "other"))
    assert set(one.content) == {"a", "b", "b/c"}
    assert (one.content, one.problem) == (other.content, "")


def test_a_file_that_became_a_link_meanwhile_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    (tmp_path / "x" / "file").write_text("x", encoding="utf-8")
    digest = home_entries._digest

    def replaced(path, budget):
        os.unlink(path)
        os.symlink(tmp_path / "secret", path)
        return digest(path, budget)

    monkeypatch.setattr(home_entries, "_digest", replaced)
    found = read_tree(str(tmp_path / "x"))
    assert (dict(found.content), found.problem) == ({}, "it is a symlink")


def test_what_several_paths_lead_to_is_read_once(tmp_path):
    (tmp_path / "target").write_text("{}", encoding="utf-8")
    for name in "ab":
        os.symlink("target", tmp_path / name)
    read = []
    found = read_all([str(tmp_path / name) for name in "abc"], lambda path: read.append(path) or HomeEntry())
    assert (len(found), read) == (3, [str(tmp_path / "target"), str(tmp_path / "c")])
