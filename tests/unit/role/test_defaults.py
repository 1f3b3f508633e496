# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that the role's variables, templates and handlers agree with one another and with the daemon."""

from __future__ import annotations

import glob
import json
import os
import pathlib
import re
import shlex
import subprocess
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.filter import claude_failover_drift, claude_failover_sharing
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import required_shared, shared_symlink
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import SETTINGS

from claude_failover.claude.settings import HOOK_EVENTS, own_settings
from claude_failover.config import defaults
from claude_failover.doctor import homes

ROLE = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))),
    "roles",
    "claude_failover",
)


def read(name: str) -> Any:
    with open(os.path.join(ROLE, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


DEFAULTS = read("defaults/main.yml")
VARS = read("vars/main.yml")
SPECS = read("meta/argument_specs.yml")["argument_specs"]
OPTIONS = SPECS["main"]["options"]
# Public variables since 0.4.0.
CONTRACT = [
    "state",
    "user",
    "group",
    "create_user",
    "home",
    "accounts",
    "active_link",
    "shared_root",
    "shared_links",
    "shared_settings",
    "sessions",
    "removed_sessions",
    "restart_sessions",
    "failover",
    "detection",
    "lifecycle",
    "tmux_socket",
    "tmux_extra_config",
    "control_group",
    "metrics_textfile_dir",
    "notify_command",
    "notify_urls",
    "notify_waiting_after",
    "log_level",
    "telemetry",
    "service_enabled",
    "service_state",
    "claude_install",
    "claude_version",
    "seed_trust",
    "keep_releases",
]


def test_the_public_variables_are_those_of_the_contract() -> None:
    assert set(DEFAULTS) == {f"claude_failover_{name}" for name in CONTRACT}


def test_defaults_and_documented_defaults_are_equal() -> None:
    assert {name: option["default"] for name, option in OPTIONS.items()} == DEFAULTS


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_has_a_description_and_a_type(name: str) -> None:
    assert OPTIONS[name]["description"]
    assert OPTIONS[name]["type"] in ("str", "bool", "int", "float", "list", "dict")


def test_every_variable_is_declared_and_used() -> None:
    declared = set(DEFAULTS) | set(VARS) | {name for entry in SPECS.values() for name in entry["options"]}
    used: set[str] = set()
    for path in glob.glob(os.path.join(ROLE, "*", "*")):
        if os.path.isfile(path) and "/files/" not in path:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            declared |= set(re.findall(r"^ *register: (\w+)", text, re.MULTILINE))
            # A variable stands in an expression; a tag or a group of hosts may share the prefix. A dot precedes the
            # name of a plugin.
            for expression in re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL):
                used |= set(re.findall(r"(?<!\.)\b_?_?claude_failover_\w+", expression))
            used |= set(re.findall(r"\b__claude_failover_\w+", text))
    assert used - declared == set()
    assert {name for name in declared if name.startswith("__")} - used == set()


def test_internal_variables_have_the_internal_prefix() -> None:
    assert {name for name in VARS if not name.startswith("__claude_failover_")} == set()


def test_the_paths_are_the_defaults_of_the_daemon() -> None:
    assert VARS["__claude_failover_config_dir"] + "/config.yml" == defaults.CONFIG
    assert VARS["__claude_failover_control_socket"] == defaults.CONTROL_SOCKET
    assert VARS["__claude_failover_state_dir"] == defaults.STATE_DIR
    assert DEFAULTS["claude_failover_tmux_socket"] == defaults.TMUX_SOCKET


def test_the_template_and_the_daemon_render_the_same_session_settings() -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701  JSON, not HTML
    environment.filters["quote"] = shlex.quote
    environment.filters["to_nice_json"] = lambda value, indent, sort_keys: json.dumps(value)
    with open(os.path.join(ROLE, "templates", "claude-settings.json.j2"), encoding="utf-8") as file:
        made = json.loads(environment.from_string(file.read()).render(**VARS))
    launcher, socket = VARS["__claude_failover_launcher"], VARS["__claude_failover_control_socket"]
    assert made == own_settings(launcher, socket)
    assert set(VARS["__claude_failover_hook_events"]) == set(HOOK_EVENTS)


def test_nothing_restarts_the_tmux_server() -> None:
    for handler in read("handlers/main.yml"):
        assert "tmux" not in json.dumps({key: value for key, value in handler.items() if key not in ("when", "name")})
    for path in glob.glob(os.path.join(ROLE, "tasks", "*.yml")):
        for task in read(os.path.relpath(path, ROLE)):
            unit = task.get("ansible.builtin.systemd_service", {})
            if "tmux" in str(unit.get("name", "")):
                assert "restarted" not in str(unit)
                assert "reloaded" not in str(unit)


def test_the_daemon_restarts_for_its_unit_and_the_files_it_reads_at_start() -> None:
    files = VARS["__claude_failover_config_files"] + VARS["__claude_failover_unit_files"]
    assert [entry["path"] for entry in files if entry.get("restart")] == [
        "{{ __claude_failover_config_dir }}/config.yml",
        "{{ __claude_failover_config_dir }}/claude-settings.json",
        "{{ __claude_failover_daemon_unit }}",
    ]


def test_a_new_user_gets_its_group_even_if_the_group_exists() -> None:
    tasks = {task["name"]: task for task in read("tasks/prepare.yml")}
    user, group = tasks["Create the sessions' user"], tasks["Create the sessions' group"]
    assert user["ansible.builtin.user"]["group"] == "{{ claude_failover_group }}"
    assert group["ansible.builtin.group"]["name"] == "{{ claude_failover_group }}"
    assert user["when"] == group["when"]


def npm(folder: pathlib.Path, version: str, *packages: str) -> subprocess.CompletedProcess[str]:
    """Run the installation of the Claude Code CLI with an npm that unpacks these packages; return its end."""
    program = folder / "npm"
    program.write_text(
        "#!/bin/sh\nfor word; do case $word in --prefix=*) prefix=${word#--prefix=};; esac; done\n"
        f'echo "$@" >>{folder}/calls\nmain=$prefix/lib/node_modules/@anthropic-ai/claude-code\n'
        "mkdir -p $main/bin $prefix/bin\n"
        f'printf \'{{"version": "{version}", "x": "{" ".join(packages)}"}}\' >$main/package.json\n'
        f"printf '#!/bin/sh\\ntouch {folder}/ran\\n' >$main/bin/claude.exe\nchmod +x $main/bin/claude.exe\n"
        "ln -s ../lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe $prefix/bin/claude\n"
        f"for name in {' '.join(packages)}; do package=$main/node_modules/@anthropic-ai/$name; mkdir -p $package\n"
        f'printf \'{{"version": "{version}"}}\' >$package/package.json\n'
        f"printf '#!/bin/sh\\ntouch {folder}/ran; echo %s' $name >$package/claude; chmod +x $package/claude; done\n"
    )
    program.chmod(0o755)
    return subprocess.run(
        [
            *("sh", "-c", 'umask 077; exec "$@"', "sh"),
            *("sh", "-ec", VARS["__claude_failover_claude_script"], "sh", str(folder / "opt" / "1.0.5"), "1.0.5"),
        ],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
NATIVE = f"claude-code-linux-{ARCHITECTURE}"


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([f"{NATIVE}-musl", NATIVE, "claude-code-linux-other"], NATIVE),
        ([f"{NATIVE}-musl"], f"{NATIVE}-musl"),
        ([], ""),
    ],
    ids=["both", "musl", "script"],
)
def test_the_command_claude_is_the_native_program(tmp_path: pathlib.Path, packages: list[str], expected: str) -> None:
    done = npm(tmp_path, "1.0.5", *packages)
    assert done.returncode == 0, done.stderr
    assert "--ignore-scripts" in (tmp_path / "calls").read_text().split()
    assert not (tmp_path / "ran").exists(), "nothing of the packages is run"
    prefix = tmp_path / "opt" / "1.0.5"
    assert os.listdir(prefix.parent) == ["1.0.5"]
    program = prefix / "bin" / "claude"
    modes = [oct(path.stat().st_mode & 0o777) for path in (prefix, prefix / "bin", program)]
    assert modes == ["0o755"] * 3, "the sessions' user can run it under any umask"
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip() == expected


@pytest.mark.parametrize(
    ("version", "packages", "message"),
    [
        ("1.0.5", ["claude-code-linux-other"], f"expected @anthropic-ai/{NATIVE}"),
        ("1.0.50", [NATIVE], "another version than 1.0.5"),
    ],
)
def test_a_wrong_installation_of_claude_is_refused(
    tmp_path: pathlib.Path, version: str, packages: list[str], message: str
) -> None:
    done = npm(tmp_path, version, *packages)
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "opt" / "1.0.5").exists()


def test_the_uninstallation_does_not_name_what_it_must_keep() -> None:
    for name in ("absent.yml", "remove.yml"):
        with open(os.path.join(ROLE, "tasks", name), encoding="utf-8") as file:
            text = file.read()
        for word in ("state_directories", "accounts", "_home", "shared", "active_link", "builtin.user", "builtin.file"):
            assert word not in text.split("\n", 2)[2]


def test_the_role_passes_every_documented_result_and_option_to_the_drift_filter() -> None:
    options = yaml.safe_load(claude_failover_drift.DOCUMENTATION)["options"]
    results = options.pop("_input")["suboptions"]
    present, absent = VARS["__claude_failover_drift"], VARS["__claude_failover_drift_absent"]
    assert set(re.findall(r"'(\w+)': ", present + absent)) == set(results)
    assert re.findall(r"^ *(\w+)=", present, re.MULTILINE) == list(options)


def test_the_readme_lists_every_public_variable_in_order() -> None:
    with open(os.path.join(os.path.dirname(os.path.dirname(ROLE)), "README.md"), encoding="utf-8") as file:
        listed = re.findall(r"^\| `(claude_failover_\w+)` \|", file.read(), re.MULTILINE)
    assert listed == list(DEFAULTS)


def test_the_person_s_entries_are_those_that_are_documented_with_their_usual_targets() -> None:
    links = VARS["__claude_failover_settings_links"]
    names = [link["name"] for link in links]
    with open(os.path.join(ROLE, "README.md"), encoding="utf-8") as file:
        readme = " ".join(file.read().split())
    text = " ".join(OPTIONS["claude_failover_shared_settings"]["description"][0].split())
    assert ", ".join(f"C({name})" for name in names[:-1]) + f" and C({names[-1]})." in text
    assert ", ".join(f"`{name}`" for name in names[:-1]) + f" and `{names[-1]}`" in readme
    prefix = "{{ __claude_failover_target_prefix }}"
    for link in links:
        usual = shared_symlink("/root", link["name"], link["kind"])
        assert link == usual._asdict() | {"target": link["target"]}
        assert link["target"].replace(prefix, "/root/.claude-") == usual.target
    assert not set(names) & ({link.name for link in required_shared("/root")} | {".credentials.json"})


def test_doctor_compares_what_is_shared() -> None:
    """But not what there is of running sessions only, which no switch loses; and the local settings, never shared."""
    read = {name.partition("/")[0] for name in homes.READERS}
    shared = {link["name"] for link in VARS["__claude_failover_settings_links"]}
    assert read == shared - {"sessions", "shell-snapshots"} | {"settings.local.json"}


def test_the_entries_of_the_tests_are_those_of_the_role() -> None:
    assert {link["name"]: link["kind"] for link in VARS["__claude_failover_settings_links"]} == SETTINGS


def test_the_role_passes_every_documented_option_to_the_sharing_filter() -> None:
    options = yaml.safe_load(claude_failover_sharing.DOCUMENTATION)["options"]
    call = VARS["__claude_failover_sharing"]
    assert set(re.findall(r"^ *(\w+)=", call, re.MULTILINE)) == set(options) - {"_input"}
