# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in another user's name: its ids and groups, its result, and the ways in which it fails."""

from __future__ import annotations

import grp
import linecache
import os
import pwd
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _run_as as module
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import (
    Progress,
    RunAsError,
    current_user_name,
    find_group,
    find_user,
    run_as,
)
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import needs_no_root, needs_root, some_user

SECRET = "an-identity-that-nobody-is-to-see"
UNKNOWN = ["no-such-name-here", "", "a\0b", "4294967294", "99999999999999999999", "４２"]


@needs_root
def test_the_work_is_done_with_nothing_of_root() -> None:
    user = some_user()

    def look() -> list[Any]:
        return [os.getresuid(), os.getresgid(), os.getgroups()]

    ids, groups = [user.pw_uid] * 3, os.getgrouplist(user.pw_name, user.pw_gid)
    assert run_as(user, look) == [ids, [user.pw_gid] * 3, groups]


@needs_root
def test_an_error_of_the_work_is_told_by_its_kind_only() -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    with pytest.raises(RunAsError, match="ValueError") as caught:
        run_as(some_user(), fail)
    assert SECRET not in str(caught.value)


@needs_root
def test_an_error_is_told_where_the_user_may_not_read_roots_python() -> None:
    def fail() -> None:
        # As with a Python below /root: what is not imported yet cannot be.
        sys.meta_path.clear()
        sys.modules.pop("tokenize", None)
        linecache.clearcache()
        raise ValueError

    with pytest.raises(RunAsError, match=r"ValueError, at test_run_as\.py:\d+"):
        run_as(some_user(), fail)


@needs_root
def test_a_process_that_is_killed_is_told() -> None:
    def die() -> None:
        os.kill(os.getpid(), 9)

    with pytest.raises(RunAsError, match="wait status 9"):
        run_as(some_user(), die)


@needs_root
def test_the_result_comes_back_as_json_holds_it() -> None:
    assert run_as(some_user(), lambda: {"pair": (1, "é\udcff"), "none": None}) == {
        "pair": [1, "é\udcff"],
        "none": None,
    }


@needs_root
def test_a_result_that_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(RunAsError, match="wait status"):
        run_as(some_user(), object)


@needs_root
def test_an_error_of_the_system_is_told_with_its_reason(base: str) -> None:
    with pytest.raises(RunAsError, match=r"Permission denied, at test_run_as\.py:"):
        run_as(some_user(), lambda: os.mkdir(f"{base}/new"))
    assert os.listdir(base) == []


def test_the_user_itself_needs_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", None)
    pair = (1, 2)
    assert run_as(pwd.getpwuid(os.geteuid()), lambda: pair) is pair


@needs_no_root
def test_only_root_works_as_another_user() -> None:
    with pytest.raises(RunAsError, match="expected root or root"):
        run_as(pwd.getpwnam("root"), lambda: None)


@needs_root
def test_a_caller_that_ignores_its_children_gets_the_result() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert run_as(some_user(), lambda: 7) == 7
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_users_and_groups_are_found_by_name_and_by_number() -> None:
    user, group = some_user(), grp.getgrnam("users")
    assert find_user(user.pw_name) == find_user(str(user.pw_uid)) == user
    assert find_group(group.gr_name) == find_group(str(group.gr_gid)) == group


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_users_and_groups_are_none(name: str) -> None:
    assert find_user(name) is None
    assert find_group(name) is None


def test_a_user_without_a_name_is_called_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_user_name() == pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 4294967294)
    assert current_user_name() == "4294967294"


# ---- A process that the user holds up ----------------------------------------------------------------------


def children() -> set[str]:
    """Return the children of this process, running, stopped or ended."""
    found = set()
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as stream:
            found |= set(stream.read().split())
    return found


@pytest.fixture
def no_child_is_left() -> Iterator[None]:
    """Check that the test leaves no child beside those of earlier tests."""
    before = children()
    yield
    assert children() <= before


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.5)


@needs_root
@pytest.mark.usefixtures("short", "no_child_is_left")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_process_that_the_user_stops_is_ended_and_told(ignored: bool) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignored else signal.SIG_DFL)
    user = some_user()
    try:
        with pytest.raises(RunAsError, match=r"within 0\.5 s and was killed; it was stopped") as caught:
            run_as(user, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert user.pw_name in str(caught.value)


@needs_root
@pytest.mark.usefixtures("short", "no_child_is_left")
def test_a_process_that_is_stopped_after_its_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", lambda _code: os.kill(os.getpid(), signal.SIGSTOP))
    assert run_as(some_user(), lambda: 7) == 7


@needs_root
@pytest.mark.usefixtures("no_child_is_left")
def test_a_process_that_shows_no_progress_is_ended_and_told() -> None:
    with pytest.raises(RunAsError, match=r"went on with nothing for 0\.5 s and was killed; it was stopped") as caught:
        run_as(some_user(), lambda: os.kill(os.getpid(), signal.SIGSTOP), 300.0, Progress(0.5))
    assert "process that works as" in str(caught.value)


@needs_root
@pytest.mark.usefixtures("no_child_is_left")
def test_a_process_that_shows_progress_may_work_longer_but_not_beyond_its_deadline() -> None:
    progress = Progress(1.0, every=0.0)

    def work(seconds: float) -> float:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            progress()
            time.sleep(0.01)
        return seconds

    assert run_as(some_user(), lambda: work(2.0), 300.0, progress) == 2.0
    with pytest.raises(RunAsError, match=r"did not end within 1\.5 s and was killed$"):
        run_as(some_user(), lambda: work(300.0), 1.5, progress)


@needs_root
@pytest.mark.usefixtures("no_child_is_left")
def test_a_process_that_dies_after_some_progress_is_told() -> None:
    progress = Progress(30.0, every=0.0)

    def die() -> None:
        progress()
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RunAsError, match="ended before it was done \\(wait status 9\\)"):
        run_as(some_user(), die, 300.0, progress)


def test_progress_in_the_process_itself_is_written_nowhere() -> None:
    progress = Progress(30.0, every=0.0)
    progress()
    assert run_as(pwd.getpwuid(os.geteuid()), lambda: progress() or 7, 300.0, progress) == 7


@needs_root
@pytest.mark.usefixtures("short", "no_child_is_left")
def test_a_process_that_works_for_too_long_is_ended_and_told() -> None:
    with pytest.raises(RunAsError, match=r"did not end within 0\.5 s and was killed$"):
        run_as(some_user(), lambda: time.sleep(300))


@needs_root
@pytest.mark.usefixtures("no_child_is_left")
def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_ANSWER", 1000)
    with pytest.raises(RunAsError, match="more than 1000 bytes"):
        run_as(some_user(), lambda: "x" * 2000)
