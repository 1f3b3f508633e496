# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the daemon, and what each of them tells the others."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Callable

from ..accounts.link_watch import LinkWatch
from ..accounts.login_watch import LoginWatch
from ..accounts.renames import AccountRenames
from ..claude.settings import base_settings
from ..claude.turns import TurnEvent
from ..common.health import SourceHealth
from ..config.holder import ConfigHolder
from ..detection.monitor import LimitMonitor
from ..failover.controller import FailoverController
from ..failover.idle_sessions import IdleSessions
from ..failover.owner_copy import OwnerCopy
from ..failover.resumer import SessionResumer
from ..limits.evidence import Evidence
from ..reporting.apprise import AppriseNotifier
from ..reporting.event_log import EventLog
from ..reporting.event_reporter import EventReporter
from ..reporting.metrics import Metrics
from ..reporting.notifier import Notifier
from ..reporting.source_events import SourceEvents
from ..reporting.status import StatusReport
from ..reporting.tallies import Tallies
from ..sessions.lifecycle import SessionLifecycle
from ..sessions.lifecycle_state import LifecycleState
from ..sessions.prompt_budget import PromptBudget
from ..sessions.reconciler import SessionReconciler
from ..sessions.registry import SessionRegistry
from ..sessions.remote_control import RemoteControl
from ..sessions.renames import SessionRenames
from ..sessions.session_control import SessionControl
from ..sessions.starter import SessionStarter
from ..sessions.table import SessionTable
from ..sessions.tracked_session import TrackedSession
from ..storage.clock_document import ClockDocument
from ..storage.store import Store
from ..switching.record import Record
from ..tasks.dispatcher import Dispatcher
from ..tasks.queue import TaskDocuments, TaskQueue
from ..tmux.client import Tmux


class Parts:
    """The parts of one daemon. Those to be stopped are registered in ``cleanup`` in the order of their creation.

    Attributes:
        settings: the daemon's Claude Code settings, with which sessions are started.
    """

    def __init__(
        self,
        config: ConfigHolder,
        health: SourceHealth,
        cleanup: AsyncExitStack,
        *,
        started_at: datetime,
        is_ready: Callable[[], bool],
    ) -> None:
        self._is_ready = is_ready
        self.store = store = Store(config.current.state_dir)
        cleanup.callback(store.close)
        ClockDocument(store)
        account_renames = AccountRenames(config, store)  # the first to see another configuration
        registry = SessionRegistry(store)
        self.settings = base_settings(config.current)
        self.tallies = Tallies()
        self.sessions = SessionTable(config, registry)
        self.tmux = Tmux(config.current.tmux.binary, config.current.tmux.socket, health=health)
        cleanup.push_async_callback(self.tmux.stop)
        starter = SessionStarter(config, self.tmux, registry, lambda: self.settings)
        state = LifecycleState(store)
        self.lifecycle = SessionLifecycle(config, self.tmux, self.sessions, registry, starter, state)
        self.monitor = LimitMonitor(
            config,
            self.sessions,
            registry,
            self.tmux,
            on_evidence=self._on_evidence,
            on_turn=self._on_turn,
            on_usage=self._on_usage,
            on_login_dead=self._on_login_dead,
            on_owner_question=self._on_owner_question,
            last_flip=lambda: self.failover.last_flip,
            health=health,
            settings=lambda: self.settings,
        )
        cleanup.push_async_callback(self.monitor.stop)
        self.notifier = Notifier(config)
        cleanup.push_async_callback(self.notifier.stop)
        apprise = AppriseNotifier(config)
        cleanup.push_async_callback(apprise.stop)
        self.events = EventReporter(config, store)
        self._event_log = event_log = EventLog(store)
        self.events.subscribe(event_log.append)
        self.events.subscribe(self.notifier.send)
        self.events.subscribe(apprise.send)
        self.events.every_round.append(event_log.retry)
        self.sessions.on_set_aside = self.events.on_set_aside
        self.monitor.classifier.on_unknown = self._on_unknown_wording
        lost_contexts = self.monitor.lost_contexts
        lost_contexts.restore(self.events.lost_contexts())
        lost_contexts.on_lost = lambda session, why: self.events.on_context_lost(
            session, why, lost_contexts.conversation_of(session)
        )
        budget = PromptBudget(
            store,
            lambda _session: self.failover.active_account(),
            on_spent=self.events.on_spent,
            on_taken=self.tallies.add_prompt,
        )
        self.remote_control = RemoteControl(config, self.tmux, self.sessions, budget)
        self.resumer = SessionResumer(
            config, self.tmux, self.sessions, self.lifecycle, self.monitor.newest_turns.of, store, budget
        )
        self.failover = FailoverController(
            config,
            store,
            self.resumer,
            newest_turn=self.monitor.newest_turns.of_session,
            not_idle=IdleSessions(self.sessions).not_idle,
            set_aside=self.sessions.set_aside,
            on_record=self._on_record,
            answered=self.monitor.answered_requests.newest,
            on_set_aside=self.events.on_doubt,
            on_identity_change=self.events.on_identity_change,
            on_advice=self.events.on_advice,
            budget=budget,
        )
        self.sessions.accounts_between = self.failover.switcher.flip_log.accounts_between
        self.failover.switcher.flip_log.on_flip.append(lambda _flip: self.monitor.on_flip())
        cleanup.push_async_callback(self.failover.stop)
        availability = self.failover.switcher.availability
        config.subscribe(self.failover.switcher.shared_identity.on_start)
        self.login_watch = LoginWatch(
            config, store, availability.logins, self._on_logins_changed, self.events.on_login_warning
        )
        self.link_watch = LinkWatch(config, self.events.on_links_change)
        self.failover.resume_queue.on_not_resumed = self.events.on_not_resumed
        account_renames.parts = [
            self.failover.rename_accounts,
            budget.rename_accounts,
            self.login_watch.rename_accounts,
            self.events.rename_accounts,
            self.failover.account_signals.rename_accounts,
        ]
        account_renames.apply()
        owner_copy = OwnerCopy(config, self.tmux, registry, availability)
        cleanup.push_async_callback(owner_copy.stop)
        self.monitor.owner_watch.answer = owner_copy.answer
        self.dispatcher = Dispatcher(
            config,
            TaskQueue(TaskDocuments(config.current.state_dir), store.unsaved),
            self.sessions,
            registry,
            self.tmux,
            budget=budget,
        )
        cleanup.push_async_callback(self.dispatcher.stop)
        self.sessions.on_change = self.dispatcher.wake_up
        self.session_control = SessionControl(
            self.tmux, self.sessions, registry, self.lifecycle, state, task_of=self.dispatcher.task_of
        )
        renames = SessionRenames(
            config,
            self.tmux,
            registry,
            [
                self.lifecycle.rename,
                self.sessions.rename,
                budget.rename,
                self.failover.rename_session,
                self.failover.account_signals.rename_session,
                self.dispatcher.rename_session,
                self.events.rename_session,
            ],
            always=[state.rename],
        )
        self.lifecycle.before_check = renames.apply
        self.reconciler = SessionReconciler(config, self.sessions, self.session_control)
        self.status = StatusReport(
            config,
            started_at,
            self.tmux,
            self.sessions,
            registry,
            self.failover,
            self.dispatcher,
            health,
            store.unsaved.problems,
            self.events.open_events,
        )
        self.events.status = self.status.situation
        for record in self.failover.logged():
            self.tallies.add_record(record)
        # A kill may have met the daemon after it told one of them.
        self._reopened = {record["id"] for record in self.failover.switcher.journal.open_records()}
        self.metrics = Metrics(config, self.tallies, self.status.gauges)
        health.subscribe(lambda _item, _begins: self._write_metrics())
        self.source_events = SourceEvents(health, self.events.report)
        spent = {name: why for name, why in budget.spent().items() if config.current.session(name) is not None}
        self.events.adopt(spent, self.login_watch.warnings())

    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return the endless loops of the parts, by name."""
        return {
            "lifecycle": self.lifecycle.run,
            "pane sweep": self.monitor.pane_sweep.run,
            "owner watch": self.monitor.owner_watch.run,
            "activity check": self.monitor.activity_check.run,
            "dispatcher": self.dispatcher.run,
            "metrics": self.metrics.run,
            "source checks": self.monitor.source_checks.run,
            "failover": self.failover.run,
            "remote control": self.remote_control.run,
            "links": self.link_watch.run,
            "shared identity": self.failover.switcher.shared_identity.run,
            "logins": self.login_watch.run,
            "reconciler": self.reconciler.run,
            "events": self.events.run,
        }

    # -- callbacks between the parts -----------------------------------------------------------------------

    def _on_evidence(self, evidence: Evidence) -> None:
        self.failover.record_evidence(evidence)

    def _on_usage(self, tracked: TrackedSession, figures: Mapping[str, Any]) -> None:
        self.failover.account_signals.on_usage(tracked, figures)

    def _on_login_dead(self, tracked: TrackedSession, message: str) -> None:
        self.failover.account_signals.on_login_dead(tracked, message)

    def _on_logins_changed(self) -> None:
        self.failover.observe_identities()
        self.failover.switcher.shared_identity.observe()

    def _on_owner_question(self, session: str, why: str | None) -> None:
        self.failover.on_owner_question(session, why)
        self.events.on_owner_question(session, why)

    def _on_turn(self, event: TurnEvent) -> None:
        self.resumer.on_turn(event)
        self.failover.on_turn(event)
        self.failover.account_signals.on_turn(event)
        self.dispatcher.on_turn(event)
        self.events.on_turn(event)

    def _on_unknown_wording(self, text: str, rule: str) -> None:
        self.tallies.add_unknown_wording()
        self.events.on_unknown_wording(text, rule)

    def _on_record(self, record: Record) -> None:
        self.tallies.add_record(record)
        self._write_metrics()
        if record["id"] not in self._reopened or not self._event_log.holds(record["id"]):
            self.events.on_record(record)

    def _write_metrics(self) -> None:
        if self._is_ready():  # during the start there is no complete status
            self.metrics.write()
