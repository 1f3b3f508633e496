# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rules of galaxy-importer 0.4.44 that the formatter breaks, found without it: E203 and W503 of flake8."""

from __future__ import annotations

import io
import os
import tokenize

import pytest

PLUGINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3, "plugins")
LINTED = ("action", "callback", "filter", "module_utils", "modules")
OPERATORS = {"+", "-", "*", "/", "//", "|", "&", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or"}

BEFORE_UNARY = {"(", "[", "{", ",", "=", ":"}


def broken_rules(source: str) -> list[tuple[int, str]]:
    """Return the lines of a source that break a rule, with the rule."""
    found = []
    before, operand = None, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if before is not None and token.type in (tokenize.OP, tokenize.NAME):
            if token.string == ":" and before.end[0] == token.start[0] and before.end != token.start:
                found.append((token.start[0], "E203"))
            if before.type == tokenize.NL and token.string in OPERATORS and operand not in BEFORE_UNARY:
                found.append((token.start[0], "W503"))
        before = token
        operand = operand if token.type in (tokenize.NL, tokenize.COMMENT) else token.string
    return found


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("x = y[len(z) :]\n", [(1, "E203")]),
        ("x = (\n    1\n    + 2\n)\n", [(3, "W503")]),
        ("x = (1 +\n    2)\ny = x[1:]\nz = f(\n    *y,\n    -1,\n)\n'''\n- a :b\n'''\n", []),
    ],
)
def test_a_broken_rule_is_found(source: str, rules: list[tuple[int, str]]) -> None:
    assert broken_rules(source) == rules


def test_no_plugin_breaks_a_rule() -> None:
    found = {}
    for kind in LINTED:
        for folder, _folders, names in os.walk(os.path.join(PLUGINS, kind)):
            for path in (os.path.join(folder, name) for name in names if name.endswith(".py")):
                with open(path, encoding="utf-8") as stream:
                    if broken := broken_rules(stream.read()):
                        found[path] = broken
    assert found == {}
