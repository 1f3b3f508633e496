# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert settings of the role to the types that its meta/argument_specs.yml gives them."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

DOCUMENTATION = r"""
name: claude_failover_settings
author:
  - secuaas.claude contributors (@secuaas)
short_description: Convert settings to the types of the role's argument specification
version_added: 0.4.0
description:
  - Converts variables of the role P(secuaas.claude.claude_failover#role) to the types of its argument specification, at
    every depth. On the command line (C(-e name=value)) and in an INI inventory, a boolean or a number is text.
  - Written for that role. Fails with every value that cannot be of its type, by its name.
  - Values of other types, keys that the specification does not know, and V(null) below the top stay as they are.
positional: _input
options:
  _input:
    description: Values of variables of the role, by name without the prefix C(claude_failover_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a boolean that is text
  ansible.builtin.debug:
    msg: "{{ ({'seed_trust': 'false'} | secuaas.claude.claude_failover_settings).seed_trust }}"
"""

RETURN = r"""
_value:
  description: The converted values, by the same names.
  type: dict
  sample:
    seed_trust: false
"""

Option = Mapping[str, Any]
"""An option of an argument specification."""

_PREFIX = "claude_failover_"
_SPECIFICATION = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    *("roles", "claude_failover", "meta", "argument_specs.yml"),
)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")


def convert_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with every boolean and number, list and dictionary of its own type.

    Raises AnsibleFilterError with every value that is impossible.
    """
    options = _role_options()
    problems: list[str] = []
    converted = {}
    for name, value in settings.items():
        if _PREFIX + name not in options:
            raise AnsibleFilterError("%s%s is no variable of the role" % (_PREFIX, name))
        option = options[_PREFIX + name]
        if value is None and option["type"] in _EMPTY:
            value = _EMPTY[option["type"]]()
        converted[name] = _CONVERSIONS.get(option["type"], _unchanged)(value, option, _PREFIX + name, problems)
    if problems:
        raise AnsibleFilterError(" ".join(problems))
    return converted


@functools.cache
def _role_options() -> Mapping[str, Option]:
    with open(_SPECIFICATION, encoding="utf-8") as file:
        options: Mapping[str, Option] = yaml.safe_load(file)["argument_specs"]["main"]["options"]
    return options


def _convert(value: Any, option: Option, key: str, problems: list[str]) -> Any:
    """Return a value below the top; null stands for the daemon's own default."""
    if value is None:
        return None
    return _CONVERSIONS.get(option.get("type", "str"), _unchanged)(value, option, key, problems)


def _boolean(value: Any, _option: Option, key: str, problems: list[str]) -> bool:
    try:
        return bool(boolean(value))
    except TypeError:
        problems.append("%s is %s; expected true or false." % (key, _describe(value)))
        return False


def _integer(value: Any, _option: Option, key: str, problems: list[str]) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    problems.append("%s is %s; expected a whole number." % (key, _describe(value)))
    return 0


def _number(value: Any, _option: Option, key: str, problems: list[str]) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = int(value) if _WHOLE_NUMBER.fullmatch(value.strip()) else float(value)
        if math.isfinite(number):
            return number
    problems.append("%s is %s; expected a number." % (key, _describe(value)))
    return 0


def _list(value: Any, option: Option, key: str, problems: list[str]) -> Any:
    items = _parse_json(value)
    if not isinstance(items, Sequence) or isinstance(items, (str, bytes)):
        problems.append("%s is %s; expected a list." % (key, _kind(value)))
        return []
    element = {"type": option.get("elements", "raw"), "options": option.get("options", {})}
    return [_convert(item, element, "%s[%d]" % (key, index), problems) for index, item in enumerate(items)]


def _dictionary(value: Any, option: Option, key: str, problems: list[str]) -> Any:
    items = _parse_json(value)
    if not isinstance(items, Mapping):
        problems.append("%s is %s; expected a dictionary." % (key, _kind(value)))
        return {}
    options = option.get("options", {})
    return {
        name: _convert(item, options[name], "%s.%s" % (key, name), problems) if name in options else item
        for name, item in items.items()
    }


def _unchanged(value: Any, _option: Option, _key: str, _problems: list[str]) -> Any:
    return value


_CONVERSIONS: Mapping[str, Callable[[Any, Option, str, list[str]], Any]] = {
    "bool": _boolean,
    "int": _integer,
    "float": _number,
    "list": _list,
    "dict": _dictionary,
}
_EMPTY: Mapping[str, Callable[[], Any]] = {"list": list, "dict": dict}


def _parse_json(value: Any) -> Any:
    """Return the value of JSON text, and anything else as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def _describe(value: Any) -> str:
    """Describe a value that was to be a boolean or a number, which is no secret."""
    if isinstance(value, (str, int, float)) or value is None:
        text = json.dumps(value, default=str)
        return text if len(text) <= 60 else text[:59] + "…"
    return _kind(value)


def _kind(value: Any) -> str:
    """Describe a value that may hold a secret by its kind only."""
    kinds = (
        (str, "text"),
        (bool, "a boolean"),
        ((int, float), "a number"),
        (Mapping, "a dictionary"),
        (Sequence, "a list"),
    )
    return next((kind for types, kind in kinds if isinstance(value, types)), "a %s" % type(value).__name__)


class FilterModule:
    """Provide the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"claude_failover_settings": convert_settings}
