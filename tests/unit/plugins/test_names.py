# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and docstrings of the plugins: one name for one thing, and a first line that states it."""

from __future__ import annotations

import ast
import collections
import glob
import os
import re

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks

PLUGINS = os.path.dirname(os.path.dirname(os.path.realpath(shared_symlinks.__file__)))
FILES = sorted(glob.glob(os.path.join(PLUGINS, "*", "*.py")))
REQUIRED = {"main", "FilterModule", "ActionModule"}
"""The names by which Ansible finds a module, a filter and an action."""
CLAUSE = re.compile(r"(What|Whether|Which|How|Have|Let)\b")


def parse(path: str) -> ast.Module:
    with open(path, encoding="utf-8") as stream:
        return ast.parse(stream.read())


def test_no_name_stands_for_two_things() -> None:
    """A private name and the public one without its underscore count as one."""
    places = collections.defaultdict(set)
    for path in FILES:
        for node in parse(path).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name not in REQUIRED:
                places[node.name.lstrip("_")].add(os.path.basename(path))
    assert len(places) > 100, "fewer names than the plugins have: the search finds too little"
    assert {name: sorted(found) for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_a_docstring_states_and_is_no_clause(path: str) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree), "a module says what it is or does"
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    assert [text for text in texts if CLAUSE.match(text)] == []
