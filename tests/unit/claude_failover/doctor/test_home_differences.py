# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what doctor says of the differences between the accounts' homes, on real homes."""

from __future__ import annotations

import json
import os
import pathlib
import textwrap
from dataclasses import replace

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import shared_symlink
from switch_world import World

from claude_failover.claude import home_entries
from claude_failover.cli import host_look
from claude_failover.common import clock
from claude_failover.doctor.homes import check_home_differences

SECRET = "PLANTED-secret"


class Homes:
    """Two accounts with empty homes, and what is said of them."""

    def __init__(self, folder, names="ab"):
        self.world = World(folder, names)

    def write(self, account, name, content):
        path = pathlib.Path(self.world.home(account), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def found(self):
        return list(check_home_differences(self.world.config))

    def wrong(self):
        """Return what is not right, without the part that is the same in every line."""
        rows = [row for row in self.found() if row.level != "ok"]
        assert all(row.expected and row.mend for row in rows)
        return [(row.name, row.level, row.found.partition("not the same under every account: ")[2]) for row in rows]


@pytest.fixture
def homes(tmp_path):
    return Homes(tmp_path)


def deny(*rules):
    return {"permissions": {"deny": list(rules)}}


def test_homes_that_hold_the_same_differ_in_nothing(homes):
    for account in "ab":
        homes.write(account, "settings.json", {**deny("Bash(rm:*)"), "hooks": {"Stop": []}, "model": "opus"})
        homes.write(account, "agents/one.md", "one")
        homes.write(account, ".claude.json", {"mcpServers": {"x": {"command": "x"}}, "oauthAccount": account})
    assert [(row.name, row.level) for row in homes.found()] == [("deny_rules", "ok"), ("homes", "ok")]
    assert homes.found()[0].found == "every account has the same deny rules in settings.json (1)"


def test_one_account_has_nothing_to_be_compared_with(tmp_path):
    homes = Homes(tmp_path, "a")
    homes.write("a", "settings.json", deny("Bash"))
    assert homes.found() == []


def test_deny_rules_that_a_switch_loses_come_first_and_are_an_error(homes):
    homes.write("a", "settings.json", {**deny("Read(/private/x)", "Bash(rm:*)"), "model": "opus"})
    homes.write("b", "settings.json", deny("Bash(rm:*)", "WebFetch", "WebSearch"))
    homes.write("a", "CLAUDE.md", "text")
    first, second, *more = homes.found()
    assert [(row.name, row.level) for row in (first, second)] == [("deny_rules", "error")] * 2
    assert {row.level for row in more} == {"warning"}
    assert first.found == (
        "the account a lacks 2 deny rules of settings.json that another account has: what is denied before a switch to "
        f"it is allowed afterwards ({homes.world.home('a')}/settings.json)"
    )
    assert "the account b lacks 1 deny rule of settings.json" in second.found
    assert homes.world.home("b") in second.mend and "secuaas.claude.adopt" in second.mend
    steps = ("claude-failover stop NAME", "/exit", "secuaas.claude.adopt", "secuaas.claude.site")
    assert sorted(steps, key=second.mend.find) == list(steps) and all(step in second.mend for step in steps)
    assert "private" not in str(homes.found())


def test_the_same_rules_in_another_order_or_twice_are_the_same(homes):
    homes.write("a", "settings.json", deny("A", "B"))
    homes.write("b", "settings.json", deny("B", "A", "A"))
    assert homes.wrong() == []


def test_deny_rules_of_the_local_settings_are_compared_too(homes):
    """Sessions in the folder that holds the active link have them."""
    homes.write("a", "settings.local.json", {**deny("Read(/private/x)"), "hooks": {"PreToolUse": [SECRET]}})
    assert homes.wrong() == [
        ("deny_rules", "error", ""),
        ("settings", "warning", "settings.local.json (b lacks hooks)"),
    ]
    first = homes.found()[0]
    path = f"{homes.world.home('b')}/settings.local.json"
    assert first.found == (
        "the account b lacks 1 deny rule of settings.local.json that another account has: what is denied before a "
        f"switch to it is allowed afterwards ({path})"
    )
    assert first.mend == f"add the rules to {path}, or move them to the settings.json of every home"
    assert "private" not in str(homes.found()) and SECRET not in str(homes.found())
    homes.write("b", "settings.local.json", {**deny("Read(/private/x)"), "hooks": {"PreToolUse": [SECRET]}})
    assert homes.wrong() == []
    assert homes.found()[0].found == (
        "every account has the same deny rules in settings.json (0) and settings.local.json (1)"
    )


def test_other_rules_of_the_local_settings_are_told_without_those_that_are_denied(homes):
    homes.write("a", "settings.local.json", {"permissions": {"deny": ["A"], "allow": [SECRET]}})
    homes.write("b", "settings.local.json", {"permissions": {"deny": ["A"], "allow": ["other"]}})
    assert homes.wrong() == [("settings", "warning", "settings.local.json (different: permissions)")]
    homes.write("b", "settings.local.json", {"permissions": {"deny": ["A", "B"], "allow": [SECRET]}})
    assert homes.wrong() == [("deny_rules", "error", "")]


def test_an_account_that_is_held_out_is_a_warning(homes):
    homes.write("a", "settings.json", deny("A"))
    first, second = homes.world.config.accounts
    homes.world.configure(accounts=(first, replace(second, enabled=False)))
    assert homes.wrong() == [("deny_rules", "warning", "")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f'{{"env": {{"X": "{SECRET}"', "no JSON"),
        (f'["{SECRET}"]', "no JSON object"),
        (os.mkfifo, "a FIFO"),
        (os.mkdir, "a directory"),
        (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("denied", [True, False])
@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_settings_that_cannot_be_read_are_told_and_not_waited_for(homes, name, content, why, denied):
    if denied:
        homes.write("a", name, deny("A"))
    path = os.path.join(homes.world.home("b"), name)
    if isinstance(content, str):
        homes.write("b", name, content)
    else:
        content(path)
    ((finding, level, _rest),) = homes.wrong()
    assert (finding, level) == (("deny_rules", "error") if denied else ("home_entry", "warning"))
    (row,) = [row for row in homes.found() if row.level != "ok"]
    assert why in row.found and path in row.found
    assert SECRET not in str(homes.found())


def test_permissions_hooks_plugins_and_other_settings_are_told_by_name_or_number(homes):
    homes.write(
        "a",
        "settings.json",
        {
            "permissions": {"allow": ["x", "y"], "ask": ["z"], "defaultMode": "plan", "additionalDirectories": ["/x"]},
            "hooks": {"PreToolUse": [SECRET], "Stop": [1]},
            "enabledPlugins": {"p@m": True, "q@m": True},
            "env": {"TOKEN": SECRET},
            "model": SECRET,
        },
    )
    homes.write(
        "b",
        "settings.json",
        {
            "permissions": {"allow": ["y"], "defaultMode": "acceptEdits"},
            "hooks": {"Stop": [True]},
            "enabledPlugins": {"p@m": False},
            "env": {"TOKEN": "other"},
            "theme": "dark",
        },
    )
    permissions = "b lacks 1 ask rule; b lacks 1 allow rule; b lacks additionalDirectories; different: defaultMode"
    assert homes.wrong() == [
        ("permissions", "warning", f"the permissions ({permissions})"),
        ("hooks", "warning", "the hooks (b lacks PreToolUse; different: Stop)"),
        ("plugins", "warning", "the plugins that are on (b lacks q@m; different: p@m)"),
        ("settings", "warning", "other settings (b lacks model; a lacks theme; different: env)"),
    ]
    assert SECRET not in str(homes.found()) and "TOKEN" not in str(homes.found())


@pytest.mark.parametrize(
    "entry", ["agents", "commands", "skills", "hooks", "rules", "output-styles", "themes", "workflows"]
)
def test_files_below_a_folder_are_told_by_name(homes, entry):
    homes.write("a", f"{entry}/one/SKILL.md", SECRET)
    homes.write("b", f"{entry}/one/SKILL.md", SECRET + "!")
    homes.write("b", f"{entry}/two.md", SECRET)
    assert homes.wrong() == [("home_entry", "warning", f"{entry} (a lacks two.md; different: one/SKILL.md)")]
    assert SECRET not in str(homes.found())


@pytest.mark.parametrize(("entry", "content"), [("CLAUDE.md", "text"), ("keybindings.json", '{"bindings": []}')])
def test_a_file_that_one_home_lacks(homes, entry, content):
    homes.write("a", entry, content)
    ((name, level, rest),) = homes.wrong()
    assert (name, level) == ("home_entry", "warning")
    assert rest in (f"{entry} (b lacks the content)", f"{entry} (b lacks bindings)")
    homes.write("b", entry, content)
    assert homes.wrong() == []


@pytest.mark.parametrize(
    ("entry", "content"), [("CLAUDE.md", ""), ("keybindings.json", "{}"), ("keybindings.json", "")]
)
def test_an_empty_entry_is_as_good_as_none(homes, entry, content):
    homes.write("a", entry, content)
    os.mkdir(os.path.join(homes.world.home("a"), "agents"))
    assert homes.wrong() == []


def test_plugins_are_told_by_name(homes):
    homes.write("a", "plugins/installed_plugins.json", {"version": 2, "plugins": {"p@m": [{"installPath": SECRET}]}})
    homes.write("a", "plugins/known_marketplaces.json", {"m": {"source": SECRET}})
    assert homes.wrong() == [
        ("plugins", "warning", "the plugins (b lacks p@m)"),
        ("plugins", "warning", "the marketplaces of plugins (b lacks m)"),
    ]
    homes.write("b", "plugins/installed_plugins.json", {"version": 2, "plugins": {"p@m": [{"installPath": "x"}]}})
    homes.write("b", "plugins/known_marketplaces.json", {"m": {"source": "x"}})
    assert homes.wrong() == [], "where and when they were installed is each home's own"


def test_links_to_one_target_do_not_differ_whatever_it_is(homes, tmp_path):
    """A folder that is too large to be compared is none to compare where all accounts share it."""
    for number, name in enumerate(("settings.json", "CLAUDE.md", "history.jsonl", ".claude.json")):
        target = tmp_path / f"shared-{name}"
        target.write_text(json.dumps({"permissions": {"deny": ["A"]}, "mcpServers": {"x": number}}), encoding="utf-8")
        for account in "ab":
            os.symlink(target, os.path.join(homes.world.home(account), name))
    (tmp_path / "shared-skills").mkdir()
    os.mkfifo(tmp_path / "shared-skills" / "fifo")
    os.symlink(tmp_path / "shared-skills", os.path.join(homes.world.home("a"), "skills"))
    os.symlink("../shared-skills", os.path.join(homes.world.home("b"), "skills"))
    for number in range(home_entries.MOST_ENTRIES + 1):
        (tmp_path / "shared-skills" / str(number)).touch()
    assert homes.wrong() == []


def test_a_configured_link_that_is_still_to_be_made_counts_as_made(homes, tmp_path):
    link = shared_symlink(str(tmp_path), "settings.json", "file")
    pathlib.Path(link.target).write_text(json.dumps(deny("A")), encoding="utf-8")
    os.symlink(link.target, os.path.join(homes.world.home("a"), "settings.json"))
    assert [name for name, _level, _rest in homes.wrong()] == ["deny_rules"]
    homes.world.configure(shared_links=(*homes.world.config.shared_links, link))
    assert homes.wrong() == []


def test_no_link_below_an_entry_is_followed(homes, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x", encoding="utf-8")
    for account in "ab":
        os.makedirs(os.path.join(homes.world.home(account), "skills"))
        os.symlink(outside, os.path.join(homes.world.home(account), "skills", "linked"))
    os.symlink("loop", os.path.join(homes.world.home("a"), "skills", "loop"))
    os.symlink("/nowhere", os.path.join(homes.world.home("b"), "skills", "dangling"))
    os.chmod(outside, 0o000)
    assert homes.wrong() == [("home_entry", "warning", "skills (a lacks dangling; b lacks loop)")]
    os.chmod(outside, 0o700)


@pytest.mark.parametrize(
    ("limit", "value", "why"),
    [("MOST_ENTRIES", 3, "more than 3 files"), ("MOST_BYTES", 1 << 20, "more than 1 MiB")],
)
def test_what_is_too_large_is_told_and_not_called_a_difference(homes, monkeypatch, limit, value, why):
    monkeypatch.setattr(home_entries, limit, value)
    for number in range(4):
        homes.write("a", f"skills/{number}", "x" * (1 << 19))
    homes.write("b", "skills/other", "x")
    ((name, level, _rest),) = homes.wrong()
    assert (name, level) == ("home_entry", "warning")
    (row,) = [row for row in homes.found() if row.level != "ok"]
    assert row.found.startswith(f"{homes.world.home('a')}/skills could not be compared: ") and why in row.found


def test_what_is_no_file_below_a_folder_is_not_opened(homes):
    for account, make in (("a", os.mkfifo), ("b", os.mkdir)):
        os.mkdir(os.path.join(homes.world.home(account), "agents"))
        make(os.path.join(homes.world.home(account), "agents", "x"))
    assert homes.wrong() == [("home_entry", "warning", "agents (different: x)")]


def test_a_folder_that_cannot_be_read_is_told(homes, monkeypatch):
    homes.write("a", "agents/x.md", "x")

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(home_entries.os, "scandir", refuse)
    (row,) = [row for row in homes.found() if row.level != "ok"]
    assert row.found == f"{homes.world.home('a')}/agents could not be compared: Permission denied"


def test_work_that_is_not_shared_is_one_line(homes):
    homes.write("a", "history.jsonl", SECRET)
    homes.write("b", "history.jsonl", SECRET)
    homes.write("b", "plans/x.md", SECRET)
    os.mkdir(os.path.join(homes.world.home("a"), "todos"))
    (row,) = [row for row in homes.found() if row.level != "ok"]
    assert row.found.startswith("each account has its own history.jsonl, plans: ")


def test_the_state_file_is_told_by_servers_and_numbers(homes):
    server = {"command": "x", "env": {"KEY": SECRET}}
    homes.write(
        "a",
        ".claude.json",
        {
            "mcpServers": {
                "one": server,
                "two": {"type": "http", "url": f"https://{SECRET}", "headers": {"A": SECRET}},
            },
            "primaryApiKey": SECRET,
            "hasCompletedOnboarding": True,
            "projects": {
                "/srv/a": {"hasTrustDialogAccepted": True, "mcpServers": {"three": server}, "allowedTools": ["Bash"]},
                "/srv/b": {"hasTrustDialogAccepted": True, "enabledMcpjsonServers": ["four"]},
                "/srv/c": 7,
            },
        },
    )
    homes.write(
        "b",
        ".claude.json",
        {
            "mcpServers": {"one": {**server, "env": {"KEY": "other"}}},
            "projects": {"/srv/b": {"hasTrustDialogAccepted": True, "disabledMcpjsonServers": ["four"]}},
        },
    )
    assert homes.wrong() == [
        ("permissions", "warning", "the permissions (b lacks 1 allowed tool of a project)"),
        ("mcp_servers", "warning", "the MCP servers (b lacks three, two; different: one)"),
        ("mcp_servers", "warning", "the MCP servers of projects that are approved (b lacks four)"),
        ("mcp_servers", "warning", "the MCP servers of projects that are refused (a lacks four)"),
        ("trust", "warning", "the folders that are trusted (b lacks the trust in 1 folder)"),
        ("onboarding", "warning", ""),
    ]
    assert SECRET not in str(homes.found()) and "KEY" not in str(homes.found())


def test_a_folder_below_a_trusted_one_is_trusted(homes):
    homes.write("a", ".claude.json", {"projects": {"/srv/a/b": {"hasTrustDialogAccepted": True}}})
    homes.write("b", ".claude.json", {"projects": {"/srv": {"hasTrustDialogAccepted": True}}})
    assert homes.wrong() == [("trust", "warning", "the folders that are trusted (a lacks the trust in 1 folder)")]


def test_three_accounts_are_compared_with_one_another(tmp_path):
    homes = Homes(tmp_path, "abc")
    for account in "ab":
        homes.write(account, "settings.json", {**deny("A"), "hooks": {"Stop": []}})
    assert homes.wrong() == [
        ("deny_rules", "error", ""),
        ("hooks", "warning", "the hooks (c lacks Stop)"),
    ]


def test_many_long_and_strange_names_are_bounded_and_printable(homes):
    for number in range(9):
        homes.write("a", f"agents/{number}\x1b[2J\n{'x' * 200}", "x")
    ((_name, _level, rest),) = homes.wrong()
    assert "\x1b" not in rest and "\n" not in rest and rest.endswith(" and 4 more)") and len(rest) < 400


def test_lines_fit_on_80_columns_but_for_what_is_to_be_copied(homes):
    homes.write("a", "settings.json", {**deny("A"), "hooks": {f"Event{number}": [] for number in range(9)}})
    homes.write("a", ".claude.json", {"mcpServers": {"x" * 40: {}, "y" * 40: {}}})
    lines = host_look.page(homes.found(), clock.wall()).splitlines()
    assert [line for line in lines if len(line) > 80 and "mend: " not in line and " " in line.strip()] == []
    assert textwrap.dedent(lines[0]).startswith("error     the account b lacks 1 deny rule of settings.json")


def test_nothing_is_written(homes):
    homes.write("a", "settings.json", deny("A"))
    before = {path: path.lstat().st_mtime_ns for path in sorted(pathlib.Path(homes.world.folder).rglob("*"))}
    homes.found()
    assert before == {path: path.lstat().st_mtime_ns for path in sorted(pathlib.Path(homes.world.folder).rglob("*"))}
