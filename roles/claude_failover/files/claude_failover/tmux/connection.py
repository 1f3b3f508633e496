# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to a tmux server: a control-mode client process, from start to exit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Callable, Optional, cast

from .errors import TmuxError, TmuxGone, TmuxTimeout, command_error
from .protocol import CommandReply, Notification, ProtocolParser, UnexpectedLine
from .quoting import command_line

log = logging.getLogger(__name__)

_EXIT_TIMEOUT = 1.0  # seconds for a client to exit before it is killed
_DRAIN_TIME = 0.2  # seconds to read the remaining output of a client that has exited


class _Request:
    """One line of commands, and the replies received so far."""

    def __init__(self, commands: Sequence[Sequence[str]], result: asyncio.Future[list[list[str]]]) -> None:
        self._commands = commands
        self._replies: list[CommandReply] = []
        self._result = result

    def add(self, reply: CommandReply) -> bool:
        """Add the next reply; return whether it was the last one."""
        self._replies.append(reply)
        if reply.ok and len(self._replies) < len(self._commands):
            return False
        if not self._result.done():
            if reply.ok:
                self._result.set_result([list(each.lines) for each in self._replies])
            else:
                self._result.set_exception(command_error(self._commands[len(self._replies) - 1][0], reply.lines))
        return True

    def fail(self, error: TmuxError) -> None:
        if not self._result.done():
            self._result.set_exception(error)


class Connection(asyncio.SubprocessProtocol):
    """A control-mode client process.

    ``attached`` resolves to its session, ``ended`` to the reason why the connection ended. ``established`` is set by
    the owner after the first successful command.
    """

    def __init__(self, on_notification: Callable[[str, str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_notification = on_notification
        self._parser = ProtocolParser()
        self._requests: deque[_Request] = deque()
        self._transport: Optional[asyncio.SubprocessTransport] = None
        self._exited = asyncio.Event()
        self._last_message = ""
        self.established = False
        self.answered_at = float("-inf")  # loop time of the newest answer
        self.attached: asyncio.Future[str] = self._loop.create_future()
        self.ended: asyncio.Future[str] = self._loop.create_future()

    # -- asyncio callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        for event in self._parser.feed(data):
            if isinstance(event, CommandReply):
                if event.ours:
                    self._on_reply(event)
                elif not event.ok and not self.attached.done():
                    self._last_message = " ".join(event.lines)
            elif isinstance(event, Notification):
                if event.name == "exit":
                    self._last_message = event.rest or self._last_message or "the client was detached"
                    continue
                if event.name == "session-changed" and not self.attached.done():
                    self.attached.set_result(event.rest)
                self._on_notification(event.name, event.rest)
            else:
                self._on_unexpected_line(event)

    def pipe_connection_lost(self, fd: int, _exc: Optional[Exception]) -> None:
        if fd == 1:
            self.end(self._last_message or "the client ended")

    def process_exited(self) -> None:
        self._exited.set()
        self._loop.call_later(_DRAIN_TIME, lambda: self.end(self._last_message or "the client ended"))

    # -- protocol events

    def _on_reply(self, reply: CommandReply) -> None:
        if not self._requests:
            self.end("tmux answered a command that was not sent")
        elif self._requests[0].add(reply):
            self._requests.popleft()
        self.answered_at = self._loop.time()

    def _on_unexpected_line(self, event: UnexpectedLine) -> None:
        if self.established:
            # A pane showed text that looks like the end of a reply: replies no longer match their commands.
            self.end("the protocol was broken by the text of a pane")
        elif event.line.strip():
            # An error message of setpriv, or of a client that cannot start.
            self._last_message = event.line.strip()

    def end(self, reason: str) -> None:
        """Mark the connection as ended; every pending command fails with TmuxGone."""
        if not self.ended.done():
            self.ended.set_result(reason)
        while self._requests:
            self._requests.popleft().fail(TmuxGone(f"the connection to tmux was lost: {reason}"))

    # -- used by the control client

    async def wait_attached(self, timeout: float) -> None:
        """Wait until the client is attached, at most ``timeout`` seconds. Raises TmuxGone, TmuxTimeout."""
        await asyncio.wait({self.attached, self.ended}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self.attached.done():
            return
        if not self.ended.done():
            raise TmuxTimeout(f"tmux did not attach the client within {timeout:g} s")
        raise TmuxGone(self.ended.result())

    async def run(self, commands: Sequence[Sequence[str]], timeout: float) -> list[list[str]]:
        """Run commands; return the lines that each printed. Raises TmuxError, TmuxGone, QuotingError."""
        line = command_line(*commands).encode("utf-8", "surrogateescape") + b"\n"
        if self.ended.done() or self._transport is None:
            raise TmuxGone("the connection to tmux was lost")
        result: asyncio.Future[list[list[str]]] = self._loop.create_future()
        self._requests.append(_Request(commands, result))
        stdin = self._transport.get_pipe_transport(0)
        cast(asyncio.WriteTransport, stdin).write(line)
        await asyncio.wait({result}, timeout=timeout)
        if not result.done():
            result.cancel()
            error = f"tmux did not answer {commands[0][0]} within {timeout:g} s"
            # Unread input must not be run later.
            self.end(error)
            self.kill()
            raise TmuxTimeout(error)
        return result.result()

    def kill(self) -> None:
        """Kill the process and discard its unread input."""
        if self._transport is not None:
            self._transport.close()

    async def close(self) -> None:
        """Detach the client by closing its input; kill the process if it does not exit."""
        stdin = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if stdin is not None and not self._exited.is_set():
            stdin.close()
            try:
                await asyncio.wait_for(self._exited.wait(), _EXIT_TIMEOUT)
            except asyncio.TimeoutError:
                log.debug("the tmux client did not exit within %g s and is killed", _EXIT_TIMEOUT)
        self.kill()
        try:
            await asyncio.wait_for(self._exited.wait(), _EXIT_TIMEOUT)
        except asyncio.TimeoutError:
            log.warning("the tmux client did not exit after it was killed")
        self.end("closed")
