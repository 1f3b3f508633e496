# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of reloads, crashes, renames, hands, limits and faults, against what must hold in all of them.

* No key of the daemon's ever submits a task to a session that is dedicated at that moment, that a person started, or
  that runs a command of its own.
* No task that was taken is lost, and each ends once everything works again.
* No task is submitted twice, and what a task's state says of it is true.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import os
import random
from unittest import mock

import pytest
from dispatch_world import Crash, World, proc

from claude_failover.claude import prompt_sender
from claude_failover.common import clock
from claude_failover.common.errors import Refused, UsageError
from claude_failover.sessions import ownership
from claude_failover.tmux.client import TmuxGone

pytestmark = pytest.mark.slow

SEQUENCES = int(os.environ.get("CLAUDE_FAILOVER_SEQUENCES", "10500"))
PARTS = 10  # so that a failure is told early
NAMES = ("w1", "w2", "main")
STEPS = (4, 14)  # things that happen in one history
TALL = "\nsecond\nthird\nfourth"


class History:
    """One history; every choice comes from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.world = World()
        self.taken = {}  # id -> prompt
        self.calm = False
        self.count = 0
        self.budget = 0
        self.world.disturb = self.disturb
        self.world.disk.fault = self.fault

    # -- what happens in between -----------------------------------------------------------------------------

    def chance(self, probability):
        return not self.calm and self.random.random() < probability

    def disturb(self):
        if self.budget > 0 and self.chance(0.06):
            self.budget -= 1
            self.random.choice(
                [
                    self.reload,
                    self.reload,
                    self.rename,
                    self.swap,
                    self.die,
                    self.operate,
                    self.turn,
                    self.turn,
                    self.observe,
                    self.lag,
                    self.kill_daemon,
                ]
            )()

    def fault(self, moment):
        if self.chance(0.01):
            raise OSError(28, "No space left on device")
        if self.chance(0.02):
            raise Crash

    def kill_daemon(self):
        self.world.life += 1  # whoever comes next finds out
        raise Crash

    def reload(self):
        name = self.random.choice(NAMES)
        spec = self.world.config.session(name)
        if spec is None:
            specs = (*self.world.config.sessions, World.spec(name, dedicated=self.random.random() < 0.5))
            self.world.configure(dataclasses.replace(self.world.config, sessions=specs))
        elif self.random.random() < 0.15:
            specs = tuple(each for each in self.world.config.sessions if each is not spec)
            self.world.configure(dataclasses.replace(self.world.config, sessions=specs))
        elif self.random.random() < 0.2:
            self.world.replan(name, claude_args=not spec.claude_args)
        else:
            self.world.replan(name, dedicated=not spec.dedicated)

    def rename(self):
        place = self.random.choice(self.world.places)
        free = [name for name in (*NAMES, "x") if name not in {each.name for each in self.world.places}]
        if free:
            place.name = self.random.choice(free)

    def swap(self):
        one, other = self.random.choice(self.world.places), self.random.choice(self.world.places)
        one.name, other.name = other.name, one.name

    def die(self):
        self.random.choice(self.world.places).claude.end()

    def revive(self):
        """What the lifecycle does for a configured session, and now and then a person in its place."""
        for place in self.world.places:
            if not place.claude.alive:
                by_hand = self.chance(0.3)
                uuid = None if by_hand else place.claude.uuid
                self.world.start_session(place.name, None if by_hand else "", uuid, place)
        for spec in self.world.config.sessions:
            if spec.name not in {place.name for place in self.world.places} and self.chance(0.5):
                self.world.start_session(spec.name, None if self.chance(0.3) else "")

    def operate(self):
        """A person at the keyboard."""
        place = self.random.choice(self.world.places)
        place.activity = int(self.world.now.timestamp()) + 1
        place.claude.key(self.random.choice(["Enter", "mine", "C-u", "mine" + TALL]), "person")

    def turn(self):
        """A turn goes on, in one way or another."""
        claude = self.random.choice(self.world.places).claude
        tracked = next((each for each in self.world if each.claude and each.claude.pid == claude.pid), None)
        kind = self.random.random()
        if claude.state == "waiting":
            claude.state = "idle"
        elif claude.state == "idle":
            if tracked is not None and tracked.resume_state:
                tracked.resume_state = None
                claude.begin("continue")
            elif kind < 0.1:
                claude.state = "waiting"
        elif kind < 0.6:
            claude.finish()
        elif kind < 0.7:
            claude.interrupt()
        elif kind < 0.8:
            claude.fail("API Error: 500", limited=False)
        else:
            claude.fail("You've hit your session limit · resets 9pm", limited=True)
            if tracked is not None and self.random.random() < 0.9:
                tracked.resume_state = "limited"

    def observe(self):
        self.world.observe()

    def lag(self):
        claude = self.random.choice(self.world.places).claude
        claude.lags = not claude.lags
        claude.deaf = self.random.random() < 0.2
        if not claude.lags:
            claude.catch_up()

    def tmux(self):
        self.world.tmux_gone = not self.world.tmux_gone

    # -- the history -----------------------------------------------------------------------------------------

    async def safely(self, awaitable):
        """Do something in the daemon, which may be killed by it."""
        try:
            return await awaitable
        except (Crash, asyncio.CancelledError):
            await self.world.crash()
        except (OSError, TmuxGone):
            pass
        return None

    async def happen(self):
        self.budget = 3
        kind = self.random.random()
        if kind < 0.3:
            await self.dispatch()
        elif kind < 0.55:
            await self.safely(self.world.step(self.random.choice([1.0, 1.0, 3.0, 15.0])))
        elif kind < 0.6:
            await self.world.crash()
        elif kind < 0.64 and self.taken:
            await self.safely(self.cancel(self.random.choice(list(self.taken))))
        else:
            try:
                self.random.choice(
                    [
                        self.reload,
                        self.rename,
                        self.swap,
                        self.die,
                        self.revive,
                        self.revive,
                        self.operate,
                        self.turn,
                        self.turn,
                        self.observe,
                        self.observe,
                        self.lag,
                        self.tmux,
                    ]
                )()
            except Crash:
                await self.world.crash()
        if self.chance(0.5):
            self.observe()

    async def cancel(self, identity_):
        try:
            self.world.dispatcher.cancel(identity_)
        except Refused:
            pass

    async def dispatch(self):
        self.count += 1
        prompt = f"task {self.count} of this history" + (TALL if self.random.random() < 0.4 else "")
        wanted = self.random.choice([None, None, "w1", "main"])
        try:
            await self.safely(self.world.dispatcher.dispatch(prompt, wanted, self.random.choice([None, "/srv/work"])))
        except (Refused, UsageError):
            pass
        for task in self.world.dispatcher.tasks:
            self.taken.setdefault(task.id, task.prompt)

    async def settle(self):
        """Everything works again, and goes on until nothing more happens."""
        self.calm = True
        self.world.tmux_gone = False
        for place in self.world.places:
            place.name = f"old-{place.pane_id[1:]}"
            place.claude.lags = place.claude.deaf = False
            place.claude.catch_up()
        names = [name for name in NAMES if name not in [place.claude.made_for for place in self.world.places]]
        for place in self.world.places:
            made_for = place.claude.made_for
            if made_for in NAMES and made_for not in [each.name for each in self.world.places]:
                place.name = made_for
                if not place.claude.alive:
                    self.world.start_session(made_for, uuid=place.claude.uuid, place=place)
        for name in names:
            self.world.start_session(name)
        specs = tuple(World.spec(name) for name in NAMES)
        self.world.configure(dataclasses.replace(self.world.config, sessions=specs))
        self.observe()
        for place in self.world.places:
            # Names that were swapped for a while left each session with the other's conversation; the next hook tells.
            if place.claude.state == "idle":
                place.claude.begin("hello")
        for _round in range(60):
            for place in self.world.places:
                if place.claude.box and not any(
                    task.assignment is not None and task.assignment.pane == place.pane_id and not task.finished
                    for task in self.world.dispatcher.tasks
                ):
                    place.claude.box = ""  # a person looks after what stands in the box
                if place.claude.state == "waiting":
                    place.claude.state = "idle"
                place.claude.finish()
            for tracked in self.world:
                if tracked.resume_state and tracked.claude is not None:
                    tracked.resume_state = None
                    pid = tracked.claude.pid
                    next(each.claude for each in self.world.places if each.claude.pid == pid).begin("continue")
            self.world.observe()
            if all(task.finished for task in self.world.dispatcher.tasks):
                return
            await self.safely(self.world.step(15.0))
        raise AssertionError(f"never over: {[task for task in self.world.dispatcher.tasks if not task.finished]}")

    async def run(self):
        for _step in range(self.random.randint(*STEPS)):
            await self.happen()
        await self.settle()
        self.check()

    def check(self):
        for text, by, made_for, allowed in self.world.truth:
            if by == "daemon":
                assert allowed, f"{text!r} was sent to {made_for}, which must not get a task"
        tasks = {task.id: task for task in self.world.dispatcher.tasks}
        for identity_, prompt in self.taken.items():
            task = tasks.get(identity_)
            assert task is not None and task.prompt == prompt, f"{prompt!r} was lost"
            times = self.world.times_sent(prompt)
            assert times <= 1, f"{prompt!r} was sent {times} times"
            by_hand = self.world.times_sent(prompt, by="person")
            if task.state == "done":
                assert times + by_hand >= 1, f"{task} is done, and was never sent"
            if task.state == "cancelled":
                assert times == 0, f"{task} was cancelled, and sent"
            if task.state == "failed":
                assert task.detail
                assert times == 0 or not task.detail.startswith("not sent"), task


@pytest.fixture(autouse=True)
def quiet():
    """Thousands of histories would log much; what matters is in the assertions."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch):
    """Parse each screen and format each time once: the histories show the same few again and again."""

    def by_rows(parse):
        cached = functools.lru_cache(maxsize=10_000)(parse)
        return lambda rows: cached(tuple(rows))

    monkeypatch.setattr(prompt_sender, "find_prompt_box", by_rows(prompt_sender.find_prompt_box))
    monkeypatch.setattr(prompt_sender, "find_dialog", by_rows(prompt_sender.find_dialog))
    monkeypatch.setattr(prompt_sender, "find_running_turn", by_rows(prompt_sender.find_running_turn))
    monkeypatch.setattr(clock, "iso", functools.lru_cache(maxsize=10_000)(clock.iso))


@pytest.mark.parametrize("part", range(PARTS))
def test_in_every_history_tasks_reach_the_pool_only_and_once(part):
    async def run():
        outcomes = {}
        for seed in range(part, SEQUENCES, PARTS):
            history = History(seed)
            with mock.patch.multiple(ownership, **proc(history.world)):
                try:
                    await history.run()
                except BaseException as error:
                    raise AssertionError(f"history {seed}: {error!r}") from error
            for task in history.world.dispatcher.tasks:
                outcomes[task.state] = outcomes.get(task.state, 0) + 1
        return outcomes

    outcomes = asyncio.run(run())
    # A model in which nothing happens would prove nothing.
    least = 1 if SEQUENCES >= 10_000 else 0  # failures are rare
    assert outcomes["done"] > outcomes.get("failed", 0) >= least and outcomes["cancelled"] > 0, outcomes
