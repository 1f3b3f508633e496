# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon: the order of its start, its reload, and the end of its parts in reverse order.

Each step of the start is logged. A step that fails ends the start before any later one: no tmux session is listed,
created or ended before all shared links are valid.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Callable

from .accounts.active_link import check_active_kept, ensure_active
from .accounts.shared_links import validate_links
from .accounts.shared_state_file import shared_state_file
from .accounts.spare_inode import keep_spare
from .claude.settings import base_settings
from .common import clock
from .common.allocator import bound_memory, give_back_memory, settle_memory
from .common.background_loops import BackgroundLoops
from .common.errors import FailoverError, failure_of
from .common.health import SourceHealth
from .common.log_fields import log_fields
from .common.repeated_faults import RepeatedFaults
from .composition.parts import Parts
from .config.access import check_reloadable, check_writable
from .config.holder import ConfigHolder
from .config.loader import load
from .config.model import Config
from .control.kept_server import KeptControlServer
from .control.operations import operations
from .control.server import ControlServer
from .host import conditions
from .reporting import log_format
from .reporting.systemd import SystemdNotifier, watchdog_interval
from .reporting.watchdog import Watchdog
from .storage.locks import daemon_locks
from .storage.state_folder import clear_temporary_files, clear_temporary_files_of, make_state_folder
from .storage.store import Store
from .switching.flip_log import last_active

log = logging.getLogger(__name__)

TMUX_TIMEOUT = 5.0  # seconds that the start waits for the tmux server; the daemon goes on waiting after it


class Daemon:
    """One running daemon."""

    def __init__(self, config: Config) -> None:
        self.config = ConfigHolder(config)
        self.config.subscribe(lambda: log_format.configure(self.config.current))
        self.systemd = SystemdNotifier()
        self.health = SourceHealth()
        self._started_at = clock.wall()
        self._cleanup = AsyncExitStack()  # ends what was started, in reverse order
        self._stop_requested = asyncio.Event()
        self._ready = False
        self._reload_pending = False  # a SIGHUP arrived during the start
        self._faults = RepeatedFaults()
        self._loops = BackgroundLoops(self._faults)
        self.on_ready: Callable[[], None] = lambda: None  # called once the start is over
        self.parts: Parts
        self.control: KeptControlServer

    # -- start ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Run the steps of the start in order, until one fails or a stop is requested.

        Raises FailoverError: PassingFault for a fault of the system that can be over at the next start.
        """
        steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("host", self._check_host),
            ("locks", self._acquire_locks),
            ("shared links", self._validate_shared_links),
            ("active link", self._ensure_active_link),
            ("state", self._build_parts),
            ("interrupted switch", self._recover_switch),
            ("control socket", self._start_control_server),
            ("tmux", self._connect_to_tmux),
            ("sessions", self._ensure_sessions),
            ("transcripts", self._start_monitor),
            ("limited sessions", self._start_failover),
        ]
        for name, step in steps:
            if self._stop_requested.is_set():
                log.info("start: stop requested, ended before the step: %s", name)
                return
            began = time.monotonic()
            self.systemd.send(STATUS=f"starting: {name}")
            try:
                await step()
            except OSError as error:
                raise failure_of(error, f"start: {name}: {error}") from error
            log.info("start: %s: done in %.0f ms", name, (time.monotonic() - began) * 1000)

    async def _check_host(self) -> None:
        conditions.require(self.config.current)

    async def _acquire_locks(self) -> None:
        folder = self.config.current.state_dir
        make_state_folder(folder)
        for lock in daemon_locks(self.config.current.active_link, folder):
            lock.acquire()
            self._cleanup.callback(lock.release)
        clear_temporary_files(folder)
        shared = shared_state_file(self.config.current)
        if shared is not None:
            clear_temporary_files_of(shared)

    async def _validate_shared_links(self) -> None:
        validate_links(self.config.current)

    async def _ensure_active_link(self) -> None:
        path, accounts = self.config.current.active_link, self.config.current.accounts
        made_for = ensure_active(path, accounts, last_active(Store(self.config.current.state_dir)))
        if made_for is not None:
            log.info(
                "start: created the active link %s to %s", path, made_for.home, extra=log_fields(account=made_for.name)
            )
        keep_spare(path)

    async def _build_parts(self) -> None:
        self.parts = Parts(
            self.config, self.health, self._cleanup, started_at=self._started_at, is_ready=lambda: self._ready
        )

    async def _recover_switch(self) -> None:
        await self.parts.failover.recover()

    async def _start_control_server(self) -> None:
        config = self.config.current
        path, group = config.control_socket, config.control_group
        self.control = KeptControlServer(
            lambda: ControlServer(path, operations(self.parts, self.reload), group=group, owner_uid=os.geteuid()),
            path,
            self.health,
        )
        self._cleanup.push_async_callback(self.control.stop)
        await self.control.start()

    async def _connect_to_tmux(self) -> None:
        await self.parts.tmux.start()
        waits = [asyncio.create_task(event.wait()) for event in (self.parts.tmux.connected_event, self._stop_requested)]
        await asyncio.wait(waits, timeout=TMUX_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not self.parts.tmux.connected_event.is_set() and not self._stop_requested.is_set():
            log.error(
                "start: no tmux server answers on %s, waiting for it; start claude-failover-tmux.service, or "
                "by hand, as the sessions' user and never as root: tmux -S %s -D",
                self.config.current.tmux.socket,
                self.config.current.tmux.socket,
            )

    async def _ensure_sessions(self) -> None:
        await self.parts.lifecycle.ensure_all_sessions()

    async def _start_monitor(self) -> None:
        await self.parts.monitor.start()

    async def _start_failover(self) -> None:
        self.parts.failover.resume_queue.show()

    # -- main loop -----------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Start, run until a stop is requested, and leave all tmux sessions running. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_sighup)
        loop.set_exception_handler(self._faults.handle)
        try:
            await self.start()
            if not self._stop_requested.is_set():
                self._start_tasks()
                self._report_ready()
                await self._loops.wait(self._stop_requested)
        except BaseException:
            try:
                await self._end()
            except Exception:  # the first error decides
                log.exception("another error while the daemon ended")
            raise
        await self._end()
        log.info("stopped; the tmux sessions keep running")
        return 0

    async def _end(self) -> None:
        """End what was started, in reverse order. A part that fails keeps none from its end."""
        try:
            self.systemd.send(STOPPING=1)
        finally:
            await self._cleanup.aclose()

    def request_stop(self) -> None:
        """Make `run` return, also during the start."""
        self._stop_requested.set()

    def _start_tasks(self) -> None:
        self._cleanup.push_async_callback(self._loops.cancel)
        loops = {**self.parts.loops(), "control socket": self.control.run}
        if watchdog_interval() is not None:
            watchdog = Watchdog(
                self.config, self.systemd, lambda: self.parts.lifecycle.checked_at, self.parts.status.summary
            )
            loops["watchdog"] = watchdog.run
        self._loops.start(loops)

    def _report_ready(self) -> None:
        self.systemd.send(READY=1, STATUS=self.parts.status.summary())
        log.info("ready: %s", self.parts.status.summary())
        self._ready = True
        self.on_ready()
        self.parts.source_events.start()
        if self._reload_pending:
            self._on_sighup()

    # -- reload ------------------------------------------------------------------------------------------

    def _on_sighup(self) -> None:
        if not self._ready:  # the READY=1 after a reload would end the start for systemd
            self._reload_pending = True
            return
        self.systemd.reloading()
        try:
            self.reload()
        except (FailoverError, OSError) as error:
            log.error("reload refused, the old configuration stays in force: %s", error)
        finally:  # else the unit would stay in the state reloading
            self.systemd.send(READY=1, STATUS=self.parts.status.summary())

    def reload(self) -> Config:
        """Load the configuration file again and put it in force; return the new configuration.

        Raises FailoverError if it is invalid or needs a restart, OSError; then the old one stays in force unchanged.
        """
        old = self.config.current
        new = load(old.path)
        check_reloadable(old, new)
        check_active_kept(old, new)
        settings = base_settings(new)
        check_writable(new)
        validate_links(new)
        # Nothing below may fail.
        self.parts.settings = settings
        self.config.replace(new)
        log.info("configuration %s reloaded: %s", new.path, self.parts.status.summary())
        return new


def run(config: Config) -> int:
    """Run the daemon in the foreground until SIGTERM or SIGINT; returns its exit code."""
    bound_memory()
    log_format.set_up(config.log.level)
    log_format.configure(config)
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    give_back_memory(asyncio.get_running_loop())
    daemon = Daemon(config)
    daemon.on_ready = settle_memory
    return await daemon.run()
