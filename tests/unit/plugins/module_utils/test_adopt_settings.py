# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption that brings the person's settings of all homes together, on the disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run, _adopt_steps
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_settings import deny_notice
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_state import merge_sources
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import Step
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    FILE,
    SharedSymlink,
    SharedSymlinkError,
    validate_all,
)
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import NAMES, picture, texts, walk
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import DATE, SECRET, SETTINGS, STATE, Machine

pytestmark = pytest.mark.usefixtures("unflushed")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))
ASIDE = f".before-adoption-{DATE}"


@pytest.fixture
def machine(base: str, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(_adopt_run, "require_unused", lambda _request: None)
    return Machine(base, settings=True).fill()


def told(result: dict[str, Any]) -> list[str]:
    """Return the notices of a run but that of the API key in STATE, which is the last one."""
    *notices, key = result["notices"]
    assert key.endswith("its key primaryApiKey is not merged; it stays in the original")
    return notices


def state_of(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.read(".claude-claude.json-shared"))
    return found


def dotfiles(machine: Machine) -> str:
    """Let a dotfiles manager hold CLAUDE.md; return the path of the link that it makes."""
    path = f"{machine.home}/CLAUDE.md"
    machine.put("dotfiles/CLAUDE.md", "of the dotfiles")
    os.unlink(path)
    os.symlink("../dotfiles/CLAUDE.md", path)
    return path


def test_a_link_of_a_dotfiles_manager_is_refused_with_the_way_to_share_its_file(machine: Machine) -> None:
    path = dotfiles(machine)
    before = picture(machine.user)
    (failure,) = machine.adopt()["failures"]
    assert failure.startswith(f"{path}: found a link to ../dotfiles/CLAUDE.md")
    assert f"{{name: CLAUDE.md, kind: file, target: {machine.user}/dotfiles/CLAUDE.md}}" in failure
    assert picture(machine.user) == before


def test_the_file_of_a_dotfiles_manager_is_shared_where_it_is_the_target(machine: Machine) -> None:
    dotfiles(machine)
    target = SharedSymlink(f"{machine.user}/dotfiles/CLAUDE.md", "CLAUDE.md", FILE)
    links = tuple(target if link.name == "CLAUDE.md" else link for link in machine.request.links)
    request = machine.request._replace(links=links)
    inode = os.stat(target.target).st_ino
    assert _adopt_run.adopt(request, check_mode=False)["failures"] == []
    for home in machine.homes:
        assert os.readlink(f"{home}/CLAUDE.md") == target.target
    assert (os.stat(target.target).st_ino, machine.read("dotfiles/CLAUDE.md")) == (inode, b"of the dotfiles")
    assert os.readlink(f"{machine.homes[0]}/CLAUDE.md{ASIDE}") == "../dotfiles/CLAUDE.md"
    assert _adopt_run.adopt(request, check_mode=False)["steps"] == []
    assert [report.created for report in validate_all(machine.homes, links)] == [(), ()]


def test_the_commands_of_the_readme_show_and_remove_every_original_and_nothing_else(machine: Machine) -> None:
    machine.put(".claude-compte1/.credentials.json.bak", "an old login")
    machine.put(".claude-compte1/notes.before-adoption", "the person's")
    machine.adopted()
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as stream:
        show, remove = re.findall(r"^find ~ .*before-adoption.*$", stream.read(), re.MULTILINE)
    environment = {"HOME": machine.user, "PATH": os.environ["PATH"]}
    shown = subprocess.run(["bash", "-c", show], env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    originals = [path for path in walk(machine.user) if ASIDE in os.path.basename(path)]
    tops = [path for path in originals if ASIDE not in os.path.dirname(path)]
    assert sorted(shown.splitlines()) == sorted(tops) != []
    before = [(path, os.lstat(path).st_ino) for path in walk(machine.user) if ASIDE not in path]
    subprocess.run(["bash", "-c", remove], env=environment, check=True, input="y\n", text=True, stderr=subprocess.PIPE)
    assert [(path, os.lstat(path).st_ino) for path in walk(machine.user)] == before
    assert machine.adopted()["steps"] == []


def test_every_home_has_every_link_and_the_module_of_the_links_finds_nothing_to_do(machine: Machine) -> None:
    settings = machine.read(".claude/settings.json")
    machine.adopted()
    for home in machine.homes:
        assert texts(home) == {name: machine.shared(name) for name in (*NAMES, *SETTINGS)}
    assert machine.read(".claude-settings.json-shared") == settings
    assert machine.read(".claude-CLAUDE.md-shared") == b"be brief"
    # As the module of the links makes it.
    assert machine.read(".claude-keybindings.json-shared") == b'{"bindings": []}'
    assert machine.read(".claude-history.jsonl-shared") == b""
    assert machine.read(f".claude-compte1/settings.json{ASIDE}") == settings
    # Of two links in a row the real CLI replaces the second one by a file.
    assert os.readlink(machine.state) == machine.shared("claude.json")
    before = picture(machine.user)
    assert machine.adopted() == {"steps": [], "notices": [], "failures": []}
    reports = validate_all(machine.homes, machine.request.links)
    assert [report.created for report in reports] == [(), ()]
    assert picture(machine.user) == before


def test_a_shared_file_is_for_its_owner_alone(machine: Machine) -> None:
    """It lay in a folder that others could not enter, and the shared root may be open to them."""
    machine.put(".claude-compte2/settings.json", "another")
    os.chmod(machine.state, 0o644)
    for home in (".claude", ".claude-compte2"):
        os.chmod(f"{machine.user}/{home}/settings.json", 0o664)
    machine.adopted()
    shared = [path for path in walk(machine.user) if "-shared" in os.path.basename(path)]
    assert len(shared) == len(NAMES) + len(SETTINGS) + 1
    assert {path: os.stat(path).st_mode & 0o077 for path in shared} == dict.fromkeys(shared, 0)


def test_what_is_written_before_it_has_its_name_is_for_its_owner_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    beside = _adopt_steps._temporary_beside

    def seen(path: str) -> Any:
        stream = beside(path)
        modes.append(os.fstat(stream.fileno()).st_mode & 0o7777)
        return stream

    monkeypatch.setattr(_adopt_steps, "_temporary_beside", seen)
    umask = os.umask(0)
    try:
        machine.adopted()
    finally:
        os.umask(umask)
    assert set(modes) == {0o600}


def test_the_file_of_the_home_in_use_wins_and_the_other_is_kept_beside_it(machine: Machine) -> None:
    machine.put(".claude-compte2/CLAUDE.md", "be long")
    machine.put(".claude-compte2/keybindings.json", "keys")
    machine.put(".claude-compte2/history.jsonl", "2\n")
    machine.put(".claude/history.jsonl", "1\n")
    machine.put(".claude-compte2/agents/theirs.md", "theirs")
    (first, second) = told(machine.adopted())
    assert machine.read(".claude-CLAUDE.md-shared") == b"be brief"
    assert machine.read(".claude-CLAUDE.md-shared.kept-claude-compte2") == b"be long"
    assert machine.read(".claude-history.jsonl-shared.kept-claude-compte2") == b"2\n"
    assert machine.read(".claude-keybindings.json-shared") == b"keys"
    assert machine.read(".claude-agents-shared/theirs.md") == b"theirs"
    assert f"{machine.shared('CLAUDE.md')}.kept-claude-compte2" in first
    assert f"{machine.shared('history.jsonl')}.kept-claude-compte2" in second


def test_a_longer_history_of_one_beginning_stays(machine: Machine) -> None:
    machine.put(".claude/history.jsonl", "1\n")
    machine.put(".claude-compte2/history.jsonl", "1\n2\n")
    assert told(machine.adopted()) == []
    assert machine.read(".claude-history.jsonl-shared") == b"1\n2\n"


@pytest.mark.parametrize("content", ["{}", ""])
def test_a_target_that_was_made_empty_is_filled(machine: Machine, content: str) -> None:
    """The role has made it before there was a home in use."""
    machine.put(".claude/keybindings.json", "keys")
    machine.put(".claude-keybindings.json-shared", '{"bindings": []}')
    for name in ("settings.json", "claude.json"):
        machine.put(f".claude-{name}-shared", content if name == "settings.json" else "{}")
    assert machine.adopted()["notices"] == [
        "%s: its key primaryApiKey is not merged; it stays in the original" % machine.state
    ]
    assert machine.read(".claude-keybindings.json-shared") == b"keys"
    assert json.loads(machine.read(".claude-settings.json-shared"))["permissions"] == {"deny": ["Bash(rm:*)"]}
    assert state_of(machine)["oauthAccount"] == STATE["oauthAccount"]


def test_an_empty_object_at_the_end_of_a_long_file_is_not_an_empty_file(machine: Machine) -> None:
    """Both are read in pieces, of which the last ones are the same length."""
    beginning = "x" * (1 << 20)
    machine.put(".claude/projects/-srv-work/one.jsonl", beginning + "{}")
    machine.put(".claude-compte2/projects/-srv-work/one.jsonl", beginning + "12")
    machine.adopted()
    there = ".claude-projects-shared/-srv-work/one.jsonl"
    assert machine.read(there).endswith(b"{}")
    assert machine.read(f"{there}.kept-claude-compte2").endswith(b"12")


def test_deny_rules_that_are_not_in_force_are_told_first_and_not_shown(machine: Machine) -> None:
    machine.put(".claude-compte2/CLAUDE.md", "be long")
    machine.put(".claude-compte2/settings.json", {"permissions": {"deny": [f"Read({SECRET})"]}})
    kept = f"{machine.shared('settings.json')}.kept-claude-compte2"
    foreseen, notices = machine.adopt(check=True)["notices"], machine.adopted()["notices"]
    assert foreseen == notices
    assert notices[0].startswith(f"{kept}: its deny rules are not in force")
    assert len(notices) == 4
    # Until somebody has looked: the run that told it may have been killed.
    assert machine.adopted() == {"steps": [], "notices": notices[:1], "failures": []}
    os.unlink(kept)
    assert machine.adopted()["notices"] == []


def test_deny_rules_that_the_used_settings_have_too_are_not_told(machine: Machine) -> None:
    machine.put(".claude-compte2/settings.json", {"permissions": {"deny": ["Bash(rm:*)"]}, "model": "x"})
    (notice,) = told(machine.adopted())
    assert "deny" not in notice


def test_the_deny_rules_of_a_first_home_are_told_where_settings_are_not_shared(machine: Machine) -> None:
    machine.settings = False
    machine.put(".claude-compte1/settings.json", {"permissions": {"deny": ["Read(/x)"]}})
    notices = machine.adopted()["notices"]
    assert notices[0].startswith(f"{machine.home}/settings.json.kept-claude-compte1: its deny rules are not in force")


@pytest.mark.parametrize(
    ("used", "kept", "expected"),
    [
        ({"permissions": {"deny": ["a", "b"]}}, {"permissions": {"deny": ["b"]}}, ""),
        ({}, {"permissions": {"deny": ["b"]}}, "these are not in used, which is used; add them there"),
        ({"permissions": {"deny": "b"}}, {"permissions": {"deny": ["b"]}}, "these are not in used"),
        ({}, {"permissions": []}, ""),
        ({}, "no JSON", "it or used, which is used, is not valid; compare the two"),
        ("no JSON", {}, "it or used, which is used, is not valid; compare the two"),
    ],
)
def test_which_deny_rules_are_told(used: object, kept: object, expected: str) -> None:
    contents = [(one if isinstance(one, str) else json.dumps(one)).encode() for one in (used, kept)]
    told = deny_notice("used", contents[0], "kept", contents[1])
    assert expected in told
    assert bool(told) == bool(expected)


def test_the_state_files_of_all_homes_become_one(machine: Machine) -> None:
    theirs = {
        "oauthAccount": {"emailAddress": SECRET + "2"},
        "primaryApiKey": SECRET + "2",
        "cachedGrowthBookFeatures": {"x": 1},
        "mcpServers": {"tool": {"command": "another"}, "more": {"command": "more"}},
        "projects": {"/srv/theirs": {"hasTrustDialogAccepted": True}},
    }
    machine.put(".claude-compte2/.claude.json", theirs)
    notices = machine.adopted()["notices"]
    state = state_of(machine)
    assert state["oauthAccount"] == STATE["oauthAccount"]
    assert state["projects"].keys() == {"/srv/work", "/srv/theirs"}
    assert state["mcpServers"] == {**STATE["mcpServers"], "more": {"command": "more"}}  # type: ignore[dict-item]
    assert state.keys() == STATE.keys() - {"primaryApiKey"}
    second = f"{machine.homes[1]}/.claude.json"
    assert [notice.split(":")[0] for notice in notices] == [machine.state, second, second]
    assert "its MCP server tool is another one" in notices[2]
    assert json.loads(machine.read(f".claude-compte2/.claude.json{ASIDE}")) == theirs
    assert machine.read(".claude.json") == machine.read(".claude-compte2/.claude.json")
    assert json.loads(machine.read(f".claude.json{ASIDE}")) == STATE


def test_a_state_without_an_api_key_is_taken_over_byte_for_byte(machine: Machine) -> None:
    content = b'{ "hasCompletedOnboarding":true,\n"oauthAccount": {}}\n'
    machine.put(".claude.json", content)
    machine.adopted()
    assert machine.read(".claude-claude.json-shared") == content


def test_the_identity_of_the_active_account_is_shared(machine: Machine) -> None:
    """An adopted machine whose second account is active, and whose settings are brought together now."""
    machine.settings = False
    machine.put(".claude-compte2/.claude.json", {"oauthAccount": {"emailAddress": "second"}, "theme": "dark"})
    machine.put(".claude-compte2/settings.json", {"model": "theirs"})
    machine.adopted()
    os.unlink(machine.home)
    os.symlink(machine.homes[1], machine.home)
    machine.settings = True
    machine.adopted()
    state = state_of(machine)
    assert state["oauthAccount"] == {"emailAddress": "second"}
    assert state["mcpServers"] == STATE["mcpServers"]
    assert b"deny" in machine.read(".claude-settings.json-shared"), "the first account's settings win"
    assert os.readlink(machine.home) == machine.homes[1]
    assert os.readlink(machine.state) == machine.shared("claude.json")
    assert os.readlink(f"{machine.state}{ASIDE}-2") == ".claude/.claude.json"
    assert machine.adopted()["steps"] == []


def test_the_identity_of_the_first_homes_login_is_shared(machine: Machine) -> None:
    os.unlink(f"{machine.home}/.credentials.json")
    machine.put(".claude-compte1/.credentials.json", "first")
    machine.put(".claude-compte1/.claude.json", {"oauthAccount": {"emailAddress": "first"}})
    machine.put(".claude-compte1/skills/mine/SKILL.md", "mine")
    machine.adopted()
    state = state_of(machine)
    assert state["oauthAccount"] == {"emailAddress": "first"}
    assert state["mcpServers"] == STATE["mcpServers"]
    assert machine.read(".claude-skills-shared/mine/SKILL.md") == b"mine"
    assert machine.read(f".claude-compte1{ASIDE}/skills{ASIDE}/mine/SKILL.md") == b"mine"


def test_a_hook_in_the_folder_of_hooks_can_be_called_under_every_account(machine: Machine) -> None:
    os.chmod(machine.put(".claude/hooks/guard.sh", "guard"), 0o755)
    machine.put(".claude-compte2/hooks/other.sh", "other")
    machine.adopted()
    for home in machine.homes:
        assert os.readlink(f"{home}/hooks") == machine.shared("hooks")
        assert sorted(os.listdir(f"{home}/hooks")) == ["guard.sh", "other.sh"]
        assert os.stat(f"{home}/hooks/guard.sh").st_mode & 0o777 == 0o755


def test_scripts_that_only_one_home_has_are_told_and_not_what_is_passed_to_them(machine: Machine) -> None:
    def hook(command: str) -> list[Any]:
        return [{"matcher": "Bash", "hooks": [{"type": "command", "command": f"{command} {SECRET}"}]}]

    machine.put(
        ".claude/settings.json",
        {
            "hooks": {"PreToolUse": hook("~/.claude/guard.sh") + hook("~/.claude/hooks/shared.sh"), "Stop": hook("x")},
            "statusLine": {"command": f"TOKEN={SECRET} bash $CLAUDE_CONFIG_DIR/statusline.sh >> ~/.claude/log"},
        },
    )
    machine.put(".claude.json", {"mcpServers": {"x": {"command": f"{machine.home}/server.py", "args": [SECRET]}}})
    for name in ("guard.sh", "statusline.sh", "log", "hooks/shared.sh", "server.py"):
        machine.put(f".claude/{name}", "script")
    foreseen, notices = machine.adopt(check=True)["notices"], machine.adopted()["notices"]
    assert foreseen == notices
    first, second = machine.homes
    named = f"a command of the settings or an MCP server names it, and it is missing in {second}"
    mend = (
        f"; move it to a folder outside of the homes, or to {machine.home}/hooks, which all accounts share, and "
        "correct its path where it is named"
    )
    guarded = f"a hook for PreToolUse or PermissionRequest calls it, and it is missing in {second}"
    effect = ": after a switch there, what it denies can be let through"
    assert notices == [
        f"{first}/guard.sh: {guarded}{effect}{mend}",
        f"{first}/statusline.sh: {named}{mend}",
        f"{first}/server.py: {named}{mend}",
    ]
    # Until somebody has moved them: the run that told it may have been killed.
    assert machine.adopted() == {"steps": [], "notices": notices, "failures": []}
    for name in ("guard.sh", "statusline.sh"):
        machine.put(f".claude-compte2/{name}", "script")
    os.unlink(f"{first}/server.py")
    assert machine.adopted()["notices"] == []


def test_scripts_of_the_first_home_and_the_one_in_use_are_those_of_one_home(machine: Machine) -> None:
    machine.put(".claude/settings.json", {"apiKeyHelper": "~/.claude/one.sh", "otelHeadersHelper": "~/.claude/two.sh"})
    machine.put(".claude-compte1/one.sh", "one")
    machine.put(".claude-compte2/one.sh", "one")
    machine.put(".claude-compte2/two.sh", "two")
    (notice,) = told(machine.adopted())
    first, second = machine.homes
    assert notice.startswith(f"{second}/two.sh: a command of the settings")
    assert f"it is missing in {first};" in notice
    assert machine.adopted()["notices"] == [notice]


def test_scripts_are_told_where_a_home_is_still_to_be_made(machine: Machine) -> None:
    shutil.rmtree(machine.homes[1])
    machine.put(".claude/settings.json", {"apiKeyHelper": "~/.claude/one.sh"})
    machine.put(".claude/one.sh", "one")
    (notice,) = told(machine.adopted())
    assert f"it is missing in {machine.homes[1]};" in notice


@pytest.mark.parametrize(
    "settings",
    ["no JSON", "", {"apiKeyHelper": "~/.claude/" + "x" * 300}, {"apiKeyHelper": "~/.claude/loop/x"}],
)
def test_settings_whose_scripts_are_not_known_are_adopted(machine: Machine, settings: Any) -> None:
    machine.put(".claude/settings.json", settings)
    os.symlink("loop", f"{machine.home}/loop")
    assert told(machine.adopted()) == []


def test_the_scripts_of_settings_that_are_not_shared_are_not_told(machine: Machine) -> None:
    machine.settings = False
    machine.put(".claude/settings.json", {"apiKeyHelper": "~/.claude/one.sh"})
    machine.put(".claude/one.sh", "one")
    assert machine.adopted()["notices"] == []


def test_a_link_into_the_persons_own_folders_leads_there_from_its_new_place(machine: Machine) -> None:
    """Skills are often links to a folder of dotfiles, relative ones."""
    machine.put("dotfiles/skill/SKILL.md", "dot")
    os.makedirs(f"{machine.home}/skills/whole")
    os.symlink("../../dotfiles/skill", f"{machine.home}/skills/dot")
    os.symlink("whole", f"{machine.home}/skills/inner")
    os.symlink("../skills/whole", f"{machine.home}/skills/around")
    machine.adopted()
    assert os.path.samefile(f"{machine.shared('skills')}/around", f"{machine.shared('skills')}/whole")
    assert machine.read(".claude/skills/dot/SKILL.md") == b"dot"
    assert os.readlink(f"{machine.shared('skills')}/inner") == "whole"
    assert machine.adopted()["steps"] == []


def test_settings_that_are_a_link_of_the_persons_are_refused(machine: Machine) -> None:
    dots = machine.put("dotfiles/CLAUDE.md", "dot")
    os.unlink(f"{machine.home}/CLAUDE.md")
    os.symlink(dots, f"{machine.home}/CLAUDE.md")
    before = picture(machine.base)
    (failure,) = machine.adopt()["failures"]
    assert f"{machine.home}/CLAUDE.md: found a link to {dots}, expected one to" in failure
    assert picture(machine.base) == before


@pytest.mark.parametrize("name", [".credentials.json", "settings.json.lock", ".storage-write.lock"])
def test_logins_and_locks_are_never_shared(machine: Machine, name: str) -> None:
    request = machine.request
    request = request._replace(links=(*request.links, request.links[-1]._replace(name=name, target="/srv/x")))
    before = picture(machine.base)
    (failure,) = _adopt_run.adopt(request, check_mode=False)["failures"]
    assert f"link name {name!r}" in failure
    assert picture(machine.base) == before


def test_a_login_stays_where_it_is(machine: Machine) -> None:
    machine.adopted()
    assert machine.logins() == [f"{home}/.credentials.json" for home in machine.homes]


def test_check_mode_names_every_file(machine: Machine) -> None:
    machine.put(".claude/plugins/cache/market/plugin/commands/x.md", "x")
    machine.put(".claude-compte2/settings.json", {"permissions": {"deny": ["x"]}})
    before = picture(machine.user)
    foreseen = machine.adopt(check=True)
    assert picture(machine.user) == before
    named = {step[key] for step in foreseen["steps"] for key in ("path", "source")}
    files = [path for path in walk(machine.user) if os.path.isfile(path) and ".credentials" not in path]
    assert [path for path in files if path not in named] == []
    assert machine.adopted() == foreseen


def test_a_file_that_changes_meanwhile_stops_the_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = _adopt_steps._write_copy

    def late(step: Step) -> str:
        temporary = copy(step)
        if step.source.endswith("CLAUDE.md"):
            machine.put(".claude/CLAUDE.md", "be brief, and kind")
        return temporary

    monkeypatch.setattr(_adopt_steps, "_write_copy", late)
    (failure,) = machine.adopt()["failures"]
    assert "run again" in failure
    monkeypatch.undo()
    monkeypatch.setattr(_adopt_run, "require_unused", lambda _request: None)
    machine.adopted()
    assert machine.read(".claude-CLAUDE.md-shared") == b"be brief, and kind"


def test_a_shared_state_is_completed_and_its_original_kept(machine: Machine) -> None:
    machine.put(".claude-claude.json-shared", {"theme": "dark", "oauthAccount": {"emailAddress": "there"}})
    machine.adopted()
    assert state_of(machine)["theme"] == "dark"
    assert state_of(machine)["oauthAccount"] == {"emailAddress": "there"}
    assert state_of(machine)["mcpServers"] == STATE["mcpServers"]
    assert json.loads(machine.read(f".claude-claude.json-shared{ASIDE}"))["theme"] == "dark"


def test_nothing_in_use_is_nothing_to_share(base: str) -> None:
    machine = Machine(base, settings=True)
    before = picture(base)
    assert machine.adopted()["steps"] == []
    assert picture(base) == before


def test_links_that_lead_nowhere_get_their_targets(machine: Machine) -> None:
    os.symlink(machine.shared("themes"), f"{machine.home}/themes")
    machine.adopted()
    assert os.path.isdir(machine.shared("themes"))


def test_a_broken_state_of_another_home_is_refused(machine: Machine) -> None:
    machine.put(".claude-compte2/.claude.json", "{" + SECRET)
    (failure,) = machine.adopt()["failures"]
    assert f"{machine.homes[1]}/.claude.json" in failure
    assert "is not valid JSON" in failure


def test_before_the_adoption_the_module_of_the_links_refuses(machine: Machine) -> None:
    """Shows that the first test can fail."""
    with pytest.raises(SharedSymlinkError):
        validate_all([machine.home], machine.request.links)


def test_sources_that_say_nothing_new_leave_the_content_as_it_is() -> None:
    content, notices = merge_sources(b'{"a":1}', [])
    assert (content, notices) == (b'{"a":1}', [])
