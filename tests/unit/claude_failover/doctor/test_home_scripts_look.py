# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what doctor says of files in a home that commands name, on real homes."""

from __future__ import annotations

import json
import os
import pathlib
from dataclasses import replace

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import shared_symlink
from switch_world import World

from claude_failover.doctor.home_scripts import check_home_scripts

SECRET = "PLANTED-secret"


def hook(command):
    return [{"matcher": "Bash", "hooks": [{"type": "command", "command": command}]}]


GUARDED = {
    "hooks": {"PreToolUse": hook(f"~/.claude/guard.sh --token {SECRET}"), "Stop": hook("$HOME/.claude/stop.sh")},
    "statusLine": {"type": "command", "command": f"X={SECRET} bash ~/.claude/statusline.sh >> ~/.claude/log"},
}


class Homes:
    """Accounts whose homes share the settings."""

    def __init__(self, folder, names="ab"):
        self.world = World(folder, names)
        links = [
            shared_symlink(str(folder), name, kind)
            for name, kind in (("settings.json", "file"), ("hooks", "directory"))
        ]
        self.shared = {link.name: link.target for link in links}
        os.mkdir(self.shared["hooks"])
        for account in names:
            for link in links:
                os.symlink(link.target, os.path.join(self.world.home(account), link.name))
        self.world.configure(shared_links=(*self.world.config.shared_links, *links))
        self.write("a", "settings.json", GUARDED)

    def write(self, account, name, content=""):
        path = pathlib.Path(self.world.home(account), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def found(self):
        rows = list(check_home_scripts(self.world.config))
        assert SECRET not in str(rows)
        return rows

    def levels(self):
        return [(row.name, row.level) for row in self.found()]


@pytest.fixture
def homes(tmp_path):
    return Homes(tmp_path)


def test_a_guard_that_a_switch_loses_is_an_error_and_another_script_a_warning(homes):
    for name in ("guard.sh", "stop.sh", "statusline.sh", "log"):
        homes.write("a", name)
    first, second = homes.found()
    home = homes.world.home("b")
    assert (first.name, first.level, second.name, second.level) == ("home_script", "error", "home_script", "warning")
    assert first.found == (
        f"a hook for PreToolUse or PermissionRequest calls guard.sh, which the account b lacks ({home}): after a "
        "switch to it, what the hook denies can be let through"
    )
    assert second.found == (
        f"commands of settings or MCP servers name stop.sh, statusline.sh, which the account b lacks ({home})"
    )
    assert (
        first.mend
        == second.mend
        == (
            "move each file to a folder outside of the homes, and correct its path where it is named; or move it to "
            f"{homes.world.link}/hooks, which all accounts share"
        )
    )
    for name in ("guard.sh", "stop.sh", "statusline.sh"):
        homes.write("b", name)
    (row,) = homes.found()
    assert (row.level, row.found) == ("ok", "every account has the files in the homes that commands name (3)")


def test_the_folder_of_hooks_is_named_as_shared_only_where_it_is(homes):
    links = [link for link in homes.world.config.shared_links if link.name != "hooks"]
    homes.world.configure(shared_links=tuple(links))
    homes.write("a", "guard.sh")
    (row,) = homes.found()
    assert row.mend.endswith("claude_failover_shared_settings: auto")
    assert f"{homes.world.link}/hooks, and share that: end the sessions" in row.mend


def test_an_account_that_is_held_out_is_a_warning(homes):
    homes.write("a", "guard.sh")
    first, second = homes.world.config.accounts
    homes.world.configure(accounts=(first, replace(second, enabled=False)))
    assert homes.levels() == [("home_script", "warning")]


def test_a_script_that_no_account_has_differs_under_none(homes):
    """Nor does one that a shared folder holds, or one in the home of one account by its own path."""
    assert homes.found() == []
    homes.write("a", "hooks/guard.sh")
    homes.write("a", "own.sh")
    os.mkdir(os.path.join(homes.world.home("a"), "folder"))
    commands = f"~/.claude/hooks/guard.sh; ls ~/.claude/folder; {homes.world.home('a')}/own.sh"
    homes.write("a", "settings.json", {"hooks": {"PreToolUse": hook(commands)}})
    assert homes.levels() == [("home_script", "ok")]


def test_a_link_that_leads_nowhere_is_no_script(homes):
    homes.write("a", "guard.sh")
    os.symlink("/nowhere", os.path.join(homes.world.home("b"), "guard.sh"))
    assert homes.levels() == [("home_script", "error")]


def test_a_shared_folder_whose_link_is_still_to_be_made_counts_as_made(homes):
    homes.write("a", "hooks/guard.sh")
    homes.write("a", "settings.json", {"hooks": {"PreToolUse": hook("~/.claude/hooks/guard.sh")}})
    os.unlink(os.path.join(homes.world.home("b"), "hooks"))
    assert homes.levels() == [("home_script", "ok")]


def test_local_settings_and_servers_name_scripts_too(homes):
    homes.write("a", "settings.json", {})
    for account in "ab":
        homes.write(account, "settings.local.json", {"hooks": {"PermissionRequest": hook("~/.claude/local.sh")}})
        homes.write(account, ".claude.json", {"mcpServers": {"x": {"command": f"{homes.world.link}/server.py"}}})
    homes.write("a", "local.sh")
    homes.write("b", "server.py")
    assert [(row.level, row.found.partition(", which")[0]) for row in homes.found()] == [
        ("warning", "commands of settings or MCP servers name server.py"),
        ("error", "a hook for PreToolUse or PermissionRequest calls local.sh"),
    ]


def test_an_account_whose_own_settings_call_nothing_lacks_nothing(homes):
    os.unlink(os.path.join(homes.world.home("b"), "settings.json"))
    homes.write("b", "settings.json", {})
    homes.write("a", "guard.sh")
    assert homes.levels() == [("home_script", "ok")]


def test_one_account_has_nothing_to_be_compared_with(tmp_path):
    homes = Homes(tmp_path, "a")
    homes.write("a", "guard.sh")
    assert homes.found() == []


def test_the_names_of_files_are_bounded_and_printable(homes):
    names = [f"{number}{'x' * 200}\u200b.sh" for number in range(9)]
    for name in names:
        homes.write("a", name)
    homes.write("a", "settings.json", {"statusLine": {"command": " ".join(f"~/.claude/{name}" for name in names)}})
    assert homes.found() == []
    names = [name.replace("\u200b", "") for name in names]
    for name in names:
        homes.write("a", name)
    homes.write("a", "settings.json", {"statusLine": {"command": " ".join(f"~/.claude/{name}" for name in names)}})
    (row,) = homes.found()
    assert " and 4 more, which the account b lacks" in row.found and len(row.found) < 600
