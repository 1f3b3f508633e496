# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that every boolean and number of the role goes through its type."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

ROLE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))),
    "roles",
    "claude_failover",
)
CONVERTED = "__claude_failover_settings"
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
CONDITIONS = {"when", "that", "until", "changed_when", "failed_when"}


def read(path: str) -> Any:
    with open(os.path.join(ROLE, path), encoding="utf-8") as file:
        return yaml.safe_load(file)


OPTIONS = read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
VARS = read("vars/main.yml")


def is_typed(option: dict[str, Any]) -> bool:
    """Return True for an option that is or holds a boolean or a number."""
    types = {option.get("type"), option.get("elements")}
    return bool(types & {"bool", "int", "float"}) or any(map(is_typed, option.get("options", {}).values()))


TYPED = sorted(name for name, option in OPTIONS.items() if is_typed(option))


def expressions(value: Any, *, condition: bool = False) -> Iterator[str]:
    """Yield the Jinja expressions of a YAML document."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != CONVERTED:
                yield from expressions(item, condition=key in CONDITIONS)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item, condition=condition)
    elif isinstance(value, str):
        yield from [value] if condition else EXPRESSION.findall(value)


def role_expressions() -> Iterator[str]:
    for folder in ("tasks", "handlers", "vars"):
        for path in glob.glob(os.path.join(ROLE, folder, "*.yml")):
            yield from expressions(read(os.path.relpath(path, ROLE)))
    for path in glob.glob(os.path.join(ROLE, "templates", "*")):
        with open(path, encoding="utf-8") as file:
            yield from EXPRESSION.findall(file.read())


def used_raw(name: str, found: Iterator[str]) -> list[str]:
    return [expression for expression in found if re.search(rf"(?<![\w.]){name}\b", expression)]


def test_the_search_finds_a_raw_use_of_every_kind() -> None:
    document = [
        {"when": ["x", "claude_failover_seed_trust"]},
        {"vars": {"a": "text {{ claude_failover_seed_trust }}"}},
        {CONVERTED: "{{ claude_failover_seed_trust }}"},
        {"fail_msg": "claude_failover_seed_trust is wrong", "x": "{{ __claude_failover_settings.seed_trust }}"},
    ]
    assert len(used_raw("claude_failover_seed_trust", expressions(document))) == 2
    assert TYPED == [
        "claude_failover_accounts",
        "claude_failover_create_user",
        "claude_failover_detection",
        "claude_failover_failover",
        "claude_failover_keep_releases",
        "claude_failover_lifecycle",
        "claude_failover_notify_waiting_after",
        "claude_failover_seed_trust",
        "claude_failover_service_enabled",
        "claude_failover_sessions",
    ]
    assert len(list(role_expressions())) > 100, "fewer expressions than the role has: the search finds too little"


@pytest.mark.parametrize("name", TYPED)
def test_a_boolean_or_number_is_used_only_converted(name: str) -> None:
    short = name[len("claude_failover_") :]
    assert f"'{short}': {name}," in VARS[CONVERTED]
    assert used_raw(name, role_expressions()) == []
    assert used_raw(f"{CONVERTED}.{short}", role_expressions()) != []
