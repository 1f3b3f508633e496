# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage figures of the fake Claude's status lines: an account is left before its limit, and whose figures they are."""

from __future__ import annotations

import time

import pytest

from ..daemon.conftest import wait_for


@pytest.fixture
def metered(world):
    """A world with two sessions; ``use`` says what an account's window is used to, for the next requests."""
    resets = {"one": int(time.time()) + 3600, "two": int(time.time()) + 7200}

    def use(**percents):
        rows = {name: {"five_hour": percent / 100} for name, percent in percents.items()}
        world.set_world(**{name: {"mode": "ok", "used": row, "resets_at": resets[name]} for name, row in rows.items()})

    world.use = use
    world.config["failover"]["proactive_threshold"] = 100
    for name in ("main", "pool"):
        world.session(name, command=["claude"], dedicated=name == "main")
    return world


def start(world, **used):
    world.use(**used)
    world.start_tmux()
    world.start()
    world.ready("main", "pool")


def used(world, name):
    rows = {row["name"]: row["used_percent"] for row in world.status()["accounts"]}
    return rows[name].get("five_hour")


def work(world, session, text, account, percent):
    """Have a prompt answered under an account, of whose window then so much is used."""
    world.use(**{account: percent})
    world.prompt(session, text)
    world.answered(account, text)
    wait_for(lambda: used(world, account) == percent, f"{percent} per cent of {account} in the status")


def test_an_account_is_left_before_the_turn_that_does_not_fit_into_it(metered):
    start(metered, one=70, two=5)
    work(metered, "main", "the first job", "one", 70)
    work(metered, "pool", "the second job", "one", 80)
    # Figures that are heard before the end of their turn leave an answer outstanding for a moment: then it is left now.
    metered.prompt("main", "the third job")
    (record,) = wait_for(metered.switches, "the record of the switch")
    assert (record["reason"], record["to_account"], record["sessions"]) == ("proactive", "two", [])
    assert "% of a window, into which the next turn may not fit" in record["detail"]
    wait_for(lambda: metered.row("main")["state"] == "idle", "main to be idle")
    metered.prompt("pool", "the fourth job")
    metered.answered("two", "the fourth job")
    assert [row for row in metered.requests() if row.get("mode") == "limit"] == []


def test_a_turn_that_is_under_way_at_a_flip_ends_with_figures_of_the_account_that_answers_it(metered):
    start(metered, one=40, two=5)
    work(metered, "main", "the first job", "one", 40)
    metered.set_world(one={"mode": "hold"})
    metered.prompt("main", "the long job")
    wait_for(lambda: metered.requests()[-1]["prompt"] == "the long job", "the request of the long job")
    assert metered.command("switch", "two").returncode == 0
    metered.use(one=55)
    metered.answered("one", "the long job")
    wait_for(lambda: used(metered, "one") == 55, "the figures of the answer")
    assert used(metered, "two") is None
    work(metered, "main", "the next job", "two", 5)
    assert used(metered, "one") == 55
