# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One long-lived tmux control-mode client: one process, whatever the number of panes and commands.

Facts of tmux 3.3a that the shape of this follows:

* ``-N`` keeps a client from starting a server, ``-u`` keeps text UTF-8 whatever the locale, and the flags
  ``no-output`` and ``ignore-size`` keep it from stalling panes and from having a say in their size.
* A control client has to be attached to some session: ``new-session -A`` takes the holder session, or makes
  it on a server that has none. What is written to the client before it is attached can be carried out before
  that, without a session; ``%session-changed`` tells that it is.
* A server reads its configuration when its first client comes. When that is a control client and another client
  comes at the same moment, the server can end by SIGSEGV (one try of seven). A client that comes alone never ended
  it, nor did any that came later; so the unit of the server lets a plain one come first.
* A client orphaned by the death of its parent can make ``kill-server`` hang: the kernel ends it with its parent.
* An empty line makes the client detach, and the server keeps our end of the pipes open while it is stopped, so
  the end of a connection is never waited for without a bound.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Sequence
from typing import Callable, Optional, cast

from ..common.backoff import Backoff
from ..common.errors import FailoverError
from .protocol import CommandReply, Notice, ProtocolParser, Stray
from .quoting import HOLDER, command_line

log = logging.getLogger(__name__)

_FLAGS = "no-output,ignore-size"
_GRACE = 1.0  # seconds for a client that was told to end, before it is killed
_DRAIN = 0.2  # seconds for the last words of a client that has ended


class TmuxError(FailoverError):
    """tmux refused a command; the text is tmux's own, with the command's name."""


class TmuxNotFound(TmuxError):
    """There is no such session or pane."""


class TmuxGone(TmuxError):
    """No tmux server answers: there is none, or the connection was lost before the answer came."""


class TmuxTimeout(TmuxGone):
    """The server did not answer in time, and the connection was dropped.

    The command may have been carried out, and one on its way to a server that is stopped can still be, once, when
    that server goes on (seen on tmux 3.3a in one try of two).
    """


class _Request:
    """One line of commands, and the answers that have come to it."""

    def __init__(self, commands: Sequence[Sequence[str]], answer: asyncio.Future[list[list[str]]]) -> None:
        self._commands = commands
        self._blocks: list[CommandReply] = []
        self._answer = answer

    def take(self, block: CommandReply) -> bool:
        """Take the next answer; True when it was the last one."""
        self._blocks.append(block)
        if block.ok and len(self._blocks) < len(self._commands):
            return False
        if not self._answer.done():
            if block.ok:
                self._answer.set_result([list(each.lines) for each in self._blocks])
            else:
                self._answer.set_exception(_refusal(self._commands[len(self._blocks) - 1][0], block.lines))
        return True

    def fail(self, error: TmuxError) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)


def _refusal(command: str, lines: Sequence[str]) -> TmuxError:
    text = " ".join(lines)
    missing = text.startswith(("can't find ", "no such ", "session not found"))
    return (TmuxNotFound if missing else TmuxError)(f"tmux {command}: {text or 'refused without a reason'}")


class _Connection(asyncio.SubprocessProtocol):
    """One client process, from its start to its end.

    ``attached`` becomes its session once it has one, and ``ended`` the reason of its end.
    """

    def __init__(self, on_notice: Callable[[str, str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_notice = on_notice
        self._parser = ProtocolParser()
        self._requests: deque[_Request] = deque()
        self._transport: Optional[asyncio.SubprocessTransport] = None
        self._exited = asyncio.Event()
        self._said = ""
        self.trusted = False
        self.attached: asyncio.Future[str] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        for event in self._parser.feed(data):
            if isinstance(event, CommandReply):
                if event.ours:
                    self._answered(event)
                elif not event.ok and not self.attached.done():
                    self._said = " ".join(event.lines)
            elif isinstance(event, Notice):
                if event.name == "exit":
                    self._said = event.rest or self._said or "the client was detached"
                    continue
                if event.name == "session-changed" and not self.attached.done():
                    self.attached.set_result(event.rest)
                self._on_notice(event.name, event.rest)
            else:
                self._stray(event)

    def pipe_connection_lost(self, fd: int, _exc: Optional[Exception]) -> None:
        if fd == 1:
            self.end(self._said or "the client ended")

    def process_exited(self) -> None:
        self._exited.set()
        self._loop.call_later(_DRAIN, lambda: self.end(self._said or "the client ended"))

    # -- events

    def _answered(self, block: CommandReply) -> None:
        if not self._requests:
            self.end("tmux answered a command that was not sent")
        elif self._requests[0].take(block):
            self._requests.popleft()

    def _stray(self, event: Stray) -> None:
        if self.trusted:
            # A pane showed what looks like the end of an answer, so answers no longer match their commands.
            self.end("the protocol was broken by the text of a pane")
        elif event.line.strip():
            # What setpriv and the client say when they cannot start.
            self._said = event.line.strip()

    def end(self, reason: str) -> None:
        """Take the connection for ended: every command without an answer fails."""
        if not self.ended.done():
            self.ended.set_result(reason)
        while self._requests:
            self._requests.popleft().fail(TmuxGone(f"the connection to tmux was lost: {reason}"))

    # -- called by the client

    async def attach(self, timeout: float) -> None:
        """Wait until the client is attached, ``timeout`` seconds at most. Raises TmuxGone, TmuxTimeout."""
        await asyncio.wait({self.attached, self.ended}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self.attached.done():
            return
        if not self.ended.done():
            raise TmuxTimeout(f"tmux did not attach the client within {timeout:g} s")
        raise TmuxGone(self.ended.result())

    async def ask(self, commands: Sequence[Sequence[str]], timeout: float) -> list[list[str]]:
        """Run commands; return the lines of each. Raises TmuxError, TmuxGone, QuotingError."""
        line = command_line(*commands).encode("utf-8", "surrogateescape") + b"\n"
        if self.ended.done() or self._transport is None:
            raise TmuxGone("the connection to tmux was lost")
        answer: asyncio.Future[list[list[str]]] = self._loop.create_future()
        self._requests.append(_Request(commands, answer))
        stdin = self._transport.get_pipe_transport(0)
        cast(asyncio.WriteTransport, stdin).write(line)
        await asyncio.wait({answer}, timeout=timeout)
        if not answer.done():
            answer.cancel()
            error = f"tmux did not answer {commands[0][0]} within {timeout:g} s"
            # What was sent and not read yet must not be carried out at some later time.
            self.end(error)
            self.kill()
            raise TmuxTimeout(error)
        return answer.result()

    def kill(self) -> None:
        """End the process at once, and forget what it has not read."""
        if self._transport is not None:
            self._transport.close()

    async def close(self) -> None:
        """End the process, by leave-taking if it listens."""
        stdin = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if stdin is not None and not self._exited.is_set():
            stdin.close()
            try:
                await asyncio.wait_for(self._exited.wait(), _GRACE)
            except asyncio.TimeoutError:
                log.debug("the tmux client did not take its leave and is killed")
        self.kill()
        try:
            await asyncio.wait_for(self._exited.wait(), _GRACE)
        except asyncio.TimeoutError:
            log.warning("the tmux client did not die")
        self.end("closed")


class ControlClient:
    """Keeps one connection to one tmux server, and makes it again with back-off when it is lost.

    ``timeout`` is in seconds and bounds every command; ``backoff`` is the first and the longest wait in seconds
    between two attempts. ``on_notice`` gets the name (without ``%``) and the rest of every notice of tmux, and of
    two of ours: ``connected`` with "VERSION PID" of the server, ``disconnected`` with the reason. It must not block.
    """

    def __init__(
        self,
        binary: str,
        socket: str,
        *,
        on_notice: Optional[Callable[[str, str], None]] = None,
        timeout: float = 10.0,
        backoff: tuple[float, float] = (0.1, 5.0),
    ) -> None:
        self._binary = binary
        self._socket = socket
        self._on_notice = on_notice
        self._timeout = timeout
        self._backoff = Backoff(*backoff)
        self._connection: Optional[_Connection] = None
        self._keeper: Optional[asyncio.Task[None]] = None
        self._closing: Optional[asyncio.Task[None]] = None
        self._lock: asyncio.Lock
        self._reason = "not started"
        self.connected_event: asyncio.Event
        self.server_pid: Optional[int] = None

    @property
    def connected(self) -> bool:
        """Whether a server answers."""
        return self._connection is not None

    async def start(self) -> None:
        """Begin to keep a connection. Does not wait for it: see ``connected_event``."""
        # Made here and not before: up to Python 3.9 they belong to the loop that runs when they are made.
        self._lock = asyncio.Lock()
        self.connected_event = asyncio.Event()
        self._reason = "still connecting"
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """End the connection and the client process; the server and its sessions go on."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None
        if self._closing is not None:
            await self._closing
            self._closing = None
        self._reason = "stopped"

    async def run(self, *commands: Sequence[str], before: Optional[Callable[[], None]] = None) -> list[list[str]]:
        """Run commands in one go, up to the first that fails; return the lines that each printed.

        Raises TmuxError with tmux's words when one fails, TmuxNotFound when its target does not exist, TmuxGone
        when no server answers, TmuxTimeout when it took too long, QuotingError when an argument cannot be written.
        Commands that run others (if-shell, run-shell, source-file) print more answers than one: they are not for here.
        ``before`` is called right before the commands go to the server, with nothing of the event loop in between;
        what it raises is passed on, and nothing is sent.
        """
        if self._connection is None:
            raise self._gone()
        # One line at a time: while a server is stuck, at most one command is on its way to it.
        async with self._lock:
            if self._connection is None:
                raise self._gone()
            if before is not None:
                before()
            return await self._connection.ask(commands, self._timeout)

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

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await self._connect_once()
            if reason != self._reason:
                log.info("tmux on %s: %s", self._socket, reason)
            self._reason = reason
            await asyncio.sleep(self._backoff.failed(loop.time() - began))

    async def _connect_once(self) -> str:
        """Connect, and stay until the connection ends; return why it did."""
        loop = asyncio.get_running_loop()
        connection = _Connection(self._tell)
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
                # An interrupt from the daemon's terminal is for the daemon.
                start_new_session=True,
            )
        except OSError as error:
            return f"the client could not be started: {error}"
        try:
            try:
                await connection.attach(self._timeout)
                answer = await connection.ask([["display-message", "-p", "#{version} #{pid}"]], self._timeout)
            except TmuxError as error:
                return connection.ended.result() if connection.ended.done() else str(error)
            connection.trusted = True
            self._established(connection, answer[0])
            return await asyncio.shield(connection.ended)
        finally:
            lost, self._connection = self._connection, None
            self.connected_event.clear()
            # A task of its own: stopped half way, it would leave the process behind.
            self._closing = loop.create_task(connection.close())
            await asyncio.shield(self._closing)
            if lost is not None:
                self._tell("disconnected", connection.ended.result())

    def _established(self, connection: _Connection, answer: list[str]) -> None:
        greeting = answer[0] if answer else ""
        version, _blank, pid = greeting.partition(" ")
        self.server_pid = int(pid) if pid.isdigit() else None
        self._connection = connection
        self._reason = "connected"
        log.info("tmux on %s: connected to tmux %s, pid %s", self._socket, version, pid)
        self.connected_event.set()
        self._tell("connected", f"{version} {pid}")

    def _tell(self, name: str, rest: str) -> None:
        if self._on_notice is None:
            return
        try:
            self._on_notice(name, rest)
        except Exception:  # a listener's bug must not cost the connection
            log.exception("the listener failed at the tmux notice %s", name)
