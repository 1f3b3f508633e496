# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that everything that is known of a session goes over to its new name, whenever the daemon is killed."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
import yaml

from claude_failover.common import clock
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.loader import ConfigError, parse
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.failover.resume_queue import ResumeQueue
from claude_failover.failover.state import FailoverState
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.sessions.lifecycle_state import STOPPED, LifecycleEntry, LifecycleState
from claude_failover.sessions.prompt_budget import PromptBudget
from claude_failover.sessions.registry import RegistryEntry, SessionRegistry
from claude_failover.sessions.renames import SessionRenames
from claude_failover.storage.store import Store
from claude_failover.tasks.dispatcher import Dispatcher
from claude_failover.tasks.queue import TaskDocuments, TaskQueue

UUID = "10000000-0000-4000-8000-000000000000"


class Killed(BaseException):
    """The daemon was killed."""


class Resumer:
    """Notes which sessions are shown as limited."""

    def __init__(self):
        self.limited = []

    def mark_limited(self, evidence):
        self.limited.append(evidence.session)


class Life:
    """The documents of one run of the daemon."""

    def __init__(self, folder, *sessions):
        config = ConfigHolder(Config("/x.yml", (Account("a", "/a"),), sessions=sessions))
        self.store = store = Store(str(folder))
        self.registry, self.state = SessionRegistry(store), LifecycleState(store)
        self.budget = PromptBudget(store, lambda _session: "a")
        self.failover, self.resumer = FailoverState(store), Resumer()
        self.tasks = TaskQueue(TaskDocuments(str(folder)), store.unsaved)
        dispatcher = Dispatcher(config, self.tasks, {}, self.registry, None)
        queue = ResumeQueue(config, self.failover, self.resumer, None, None, wake=lambda: None, now=clock.now)
        self.parts = [self.budget.rename, queue.rename, dispatcher.rename_session, self.state.rename]
        self.config = config

    def rename(self):
        SessionRenames(self.config, None, self.registry, self.parts).rename_documents()

    def known(self, name):
        evidence = self.failover.limited_sessions.get(name)
        return (
            self.registry.get(name) is not None,
            self.state.is_stopped(name),
            self.budget.spent().get(name) is not None,
            evidence is not None and evidence.evidence.session == name,
            [task.wanted for task in self.tasks] == [name],
        )


@pytest.fixture
def before(tmp_path):
    """A limited session that was stopped, whose prompts are spent, and that a task waits for."""
    life = Life(tmp_path, SessionConfig("old", "/"))
    life.registry.propose("old", RegistryEntry(UUID, "assigned"))
    life.state.record("old", LifecycleEntry(STOPPED))
    for _enter in range(4):
        life.budget.take("old", "continue")
    verdict = Verdict(True, "five_hour", clock.now() + timedelta(hours=1), "rule", "You've hit your limit", "")
    with life.failover.update():
        evidence = Evidence("old", UUID, "hook", verdict, clock.now())
        life.failover.unattributed.append(evidence)
    queue = ResumeQueue(life.config, life.failover, life.resumer, None, None, wake=lambda: None, now=clock.now)
    queue.add(evidence, "a")
    life.tasks.add("do it", clock.now(), wanted="old", cwd=None)
    assert life.known("old") == (True,) * 5
    return tmp_path


def test_everything_that_is_known_goes_over(before):
    life = Life(before, SessionConfig("new", "/", renamed_from="old"))
    life.rename()
    for seen in (life, Life(before, SessionConfig("new", "/"))):
        assert (seen.known("new"), seen.known("old")) == ((True,) * 5, (False,) * 5)
        assert [evidence.session for evidence in seen.failover.unattributed] == ["new"]
    assert life.resumer.limited == ["new"]
    assert life.registry.get("new").former_names == ("old",)


def test_a_daemon_killed_at_any_document_renames_the_rest_at_the_next_start(before):
    for number in itertools.count():
        life = Life(before, SessionConfig("new", "/", renamed_from="old"))
        if number == len(life.parts):
            break

        def killed(_old, _new):
            raise Killed

        life.parts[number:] = [killed]
        with pytest.raises(Killed):
            life.rename()
    life.rename()
    assert Life(before, SessionConfig("new", "/")).known("new") == (True,) * 5


def test_a_former_name_is_kept_until_the_next_start(tmp_path):
    registry = SessionRegistry(Store(str(tmp_path)))
    registry.propose("a", RegistryEntry(UUID, "assigned", command=("claude",), pid=1, started=2))
    registry.rename("a", "b")
    registry.rename("b", "c")
    registry.propose("c", RegistryEntry(UUID[:-1] + "1", "hook"))
    assert SessionRegistry(Store(str(tmp_path))).get("c").former_names == ("a", "b")
    registry.propose("c", RegistryEntry(UUID[:-1] + "1", "assigned", command=("claude",), pid=3, started=4))
    assert registry.get("c").former_names == ()


@pytest.mark.parametrize(
    ("second", "found"),
    [("one", "the name of a session"), ("two", "the name of a session"), ("gone", "as in sessions[0] too")],
)
def test_a_former_name_is_one_that_no_session_has(second, found):
    sessions = [
        {"name": "one", "cwd": "/", "renamed_from": "gone"},
        {"name": "two", "cwd": "/", "renamed_from": second},
    ]
    text = yaml.safe_dump({"accounts": [{"name": "a", "home": "/a"}], "sessions": sessions})
    with pytest.raises(ConfigError) as caught:
        parse(text, "x")
    (problem,) = caught.value.problems
    assert (problem.key, found in problem.found) == ("sessions[1].renamed_from", True)
