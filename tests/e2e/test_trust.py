# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``claude_failover_seed_trust`` adds is what the real Claude Code CLI and the fake Claude look for."""

from __future__ import annotations

import json
import os
import pwd

from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust, _run_as
from conftest import needs
from harness.session import Session
from harness.wait import until
from harness.world import World

QUESTION = "trust this folder"


def state_file(world: World) -> str:
    return os.path.join(world.account_home("A"), ".claude.json")


def seed(world: World) -> list[_account_trust.HomeReport]:
    """Do what the module does, in the name of the worlds' user."""
    user = pwd.getpwuid(world.namespace.uid)
    rows = _run_as.run_as(user, lambda: _account_trust.seed([world.account_home("A")], [world.cwd], world.link))
    return [_account_trust.HomeReport(*row) for row in rows]


def predicted(world: World) -> str:
    return _account_trust.seed([world.account_home("A")], [world.cwd], world.link, check_mode=True)[0].status


def test_a_session_that_would_ask_for_trust_does_not_ask_when_it_is_seeded(either: World) -> None:
    """The home has been used, but never in this folder."""
    either.write_json(state_file(either), {"hasCompletedOnboarding": True, "projects": {}})
    asking = Session(either, "asking").start(ready=False)
    until(lambda: QUESTION in asking.screen(), "the question for trust", show=asking.screen)
    # While it runs the home is left alone: the session has the file in memory.
    assert [report.status for report in seed(either)] == ["in_use"]
    either.tmux("kill-session", "-t", f"={asking.name}")
    until(lambda: predicted(either) != "in_use", "the session's end")
    with open(state_file(either), encoding="utf-8") as stream:
        before = json.load(stream)
    assert [report.status for report in seed(either)] == ["added"]
    with open(state_file(either), encoding="utf-8") as stream:
        after = json.load(stream)
    project = after["projects"].pop(either.cwd)
    assert project.pop("hasTrustDialogAccepted") is True
    assert project == before["projects"].pop(either.cwd, {})
    assert after == before
    session = Session(either, "trusting").start()
    assert session.ask("are you there")["tag"] == "A"


def test_keys_alone_neither_skip_the_first_start_nor_get_lost_in_it(world: World) -> None:
    """A home that has never been used: its first start asks what it always asks, and not for trust."""
    needs("2.1.260", "its first start asks for a login, whatever credentials there are")
    os.unlink(state_file(world))
    assert [report.status for report in seed(world)] == ["added"]
    session = Session(world, "first").start(ready=False)
    for page in ("Choose the text style", "Press Enter to continue"):
        until(lambda: page in session.screen(), page, show=session.screen)  # noqa: B023  called at once
        # A key that comes too early is lost; one too many would answer the next page unseen.
        until(lambda: page not in session.screen() or session.keys("Enter"), f"{page!r} to go", every=2)  # noqa: B023
    session.wait_ready()
    assert QUESTION not in session.screen()
    assert session.ask("are you there")["tag"] == "A"
    with open(state_file(world), encoding="utf-8") as stream:
        assert json.load(stream)["projects"][world.cwd]["hasTrustDialogAccepted"] is True
