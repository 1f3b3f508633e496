# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound on the prompts of a session, with the real daemon and the fake Claude."""

from __future__ import annotations

import json
import os
import signal
import stat
import time

from ..daemon.conftest import wait_for

RESUME = "continue"
BOUND = 3 + 1  # of two accounts


def test_accounts_that_reset_every_few_seconds_and_refuse_all_the_same_cost_a_bounded_number_of_prompts(world):
    """The cause may be anything; here each refusal names a reset that soon passes. The count outlives a kill."""
    events = world.path("events")
    with open(world.path("bin/tell"), "w", encoding="utf-8") as stream:
        stream.write(f"#!/bin/sh\ncat >> {events}\n")
    os.chmod(world.path("bin/tell"), stat.S_IRWXU)
    world.config["notify"] = {"command": [world.path("bin/tell")]}
    world.session("main", command=["claude"])
    world.start_tmux()
    world.start()
    world.ready("main")
    for account in ("one", "two"):
        world.limit(account, seconds=2)
    world.prompt("main", "the big job")
    killed = False

    def sent():
        return [row for row in world.requests() if row.get("prompt") == RESUME and row.get("mode") == "limit"]

    # On a busy machine a request may be refused after its reset: its account is tried again after a minute.
    end = time.monotonic() + 120
    while time.monotonic() < end and "no more are" not in world.daemon_log():
        for account in ("one", "two"):
            world.limit(account, seconds=2)
        if sent() and not killed:
            killed = True
            world.stop(signal.SIGKILL)
            world.start()
        time.sleep(0.5)
    # The reset of each account begins the count anew once.
    assert len(sent()) <= BOUND * 3
    assert "no more are" in world.daemon_log(), f"{len(sent())} prompts"
    row = world.row("main")
    assert row["state"] == "limited"
    assert "type a prompt to go on" in row["reason"]
    count = len(sent())
    world.stop()
    world.start()
    time.sleep(5)
    assert len(sent()) == count
    assert "type a prompt to go on" in world.row("main")["reason"]

    def told():
        with open(events, encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        return [(row["session"], row["state"], row["severity"]) for row in rows if row.get("event") == "prompts_spent"]

    assert wait_for(told, "the event for notify") == [("main", "begins", "error")]
    for account in ("one", "two"):
        world.set_world(**{account: {"mode": "ok"}})
    world.prompt("main", "a person's")
    wait_for(lambda: world.row("main")["state"] == "idle", "main to be answered")
    assert wait_for(lambda: told()[1:], "the end of the event") == [("main", "over", "info")]
