# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing: properties of the rule, and its messages."""

from __future__ import annotations

import dataclasses
import os
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_failover.common.errors import FailoverError
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.tasks.routing import (
    PooledSession,
    TaskRequirements,
    check_requirements,
    choose,
    disqualification,
    explain,
    refusal,
    requirements_of,
)
from claude_failover.tasks.task import Task

NAMES = ["a", "b", "c", "d"]
RENAMED = "was renamed in tmux to 'z'"


def proved():
    """Prove that a session is ours."""


def renamed():
    """Find that a session is not ours."""
    return RENAMED


FOLDERS = ["/srv/one", "/srv/two"]
candidate = st.builds(
    PooledSession,
    name=st.sampled_from(NAMES),
    configured=st.booleans(),
    dedicated=st.booleans(),
    claude_args=st.booleans(),
    cwd=st.sampled_from([*FOLDERS, None]),
    state=st.sampled_from(["starting", "idle", "idle", "busy", "waiting", "limited", "resuming", "down"]),
    ownership_problem=st.sampled_from([proved, proved, renamed]),
)
candidates = st.lists(candidate, max_size=4, unique_by=lambda item: item.name)
requirements = st.builds(
    TaskRequirements, session=st.sampled_from([None, *NAMES]), cwd=st.sampled_from([None, *FOLDERS])
)
reserved_names = st.sets(st.sampled_from(NAMES))


#: What breaks a session that may have a task, and the words that say so.
DEFECTS = {
    "by hand": ({"configured": False}, "was started by hand"),
    "dedicated": ({"dedicated": True}, "is dedicated"),
    "own command": ({"claude_args": False}, "runs a command of its own (claude_args: false)"),
    "another name": ({"name": "other"}, "is another one than was asked for"),
    "another folder": ({"cwd": "/srv/other"}, "works in another folder"),
    "no folder": ({"cwd": None}, "works in another folder"),
    "starting": ({"state": "starting"}, "is starting"),
    "busy": ({"state": "busy"}, "is busy"),
    "waiting": ({"state": "waiting"}, "is waiting"),
    "limited": ({"state": "limited"}, "is limited"),
    "resuming": ({"state": "resuming"}, "is resuming"),
    "down": ({"state": "down"}, "is down"),
    "not ours": ({"ownership_problem": renamed}, RENAMED),
}
REACHABLE = {"starting", "busy", "waiting", "limited", "resuming", "down", "not ours"}  # those that may pass


def fit(name, cwd):
    """A session that may have any task that asks for its name and folder."""
    return PooledSession(name, True, False, True, cwd, "idle", proved)


fitting = st.builds(fit, st.sampled_from(NAMES), st.sampled_from(FOLDERS))


@given(fitting, st.booleans(), st.booleans())
def test_a_session_without_defect_may_have_the_task(item, by_name, by_folder):
    asked = TaskRequirements(item.name if by_name else None, item.cwd if by_folder else None)
    assert disqualification(item, asked) is None
    assert refusal(item, asked) is None
    assert choose([item], asked, set()) == item.name
    assert explain([item], asked, set()) == f"waits for a session of the pool: {item.name} is next"


@pytest.mark.parametrize("defect", DEFECTS)
@given(fitting, st.booleans())
def test_one_defect_is_enough_to_keep_a_task_away(defect, item, anything):
    """For each defect: the session is as it should be but for this one property."""
    changes, why = DEFECTS[defect]
    asked = TaskRequirements(
        item.name if defect == "another name" or not anything else None,
        item.cwd if defect in ("another folder", "no folder") or not anything else None,
    )
    broken = dataclasses.replace(item, **changes)
    if defect != "another name":
        assert explain([broken], asked, set()) == f"waits for a session of the pool: {item.name} {why}"
    assert disqualification(broken, asked) == (None if defect in REACHABLE else why)
    assert refusal(broken, asked) == why
    assert choose([broken], asked, set()) is None


@pytest.mark.parametrize(
    ("count", "end"), [(0, ": there is none"), (1, "s1 is busy"), (10, "s10 is busy"), (11, "s10 is busy, and 1 more")]
)
def test_at_most_ten_sessions_are_listed_with_their_reasons(count, end):
    sessions = [dataclasses.replace(fit(f"s{n + 1}", None), state="busy") for n in range(count)]
    text = explain(sessions, TaskRequirements(), set())
    assert text.endswith(end)
    assert text.count("is busy") == min(count, 10)
    assert text.count(", s") == max(0, min(count, 10) - 1)


def test_the_ownership_of_a_session_whose_reason_is_not_listed_is_not_proved():
    asked = []
    sessions = [
        dataclasses.replace(fit(f"s{n + 1}", None), ownership_problem=lambda: asked.append("proof")) for n in range(200)
    ]
    assert explain(sessions, TaskRequirements(), {item.name for item in sessions}).endswith("and 190 more")
    assert len(asked) == 10


@given(fitting, st.sampled_from(sorted(set(DEFECTS) - {"not ours"})))
def test_the_ownership_of_a_session_that_is_refused_otherwise_is_not_proved(item, defect):
    changes, _why = DEFECTS[defect]
    asked = TaskRequirements(item.name, item.cwd)
    proofs = []
    broken = dataclasses.replace(item, **changes, ownership_problem=lambda: proofs.append(item.name))
    assert refusal(broken, asked) is not None
    assert choose([broken], asked, set()) is None
    assert proofs == []


@given(fitting)
def test_the_ownership_of_a_reserved_session_is_not_proved_to_choose(item):
    proofs = []
    reserved = dataclasses.replace(item, ownership_problem=lambda: proofs.append(item.name))
    assert choose([reserved], TaskRequirements(), {item.name}) is None
    assert proofs == []
    assert choose([reserved], TaskRequirements(), set()) == item.name
    assert proofs == [item.name]


def test_a_required_session_that_is_gone_is_named():
    assert explain([fit("a", None)], TaskRequirements("b"), set()) == "waits: the configuration has no session b"


@given(fitting)
def test_a_session_that_is_reserved_is_not_chosen(item):
    assert choose([item], TaskRequirements(), {item.name}) is None
    assert explain([item], TaskRequirements(), {item.name}) == (
        f"waits for a session of the pool: {item.name} is not free yet"
    )


@given(st.permutations(NAMES), st.integers(1, 4))
def test_the_first_that_may_have_it_is_chosen(names, count):
    found = [fit(name, FOLDERS[0]) for name in names[:count]]
    assert choose(found, TaskRequirements(), set()) == names[0]
    assert choose(found, TaskRequirements(), {names[0]}) == (names[1] if count > 1 else None)


@given(candidates, requirements, reserved_names)
def test_whoever_is_chosen_may_have_it(found, asked, reserved):
    name = choose(found, asked, reserved)
    able = [
        item
        for item in found
        if item.configured
        and not item.dedicated
        and item.claude_args
        and item.state == "idle"
        and item.ownership_problem is proved
        and asked.session in (None, item.name)
        and asked.cwd in (None, item.cwd)
        and item.name not in reserved
    ]
    assert name == (able[0].name if able else None)


@given(candidates, requirements, reserved_names)
def test_a_task_that_waits_is_told_of_every_session_why(found, asked, reserved):
    if choose(found, asked, reserved) is None:
        text = explain(found, asked, reserved)
        assert text.startswith("waits") and "is next" not in text
        for item in found:
            if asked.session in (None, item.name):
                assert item.name in text


@given(candidate, requirements)
def test_what_is_barred_is_refused_in_every_state(item, asked):
    if disqualification(item, asked) is not None:
        assert refusal(item, asked) == disqualification(item, asked)


def test_the_requirements_of_a_task_are_its_session_and_folder():
    now = datetime(2026, 11, 22, tzinfo=timezone.utc)
    task = Task("1", 1, "hello", now, wanted="pool", cwd="/srv/pool", session="other")
    assert requirements_of(task) == TaskRequirements("pool", "/srv/pool")


def test_a_folder_is_the_same_through_a_link(tmp_path):
    folder, link = tmp_path / "real", tmp_path / "link"
    folder.mkdir()
    os.symlink(folder, link)
    item = PooledSession("a", True, False, True, str(link), "idle", proved)
    assert refusal(item, TaskRequirements(cwd=str(folder))) is None
    assert refusal(item, TaskRequirements(cwd=str(tmp_path))) == "works in another folder"


def configuration(*specs):
    return Config(
        path="/c.yml",
        accounts=(Account("one", "/h/one"),),
        active_link="/h/.claude",
        shared_root="/h",
        shared_links=(),
        sessions=specs,
        state_dir="/s",
    )


MAIN = SessionConfig("main", "/srv/main", ("claude",), True, True, {})
POOL = SessionConfig("pool", "/srv/pool", ("claude",), True, False, {})
MORE = SessionConfig("more", "/srv/pool", ("claude",), True, False, {})
OTHER = SessionConfig("other", "/srv/other", ("htop",), False, False, {})


@pytest.mark.parametrize(
    ("asked", "code", "found"),
    [
        (TaskRequirements("main"), 1, "session main is dedicated, and never gets a task; the pool has: pool, more"),
        (
            TaskRequirements("other"),
            1,
            (
                "session other runs a command of its own (claude_args: false), and never gets a task; "
                "the pool has: pool, more"
            ),
        ),
        (
            TaskRequirements("hand"),
            1,
            (
                "session 'hand' was started by hand, and belongs to whoever did; "
                "tasks go to the sessions of the pool: pool, more"
            ),
        ),
        (
            TaskRequirements("none"),
            2,
            "session 'none' does not exist; tasks go to the sessions of the pool: pool, more",
        ),
        (
            TaskRequirements("pool", "/srv/main"),
            1,
            "session pool works in /srv/pool, not in /srv/main; leave one of the two out",
        ),
        (
            TaskRequirements(cwd="/srv/nowhere"),
            1,
            "no configured session works in /srv/nowhere; they work in: /srv/main, /srv/other, /srv/pool",
        ),
    ],
)
def test_requirements_that_can_never_be_met_are_refused(asked, code, found):
    with pytest.raises(FailoverError) as error:
        check_requirements(configuration(MAIN, POOL, MORE, OTHER), ["hand"], asked)
    assert (str(error.value), error.value.exit_code) == (found, code)


def test_without_a_pool_or_a_session_the_refusal_says_none():
    with pytest.raises(FailoverError, match=r"the pool has: none$"):
        check_requirements(configuration(MAIN, OTHER), [], TaskRequirements("main"))
    with pytest.raises(FailoverError, match=r"they work in: none$"):
        check_requirements(configuration(), [], TaskRequirements(cwd="/srv"))


@pytest.mark.parametrize("asked", [TaskRequirements("pool"), TaskRequirements("pool", "/srv/pool/")])
def test_a_session_of_the_pool_may_be_required_by_name(asked):
    check_requirements(configuration(MAIN, POOL), [], asked)


@pytest.mark.parametrize(
    "asked", [TaskRequirements(), TaskRequirements(cwd="/srv/main"), TaskRequirements(cwd="/srv/main/")]
)
def test_a_pool_without_a_session_for_it_lets_a_task_wait(asked):
    check_requirements(configuration(MAIN), [], asked)
