# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the daemon's source: names, docstrings, sizes, and what its start-up imports."""

from __future__ import annotations

import ast
import collections
import os
import re

import pytest

import claude_failover

PACKAGE = os.path.dirname(os.path.abspath(claude_failover.__file__))
FILES = sorted(
    os.path.relpath(os.path.join(folder, name), PACKAGE)
    for folder, _folders, names in os.walk(PACKAGE)
    for name in names
    if name.endswith(".py")
)
MOST_LINES = 400
# A subordinate clause says what is known of a thing; a docstring says what the thing is or does.
CLAUSE = re.compile(r"(What|Whether|Which|How|Where|Why|Have|Let)\b")


def tree(name: str) -> ast.Module:
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as stream:
        return ast.parse(stream.read())


def test_the_root_holds_the_entry_points_only() -> None:
    root = [name for name in FILES if os.sep not in name]
    assert root == ["__init__.py", "__main__.py", "daemon.py", "hook.py"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_no_longer_than_it_may_be(name: str) -> None:
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as stream:
        assert sum(1 for _line in stream) <= MOST_LINES


def test_no_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = collections.defaultdict(list)
    for name in FILES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("name", FILES)
def test_every_docstring_leads_with_what_the_thing_is_or_does(name: str) -> None:
    wrong = []
    for node in ast.walk(tree(name)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node) or ""
            if CLAUSE.match(text):
                wrong.append(f"{getattr(node, 'name', 'module')}: {text.splitlines()[0]}")
    assert wrong == []


def test_no_package_imports_anything_on_the_way_to_the_hook() -> None:
    on_the_way = ["__init__.py", os.path.join("storage", "__init__.py"), os.path.join("common", "__init__.py")]
    for name in on_the_way:
        imports = [node for node in ast.walk(tree(name)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert [ast.unparse(node) for node in imports if getattr(node, "module", None) != "__future__"] == []
