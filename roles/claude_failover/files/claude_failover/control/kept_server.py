# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the control socket reachable.

A server whose socket was removed or replaced goes on listening, and nobody reaches it: no hook, and no command.
"""

from __future__ import annotations

import asyncio
import os
from typing import Callable

from ..common.entry_notices import EntryNotices
from ..common.errors import FailoverError
from ..common.event_wait import wait_for_event
from ..common.file_identity import FileIdentity, identity_of
from ..common.health import SourceHealth
from ..common.shared_wake import REST, shared_pause
from ..common.unix_socket import listener_pid
from .server import ControlServer

SOURCE = "control_socket"
CHECK_INTERVAL = REST  # seconds between two checks of what no notice tells: its rights, or a mount over its folder
RETRY_INTERVAL = 5.0  # seconds from a try to make it anew to the next check, and between two where no notices are
MOST_RETIRED = 3  # servers without a socket that finish their clients' requests


class KeptControlServer:
    """A control server that is replaced by another one when its socket cannot be reached.

    Args:
        make: returns a server that is not started.
        path: the socket's path.
        health: is told whether the source ``control_socket`` works.
    """

    def __init__(self, make: Callable[[], ControlServer], path: str, health: SourceHealth) -> None:
        self._make = make
        self._path = path
        self._health = health
        self._servers: list[ControlServer] = []  # the last one listens at the path
        self._identity: FileIdentity | None = None
        self._mode = 0

    async def start(self) -> None:
        """Start listening. Raises FailoverError."""
        server = self._make()
        server.remove_stale()
        await server.start()
        self._servers.append(server)
        status = os.lstat(self._path)
        self._identity, self._mode = identity_of(status), status.st_mode & 0o777

    async def stop(self) -> None:
        """Stop listening, and remove the socket."""
        await asyncio.gather(*[server.stop() for server in reversed(self._servers)])
        self._servers.clear()

    async def run(self) -> None:
        """Check the socket when its entry changes, and every `CHECK_INTERVAL` seconds, until cancelled."""
        changed = asyncio.Event()
        notices = EntryNotices(lambda: self._path, changed.set)
        try:
            while True:
                changed.clear()
                is_told, found = notices.watch(), self._identity
                try:
                    is_reachable = await self.check()
                except Exception as error:  # a bug must not end the checks
                    self._health.failed_by_bug(SOURCE, error)
                    is_reachable = False
                if is_reachable and is_told and self._identity == found:
                    await wait_for_event(changed, shared_pause(CHECK_INTERVAL))
                else:  # also where it was made anew: whoever removes it all the time costs no more than that
                    await asyncio.sleep(RETRY_INTERVAL)
        finally:
            notices.close()

    async def check(self) -> bool:
        """Make the socket anew if it cannot be reached; return whether it can be now."""
        try:
            problem = await self._mend()
            if problem is None:
                self._health.works(SOURCE)
            else:
                self._health.failed(SOURCE, problem)
        finally:
            while len(self._servers) > 1 + MOST_RETIRED:
                await self._servers.pop(0).stop()
        return problem is None

    async def _mend(self) -> str | None:
        """Make the socket anew if it cannot be reached; return the reason if that is not possible."""
        problem = self._problem()
        if problem is None:
            return None
        if self._is_own():
            try:
                os.chmod(self._path, self._mode)  # the rights of it or of its folder were changed
            except OSError as error:
                return str(error)
            return self._problem()
        self._health.failed(SOURCE, problem)  # what was sent to it meanwhile is lost
        try:
            await self.start()
        except (FailoverError, OSError) as error:
            return str(error)
        return self._problem()

    def _is_own(self) -> bool:
        """Return True if the socket at the path is the one that was made last."""
        try:
            status = os.lstat(self._path)
        except OSError:
            return False
        return identity_of(status) == self._identity

    def _problem(self) -> str | None:
        """Return the reason if the socket does not lead to this process."""
        if self._is_own() and os.access(self._path, os.W_OK):
            return None
        try:
            pid = listener_pid(self._path)
        except BlockingIOError:
            return None  # there are more clients than can be accepted at once
        except OSError as error:
            return f"{self._path} cannot be connected to: {error.strerror}"
        return None if pid == os.getpid() else f"{self._path}: process {pid} listens there"
