# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil

import pytest
from switch_world import World

from claude_failover.accounts.shared_links import links_state, validate_links
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


def test_the_links_of_a_home_that_is_no_folder_are_unknown(world):
    shutil.rmtree(world.home("b"))
    open(world.home("b"), "w").close()
    assert state(world) == "unknown"
