# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
import errno
import json
import os
from datetime import timedelta

import pytest
from switch_world import TOKEN, World, minutes, wait_until

from claude_failover.accounts.active_link import ActiveLink
from claude_failover.claude import refresh_lock
from claude_failover.common import clock
from claude_failover.common.errors import Refused, UsageError
from claude_failover.switching import link_monitor, steps, switcher
from claude_failover.switching.flip_log import Flip, FlipLog
from claude_failover.switching.record import KEYS, OUTCOMES
from claude_failover.switching.steps import ROLL_BACK, STEPS
from claude_failover.switching.switcher import SwitchRequest, SwitchSuperseded, raise_if_refused


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def switch(world, reason="manual", target=None, **values):
    return asyncio.run(world.switcher.switch(SwitchRequest(reason, target, **values)))


def tree(world):
    """Return mode, inode and mtime of everything that a switch can change, without the state."""
    found = {}
    for folder, folders, files in os.walk(world.folder):
        folders[:] = [name for name in folders if os.path.join(folder, name) != world.config.state_dir]
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_ino, status.st_mtime_ns)
    return found


def test_a_switch_moves_the_link_and_touches_the_credentials(world):
    os.utime(world.credentials("b"), (1, 1))
    record = switch(world, "limit", trigger=world.evidence())
    assert world.active == "b"
    assert os.stat(world.credentials("b")).st_mtime > 1e9
    assert (record["outcome"], record["from_account"], record["to_account"]) == ("switched", "a", "b")
    assert [(flip.origin, flip.target) for flip in world.switcher.flip_log.all()] == [("a", "b")]


def test_the_record_has_the_contracts_keys_and_no_token(world):
    record = switch(world, "limit", trigger=world.evidence())
    assert tuple(record) == KEYS
    assert record["outcome"] in OUTCOMES
    assert (record["trigger_session"], record["source"], record["pattern"]) == ("main", "hook", "usage-limit-reached")
    assert (record["limit"], record["resets_at"]) == ("five_hour", "2026-11-22T21:30:00.000Z")
    assert record["time"] == "2026-11-22T20:00:00.000Z"
    world.switcher.journal.close(record)
    for folder, _folders, files in os.walk(world.config.state_dir):
        for name in files:
            with open(os.path.join(folder, name)) as stream:
                assert TOKEN not in stream.read()


def test_a_snippet_is_printable_and_at_most_500_characters(world):
    import dataclasses

    evidence = world.evidence()
    evidence = dataclasses.replace(
        evidence, verdict=dataclasses.replace(evidence.verdict, snippet="\x1b[31mhit\x07 " + "x" * 900)
    )
    snippet = switch(world, "limit", trigger=evidence)["snippet"]
    assert len(snippet) == 500
    assert snippet.isprintable()


def test_a_missing_link_of_the_target_is_made_before_the_flip(world):
    os.unlink(os.path.join(world.home("b"), "projects"))
    assert switch(world)["outcome"] == "switched"
    assert os.path.islink(os.path.join(world.home("b"), "projects"))


@pytest.mark.parametrize("force", [False, True])
def test_never_past_a_divergence(world, force):
    world.break_link("b")
    before = tree(world)
    record = switch(world, target="b", force=force)
    assert record["outcome"] == "refused"
    assert "divergent" in record["detail"] or "leads" in record["detail"] or "projects" in record["detail"]
    assert tree(world) == before
    with pytest.raises(Refused, match="shared links are not right"):
        raise_if_refused(record)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("token", ["", None])
def test_never_past_a_dead_login(world, force, token):
    if token is None:
        os.unlink(world.credentials("b"))
    else:
        world.log_in("b", "")
    record = switch(world, target="b", force=force)
    assert (record["outcome"], world.active) == ("refused", "a")
    assert "claude-failover login b" in record["detail"]


def test_a_rejected_login_is_dead_until_the_credentials_change(world):
    account = world.config.account("b")
    assert world.logins.record_rejection(account)
    assert not world.logins.record_rejection(account)
    assert switch(world, target="b", force=True)["outcome"] == "refused"
    world.start()
    assert world.logins.state(account) == "expired"
    os.utime(world.credentials("b"), (5, 5))
    world.logins.update_stamp(account)
    assert world.logins.state(account) == "expired"
    world.log_in("b", "another-token-than-before")
    assert switch(world, target="b")["outcome"] == "switched"


def test_to_the_active_account_is_stayed(world):
    before = tree(world)
    record = raise_if_refused(switch(world, target="a"))
    assert (record["outcome"], record["from_account"], record["to_account"]) == ("stayed", "a", "a")
    assert tree(world) == before


def test_to_an_exhausted_account_needs_force_which_clears_its_limits(world):
    world.exhaustion.record("b", "seven_day", world.now + minutes(10), now=world.now)
    record = switch(world, target="b")
    assert (record["outcome"], world.active) == ("refused", "a")
    assert "--force" in record["detail"]
    assert switch(world, target="b", force=True)["outcome"] == "switched"
    assert world.exhaustion.status_rows("b", world.now) == []


def test_an_unknown_account_is_a_usage_error(world):
    with pytest.raises(UsageError, match=r"no account 'z'; configured are a, b"):
        switch(world, target="z")


def test_by_hand_without_a_target_and_without_an_account_left_is_refused(world):
    world.exhaustion.record("b", "seven_day", world.now + minutes(10), now=world.now)
    record = switch(world)
    assert record["outcome"] == "refused"
    assert "2026-11-22T20:10:00.000Z" in record["detail"]


def test_an_automatic_switch_stays_when_none_is_left_and_says_until_when(world):
    for name, reset in (("a", 90), ("b", 10)):
        world.exhaustion.record(name, "five_hour", world.now + minutes(reset), now=world.now)
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["outcome"], record["to_account"], world.active) == ("stayed", "a", "a")
    assert "2026-11-22T20:10:00.000Z" in record["detail"]


def test_an_opus_limit_counts_only_for_opus(world):
    world.exhaustion.record("b", "opus", world.now + minutes(10), now=world.now)
    assert switch(world, "limit", trigger=world.evidence(limit="opus"))["outcome"] == "stayed"
    assert switch(world, "limit", trigger=world.evidence(limit="five_hour"))["outcome"] == "switched"


# -- dry run -------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_happen_and_changes_nothing(world):
    os.unlink(os.path.join(world.home("b"), "projects"))
    asyncio.run(world.switcher.observe())
    before = tree(world)
    state = sorted(os.listdir(world.config.state_dir))
    record = switch(world, dry_run=True)
    assert (record["outcome"], record["to_account"], record["dry_run"]) == ("switched", "b", True)
    assert record["candidates"] == [
        {"account": "a", "eligible": False, "why": "it is the active account"},
        {"account": "b", "eligible": True, "why": "can be used; preference 2"},
    ]
    assert tree(world) == before
    assert sorted(os.listdir(world.config.state_dir)) == state
    assert world.switcher.history(10) == []


def test_a_dry_run_tells_of_a_refusal_and_of_a_lock(world):
    world.log_in("b", "")
    record = raise_if_refused(switch(world, target="b", dry_run=True))
    assert record["outcome"] == "refused"
    world.log_in("b")
    world.lock_refresh("a")
    assert "being refreshed" in switch(world, dry_run=True)["detail"]


def test_a_dry_run_does_not_wait_for_a_switch_that_waits(world):
    path = world.lock_refresh("a")
    world.switcher.procedure._lock_bound = 30.0

    async def both():
        task = asyncio.ensure_future(world.switcher.switch(SwitchRequest("manual")))
        await wait_until(lambda: getattr(world.switcher.journal.entry, "step", None) == "wait")
        preview = asyncio.ensure_future(world.switcher.switch(SwitchRequest("manual", dry_run=True)))
        await asyncio.wait({task, preview}, return_when=asyncio.FIRST_COMPLETED)
        waiting = not task.done()
        os.rmdir(path)
        await task
        return waiting, await preview

    waiting, record = asyncio.run(both())
    assert waiting
    assert (record["outcome"], record["to_account"]) == ("switched", "b")
    assert "being refreshed" in record["detail"]


# -- refresh locks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_live_refresh_lock_in_either_home_refuses_at_the_bound(world, name):
    world.lock_refresh(name)
    before = os.readlink(world.link)
    record = switch(world, "limit", trigger=world.evidence())
    assert record["outcome"] == "refused"
    assert world.home(name) in record["detail"]
    assert os.readlink(world.link) == before


@pytest.mark.parametrize("age", [61.0, -3600.0])
def test_a_stale_refresh_lock_does_not_matter(world, age):
    world.lock_refresh("a", age=age)
    assert switch(world)["outcome"] == "switched"


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_an_account_that_a_reload_takes_out_meanwhile_is_not_switched_to(world, how):
    path = world.lock_refresh("a")
    world.switcher.procedure._lock_bound = 30.0
    kept, target = world.config.accounts[:2]
    moved = [] if how == "removed" else [dataclasses.replace(target, home=target.home + "-new")]

    async def both():
        task = asyncio.ensure_future(world.switcher.switch(SwitchRequest("manual")))
        await wait_until(lambda: getattr(world.switcher.journal.entry, "step", None) == "wait")
        world.configure(accounts=(kept, *moved))
        os.rmdir(path)
        return await task

    record = asyncio.run(both())
    assert (record["outcome"], "taken out of the configuration" in record["detail"]) == ("refused", True), record
    assert os.readlink(world.link) == world.home("a")


def test_an_account_that_a_reload_takes_out_meanwhile_is_not_flipped_back_to(world, monkeypatch):
    wait = refresh_lock.wait_unlocked

    async def reloaded(homes, end):
        if homes == [world.home("b")]:  # that of the way back
            world.configure(accounts=world.config.accounts[1:])
        return await wait(homes, end)

    monkeypatch.setattr(refresh_lock, "wait_unlocked", reloaded)
    monkeypatch.setattr(steps, "ensure_links", lambda account, _config: "gone" if flipped(account) else None)

    def flipped(account):
        return account.name == "b" and os.readlink(world.link) == account.home

    record = switch(world)
    assert (record["outcome"], "not configured any more" in record["detail"]) == ("failed", True), record
    assert os.readlink(world.link) == world.home("b")


def test_a_refresh_that_ends_is_waited_for(world):
    path = world.lock_refresh("a")
    world.switcher.procedure._lock_bound = 30.0

    async def both():
        task = asyncio.ensure_future(world.switcher.switch(SwitchRequest("manual")))
        await wait_until(lambda: getattr(world.switcher.journal.entry, "step", None) == "wait")
        assert world.switcher.switching
        os.rmdir(path)
        return await task

    record = asyncio.run(both())
    assert record["outcome"] == "switched"
    assert record["seconds"] < 10


def test_a_refresh_that_begins_just_before_the_flip_flips_back_and_waits(world, monkeypatch):
    """The lock appears between the last check and the flip; the check right after finds it."""
    pointed = []
    point = steps.point_active

    def late(path, account):
        pointed.append(account.name)
        if len(pointed) == 1:
            world.lock_refresh("a")
        point(path, account)
        if len(pointed) == 2:
            os.rmdir(os.path.join(world.home("a"), refresh_lock.LOCK))

    monkeypatch.setattr(steps, "point_active", late)
    record = switch(world)
    assert (record["outcome"], world.active) == ("switched", "b")
    assert pointed == ["b", "a", "b"]
    assert len(world.switcher.flip_log.all()) == 1


def test_a_refresh_that_begins_just_before_the_flip_and_lasts_is_refused(world, monkeypatch):
    point = steps.point_active

    def late(path, account):
        if account.name == "b":
            world.lock_refresh("a")
        point(path, account)

    monkeypatch.setattr(steps, "point_active", late)
    record = switch(world)
    assert (record["outcome"], world.active) == ("refused", "a")
    assert world.switcher.flip_log.all() == ()


# -- the links after the flip ----------------------------------------------------------------------------------------


def with_checkpoints(world, at):
    def checkpoint(moment, step):
        action = at.pop((moment, step), None)
        if action is not None:
            action()

    world.switcher.procedure.checkpoint = checkpoint


def test_wrong_links_after_the_flip_roll_it_back_and_ban_the_target(world):
    with_checkpoints(world, {("begin", "verify"): lambda: world.break_link("b")})
    os.utime(world.credentials("a"), (1, 1))
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["outcome"], world.active) == ("failed", "a")
    assert "flipped back to a: after the flip" in record["detail"]
    assert os.stat(world.credentials("a")).st_mtime > 1e9
    world.repair_link("b")
    again = switch(world, "limit", trigger=world.evidence())
    assert (again["outcome"], world.active) == ("stayed", "a")
    assert "banned" in again["detail"]
    world.now += steps.BAN_DURATION + minutes(1)
    assert switch(world, "limit", trigger=world.evidence())["outcome"] == "switched"


def test_an_unreadable_link_is_not_reported_as_flipped_back(world, monkeypatch):
    def blind():
        unreadable = ActiveLink("unreadable", text="Permission denied")
        monkeypatch.setattr(steps, "read_active", lambda _path, _accounts: unreadable)

    with_checkpoints(world, {("begin", "verify"): lambda: world.break_link("b"), ("begin", ROLL_BACK): blind})
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["outcome"], world.active) == ("failed", "b")
    assert "could not be flipped back" in record["detail"]
    assert "cannot be read: Permission denied" in record["detail"]


def test_a_flip_by_hand_meanwhile_is_kept(tmp_path):
    world = World(tmp_path, "abc")
    with_checkpoints(world, {("begin", "flip"): lambda: world.flip_by_hand("c")})
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["reason"], record["outcome"]) == ("external", "switched")
    assert (record["from_account"], record["to_account"], world.active) == ("a", "c", "c")
    assert [row["id"] for row in world.switcher.history(9)] == [record["id"]]


def test_a_switch_by_hand_during_which_the_link_is_flipped_is_refused(tmp_path):
    world = World(tmp_path, "abc")
    with_checkpoints(world, {("begin", "flip"): lambda: world.flip_by_hand("c")})
    record = switch(world, target="b")
    assert (record["outcome"], world.active) == ("refused", "c")
    assert [row["reason"] for row in world.switcher.history(9)].count("external") == 1


# -- flips by hand -------------------------------------------------------------------------------------------------


def observe(world):
    return asyncio.run(world.switcher.observe())


def test_the_first_observation_is_no_flip(world):
    assert observe(world) is None
    assert observe(world) is None
    assert world.switcher.history(9) == []


def test_a_flip_by_hand_is_recorded_once(world):
    observe(world)
    world.flip_by_hand("b")
    record = observe(world)
    assert (record["reason"], record["from_account"], record["to_account"]) == ("external", "a", "b")
    assert record["detail"] == "flipped by hand from a to b"
    assert observe(world) is None
    assert len(world.switcher.history(9)) == 1


def test_an_unreadable_link_counts_as_unchanged(world, monkeypatch):
    observe(world)
    with monkeypatch.context() as patch:
        unreadable = ActiveLink("unreadable", text="Permission denied")
        for module in (link_monitor, steps, switcher):
            patch.setattr(module, "read_active", lambda _path, _accounts: unreadable)
        assert observe(world) is None
        assert "Permission denied" in world.switcher.link_monitor.suspended
        record = switch(world, "manual", target="b")
        assert (record["outcome"], "Permission denied" in record["detail"]) == ("refused", True)
    assert observe(world) is None
    assert world.switcher.link_monitor.suspended is None
    assert [row["reason"] for row in world.switcher.history(9)] == ["manual"]


def test_a_flip_by_hand_while_the_daemon_is_down_is_recorded(world):
    observe(world)
    world.flip_by_hand("b")
    world.start()
    record = asyncio.run(world.switcher.recover())
    assert (record["reason"], record["to_account"]) == ("external", "b")


def test_an_automatic_switch_first_sees_a_flip_by_hand(world):
    observe(world)
    world.flip_by_hand("b")
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["reason"], world.active) == ("external", "b")


def test_a_superseded_switch_is_not_made(world):
    observe(world)
    switch(world, target="b")
    with pytest.raises(SwitchSuperseded):
        switch(world, "limit", trigger=world.evidence(), expected="a")
    assert world.active == "b"


def away(world):
    os.mkdir(os.path.join(world.folder, "other"))
    os.symlink(os.path.join(world.folder, "other"), world.link + ".x")
    os.rename(world.link + ".x", world.link)


def directory(world):
    os.unlink(world.link)
    os.mkdir(world.link)


@pytest.mark.parametrize("lead", [away, directory, lambda world: os.unlink(world.link)])
def test_a_link_to_no_account_suspends_until_it_leads_to_one_again(world, lead, caplog):
    observe(world)
    lead(world)
    record = observe(world)
    assert (record["reason"], record["from_account"], record["to_account"]) == ("external", "a", None)
    assert "switching is suspended" in caplog.text
    assert world.switcher.link_monitor.suspended
    assert observe(world) is None
    for reason in ("manual", "limit"):
        refused = switch(world, reason, target="b", force=True)
        assert refused["outcome"] == "refused"
        assert "ln -sfn" in refused["detail"] or "is not a symlink" in refused["detail"]
    if os.path.isdir(world.link) and not os.path.islink(world.link):
        os.rmdir(world.link)
    world.flip_by_hand("b")
    back = observe(world)
    assert (back["from_account"], back["to_account"], world.switcher.link_monitor.suspended) == (None, "b", None)


def test_a_link_that_is_gone_for_a_moment_suspends_nothing(world):
    """`ln -sfn` removes the link before it makes the new one."""
    observe(world)
    os.unlink(world.link)
    world.switcher.link_monitor._reread_delay = 0.2

    async def both():
        task = asyncio.ensure_future(world.switcher.observe())
        await asyncio.sleep(0)
        world.flip_by_hand("b")
        return await task

    assert asyncio.run(both())["to_account"] == "b"
    assert world.switcher.link_monitor.suspended is None


# -- what cannot be written ------------------------------------------------------------------------------------------


NUMBERS = [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EMFILE]


@pytest.mark.parametrize("number", NUMBERS)
def test_when_nothing_can_be_written_the_switch_is_made_and_stored_later(world, number, caplog):
    observe(world)
    save, append = world.store.save, world.store.append

    def refuse(_name, _data):
        raise OSError(number, os.strerror(number))

    world.store.save = world.store.append = refuse
    record = switch(world, "limit", trigger=world.evidence())
    assert (record["outcome"], world.active) == ("switched", "b")
    assert os.strerror(number) in caplog.text
    assert set(world.store.unsaved.problems) == {"switch-journal", "flips"}
    assert world.switcher.history(9) == [record]
    with pytest.raises(OSError, match=os.strerror(number)):
        world.switcher.journal.close(record)
    assert observe(world) is None
    world.store.save, world.store.append = save, append
    world.switcher.journal.close(record)
    world.switcher.journal.retry_writes()
    assert world.store.unsaved.problems == {}
    world.start()
    assert asyncio.run(world.switcher.recover()) is None
    assert [row["id"] for row in world.log()] == [record["id"]]


@pytest.mark.parametrize("target", ["b", "c"])
def test_after_a_crash_while_nothing_can_be_written_the_link_as_it_is_counts(tmp_path, target):
    world = World(tmp_path, "abc")
    observe(world)

    def refuse(_name, _data):
        raise OSError(errno.EROFS, "Read-only file system")

    world.store.save = world.store.append = refuse
    switch(world, "manual", target)
    world.start()
    asyncio.run(world.switcher.recover())
    assert (world.active, world.switcher.flip_log.linked_account) == (target, target)
    assert world.switcher.link_monitor.suspended is None
    (record,) = world.switcher.history(9)
    assert (record["outcome"], record["to_account"]) == ("switched", target)


def test_a_disk_that_fills_after_the_flip_does_not_stop_the_switch(world):
    observe(world)
    save = world.store.save

    def refuse(name, data):
        raise OSError(28, "No space left on device")

    def fill():
        world.store.save = refuse

    with_checkpoints(world, {("begin", "flip"): fill})
    record = switch(world)
    assert (record["outcome"], world.active) == ("switched", "b")
    world.store.save = save
    world.switcher.journal.close(record)
    assert observe(world) is None
    assert [row["id"] for row in world.log()] == [record["id"]]
    world.start()
    asyncio.run(world.switcher.recover())
    assert [row["outcome"] for row in world.switcher.history(9)] == ["switched"]


# -- the log -------------------------------------------------------------------------------------------------------


def test_a_record_is_logged_exactly_once(world):
    record = switch(world)
    assert world.log() == []
    assert world.switcher.history(5) == [record]
    save = world.store.save

    def crash(name, data):
        raise KeyboardInterrupt

    world.store.save = crash
    with pytest.raises(KeyboardInterrupt):  # appended, and not yet taken out of the journal
        world.switcher.journal.close(record)
    world.store.save = save
    world.start()
    assert world.switcher.history(5) == [record]
    for opened in world.switcher.journal.open_records():
        world.switcher.journal.close(opened)
    assert world.log() == [record]
    assert world.switcher.journal.open_records() == []


def test_an_invalid_journal_is_logged_and_ignored(world, caplog):
    world.store.save("switch-journal", {"under_way": {"id": 3}, "open": [7]})
    world.start()
    assert asyncio.run(world.switcher.recover()) is None
    assert "is invalid and ignored" in caplog.text
    assert switch(world)["outcome"] == "switched"


@pytest.mark.parametrize("time", ["yesterday", "2026-11-22T20:00:00", 7, "0001-01-01T00:00:00+23:00"])
def test_a_switch_in_progress_without_a_valid_time_is_logged_and_ignored(world, caplog, time):
    texts = dict.fromkeys(("id", "reason", "origin", "target", "step", "detail"), "b")
    world.store.save("switch-journal", {"under_way": {**texts, "time": time, "trigger": None}, "open": []})
    world.start()
    assert asyncio.run(world.switcher.recover()) is None
    assert "is invalid and ignored" in caplog.text


def test_the_steps_are_those_of_the_contract():
    assert [step.name for step in STEPS] == ["prepare", "wait", "flip", "touch", "verify", "settle"]
    assert ROLL_BACK not in {step.name for step in STEPS}


def test_history_is_newest_first(world):
    for target in "bab":
        world.now += minutes(1)
        record = switch(world, target=target)
        world.switcher.journal.close(record)
    assert [row["to_account"] for row in world.switcher.history(2)] == ["b", "a"]
    with open(world.store.log_path("switches")) as stream:
        assert [json.loads(line)["to_account"] for line in stream] == ["b", "a", "b"]


def test_a_flip_log_that_is_ahead_of_the_clock_is_told_and_goes_on(tmp_path, caplog):
    world = World(tmp_path)
    ahead = clock.wall() + timedelta(hours=1)
    FlipLog(world.store).add(Flip(ahead, "a", "b", "limit"))
    assert FlipLog(world.store).last.at <= clock.now()
    assert "s behind the newest flip" in caplog.text


def test_history_is_in_the_order_in_which_switches_began(world):
    """The sessions of the first were resumed for longer than those of the second, so that it was logged last."""
    began = []
    for target in "ba":
        world.now += minutes(1)
        began.append(switch(world, target=target)["id"])
    first, second = (row for row in reversed(world.switcher.history(9)))
    assert [first["id"], second["id"]] == began
    journal = world.switcher.journal
    journal.close(second)
    assert world.switcher.history(9) == [second, first], "the first is open still"
    journal.close(first)
    with open(world.store.log_path("switches")) as stream:
        assert [json.loads(line)["id"] for line in stream] == [second["id"], first["id"]]
    assert world.switcher.history(9) == [second, first]
    assert world.switcher.history(1) == [second], "also where the log's last is the first"


def test_history_of_a_clock_that_was_set_back_is_in_the_order_of_the_switches(world):
    for target, step in (("b", 120), ("a", -60)):
        world.now += minutes(step)
        world.switcher.journal.close(switch(world, target=target))
    assert [row["to_account"] for row in world.switcher.history(9)] == ["a", "b"]


def test_a_switch_by_a_label_leads_to_the_account_that_is_called_by_an_address(tmp_path):
    world = World(tmp_path, names=("a", "two@example.invalid", "account-3", "four@example.invalid"))
    record = switch(world, target="account-2")
    assert (record["outcome"], record["to_account"], world.active) == ("switched", *["two@example.invalid"] * 2)
    assert switch(world, target="account-2", dry_run=True)["outcome"] == "stayed"
    assert switch(world, target="account-3")["to_account"] == "account-3", "another one is really called so"


def test_an_unknown_label_is_told_with_those_that_there_are(tmp_path):
    world = World(tmp_path, names=("a", "two@example.invalid"))
    expected = r"no account 'account-1'; configured are a, two@example.invalid \(account-2\)"
    with pytest.raises(UsageError, match=expected):
        switch(world, target="account-1")
