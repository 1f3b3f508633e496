# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test who a ``.claude.json`` that the homes share names."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os

import pytest
from skipped_time import SkippedTime
from switch_world import World, account_entry, wait_until

from claude_failover.accounts import login_lock, shared_identity
from claude_failover.accounts.identities import Identities
from claude_failover.accounts.shared_identity import SHARED_STATE, SharedIdentity
from claude_failover.accounts.shared_state_file import shared_state_file, sharing_homes
from claude_failover.claude import state_file_edit
from claude_failover.claude.identity import Identity
from claude_failover.common.errors import Refused
from claude_failover.storage.store import Store
from claude_failover.switching.switcher import SwitchRequest

PENDING = SHARED_STATE


class Clock:
    def __init__(self):
        self.passed = 0.0

    def __call__(self):
        return self.passed


@pytest.fixture
def shared(tmp_path):
    """The accounts a, b and c, of which a is active, share one file; the daemon has started."""
    world = World(tmp_path, "abc")
    world.share_state_file(projects={"/srv": {"lone": "\ud83d", "number": 1.5}})
    world.changes = []
    use(world)
    asyncio.run(world.switcher.recover())
    return world


def use(world):
    """Give the world a clock and keep the events."""
    world.clock = Clock()
    switcher = world.switcher
    identities = switcher.availability.identities
    switcher.shared_identity = SharedIdentity(world.config_holder, identities, world.store.unsaved, world.clock)
    identities.on_change = lambda name, why: world.changes.append((name, why))
    world.identity = switcher.shared_identity


def restart(world):
    world.start()
    use(world)
    asyncio.run(world.switcher.recover())


def switch(world, target, **options):
    return asyncio.run(world.switcher.switch(SwitchRequest("manual", target, **options)))


def log_in_by_hand(world, name, who):
    """Log in to an account by /login in a session of its home: credentials and name are replaced."""
    os.unlink(world.credentials(name))
    world.log_in(name)
    world.write_state(oauthAccount=account_entry(who))


def recorded(world, name):
    found = Identities(Store(world.config.state_dir)).get(name)
    return found.account_uuid if found is not None else None


def lock(world, name):
    path = os.path.join(world.home(name), ".claude.json.lock")
    os.mkdir(path)
    return path


# ---- at a flip -----------------------------------------------------------------------------------------------------


def test_after_a_flip_the_shared_file_names_the_new_account_and_all_else_stays(shared, caplog):
    caplog.set_level(logging.INFO)
    before, links = shared.state_document, links_of(shared)
    for target in "bca":
        assert switch(shared, target)["outcome"] == "switched"
        assert shared.state_document == {**before, "oauthAccount": account_entry(target)}
        assert list(shared.state_document) == list(before)
    assert os.stat(shared.state_link.target).st_mode & 0o777 == 0o640
    assert links_of(shared) == links
    assert "it names b now" in caplog.text
    assert "example.invalid" not in caplog.text and "account-" not in caplog.text
    assert leftovers(shared) == []


def links_of(world):
    return [os.readlink(os.path.join(home, ".claude.json")) for home in world.config.homes]


def leftovers(world):
    """Return the locks and temporary files that are left."""
    names = [name for folder in (*world.config.homes, world.folder) for name in os.listdir(folder)]
    return [name for name in names if name.endswith(".lock") or name.startswith("..claude")]


def test_a_flip_by_hand_is_followed_as_soon_as_it_is_noticed(shared):
    shared.flip_by_hand("c")
    asyncio.run(shared.switcher.observe())
    assert shared.named == "c"


def test_a_flip_by_hand_while_no_daemon_ran_is_followed_at_the_start(shared):
    shared.flip_by_hand("b")
    restart(shared)
    assert shared.named == "b"


def test_a_kill_between_the_flip_and_the_write_is_made_good_at_the_start(shared):
    switch(shared, "b")
    shared.write_state(oauthAccount=account_entry("a"))
    restart(shared)
    assert shared.named == "b"


def test_a_switch_that_is_flipped_back_names_the_first_account_again(shared, monkeypatch):
    def break_links(moment, step):
        if (moment, step) == ("begin", "verify"):
            assert shared.named == "b"
            shared.break_link("b")

    shared.switcher.procedure.checkpoint = break_links
    assert switch(shared, "b")["outcome"] == "failed"
    assert (shared.active, shared.named) == ("a", "a")


def test_it_is_written_before_the_switch_is_over(shared):
    seen = []
    shared.switcher.procedure.checkpoint = lambda moment, step: seen.append((moment, step, shared.named))
    switch(shared, "b")
    assert ("begin", "flip", "a") in seen and ("end", "flip", "b") in seen


def test_a_fresher_entry_of_the_same_login_is_left(shared):
    entry = {**account_entry("b"), "displayName": "new"}
    shared.write_state(oauthAccount=entry)
    switch(shared, "b")
    assert shared.state_document["oauthAccount"] == entry


def test_an_account_without_a_record_is_told_and_nothing_is_written(shared, caplog):
    shared.store.save("identities", {"a": {"account_uuid": "account-a"}})
    restart(shared)
    before = shared.state_document
    for _time in range(2):
        switch(shared, "b")
        switch(shared, "c")
    assert shared.state_document == before
    assert caplog.text.count("account b: who it is is not known until its next login") == 1
    assert "run `claude-failover login b`" in caplog.text
    assert shared.store.unsaved.problems == {}


def test_homes_that_share_no_file_are_left_alone(tmp_path):
    world = World(tmp_path, "ab")
    for name in "ab":
        with open(os.path.join(world.home(name), ".claude.json"), "w") as stream:
            json.dump({"oauthAccount": account_entry("a"), "hasCompletedOnboarding": False}, stream)
    asyncio.run(world.switcher.recover())
    for name in "ab":
        world.record_identity(name)
    switch(world, "b")
    world.switcher.shared_identity.observe()
    for name in "ab":
        with open(os.path.join(world.home(name), ".claude.json")) as stream:
            found = json.load(stream)
        assert (found["oauthAccount"]["accountUuid"], found["hasCompletedOnboarding"]) == ("account-a", False)
    assert (shared_state_file(world.config), sharing_homes(world.config)) == (None, [])


def test_a_link_that_was_replaced_by_a_file_shares_no_more(shared):
    path = os.path.join(shared.home("a"), ".claude.json")
    os.unlink(path)
    with open(path, "w") as stream:
        json.dump({"oauthAccount": account_entry("b"), "hasCompletedOnboarding": False}, stream)
    restart(shared)
    shared.identity.observe()
    with open(path) as stream:
        assert json.load(stream) == {"oauthAccount": account_entry("b"), "hasCompletedOnboarding": False}
    assert shared.named == "a"
    switch(shared, "b")
    assert shared.named == "b"


# ---- what keeps it from being written ------------------------------------------------------------------------------


@pytest.mark.parametrize("holder", "ac")
def test_a_lock_that_stays_in_another_home_does_not_matter(shared, holder):
    """One that a session holds at the flip stays in the home that was left."""
    path = lock(shared, holder)
    switch(shared, "b")
    assert (shared.named, os.path.isdir(path), shared.store.unsaved.problems) == ("b", True, {})


def test_a_lock_that_is_held_keeps_no_switch_and_it_is_written_later(shared, caplog):
    path = lock(shared, "b")
    record = switch(shared, "b")
    assert (record["outcome"], record["seconds"] < 5, shared.named) == ("switched", True, "a")
    assert "is held by another process" in shared.store.unsaved.problems[PENDING]
    assert caplog.text.count("who the active account is, in the .claude.json that the homes share: cannot be") == 1
    for _retry in range(3):
        shared.clock.passed += 9  # its holder is alive
        os.utime(path)
        shared.store.unsaved.retry()
        assert (os.path.isdir(path), shared.named) == (True, "a")
    os.rmdir(path)
    shared.store.unsaved.retry()
    assert (shared.named, shared.store.unsaved.problems) == ("b", {})


@pytest.mark.parametrize("text", [".claude/.claude.json", "TARGET"])
def test_a_session_that_was_started_by_hand_holds_the_lock_beside_the_link_of_the_person(shared, text):
    """Without CLAUDE_CONFIG_DIR its file is ~/.claude.json, and its lock lies beside that, before and after a flip."""
    os.symlink(text.replace("TARGET", shared.state_link.target), os.path.join(shared.folder, ".claude.json"))
    path = os.path.join(shared.folder, ".claude.json.lock")
    os.mkdir(path)
    switch(shared, "b")
    assert (shared.named, os.path.isdir(path)) == ("a", True)
    assert "is held by another process" in shared.store.unsaved.problems[PENDING]
    os.rmdir(path)
    shared.store.unsaved.retry()
    assert (shared.named, leftovers(shared)) == ("b", [])


@pytest.mark.parametrize("link", ["", "elsewhere.json"])
def test_the_file_of_a_person_that_is_another_one_has_a_lock_of_its_own(shared, link):
    if link:
        os.symlink(link, os.path.join(shared.folder, ".claude.json"))
    os.mkdir(os.path.join(shared.folder, ".claude.json.lock"))
    switch(shared, "b")
    assert (shared.named, shared.store.unsaved.problems) == ("b", {})


def test_a_lock_of_a_dead_session_is_removed_after_ten_seconds(shared):
    lock(shared, "b")
    switch(shared, "b")
    shared.clock.passed += 9.9
    shared.store.unsaved.retry()
    assert shared.named == "a"
    shared.clock.passed += 0.2
    shared.store.unsaved.retry()
    assert (shared.named, leftovers(shared)) == ("b", [])


def test_what_is_written_late_is_the_account_that_is_active_then(shared):
    paths = [lock(shared, name) for name in "bc"]
    switch(shared, "b")
    switch(shared, "c")
    assert shared.named == "a"
    for path in paths:
        os.rmdir(path)
    shared.store.unsaved.retry()
    assert shared.named == "c"


def test_an_onboarding_that_comes_meanwhile_does_not_replace_the_name_that_waits(shared):
    path = lock(shared, "b")
    switch(shared, "b")
    shared.write_state(hasCompletedOnboarding=False)
    shared.identity.observe()
    os.rmdir(path)
    shared.store.unsaved.retry()
    assert (shared.named, shared.state_document["hasCompletedOnboarding"]) == ("b", True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_keeps_no_switch_and_it_is_written_later(shared, number, monkeypatch):
    def refuse(path, *_arguments, **_options):
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as patched:
        patched.setattr(state_file_edit, "write_atomic", refuse)
        assert switch(shared, "b")["outcome"] == "switched"
        assert os.strerror(number) in shared.store.unsaved.problems[PENDING]
    shared.store.unsaved.retry()
    assert (shared.named, leftovers(shared)) == ("b", [])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"oauthAccount": {}, "x": NaN}', "nonsense", "[" * 100000])
def test_a_file_that_is_no_json_object_is_told_and_left(shared, text, caplog):
    with open(shared.state_link.target, "w") as stream:
        stream.write(text)
    switch(shared, "b")
    with open(shared.state_link.target) as stream:
        assert stream.read() == text
    assert "found no JSON object" in shared.store.unsaved.problems[PENDING]
    shared.identity.observe()
    with open(shared.state_link.target, "w") as stream:
        stream.write("{}")
    shared.store.unsaved.retry()
    assert shared.named == "b"


def test_a_bug_ends_no_switch(shared, monkeypatch, caplog):
    monkeypatch.setattr(shared_identity, "edit_state_file", lambda *_arguments, **_more: 1 / 0)
    assert switch(shared, "b")["outcome"] == "switched"
    assert "ZeroDivisionError" in caplog.text
    shared.store.unsaved.retry()
    assert shared.store.unsaved.problems == {}


def test_a_file_that_claude_code_changes_meanwhile_keeps_that_change(shared, monkeypatch):
    """2.1.81 writes without the lock where it stays held."""
    real, changes = state_file_edit.write_atomic, [{"numStartups": 8}]

    def write(path, data, mode, *, before_rename):
        if changes:
            shared.write_state(**changes.pop())
        real(path, data, mode, before_rename=before_rename)

    monkeypatch.setattr(state_file_edit, "write_atomic", write)
    switch(shared, "b")
    assert (shared.named, shared.state_document["numStartups"]) in [("a", 8), ("b", 8)]
    shared.store.unsaved.retry()
    assert (shared.named, shared.state_document["numStartups"], leftovers(shared)) == ("b", 8, [])


# ---- between two flips ---------------------------------------------------------------------------------------------


def test_a_session_that_writes_the_name_it_had_read_before_the_flip_is_put_right_for_a_minute(shared):
    switch(shared, "b")
    for seconds in (5, 50):
        shared.clock.passed = seconds
        shared.write_state(oauthAccount=account_entry("a"))
        shared.identity.observe()
        assert shared.named == "b"
    shared.write_state(oauthAccount=account_entry("c"))  # no session had that name
    shared.identity.observe()
    assert (shared.named, shared.changes) == ("c", [])
    shared.clock.passed = 61
    shared.write_state(oauthAccount=account_entry("a"))
    shared.identity.observe()
    ((name, why),) = shared.changes
    assert (shared.named, name) == ("a", "b")
    assert "names the login of a, until the next flip; if b was logged in with it, run `claude-failover login b`" in why
    switch(shared, "a")
    shared.identity.observe()
    assert shared.changes[1:] == [("b", None)]


def test_it_is_looked_at_every_second_after_a_flip(shared, monkeypatch):
    monkeypatch.setattr(shared_identity, "CHECK_INTERVAL", 0.001)

    async def go_on():
        running = asyncio.ensure_future(shared.identity.run())
        await asyncio.sleep(0.01)
        shared.write_state(oauthAccount=account_entry("b"))
        await asyncio.sleep(0.05)
        assert shared.named == "b"
        shared.flip_by_hand("c")
        await shared.switcher.observe()
        shared.write_state(oauthAccount=account_entry("a"))
        await wait_until(lambda: shared.named == "c")
        running.cancel()

    asyncio.run(go_on())


@pytest.mark.parametrize(("homes", "looks"), [("share one", 60), ("have their own", 0)])
def test_homes_that_share_no_file_are_not_looked_at_after_a_flip(tmp_path, homes, looks):
    world = World(tmp_path, "abc")
    if homes == "share one":
        world.share_state_file()
    loop = SkippedTime()
    identities = world.switcher.availability.identities
    identity = SharedIdentity(world.config_holder, identities, world.store.unsaved, loop.time)

    async def flip():
        running = asyncio.ensure_future(identity.run())
        await asyncio.sleep(0)
        identity.on_flip("b")
        await asyncio.sleep(3600)  # of a made-up time
        running.cancel()

    loop.run(flip())
    assert loop.wakes == looks + 1, "the last one ends the test"


def test_a_login_by_hand_in_the_active_home_is_recorded(shared, caplog):
    caplog.set_level(logging.INFO)
    log_in_by_hand(shared, "a", "new")
    shared.identity.observe()
    assert (recorded(shared, "a"), shared.named) == ("account-new", "new")
    assert "account a: who it is was recorded, after a login by hand in its home" in caplog.text
    assert "example.invalid" not in caplog.text
    switch(shared, "b")
    switch(shared, "a")
    assert shared.named == "new"


def test_a_login_by_hand_in_another_home_is_recorded_for_that_and_the_active_name_put_back(shared):
    log_in_by_hand(shared, "c", "new")
    shared.identity.observe()
    assert (recorded(shared, "a"), recorded(shared, "c"), shared.named) == ("account-a", "account-new", "a")


def test_credentials_and_name_can_change_between_two_looks(shared):
    shared.write_state(oauthAccount=account_entry("new"))
    shared.identity.observe()
    assert [(name, why is None) for name, why in shared.changes] == [("a", False)]
    shared.clock.passed = 10
    os.unlink(shared.credentials("a"))
    shared.log_in("a")
    shared.identity.observe()
    assert recorded(shared, "a") == "account-new"
    assert [(name, why is None) for name, why in shared.changes] == [("a", False), ("a", True)]


def test_a_name_that_comes_without_new_credentials_is_nobodys(shared):
    shared.write_state(oauthAccount=account_entry("new"))
    shared.identity.observe()
    ((name, why),) = shared.changes
    assert (name, recorded(shared, "a"), shared.named) == ("a", "account-a", "new")
    assert "run `claude-failover login a`" in why and "example.invalid" not in why
    shared.clock.passed = 31
    os.unlink(shared.credentials("a"))
    shared.log_in("a")  # a refresh, later
    shared.identity.observe()
    assert recorded(shared, "a") == "account-a"
    shared.write_state(oauthAccount=account_entry("a"))
    shared.identity.observe()
    assert shared.changes[1:] == [("a", None)]


def test_credentials_of_two_homes_that_change_at_one_time_tell_nothing(shared):
    log_in_by_hand(shared, "b", "new")
    os.unlink(shared.credentials("a"))
    shared.log_in("a")
    shared.identity.observe()
    assert [recorded(shared, name) for name in "abc"] == ["account-a", "account-b", "account-c"]
    assert shared.named == "new"


def test_the_name_of_another_account_is_never_taken_for_a_login(shared):
    log_in_by_hand(shared, "a", "b")
    shared.identity.observe()
    assert recorded(shared, "a") == "account-a"


def test_while_a_login_is_under_way_nothing_is_judged(shared):
    with login_lock.login_lock(shared.config.state_dir):
        again = login_lock.login_lock(shared.config.state_dir)
        with pytest.raises(Refused, match="another `claude-failover login` runs"), again:
            pass
        log_in_by_hand(shared, "c", "new")
        shared.identity.observe()
        assert (recorded(shared, "c"), shared.named, shared.changes) == ("account-c", "new", [])
        assert login_lock.is_login_under_way(shared.config.state_dir)
    assert not login_lock.is_login_under_way(shared.config.state_dir)


def test_a_name_that_is_nobodys_at_the_start_is_left_and_told(shared):
    shared.write_state(oauthAccount=account_entry("new"))
    shared.changes.clear()
    restart(shared)
    assert shared.named == "new"
    assert [name for name, why in shared.changes if why] == ["a"]


def test_a_record_in_part_is_completed_from_the_file(shared):
    shared.store.save("identities", {"a": {"account_uuid": "account-a", "organization_uuid": "organization"}})
    restart(shared)
    assert shared.switcher.availability.identities.get("a").entry == account_entry("a")
    shared.write_state(oauthAccount=account_entry("b"))
    shared.record_identity("b")
    switch(shared, "b")
    switch(shared, "a")
    assert shared.named == "a"


def test_the_first_login_is_recorded_from_a_shared_file_while_it_is_the_only_one(tmp_path):
    """As after the adoption of a machine with one account."""
    world = World(tmp_path, "ab")
    os.unlink(world.credentials("b"))
    world.share_state_file()
    os.unlink(os.path.join(world.config.state_dir, "identities.json"))
    world.start()
    identities = world.switcher.availability.identities
    identities.observe(world.config, flipped=False)
    assert (identities.get("a").account_uuid, identities.get("b")) == ("account-a", None)
    assert identities.get("a").entry == account_entry("a")


# ---- the first-run questions ---------------------------------------------------------------------------------------


def test_a_logout_leaves_no_account_with_the_first_run_questions(shared, caplog):
    caplog.set_level(logging.INFO)
    os.unlink(shared.credentials("a"))
    shared.write_state(hasCompletedOnboarding=False, oauthAccount=None)
    shared.identity.observe()
    assert shared.state_document["hasCompletedOnboarding"] is True
    assert "oauthAccount" not in shared.state_document
    assert "hasCompletedOnboarding is true again, which /logout had set to false" in caplog.text
    shared.write_state(hasCompletedOnboarding=False)
    switch(shared, "b")
    assert (shared.state_document["hasCompletedOnboarding"], shared.named) == (True, "b")


def test_the_first_run_questions_are_a_persons_where_nobody_is_logged_in_or_has_answered_them(shared):
    switch(shared, "b")
    switch(shared, "a")
    assert "hasCompletedOnboarding" not in shared.state_document
    for name in "abc":
        os.unlink(shared.credentials(name))
    shared.write_state(hasCompletedOnboarding=False)
    shared.identity.observe()
    assert shared.state_document["hasCompletedOnboarding"] is False


def test_it_is_no_endless_fight(shared, caplog):
    for _time in range(5):
        shared.write_state(hasCompletedOnboarding=False)
        shared.identity.observe()
    assert shared.state_document["hasCompletedOnboarding"] is False
    assert caplog.text.count("was set 3 times within an hour, and is left false for now") == 1
    shared.clock.passed += 3601
    shared.identity.observe()
    assert shared.state_document["hasCompletedOnboarding"] is True


# ---- the record ----------------------------------------------------------------------------------------------------


def test_an_older_release_reads_the_record_and_this_one_that_of_an_older(shared):
    rows = shared.store.load("identities", {})
    assert rows["b"]["entry"] == account_entry("b")
    older = {key: rows["b"][key] for key in ("account_uuid", "address", "organization", "organization_uuid", "plan")}
    assert Identity(**older) == shared.switcher.availability.identities.get("b")
    assert os.stat(shared.store.path("identities")).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("entry", [5, [], {}, {"accountUuid": 5}, {"accountUuid": "b", "key": "sk-ant-ort01-x"}])
def test_an_entry_that_is_none_or_holds_a_token_is_not_kept(shared, entry):
    shared.store.save("identities", {"b": {"account_uuid": "account-b", "entry": entry}})
    found = Identities(Store(shared.config.state_dir)).get("b")
    assert (found.account_uuid, found.entry) == ("account-b", None)
