# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the checks of general values and the sections."""

from __future__ import annotations

from typing import Any

import pytest

from claude_failover.config import validators
from claude_failover.config.section import Section
from claude_failover.config.validators import AlreadyReported, Location, Problem, ValidationError


def location() -> Location:
    return Location("key", [])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing (null)"),
        (True, "the boolean true"),
        (3, "the number 3"),
        (1.5, "the number 1.5"),
        ("", "empty text"),
        ("a\x1b", "'a\\x1b'"),
        ("x" * 99, "'" + "x" * 59 + "…'"),
        ([1], "a list of 1"),
        ({}, "a mapping of 0"),
        (object, "the type <class 'object'>"),
    ],
)
def test_values_in_words(value: Any, words: str) -> None:
    assert validators.describe(value).startswith(words)


def test_a_number_too_long_to_be_written() -> None:
    assert validators.describe(10**5000).startswith("the number ")


@pytest.mark.parametrize("value", ["secret", 4711, 4711.5, {"secret": 1}, ["secret"]])
def test_of_a_secret_only_the_kind_is_told(value: Any) -> None:
    words = validators.describe(value, secret=True)
    assert "secret" not in words
    assert "4711" not in words


def test_a_section_goes_on_after_a_problem() -> None:
    at = Location("", [])
    section = Section({"a": "x", "b": 2, "colour": 1}, at, ("a", "b", "c", "color"))
    assert section.get("a", validators.integer(0, 9), 7) == 7
    assert section.get("b", validators.integer(0, 9), 7) == 2
    assert section.get("c", validators.integer(0, 9), 7) == 7
    assert section.require("c", validators.integer(0, 9), 0, "a digit") == 0
    assert at.problems == [
        Problem("colour", "an unknown key", "one of a, b, c, color; did you mean color?"),
        Problem("a", "'x'", "a whole number from 0 to 9"),
        Problem("c", "nothing: the key is missing", "a digit"),
    ]


def test_what_is_no_mapping_is_told_once_and_counts_as_empty() -> None:
    at = Location("here", [])
    section = Section([1], at, ("a",))
    assert section.require("a", validators.boolean, True, "true or false") is True
    assert at.problems == [Problem("here", "a list of 1", "a mapping with the keys a")]


def test_a_list_tells_every_bad_item() -> None:
    at = location()
    with pytest.raises(AlreadyReported):
        validators.list_of(validators.boolean, "a list")([True, 1, False, "x"], at)
    assert [problem.key for problem in at.problems] == ["key[1]", "key[3]"]


@pytest.mark.parametrize("value", [True, "5", None, float("nan"), -1, 11, float("inf"), [5]])
def test_numbers_that_are_none(value: Any) -> None:
    with pytest.raises(ValidationError):
        validators.number(0, 10)(value, location())


def test_numbers_at_their_bounds() -> None:
    assert validators.number(0, 10)(0, location()) == 0
    assert validators.number(0, 10)(10.0, location()) == 10.0
    assert validators.integer(1, 2)(2, location()) == 2


def test_an_optional_value_says_that_null_will_do() -> None:
    assert validators.optional(validators.boolean)(None, location()) is None
    with pytest.raises(ValidationError, match="or null"):
        validators.optional(validators.boolean)(3, location())
