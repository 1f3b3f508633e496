# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session that goes from account to account while the wall clock jumps, at every step of a switch."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from switch_world import Harness, JumpingWorld

from claude_failover.accounts.exhaustion import reset_of
from claude_failover.claude import refresh_lock
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.failover import policy, resume_queue
from claude_failover.sessions.prompt_budget import PromptBudget

pytestmark = pytest.mark.slow

JUMPS = [sign * seconds for seconds in (5, 30, 3600, 86400) for sign in (-1, 1)]
STEPS = [
    "before the evidence",
    "between evidence and decision",
    "between decision and flip",
    "after the flip",
    "during the resumption",
    "after the resumption",
    "in the cooldown",
]
BOUND = 3 + 2


class Story(Harness):
    """One session, whose requests are answered under the accounts in ``free`` and refused under all others."""

    def __init__(self, world, step, jump, resets=200_000):
        self.step, self.jump, self.resets = step, jump, resets
        self.free = {"c"}
        self.log = []  # the account of each prompt of ours
        self.budget = PromptBudget(world.store, lambda _session: world.active)
        super().__init__(world)
        self.failover._budget = self.budget
        self.resumer.resume = self.resume
        world.switcher.procedure.checkpoint = self.checkpoint
        # By the server's own, true clock.
        self.reset_of = {
            name: world.clock.wall + timedelta(seconds=resets + 600 * number) for number, name in enumerate("abc")
        }

    def at(self, step):
        if step is not None and step == self.step:
            self.step = None
            self.world.clock.jump(self.jump)

    def checkpoint(self, moment, step):
        self.at({("begin", "flip"): "between decision and flip", ("end", "flip"): "after the flip"}.get((moment, step)))

    def request(self):
        """Make a request under the active account; a refused one becomes evidence, as the transcript's stamps say."""
        account = self.world.active
        begun = self.world.clock.wall
        self.world.clock.passed += 0.2
        if account in self.free:
            self.budget.on_turn(TurnEvent("main", None, "stop", clock.now()))
            return
        shown = self.world.clock.wall
        blank = self.world.evidence(reset=timedelta(0))
        self.record_evidence(
            dataclasses.replace(
                blank,
                verdict=dataclasses.replace(blank.verdict, resets_at=self.reset_of[account]),
                at=clock.from_wall(shown) or clock.now(),
                request_at=clock.from_wall(begun),
            )
        )

    async def resume(self, name):
        assert name == "main"
        self.at("during the resumption")
        why = self.budget.take("main", "continue")
        if why is not None:
            return {"name": "main", "result": f"bound: {why}"}
        self.log.append(self.world.active)
        self.request()
        self.at("after the resumption")
        return {"name": "main", "result": "sent"}

    async def go_on(self, seconds):
        """Let time pass; the daemon looks every second."""
        for _second in range(seconds):
            self.world.clock.passed += 1
            await self.settle(1)
            if self.log:
                self.at("in the cooldown")


@pytest.fixture(autouse=True)
def monotonic(monkeypatch):
    """Let the delays between two attempts go by the made-up time since the boot."""
    elapsed = SimpleNamespace(monotonic=lambda: clock.current()._read_since_boot())
    for module in (resume_queue, policy):
        monkeypatch.setattr(module, "time", elapsed)


def tell(world, step, jump, resets=200_000, seconds=140):
    story = Story(world, step, jump, resets)

    async def run():
        await story.settle(2)
        world.clock.passed += 100
        story.at("before the evidence")
        story.request()  # the person's own prompt
        story.at("between evidence and decision")
        await story.go_on(seconds)

    asyncio.run(run())
    assert story.step is None, "the step was never reached"
    return story


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("jump", JUMPS)
def test_the_free_account_is_reached_with_one_prompt_for_each_account(tmp_path, caplog, jump, step):
    world = JumpingWorld(tmp_path, cooldown=60)
    story = tell(world, step, jump)
    assert story.log == ["b", "c"]
    assert world.active == "c"
    assert story.failover.resume_queue.limited() == {}
    assert f"the clock was set {'back' if jump < 0 else 'forward'} by {abs(jump)}.0 s" in caplog.text
    switched = [record for record in world.switcher.history(100) if record["outcome"] == "switched"]
    assert [(record["from_account"], record["to_account"]) for record in switched] == [("b", "c"), ("a", "b")]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("jump", JUMPS)
def test_resets_that_only_the_wall_clock_has_passed_cost_a_bounded_number_of_prompts(tmp_path, jump, step):
    world = JumpingWorld(tmp_path, cooldown=1)
    story = tell(world, step, jump, resets=1200, seconds=60)
    assert len(story.log) <= BOUND
    assert world.active == "c"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("jump", JUMPS)
def test_without_a_free_account_the_session_goes_on_at_the_true_reset(tmp_path, jump, step):
    """All accounts are used up; the first resets after 20 minutes, by the server's true clock.

    Where the clock was wrong when the limit was hit the true reset cannot be known: then the prompts are bounded only.
    """
    world = JumpingWorld(tmp_path, cooldown=1)
    story = Story(world, step, jump, 1200)
    story.free = set()

    async def run():
        await story.settle(2)
        world.clock.passed += 100
        story.at("before the evidence")
        story.request()
        story.at("between evidence and decision")
        await story.go_on(60)
        assert len(story.log) <= BOUND
        story.free = {"a"}
        world.clock.passed = 1200
        await story.go_on(40)

    asyncio.run(run())
    assert story.step is None
    assert len(story.log) <= BOUND + 1
    assert story.log[-1] == "a" or (step == "before the evidence" and abs(jump) > 30)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_restart_of_the_daemon_after_a_jump_keeps_the_order(tmp_path, jump):
    world = JumpingWorld(tmp_path, cooldown=1)
    story = Story(world, None, 0)
    story.free = {"b"}

    async def first():
        await story.settle(2)
        story.request()
        await story.go_on(10)

    asyncio.run(first())
    assert story.log == ["b"]
    world.clock.passed += 10
    world.clock.jump(jump)
    world.start()
    story = Story(world, None, 0)

    async def second():
        world.clock.passed += 10
        story.request()
        await story.go_on(10)

    asyncio.run(second())
    assert story.log == ["c"]


def test_a_cooldown_of_a_boot_whose_clock_was_ahead_is_cut(tmp_path, caplog):
    world = JumpingWorld(tmp_path, cooldown=60)
    story = Story(world, None, 0)
    with story.failover._state.update():
        story.failover._state.cooldown_until = world.now + timedelta(days=1)

    async def run():
        story.request()
        await story.go_on(70)

    asyncio.run(run())
    assert world.active == "b"
    assert "the cooldown is cut to 60 s" in caplog.text


@pytest.mark.parametrize("jump", JUMPS)
def test_a_ban_and_an_assumed_limit_last_as_long_as_they_were_meant_to(tmp_path, jump):
    world = JumpingWorld(tmp_path)
    world.exhaustion.ban("a", "its links are wrong", world.now + timedelta(minutes=15), now=world.now)
    world.exhaustion.record("b", "five_hour", world.now + timedelta(hours=5), now=world.now, known=False)
    world.clock.passed += 60
    world.clock.jump(jump)
    for passed, banned, exhausted in (
        (899, True, True),
        (901, False, True),
        (17999, False, True),
        (18001, False, False),
    ):
        world.clock.passed = passed
        assert (world.exhaustion.ban_of("a", world.now) is not None) == banned
        assert world.exhaustion.status("b", "five_hour", world.now).exhausted == exhausted


@pytest.mark.parametrize("jump", [3600, 86400])
def test_a_refusal_after_a_reset_by_the_wrong_wall_clock_waits_for_the_true_one(tmp_path, jump):
    world = JumpingWorld(tmp_path)
    evidence = world.evidence(reset=timedelta(minutes=30))

    def refuse():
        until, known = reset_of(evidence.verdict, world.now, world.now, 18000)
        world.exhaustion.record("a", "five_hour", until, now=world.now, known=known)

    def exhausted():
        return world.exhaustion.status("a", "five_hour", world.now).exhausted

    refuse()
    world.clock.jump(jump)
    assert not exhausted(), "which setting of the clock is right is not known yet"
    refuse()
    assert exhausted()
    world.clock.passed = 29 * 60
    assert exhausted()
    world.clock.passed = 31 * 60
    assert not exhausted()


def test_a_clock_that_is_corrected_forward_ends_the_wait_for_a_reset(tmp_path):
    """A virtual machine that was paused: the time since the boot stood still."""
    world = JumpingWorld(tmp_path)
    world.exhaustion.record("a", "five_hour", world.now + timedelta(hours=3), now=world.now)
    world.clock.jump(3 * 3600 + 1)
    assert not world.exhaustion.status("a", "five_hour", world.now).exhausted


@pytest.mark.parametrize("jump", JUMPS)
def test_a_token_refresh_is_not_taken_for_stale_because_the_clock_was_set(tmp_path, jump):
    world = JumpingWorld(tmp_path)
    path = world.lock_refresh("a")
    made = world.clock.wall.timestamp()
    os.utime(path, (made, made))
    world.clock.passed += 2
    world.clock.jump(jump)
    assert refresh_lock.is_locked(world.home("a"))
    world.clock.passed += 130
    assert not refresh_lock.is_locked(world.home("a"))
