# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon: what it consists of, the order in which it starts, and how it ends.

Each step of the start is logged, and a step that fails ends the start with nothing of the later ones touched.
In particular no tmux session is looked at, made or ended before every shared link has been found right.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Callable

from . import VERSION
from .accounts.active_link import ActiveLink, describe_active, point_active, read_active
from .accounts.shared_links import validate_links
from .claude.settings import base_settings
from .claude.turns import TurnEvent
from .common import clock
from .common.errors import FailoverError, Refused
from .config import model as configuration
from .config.model import Account, Config
from .control.operations import operations
from .control.server import ControlServer
from .detection.monitor import LimitMonitor
from .failover.controller import FailoverController
from .failover.resumer import SessionResumer
from .limits.evidence import Evidence
from .reporting.status import account_row, session_rows
from .reporting.systemd import SystemdNotifier, watchdog_interval
from .sessions.lifecycle import SessionLifecycle
from .sessions.registry import SessionRegistry
from .sessions.table import SessionTable, TrackedSession
from .storage.locks import Lock, daemon_locks
from .storage.store import Store
from .tasks.dispatcher import Dispatcher
from .tasks.queue import TaskDocuments, TaskQueue
from .tmux.client import Tmux

log = logging.getLogger(__name__)

TMUX_WAIT = 5.0  # seconds that the start waits for the tmux server; after that it is waited for while running
STALLED = 60.0  # seconds without a finished check of the sessions, after which the watchdog is not fed


class Daemon:
    """One running daemon."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started_at = clock.now()
        self.notifier = SystemdNotifier()
        self._locks: list[Lock] = []
        self._stop = asyncio.Event()
        self._ready = False
        self._hung_up = False  # whether a SIGHUP came before that
        self._tasks: list[asyncio.Task[None]] = []
        self.store: Store
        self.registry: SessionRegistry
        self.sessions: SessionTable
        self.tmux: Tmux
        self.lifecycle: SessionLifecycle
        self.monitor: LimitMonitor
        self.resumer: SessionResumer
        self.failover: FailoverController
        self.dispatcher: Dispatcher
        self.server: ControlServer

    # -- start ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Go through the steps of the start, in order, up to an order to stop. Raises FailoverError, OSError."""
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("tmux program", self._find_tmux),
            ("locks", self._take_locks),
            ("shared links", self._validate_links),
            ("active link", self._ensure_active_link),
            ("state", self._open_state),
            ("interrupted switch", self._recover_switch),
            ("control socket", self._listen),
            ("tmux", self._reach_tmux),
            ("sessions", self._ensure_sessions),
            ("transcripts", self._follow_transcripts),
            ("carry-overs", self._recover_carry_overs),
        ]
        for name, step in steps:
            if self._stop.is_set():
                log.info("start: told to stop; left off before: %s", name)
                return
            begun = time.monotonic()
            self.notifier.send(STATUS=f"starting: {name}")
            await step()
            log.info("start: %s: done in %.0f ms", name, (time.monotonic() - begun) * 1000)

    async def _find_tmux(self) -> None:
        binary = self.config.tmux.binary
        if shutil.which(binary) is None:
            raise Refused(
                f"tmux.binary: {binary!r} is no program that can be run (PATH is {os.environ.get('PATH', '')}). "
                "Install it (apt-get install tmux), or correct the path"
            )

    async def _take_locks(self) -> None:
        try:
            os.makedirs(self.config.state_dir, mode=0o700, exist_ok=True)
        except FileExistsError:
            raise Refused(f"state_dir {self.config.state_dir}: found a file, expected a folder; move it away") from None
        except OSError as error:
            raise Refused(f"state_dir {self.config.state_dir} cannot be made: {error.strerror}") from None
        for lock in daemon_locks(self.config.active_link, self.config.state_dir):
            lock.acquire()
            self._locks.append(lock)

    async def _validate_links(self) -> None:
        validate_links(self.config)

    async def _ensure_active_link(self) -> None:
        link = read_active(self.config.active_link, self.config.accounts)
        if link.kind == "missing":
            point_active(self.config.active_link, self.config.accounts[0])
            log.info("start: active link %s made, to %s", self.config.active_link, self.config.accounts[0].home)
        elif link.kind != "account":
            raise Refused(describe_active(self.config.active_link, link, self.config.accounts))

    async def _open_state(self) -> None:
        self.store = Store(self.config.state_dir)
        self.registry = SessionRegistry(self.store)
        self.sessions = SessionTable(self.config, self.registry)
        self.tmux = Tmux(self.config.tmux.binary, self.config.tmux.socket)
        self.lifecycle = SessionLifecycle(
            self.config, self.tmux, self.sessions, self.registry, base_settings(self.config)
        )
        self.monitor = LimitMonitor(
            self.config,
            self.sessions,
            self.registry,
            self.tmux,
            on_evidence=self._on_evidence,
            on_turn=self._on_turn,
            on_usage=self._on_usage,
            on_login_dead=self._on_login_dead,
        )
        self.resumer = SessionResumer(
            self.config, self.tmux, self.sessions, self.lifecycle, self.monitor.newest_turn, self.store
        )
        self.failover = FailoverController(
            self.config,
            self.store,
            self.resumer,
            newest_turn=self._newest_turn,
            all_idle=self._all_idle,
            status=self.status,
        )
        self.dispatcher = Dispatcher(
            self.config, TaskQueue(TaskDocuments(self.config.state_dir)), self.sessions, self.registry, self.tmux
        )

    # What the events say goes to parts that are made after them.

    def _on_evidence(self, evidence: Evidence) -> None:
        self.failover.record(evidence)

    def _on_usage(self, tracked: TrackedSession, figures: Mapping[str, Any]) -> None:
        self.failover.account_signals.on_usage(tracked, figures)

    def _on_login_dead(self, tracked: TrackedSession, message: str) -> None:
        self.failover.account_signals.on_login_dead(tracked, message)

    def _on_turn(self, event: TurnEvent) -> None:
        self.resumer.on_turn(event)
        self.failover.on_turn(event)
        self.dispatcher.on_turn(event)

    def _newest_turn(self, name: str) -> Evidence | None:
        tracked = self.sessions.get(name)
        return self.monitor.newest_turn(tracked) if tracked is not None else None

    def _all_idle(self) -> bool:
        return all(tracked.state in ("idle", "down") for tracked in self.sessions)

    async def _recover_switch(self) -> None:
        await self.failover.recover()

    async def _listen(self) -> None:
        self.server = ControlServer(
            self.config.control_socket,
            operations(self),
            group=self.config.control_group,
            owner_uid=os.geteuid(),
        )
        self.server.remove_stale()
        await self.server.start()

    async def _reach_tmux(self) -> None:
        await self.tmux.start()
        waits = [asyncio.create_task(event.wait()) for event in (self.tmux.connected_event, self._stop)]
        await asyncio.wait(waits, timeout=TMUX_WAIT, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not self.tmux.connected_event.is_set() and not self._stop.is_set():
            log.error(
                "start: no tmux server answers on %s; it is waited for. It runs in "
                "claude-failover-tmux.service, or by hand: tmux -S %s -D",
                self.config.tmux.socket,
                self.config.tmux.socket,
            )

    async def _ensure_sessions(self) -> None:
        await self.lifecycle.ensure_all_sessions()

    async def _follow_transcripts(self) -> None:
        """Follow the transcripts, and look at their ends for limits that were missed while no daemon ran."""
        await self.monitor.start()
        for tracked in self.sessions:
            missed = self.monitor.newest_turn(tracked) if tracked.up else None
            if missed is not None and missed.verdict.limited and not self._is_over(missed):
                self.failover.record(missed)

    def _is_over(self, missed: Evidence) -> bool:
        """Tell whether a limit has reset since: a session that was left at it is nobody's to wake up."""
        wait = timedelta(seconds=self.config.failover.unknown_reset_wait)
        return (missed.verdict.resets_at or missed.at + wait) <= clock.now()

    async def _recover_carry_overs(self) -> None:
        for name, evidence in self.failover.queue.limited().items():
            self.resumer.add(name, evidence.uuid, evidence)
        self.failover.start()

    # -- while it runs -------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Start, run until told to stop, and end leaving every tmux session running. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            await self.start()
            if not self._stop.is_set():
                self._go_on()
                await self._until_stopped()
        finally:
            self.notifier.send(STOPPING=1)
            await self._end()
        log.info("stopped; the tmux sessions go on")
        return 0

    def _go_on(self) -> None:
        """Begin what goes on until the stop, and say that the daemon is ready."""
        self._tasks = [
            asyncio.create_task(self.lifecycle.run(), name="lifecycle"),
            asyncio.create_task(self.monitor.sweep(), name="sweep"),
            asyncio.create_task(self.dispatcher.run(), name="dispatcher"),
        ]
        interval = watchdog_interval()
        if interval is not None:
            self._tasks.append(asyncio.create_task(self._feed_watchdog(interval), name="watchdog"))
        self.notifier.send(READY=1, STATUS=self.summary())
        log.info("ready: %s", self.summary())
        self._ready = True
        if self._hung_up:
            self._hang_up()

    async def _until_stopped(self) -> None:
        """Wait for the order to stop. A task that ends by itself is a bug, and is raised as one: RuntimeError."""
        stop = asyncio.create_task(self._stop.wait())
        done, _pending = await asyncio.wait([stop, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done:
            if task is not stop:
                # Whatever it raised: as exit code 1 or 2 it would be a refusal, after which systemd restarts nothing.
                raise RuntimeError(f"the task {task.get_name()} ended: {task.exception()!r}") from task.exception()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for part in ("server", "dispatcher", "failover", "events", "tmux"):  # those that the start got to
            if hasattr(self, part):
                await getattr(self, part).stop()
        for lock in reversed(self._locks):
            lock.release()

    async def _feed_watchdog(self, interval: float) -> None:
        """Feed the watchdog from the main loop, as long as the sessions are really being looked after."""
        while True:
            stalled = time.monotonic() - self.lifecycle.checked_at
            if stalled < STALLED + self.config.lifecycle.check_interval:
                self.notifier.send(WATCHDOG=1, STATUS=self.summary())
            else:
                log.error("no check of the sessions has finished for %.0f s", stalled)
            await asyncio.sleep(interval)

    def _hang_up(self) -> None:
        if not self._ready:  # READY=1 behind a reload would say that the start is over
            self._hung_up = True
            return
        self.notifier.reloading()
        try:
            self.reload()
        except (FailoverError, OSError) as error:
            log.error("reload refused, the old configuration stays: %s", error)
        finally:  # or systemd would count the unit as reloading for ever
            self.notifier.send(READY=1, STATUS=self.summary())

    def reload(self) -> None:
        """Take over the configuration as it is in its file now.

        Raises FailoverError for one that is wrong, or that needs a restart; then the old one stays whole.
        """
        new = configuration.load(self.config.path)
        for key in ("active_link", "state_dir", "control_socket", "control_group", "tmux"):
            if getattr(new, key) != getattr(self.config, key):
                raise Refused(
                    f"{new.path}: {key} cannot change while the daemon runs: restart it (the tmux sessions go on)"
                )
        active = self.active().account
        if active is not None and active.home not in new.homes:
            raise Refused(
                f"{new.path}: found no account with the home {active.home}, which {active.name} is active with; "
                "expected it to stay in accounts until another is active: claude-failover switch ACCOUNT"
            )
        settings = base_settings(new)
        check_writable(new)
        validate_links(new)
        # From here on nothing may fail.
        self.config = new
        self.sessions.configure(new)
        self.lifecycle.configure(new, settings)
        self.monitor.configure(new)
        self.resumer.configure(new)
        self.failover.configure(new)
        self.dispatcher.configure(new)
        log.info("configuration %s reloaded: %s", new.path, self.summary())

    # -- what is -------------------------------------------------------------------------------------------

    def active(self) -> ActiveLink:
        """Return what stands at the active link now."""
        return read_active(self.config.active_link, self.config.accounts)

    def summary(self) -> str:
        """Say in one line how it stands."""
        active = self.active().account
        down = [tracked.name for tracked in self.sessions if tracked.spec and not tracked.up]
        text = f"active account {active.name if active else 'none'}, {len(list(self.sessions))} sessions"
        if not self.tmux.connected:
            text += ", no tmux server"
        return text + (f", down: {', '.join(down)}" if down else "")

    def status(self) -> dict[str, Any]:
        """Return the document of ``status --json``."""
        active = self.active().account
        return {
            "version": VERSION,
            "pid": os.getpid(),
            "started_at": clock.iso(self.started_at),
            "active_account": active.name if active else None,
            "accounts": [
                account_row(account, self.config, active, self.failover.account_keys(account))
                for account in self.config.accounts
            ],
            "sessions": self.session_rows(active),
            "queue": self.dispatcher.counts(),
            **self.failover.status(),
        }

    def session_rows(self, active: Account | None = None) -> list[dict[str, Any]]:
        """Return the rows of ``sessions --json``."""
        return session_rows(self.sessions, self.config, self.registry, active or self.active().account)


def check_writable(config: Config) -> None:
    """Check that the daemon may write where the configuration makes it write.

    Under systemd it may write only where its unit says; a reload cannot widen that. Raises Refused.
    """
    folders = {os.path.dirname(config.active_link), config.state_dir, *config.homes}
    folders.update(link.target for link in config.shared_links)
    if config.metrics_textfile:
        folders.add(os.path.dirname(config.metrics_textfile))
    for folder in sorted(folders):
        place = folder
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        if not os.access(place, os.W_OK | os.X_OK):
            raise Refused(
                f"{config.path}: {place} is not writable for the daemon (under systemd: outside of "
                "ReadWritePaths= of claude-failover.service). Run the role again, which writes the unit too"
            )


def run(config: Config) -> int:
    """Run the daemon in the foreground until SIGTERM or SIGINT; returns its exit code."""
    journal = "JOURNAL_STREAM" in os.environ  # systemd adds the time itself
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(levelname)s %(message)s" if journal else "%(asctime)s %(levelname)s %(message)s",
    )
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    return await Daemon(config).run()
