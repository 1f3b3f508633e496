# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the role's argument specification with the keys of the daemon's configuration."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

import jinja2
import pytest
import yaml

from claude_failover.config import model
from claude_failover.config.loader import ConfigError, parse
from claude_failover.config.role_variables import MARK, variable_of
from claude_failover.config.section import default_of, key_of, keys
from claude_failover.config.section import key as metadata
from claude_failover.config.validators import Choice, boolean

PREFIX = "claude_failover_"
# Each option of the role that sets keys of the configuration, with the key that it sets.
EXPOSED = {
    "accounts": "accounts",
    "active_link": "active_link",
    "shared_root": "shared_root",
    "shared_links": "shared_links",
    "sessions": "sessions",
    "removed_sessions": "removed_sessions",
    "restart_sessions": "restart_sessions",
    "failover": "failover",
    "detection": "detection",
    "lifecycle": "lifecycle",
    "tmux_socket": "tmux.socket",
    "control_group": "control_group",
    "metrics_textfile_dir": "metrics.textfile",
    "notify_command": "notify.command",
    "notify_urls": "notify.urls",
    "notify_waiting_after": "notify.waiting_after",
    "log_level": "log.level",
    "telemetry": "telemetry",
}
# Keys that the role sets by itself, or leaves at the daemon's default.
FIXED = {"state_dir", "control_socket", "tmux.binary"}
# Options of the role that set no key.
OF_THE_HOST = {
    "state",
    "user",
    "group",
    "create_user",
    "home",
    "tmux_extra_config",
    "service_enabled",
    "service_state",
    "claude_install",
    "claude_version",
    "seed_trust",
    "shared_settings",
    "keep_releases",
}
TYPES = {
    "str": "str",
    "bool": "bool",
    "int": "int",
    "float": "float",
    "tuple": "list",
    "dict": "dict",
    "Pattern": "str",
}
ELEMENTS = re.compile(r"tuple\[([^,]*)")

SPECS = pathlib.Path(__file__).parents[4] / "roles" / "claude_failover" / "meta" / "argument_specs.yml"
OPTIONS = {
    name[len(PREFIX) :]: option
    for name, option in yaml.safe_load(SPECS.read_text("utf-8"))["argument_specs"]["main"]["options"].items()
}


def sections_in(field: dataclasses.Field[Any]) -> Any:
    """Return the dataclass of a field that is a section or a list of them; None for any other field."""
    found = [getattr(model, word, None) for word in re.findall(r"\w+", field.type)]
    return next((each for each in found if dataclasses.is_dataclass(each)), None)


def type_of(annotation: str) -> str:
    """Return the type that an argument specification gives to a value of that annotation."""
    word = re.split(r"\W", annotation)[0]
    if word == "SharedSymlink":
        return "raw"  # a name, or a mapping
    return "dict" if dataclasses.is_dataclass(getattr(model, word, None)) else TYPES[word]


def configuration_keys() -> dict[str, dataclasses.Field[Any]]:
    """Return every key of the configuration by which the role may set something, with its field."""
    found = {}
    whole = set(EXPOSED.values())
    for name, field in keys(model.Config).items():
        section = sections_in(field)
        if section is None or name in whole:
            found[name] = field
        else:
            found.update({f"{name}.{inner}": each for inner, each in keys(section).items()})
    return found


def differences(option: dict[str, Any], field: dataclasses.Field[Any]) -> list[str]:
    """Compare one option with the field of its key: type, elements, choices, and the keys in it."""
    found = []
    if option["type"] != type_of(field.type):
        found.append(f"{field.name}: type {option['type']}, in the model {field.type}")
    if option["type"] == "list":
        elements = type_of(ELEMENTS.match(field.type).group(1))
        if option["elements"] != elements:
            found.append(f"{field.name}: elements {option['elements']}, in the model {elements}")
    check = key_of(field).check
    choices = list(check.names) if isinstance(check, Choice) else None
    if option.get("choices") != choices:
        found.append(f"{field.name}: choices {option.get('choices')}, in the model {choices}")
    section = model.SharedLink if option.get("elements") == "raw" else sections_in(field)
    if section is not None:
        found += section_differences(field.name, option, section)
    return found


def section_differences(name: str, option: dict[str, Any], section: Any) -> list[str]:
    """Compare the keys of a section with its sub-options; where it has none, with those that its description names."""
    expected = keys(section)
    if "options" not in option:
        description = option["description"]
        text = description if isinstance(description, str) else " ".join(description)
        if option.get("elements") == "raw":
            return [f"{name}: {key} is not described" for key in expected if not re.search(rf"\b{key}\b", text)]
        named = re.findall(r"C\((\w+)\)", text)
        return [] if named == list(expected) else [f"{name}: describes {named}, in the model {list(expected)}"]
    found = []
    if set(option["options"]) != set(expected):
        found.append(f"{name}: has {sorted(option['options'])}, in the model {sorted(expected)}")
    for key in set(option["options"]) & set(expected):
        inner, field = option["options"][key], expected[key]
        found += [f"{name}.{difference}" for difference in differences(inner, field)]
        default = default_of(field)
        required = default is dataclasses.MISSING
        if bool(inner.get("required")) != required:
            found.append(f"{name}.{key}: required {inner.get('required')}, in the model {required}")
        default = None if required else list(default) if isinstance(default, tuple) else default
        if inner.get("default") != default:
            found.append(f"{name}.{key}: default {inner.get('default')!r}, in the model {default!r}")
    return found


def rendered(value: Any) -> Any:
    """Return a default of the role with the variables in it replaced by their defaults."""
    if isinstance(value, list):
        return [rendered(item) for item in value]
    if isinstance(value, dict):
        return {name: rendered(item) for name, item in value.items()}
    while isinstance(value, str) and "{{" in value:
        variables = {PREFIX + name: option["default"] for name, option in OPTIONS.items()}
        value = jinja2.Template(value, undefined=jinja2.StrictUndefined).render(variables)
    return value


def test_the_role_knows_every_key_and_the_daemon_every_option() -> None:
    assert set(configuration_keys()) == set(EXPOSED.values()) | FIXED
    assert set(OPTIONS) == set(EXPOSED) | OF_THE_HOST


@pytest.mark.parametrize("name", EXPOSED)
def test_an_option_and_its_key_are_the_same(name: str) -> None:
    assert differences(OPTIONS[name], configuration_keys()[EXPOSED[name]]) == []


@pytest.mark.parametrize("name", EXPOSED)
def test_the_default_of_an_option_is_that_of_its_key(name: str) -> None:
    key = EXPOSED[name]
    accounts = {"accounts": rendered(OPTIONS["accounts"]["default"])}
    default = rendered(OPTIONS[name]["default"])
    if default_of(configuration_keys()[key]) is dataclasses.MISSING:
        # A required key has its default from the role.
        assert parse(yaml.safe_dump({key: default}), "x")
        return
    if default_of(configuration_keys()[key]) is None:
        # Empty for the role is null for the daemon.
        assert default in ("", [])
        default = None
    outer, _dot, inner = key.partition(".")
    written = {outer: {inner: default} if inner else default}
    assert parse(yaml.safe_dump({**accounts, **written}), "x") == parse(yaml.safe_dump(accounts), "x")


# ---- the comparison itself ---------------------------------------------------------------------------------


def options_of(section: Any) -> dict[str, Any]:
    """Return the sub-options that say what the dataclass says."""
    options = {}
    for name, field in keys(section).items():
        option: dict[str, Any] = {"type": type_of(field.type)}
        if option["type"] == "list":
            option["elements"] = type_of(ELEMENTS.match(field.type).group(1))
        if isinstance(key_of(field).check, Choice):
            option["choices"] = list(key_of(field).check.names)
        default = default_of(field)
        if default is dataclasses.MISSING:
            option["required"] = True
        elif default is not None:
            option["default"] = list(default) if isinstance(default, tuple) else default
        options[name] = option
    return options


@pytest.mark.parametrize("name", ["accounts", "sessions", "failover", "detection", "lifecycle", "telemetry"])
def test_sub_options_are_compared_in_all_that_they_say(name: str) -> None:
    field = configuration_keys()[name]
    full = {**OPTIONS[name], "options": options_of(sections_in(field))}
    assert differences(full, field) == []
    for key, option in full["options"].items():
        others = {each: value for each, value in full["options"].items() if each != key}
        changed = [
            others,
            {**full["options"], "another": {"type": "str"}},
            {**others, key: {**option, "type": "raw"}},
            {**others, key: {**option, "required": not option.get("required")}},
            {**others, key: {**option, "choices": ["this", "that"]}},
            {**others, key: {**option, "default": "another"}},
        ]
        for options in changed:
            assert len(differences({**full, "options": options}, field)) == 1


@pytest.mark.parametrize("name", ["shared_links", "sessions", "failover", "detection", "lifecycle", "telemetry"])
def test_a_key_that_only_the_daemon_has_is_a_difference(name: str) -> None:
    section = model.SharedLink if name == "shared_links" else sections_in(configuration_keys()[name])

    @dataclasses.dataclass(frozen=True)
    class More(section):  # type: ignore[valid-type, misc]
        another: bool = dataclasses.field(default=True, metadata=metadata(boolean))

    option = {name: value for name, value in OPTIONS[name].items() if name != "options"}
    assert section_differences(name, option, section) == []
    assert section_differences(name, option, More) != []


@pytest.mark.parametrize("name", ["sessions", "failover", "detection", "lifecycle", "telemetry"])
def test_a_key_that_only_the_role_describes_is_a_difference(name: str) -> None:
    field = configuration_keys()[name]
    described = " ".join(OPTIONS[name]["description"]) + " And C(another)."
    option = {"description": described}
    assert section_differences(name, option, sections_in(field)) != []


def test_a_wrong_type_of_an_option_is_a_difference() -> None:
    field = configuration_keys()["notify.command"]
    assert differences({"type": "list", "elements": "str"}, field) == []
    assert differences({"type": "list", "elements": "dict"}, field) != []
    assert differences({"type": "str"}, field) != []


def test_an_error_of_a_rendered_configuration_names_the_roles_variable() -> None:
    for name, path in EXPOSED.items():
        assert (variable_of(path), variable_of(f"{path}[0]")) == (PREFIX + name, f"{PREFIX}{name}[0]")
    assert [variable_of(path) for path in sorted(FIXED)] == sorted(FIXED)
    template = (SPECS.parents[1] / "templates" / "config.yml.j2").read_text(encoding="utf-8")
    rendered = f"# {MARK}\n" + "accounts: [{name: a, home: /h/a}]\nfailover: {cooldown: soon}\ntmux: {socket: x}\n"
    assert f"# {MARK}\n" in template
    for text, shown in [
        (rendered, "x:3: claude_failover_failover.cooldown: found 'soon'"),
        (rendered, "x:4: claude_failover_tmux_socket: found 'x'"),
        (rendered.partition("\n")[2], "x:2: failover.cooldown: found 'soon'"),
    ]:
        for form in (text, text.encode()):
            with pytest.raises(ConfigError) as caught:
                parse(form, "x")
            assert shown in str(caught.value)
