# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ``.claude.json`` that the homes share names the active account, whoever has flipped the link."""

from __future__ import annotations

import json
import os

from claude_failover.rehearsal.fake_claude.credentials import made_up

from ..daemon.conftest import wait_for


def test_the_shared_file_follows_every_flip_and_no_address_is_told(world):
    world.share_state_file()
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    assert [row["identity_recorded"] for row in world.status()["accounts"]] == [True, True]

    world.limit("one")
    world.prompt("main", "the big job")
    world.answered("two", "continue")
    assert world.named() == "two"

    assert world.command("switch", "one", "--force").returncode == 0
    assert world.named() == "one"

    flip_by_hand(world, "two")
    wait_for(lambda: world.named() == "two", "the name after a flip by hand")

    world.change_state_file(hasCompletedOnboarding=False)
    wait_for(lambda: world.state_document()["hasCompletedOnboarding"], "the first-run questions to be answered again")

    world.stop()
    flip_by_hand(world, "one")
    world.start()
    assert world.named() == "one"

    lock = world.path("user/.claude-two/.claude.json.lock")
    os.mkdir(lock)  # a dead session's
    assert world.command("switch", "two").returncode == 0
    (row,) = world.status()["unsaved"]
    assert row["document"] == "shared .claude.json" and "is held by another process" in row["reason"]
    wait_for(lambda: world.named() == "two", "the name, once the lock is abandoned", 40)
    wait_for(lambda: world.status()["unsaved"] == [], "an end of what is unsaved")
    assert not os.path.exists(lock)

    document = world.state_document()
    assert document["numStartups"] == 7 and world.path("work") in document["projects"]
    assert os.stat(world.state_file).st_mode & 0o777 == 0o600
    told = world.daemon_log() + json.dumps(world.switches())
    assert "example.invalid" not in told and "account-" not in told
    for name in ("one", "two"):
        assert os.readlink(world.path(f"user/.claude-{name}/.claude.json")) == world.state_file
        with open(world.path(f"user/.claude-{name}/.credentials.json"), encoding="utf-8") as stream:
            assert json.load(stream).keys() == made_up(name).keys()


def flip_by_hand(world, name):
    link = world.config["active_link"]
    os.symlink(world.path(f"user/.claude-{name}"), link + ".by-hand")
    os.rename(link + ".by-hand", link)
