# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import FILE, shared_symlink
from switch_world import World

from claude_failover.accounts.shared_links import ensure_links, links_state, validate_links
from claude_failover.common.errors import Refused


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def link(world, name):
    return os.path.join(world.home(name), "projects")


def state(world, name="b"):
    return links_state(world.config.account(name), world.config)


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_missing_link_of_any_account_is_created_and_logged(world, caplog, name):
    os.unlink(link(world, name))
    caplog.set_level("INFO")
    validate_links(world.config)
    assert os.readlink(link(world, name)) == os.path.join(world.folder, ".claude-projects-shared")
    assert f"created {link(world, name)}" in caplog.text
    assert "2 accounts" in caplog.text


def test_a_divergent_link_is_refused_and_named(world):
    world.break_link("b")
    with pytest.raises(Refused, match=link(world, "b")):
        validate_links(world.config)
    assert os.readlink(link(world, "b")) == world.folder


def test_correct_links_are_ok(world):
    assert state(world) == "ok"


def test_a_missing_link_is_divergent_and_not_created(world):
    os.unlink(link(world, "b"))
    assert state(world) == "divergent"
    assert not os.path.lexists(link(world, "b"))


def test_a_link_to_elsewhere_is_divergent_for_its_account_only(world):
    world.break_link("b")
    assert (state(world, "a"), state(world, "b")) == ("ok", "divergent")


def test_a_folder_in_the_place_of_a_link_is_divergent(world):
    os.unlink(link(world, "b"))
    os.mkdir(link(world, "b"))
    assert state(world) == "divergent"


def with_settings(world):
    """Share a file too; return the path of its link in the home of b."""
    settings = shared_symlink(world.folder, "settings.json", FILE)
    world.config_holder.replace(replace(world.config, shared_links=(*world.config.shared_links, settings)))
    validate_links(world.config)
    return os.path.join(world.home("b"), "settings.json")


def test_a_file_is_made_before_its_link(world, caplog):
    caplog.set_level("INFO")
    path = with_settings(world)
    with open(path, encoding="ascii") as stream:
        assert stream.read() == "{}"
    assert f"created {os.readlink(path)}" in caplog.text
    assert state(world) == "ok"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_link_that_the_cli_replaced_by_a_file_is_divergent_and_never_repaired(world, check_mode):
    path = with_settings(world)
    os.unlink(path)
    with open(path, "w", encoding="ascii") as stream:
        stream.write("mine")
    assert (state(world, "a"), state(world)) == ("ok", "divergent")
    account = world.config.account("b")
    assert "found a regular file" in ensure_links(account, world.config, check_mode=check_mode)
    with pytest.raises(Refused, match="found a regular file"):
        validate_links(world.config)
    with open(path, encoding="ascii") as stream:
        assert stream.read() == "mine"


def test_the_links_of_a_home_that_is_no_folder_are_unknown(world):
    shutil.rmtree(world.home("b"))
    open(world.home("b"), "w").close()
    assert state(world) == "unknown"
