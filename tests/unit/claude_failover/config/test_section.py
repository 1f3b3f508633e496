# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the reader that builds a section from the metadata of its fields."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from claude_failover.config import model
from claude_failover.config.section import default_of, key, key_of, keys, mapping, read
from claude_failover.config.validators import (
    Check,
    Choice,
    Location,
    Problem,
    boolean,
    integer,
    list_of,
    number,
)


def up_to(limit: int) -> Check[int]:
    return integer(0, limit)


@dataclass(frozen=True)
class Inner:
    colour: str = field(default="red", metadata=key(Choice("red", "green")))
    words: dict[str, str] = field(default_factory=dict, metadata=key(lambda value, _location: dict(value)))


@dataclass(frozen=True)
class Outer:
    origin: str
    size: int = field(metadata=key(integer(1, 9), expected="a size", stand_in=-1))
    value: int = field(default=7, metadata=key(up_to, given="limit", default_for=lambda limit: limit // 2))
    limit: int = field(default=20, metadata=key(integer(0, 100)))
    inner: Inner = field(default=Inner(), metadata=key(mapping(Inner)))
    many: tuple[Inner, ...] = field(default=(), metadata=key(list_of(mapping(Inner), "a list")))
    unread: int = 5


def outer(value: Any) -> tuple[Outer, list[Problem]]:
    problems: list[Problem] = []
    return read(Outer, value, Location("", problems), origin="here"), problems


def test_a_section_has_the_values_that_were_read_and_defaults_for_the_rest() -> None:
    built, problems = outer({"size": 3, "inner": {"colour": "green"}, "many": [{}, {"words": {"a": "b"}}]})
    assert problems == []
    assert built == Outer("here", 3, 10, 20, Inner("green"), (Inner(), Inner(words={"a": "b"})))


def test_a_default_that_is_made_is_made_for_each_section() -> None:
    first, second = mapping(Inner)({}, Location("", [])), mapping(Inner)({}, Location("", []))
    assert first.words == {}
    assert first.words is not second.words


def test_the_check_and_the_default_of_a_key_may_follow_another_key() -> None:
    assert outer({"size": 1, "limit": 50})[0].value == 25
    assert outer({"size": 1, "value": 50, "limit": 50})[1] == []
    assert outer({"size": 1, "value": 51, "limit": 50})[1] == [
        Problem("value", "the number 51", "a whole number from 0 to 50")
    ]
    # A wrong one counts as absent.
    built, problems = outer({"size": 1, "value": 15, "limit": "x"})
    assert (built.limit, built.value) == (20, 15)
    assert [problem.key for problem in problems] == ["limit"]


def test_problems_come_in_the_order_of_the_fields_after_a_key_that_an_earlier_one_follows() -> None:
    wrong = dict.fromkeys(("many", "inner", "limit", "value", "size"), "x")
    assert [problem.key for problem in outer(wrong)[1]] == ["limit", "size", "value", "inner", "many"]
    sessions = mapping(model.SessionConfig)
    problems: list[Problem] = []
    sessions(dict.fromkeys(keys(model.SessionConfig), 5), Location("", problems))
    rest = [name for name in keys(model.SessionConfig) if name != "claude_args"]
    assert [problem.key for problem in problems] == ["claude_args", *rest]
    problems.clear()
    read(model.Config, dict.fromkeys(keys(model.Config), 5), Location("", problems), path="x")
    assert [problem.key for problem in problems] == list(keys(model.Config))


def test_every_problem_is_reported_at_its_key() -> None:
    built, problems = outer(
        {"siz": 3, "value": "x", "inner": {"colour": "gren", "words": {}}, "many": [{"colour": 1}, 5], "origin": "x"}
    )
    assert built == Outer("here", -1, 10, 20, Inner(), (Inner(), Inner()))
    known = "size, value, limit, inner, many"
    assert problems == [
        Problem("siz", "an unknown key", f"one of {known}; did you mean size?"),
        Problem("origin", "an unknown key", f"one of {known}"),
        Problem("size", "nothing: the key is missing", "a size"),
        Problem("value", "'x'", "a whole number from 0 to 20"),
        Problem("inner.colour", "'gren'", "one of red, green; did you mean green?"),
        Problem("many[0].colour", "the number 1", "one of red, green"),
        Problem("many[1]", "a number", "a mapping with the keys colour, words"),
    ]


def test_no_mapping_is_one_problem() -> None:
    built, problems = outer([1])
    assert built == Outer("here", -1, 10)
    assert problems == [Problem("", "a list of 1", "a mapping with the keys size, value, limit, inner, many")]


def test_only_fields_with_the_metadata_are_keys() -> None:
    assert list(keys(Outer)) == ["size", "value", "limit", "inner", "many"]
    assert default_of(keys(Outer)["size"]) is dataclasses.MISSING
    assert default_of(keys(Inner)["words"]) == {}
    assert key_of(keys(Outer)["value"]).given == "limit"


def sections() -> list[Any]:
    return [each for each in vars(model).values() if dataclasses.is_dataclass(each)]


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_field_of_the_model_is_a_key_but_the_files_path(section: Any) -> None:
    others = {each.name for each in dataclasses.fields(section)} - set(keys(section))
    assert others == ({"path"} if section is model.Config else set())


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_a_required_key_names_what_it_expects_and_no_other_does(section: Any) -> None:
    for each in keys(section).values():
        required = default_of(each) is dataclasses.MISSING
        assert bool(key_of(each).expected) == required
        assert key_of(each).given is None or key_of(each).given in keys(section)


def test_an_added_key_needs_nothing_but_its_field() -> None:
    @dataclasses.dataclass(frozen=True)
    class Extended(model.LifecycleConfig):
        pause: float = field(default=1.5, metadata=key(number(0, 10, "seconds")))
        quiet: bool = field(default=False, metadata=key(boolean))

    problems: list[Problem] = []
    built: Any = read(Extended, {"pause": 3, "quite": True}, Location("lifecycle", problems))
    assert (built.pause, built.quiet, built.check_interval) == (3, False, 10)
    assert problems == [
        Problem(
            "lifecycle.quite",
            "an unknown key",
            "one of check_interval, restart_backoff, pause, quiet; did you mean quiet?",
        )
    ]
