# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of limits, requests, time, actions by hand and crashes, checked against invariants.

The model knows the truth: which account is really out of usage, and under which account each request was begun.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from switch_world import Harness, World, minutes

from claude_failover.common.clock import iso, parse_iso
from claude_failover.common.errors import Refused
from claude_failover.failover import policy, resume_queue
from claude_failover.switching import open_records
from claude_failover.switching.steps import STEPS

pytestmark = pytest.mark.slow

ACCOUNTS = "abc"
SESSIONS = {"plain-1": "five_hour", "plain-2": "five_hour", "thinker": "opus"}
STEP_NAMES = [step.name for step in STEPS]
PAUSES = (
    (open_records, "STRAGGLERS"),
    (open_records, "ANSWERS"),
    (resume_queue, "_RESUME_INTERVAL"),
    (policy, "_ACCOUNT_CHECK_INTERVAL"),
)


class Crash(BaseException):
    """The process is gone."""


class Model(RuleBasedStateMachine):
    """One history."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="cf-model-")
        self.patched = {(part, name): getattr(part, name) for part, name in PAUSES}
        for part, name in PAUSES:
            setattr(part, name, 0.0)
        self.world = World(self.folder, ACCOUNTS, cooldown=60)
        self.harness = Harness(self.world)
        self.truth = {}  # (account, limit) -> when it really resets
        self.windows = []  # every (account, limit, reset) that there ever was
        self.requests = {}  # session -> (moment, account)
        self.by_hand = 0
        self.crash_at = None
        self.dead = set()
        self.refused = 0
        self.settle()

    def teardown(self):
        for (part, name), value in self.patched.items():
            setattr(part, name, value)
        shutil.rmtree(self.folder)

    # -- helpers ---------------------------------------------------------------------------------------------------

    def settle(self, action=None):
        self.harness.failover._policy.clear_retry_delay()

        def checkpoint(moment, step):
            if (moment, step) == self.crash_at:
                self.crash_at = None
                raise Crash

        async def go_on():
            if action is not None:
                await action()
            await self.harness.settle()

        self.world.switcher.procedure.checkpoint = checkpoint
        try:
            asyncio.run(go_on())
        except Crash:
            self.restart()

    @rule()
    def restart(self):
        self.harness.restart()
        self.crash_at = None
        self.settle(self.harness.failover.recover)

    @rule(moment=st.sampled_from(["begin", "end"]), step=st.sampled_from(STEP_NAMES))
    def the_next_switch_will_crash(self, moment, step):
        self.crash_at = (moment, step)

    # -- events ----------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 5, 20, 61, 600, 4000]))
    def time_passes(self, seconds):
        self.world.now += timedelta(seconds=seconds)
        self.settle()

    @rule(
        limit=st.sampled_from(["five_hour", "five_hour", "opus"]),
        length=st.sampled_from([7, 45, 290]),
        at_once=st.booleans(),
    )
    def the_active_account_runs_out(self, limit, length, at_once):
        key = (self.world.active, limit)
        if self.truth.get(key, self.world.now) <= self.world.now:
            # An odd number of seconds, so that no two resets are taken for one another.
            reset = self.world.now + minutes(length) + timedelta(seconds=197 * (len(self.windows) + 1))
            self.truth[key] = reset
            self.windows.append((*key, iso(reset)))
        if at_once:
            self.every_session_asks()

    @rule(session=st.sampled_from(sorted(SESSIONS)))
    def a_request_begins(self, session):
        self.world.now += timedelta(seconds=4)  # by then Claude Code has noticed a flip
        self.requests[session] = (self.world.now, self.world.active)

    @precondition(lambda self: self.requests)
    @rule(twice=st.booleans())
    def the_requests_are_answered(self, twice):
        """Those that are refused are noticed one after the other, some by two sources."""
        self.world.now += timedelta(seconds=1)
        for session, (begun, account) in self.requests.items():
            for limit in dict.fromkeys(["five_hour", SESSIONS[session]]):
                reset = self.truth.get((account, limit))
                if reset is not None and reset > self.world.now:
                    self.refuse(session, limit, begun, reset, twice)
                    break
        self.requests.clear()
        self.settle()

    def refuse(self, session, limit, begun, reset, twice):
        evidence = self.world.evidence(session, limit)
        evidence = dataclasses.replace(
            evidence, request_at=begun, verdict=dataclasses.replace(evidence.verdict, resets_at=reset)
        )
        self.refused += 1
        self.harness.record_evidence(evidence)
        if twice:
            self.harness.record_evidence(dataclasses.replace(evidence, source="transcript"))

    @rule()
    def every_session_asks(self):
        for session in SESSIONS:
            self.a_request_begins(session)
        self.the_requests_are_answered(False)

    @rule(session=st.sampled_from(sorted(SESSIONS)), seconds=st.sampled_from([1, 20, 61, 100]))
    def a_refusal_comes_late(self, session, seconds):
        """Its request was begun before the flip that another session's refusal leads to."""
        self.a_request_begins(session)
        late = {session: self.requests.pop(session)}
        self.the_active_account_runs_out("five_hour", 290, False)
        self.requests = {other: (self.world.now, self.world.active) for other in SESSIONS if other != session}
        self.the_requests_are_answered(False)
        self.time_passes(seconds)
        self.requests = late
        self.the_requests_are_answered(True)
        self.time_passes(61)

    @rule(seconds=st.sampled_from([1, 20, 61]))
    def time_passes_and_every_session_asks(self, seconds):
        self.time_passes(seconds)
        self.every_session_asks()

    @rule(account=st.sampled_from(ACCOUNTS), how=st.sampled_from(["switch", "force", "flip", "login", "none", "none"]))
    def the_operator_does_something(self, account, how):
        if how == "none":
            return
        self.world.now += timedelta(seconds=1)  # after a switch, by which the invariants know a forced one
        if how == "login":
            self.dead ^= {account}
            self.world.log_in(account, "" if account in self.dead else "a-token-of-the-model")
            self.settle()
        elif how == "flip":
            self.by_hand += 1
            self.world.flip_by_hand(account)
            self.settle()
        else:
            self.by_hand += 1
            self.settle(lambda: self.switch_by_hand(account, how == "force"))

    async def switch_by_hand(self, account, force):
        try:
            await self.harness.failover.switch(account, force=force)
        except Refused:
            return
        assert account not in self.dead or self.world.switcher.availability.active() == account

    # -- invariants ------------------------------------------------------------------------------------------------

    def records(self):
        return sorted(self.world.switcher.history(1000), key=lambda row: row["time"])

    def switched(self, *reasons):
        return [row for row in self.records() if row["outcome"] == "switched" and row["reason"] in reasons]

    @invariant()
    def every_record_is_there_once(self):
        assert max(Counter(row["id"] for row in self.world.log()).values(), default=1) == 1
        assert self.world.switcher.journal.entry is None

    @invariant()
    def a_switch_leaves_an_account_that_is_really_out_of_usage(self):
        for row in self.switched("limit", "reset"):
            assert (row["from_account"], row["limit"], row["resets_at"]) in self.windows or row["reason"] == "reset"

    @invariant()
    def automatic_switches_keep_the_cooldown(self):
        moments = [parse_iso(row["time"]) for row in self.switched("limit", "reset")]
        assert all(later - earlier >= timedelta(seconds=60) for earlier, later in zip(moments, moments[1:]))

    @invariant()
    def one_limit_makes_one_switch(self):
        """For each time that the account was flipped to; nobody goes back to it on his own before its reset."""
        flip_log = [flip for flip in self.world.switcher.flip_log.all() if flip.reason != "failed"]
        arrived = Counter(flip.target for flip in flip_log)
        left = Counter((row["from_account"], row["limit"], row["resets_at"]) for row in self.switched("limit"))
        for (account, limit, _reset), number in left.items():
            by_hand = sum(flip.target == account and flip.reason in ("manual", "external") for flip in flip_log)
            most = 1 + (by_hand if limit == "five_hour" else arrived[account])
            assert number <= most, (account, limit, number)

    @invariant()
    def there_is_no_ping_pong(self):
        resets = len(self.switched("reset"))
        assert len(self.switched("limit")) <= 2 * (len(self.windows) + self.by_hand + resets) + 1

    @invariant()
    def the_target_was_never_exhausted(self):
        for row in self.switched("limit", "reset"):
            at, target = parse_iso(row["time"]), row["to_account"]
            last = max(
                (flip.at for flip in self.world.switcher.flip_log.all() if flip.target == target and flip.at < at),
                default=None,
            )
            known = [
                seen
                for seen in self.switched("limit")
                if seen["from_account"] == target
                and seen["limit"] in ("five_hour", row["limit"])
                and parse_iso(seen["time"]) < at < parse_iso(seen["resets_at"])
            ]
            forced = last is not None and any(parse_iso(seen["time"]) < last for seen in known)
            assert not known or forced, (row, known)

    @invariant()
    def the_link_leads_where_the_log_says(self):
        assert self.world.switcher.flip_log.linked_account == self.world.active
        assert [name for name in os.listdir(self.folder) if name.startswith(".claude.")] == []


Model.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestModel = Model.TestCase
