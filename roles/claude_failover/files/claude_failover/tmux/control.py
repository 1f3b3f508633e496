# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep one control-mode connection to a tmux server: a single client process for all panes and commands.

Facts of tmux 3.3a:

* ``-N`` keeps a client from starting a server, ``-u`` makes text UTF-8 in any locale; with the flags ``no-output`` and
  ``ignore-size`` the client neither stalls panes nor influences their size.
* A control client must be attached to a session: ``new-session -A`` attaches to the holder session and creates it if
  the server has none. Input written before the client is attached can run earlier, without a session;
  ``%session-changed`` reports the attachment.
* A server reads its configuration when its first client connects. If that is a control client and another client
  connects at the same moment, the server can crash with SIGSEGV (one of seven attempts). A client that connects alone
  never crashed it, nor did any later one; so the server's unit connects a plain client first.
* A client whose parent has died can make ``kill-server`` hang; ``setpriv --pdeathsig`` kills the client with its
  parent.
* An empty line detaches the client. A stopped server keeps the pipes open, so every wait for the end of a connection
  is bounded.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import Callable, Optional

from ..common.backoff import Backoff
from ..common.health import SourceHealth
from ..common.shared_wake import REST, shared_pause
from ..common.text import whole_number
from .connection import Connection
from .errors import TmuxError, TmuxGone
from .quoting import HOLDER
from .server_socket import ServerSocket

log = logging.getLogger(__name__)

SOURCE = "tmux"
CHECK_INTERVAL = REST  # seconds; a server that has not answered for half more is asked whether it has stopped
_FLAGS = "no-output,ignore-size"


class ControlClient:
    """Connects to a tmux server and reconnects with back-off.

    Args:
        binary: the tmux program.
        socket: the path of the server's socket.
        on_notification: called with the name (without ``%``) and the rest of each tmux notification, and of two more:
            ``connected`` with "VERSION PID" of the server, ``disconnected`` with the reason. Must not block.
        timeout: seconds that a command may take.
        backoff: the initial and the maximum delay between two attempts, in seconds.
        health: is told whether the source ``tmux`` works.
    """

    def __init__(
        self,
        binary: str,
        socket: str,
        *,
        on_notification: Optional[Callable[[str, str], None]] = None,
        timeout: float = 10.0,
        backoff: tuple[float, float] = (0.1, 5.0),
        health: Optional[SourceHealth] = None,
    ) -> None:
        self._health = health or SourceHealth()
        self._binary = binary
        self._socket = socket
        self._on_notification = on_notification
        self._timeout = timeout
        self._backoff = Backoff(*backoff)
        self._connection: Optional[Connection] = None
        self._supervisor: Optional[asyncio.Task[None]] = None
        self._close_task: Optional[asyncio.Task[None]] = None
        self._lock: asyncio.Lock
        self._reason = "not started"
        self.connected_event: asyncio.Event
        self.server_pid: Optional[int] = None

    @property
    def connected(self) -> bool:
        """True while the connection is established."""
        return self._connection is not None

    async def start(self) -> None:
        """Start connecting; return without waiting for the connection (see ``connected_event``)."""
        # Up to Python 3.9 these bind to the loop that is running when they are created.
        self._lock = asyncio.Lock()
        self.connected_event = asyncio.Event()
        self._reason = "still connecting"
        self._supervisor = asyncio.get_running_loop().create_task(self._supervise())

    async def stop(self) -> None:
        """Close the connection and end the client process; the server and its sessions keep running."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
            self._supervisor = None
        if self._close_task is not None:
            await self._close_task
            self._close_task = None
        self._reason = "stopped"

    async def run(self, *commands: Sequence[str], before: Optional[Callable[[], None]] = None) -> list[list[str]]:
        """Run commands as one line, up to the first that fails; return the lines that each printed.

        ``before`` is called right before the commands are written, with no await in between; if it raises, nothing is
        sent and the exception propagates. Commands that run others (if-shell, run-shell, source-file) print more than
        one reply and are not supported.

        Raises TmuxError with tmux's own text when a command fails, TmuxNotFound when its target does not exist,
        TmuxGone when no server answers, TmuxTimeout, QuotingError for an argument that cannot be quoted.
        """
        if self._connection is None:
            raise self._gone()
        # One line at a time: a server that hangs has at most one command pending.
        async with self._lock:
            if self._connection is None:
                raise self._gone()
            if before is not None:
                before()
            return await self._connection.run(commands, self._timeout)

    def _gone(self) -> TmuxGone:
        return TmuxGone(f"no tmux server answers on {self._socket}: {self._reason}")

    def _argv(self) -> list[str]:
        return [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            self._binary,
            "-u",
            "-N",
            "-S",
            self._socket,
            "-C",
            "new-session",
            "-A",
            "-s",
            HOLDER,
            "-f",
            _FLAGS,
            "--",
            "sleep",
            "infinity",
        ]

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                reason = await self._connect_once()
            except Exception as error:  # a bug must not end the attempts
                reason = f"a bug: {error!r}"
                if reason != self._reason:
                    log.exception("tmux on %s: a bug; the connection is made again", self._socket)
            self._health.failed(SOURCE, f"no tmux server answers on {self._socket}: {reason}")
            if reason != self._reason:
                log.info("tmux on %s: %s", self._socket, reason)
            self._reason = reason
            await asyncio.sleep(self._backoff.failed(loop.time() - started))

    async def _connect_once(self) -> str:
        """Connect and wait until the connection ends; return the reason."""
        loop = asyncio.get_running_loop()
        connection = Connection(self._notify)
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
        try:
            await loop.subprocess_exec(
                lambda: connection,
                *self._argv(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd="/",
                # Ctrl-C in the daemon's terminal must not reach the client.
                start_new_session=True,
            )
        except OSError as error:
            return f"the client could not be started: {error}"
        try:
            try:
                await connection.wait_attached(self._timeout)
                printed = await connection.run([["display-message", "-p", "#{version} #{pid}"]], self._timeout)
            except TmuxError as error:
                return connection.ended.result() if connection.ended.done() else str(error)
            connection.established = True
            self._on_connected(connection, printed[0])
            return await self._wait_for_end(connection)
        finally:
            lost, self._connection = self._connection, None
            self.connected_event.clear()
            # Shielded: a cancelled close would leave the process behind.
            self._close_task = loop.create_task(connection.close())
            await asyncio.shield(self._close_task)
            if lost is not None:
                self._notify("disconnected", connection.ended.result())

    async def _wait_for_end(self, connection: Connection) -> str:
        """Wait until the connection ends; return the reason.

        A server or a client that was stopped keeps the connection: it is asked where it has not answered for long.
        """
        server, loop = ServerSocket(self._socket, self.server_pid), asyncio.get_running_loop()
        while True:
            await asyncio.wait({connection.ended}, timeout=shared_pause(CHECK_INTERVAL))
            if connection.ended.done():
                return connection.ended.result()
            if loop.time() - connection.answered_at >= 1.5 * CHECK_INTERVAL:
                try:
                    await self.run(["display-message", "-p", "#{pid}"])
                except TmuxError as error:
                    log.debug("tmux on %s: %s", self._socket, error)
                    continue
            problem = server.check()
            if problem is not None:
                connection.end(problem)

    def _on_connected(self, connection: Connection, lines: list[str]) -> None:
        version, _blank, pid = (lines[0] if lines else "").partition(" ")
        self.server_pid = whole_number(pid)
        self._connection = connection
        self._reason = "connected"
        self._health.works(SOURCE)
        log.info("tmux on %s: connected to tmux %s, pid %s", self._socket, version, pid)
        self.connected_event.set()
        self._notify("connected", f"{version} {pid}")

    def _notify(self, name: str, rest: str) -> None:
        if self._on_notification is None:
            return
        try:
            self._on_notification(name, rest)
        except Exception:  # a bug of the callback must not end the connection
            log.exception("the callback for the tmux notification %s failed", name)
