# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the YAML reader."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from claude_failover.config import yaml_loader


def test_lines_are_those_of_the_keys() -> None:
    document = yaml_loader.read("a:\n  b: 1\n  c:\n    - x\n    - d: 2\n")
    assert document.value == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert [document.line_of(key) for key in ("a", "a.b", "a.c[0]", "a.c[1].d", "a.c[1].missing", "none")] == [
        1,
        2,
        4,
        5,
        5,
        1,
    ]


def test_a_key_of_a_merged_mapping_is_overridden_and_an_own_one_twice_is_not() -> None:
    document = yaml_loader.read("base: &b {x: 1, y: 2}\nit: {x: 3, <<: *b}\nbad: {<<: *b, z: 1, z: 2}\n")
    assert document.value["it"] == {"x": 3, "y": 2}
    assert [problem.key for problem in document.problems] == ["bad.z"]


def test_the_line_of_an_aliased_key_is_that_where_it_is_written() -> None:
    document = yaml_loader.read("a: &x\n  b: 1\n  c: [2]\nd: *x\ne:\n  <<: *x\n  b: 3\n")
    keys = ("d", "d.b", "d.c[0]", "e.b", "e.c[0]", "e.other")
    assert [document.line_of(key) for key in keys] == [4, 2, 3, 7, 3, 5]


@pytest.mark.parametrize("value", ["!!int ''", "!!bool x", "!!timestamp x", "!!float x", "!!map x", "!!seq x"])
def test_text_that_is_not_what_its_tag_says_is_told(value: str) -> None:
    document = yaml_loader.read(f"a: 1\nb: {value}\n")
    assert document.value == {"a": 1, "b": None}
    (problem,) = document.problems
    assert (problem.key, problem.line) == ("b", 2)
    assert problem.found == f"a value that reads as {value.split()[0][2:]} and is none"


@pytest.mark.parametrize(
    ("text", "found", "line"),
    [
        ("a: &x 1\nb: &x 2\n", "no valid YAML: found an anchor a second time in column 4", 2),
        ("a: 1\nb: *x\n", "no valid YAML: found an undefined alias in column 4", 2),
        ("a: &x {b: *x}\n", f"aliases that unfold to more than {yaml_loader.MAX_VALUES} values", None),
        ("a: !!set {x: 1, x: 2}\nb: [\n", "no valid YAML: ", 3),
    ],
)
def test_what_makes_a_text_no_document_is_its_only_problem(text: str, found: str, line: int | None) -> None:
    document = yaml_loader.read(text)
    (problem,) = document.problems
    assert document.value is None and document.line_of("a") is None
    assert problem.found.startswith(found) and problem.line == line


def test_the_values_are_nearly_all_the_memory_that_reading_takes() -> None:
    """The daemon reads its configuration while it runs, and memory that was needed once stays with the process."""
    rows = [f"- name: s{number}\n  cwd: /srv/{number}\n  command: [claude]\n" for number in range(200)]
    text = "accounts:\n- {name: a, home: /h/a}\nsessions:\n" + "".join(rows)
    yaml_loader.read(text)
    gc.collect()
    tracemalloc.start()
    try:
        document = yaml_loader.read(text)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(document.value["sessions"]) == 200
    assert peak < 2 * kept, "with PyYAML's nodes it is more than three times as much"
