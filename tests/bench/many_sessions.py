# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose many sessions run before the daemon does, each a full screen and a process that sleeps.

It is configured as the role does it with metrics: switches are automatic, two accounts are logged in (with made-up
tokens), the file of metrics is written, and systemd's watchdog is fed. A session is ``hooked`` where it has a session
file and has sent a hook; ``blind`` where it has done neither, so that its pane is all that tells.

Needs the packages of the tests (tests/unit/requirements.txt).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "support")]
import import_path  # noqa: E402  makes the daemon importable
import light_sessions  # noqa: E402  the path has to be set first
import measurement  # noqa: E402  the path has to be set first
from notify_socket import NotifySocket  # noqa: E402  the path has to be set first

try:
    from integration.daemon import conftest
    from integration.daemon.conftest import wait_for
    from integration.daemon.idle_host import IdleHost
except ImportError as error:
    raise SystemExit(f"{error}; expected the packages of tests/unit/requirements.txt: make bench") from None

from claude_failover.rehearsal.fake_claude.credentials import made_up  # noqa: E402  the path has to be set first

KINDS = ("hooked", "blind")
WATCHDOG = 30  # seconds, as in the role's unit
USED = 40  # per cent of each window, as every session tells
BOUND = 300.0  # seconds for a condition
conftest.DEADLINE = BOUND  # a busy machine makes a bench slow, and not wrong


class HostOfMany(IdleHost):
    """The scratch folder of a host with ``count`` sessions, whose tmux server runs."""

    def __init__(self, count: int, kind: str = "hooked") -> None:
        if shutil.which("tmux") is None:
            raise measurement.Skip("there is no tmux; expected one: apt-get install tmux")
        super().__init__(tempfile.mkdtemp(prefix="cf-", dir="/tmp"), os.pathsep.join(import_path.IMPORT_PATH))
        self._notify_socket: NotifySocket | None = None
        del self.config["failover"]  # switches are automatic
        self.config["metrics"] = {"textfile": self.path("claude_failover.prom")}
        for account in self.config["accounts"]:
            path = os.path.join(account["home"], ".credentials.json")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as stream:
                json.dump(made_up(account["name"]), stream)
        try:
            self.start_tmux()
            self.environment["WATCHDOG_USEC"] = str(WATCHDOG * 1_000_000)  # the daemon's, and not the sessions'
            self.make_sessions(count)
            if kind == "hooked":
                self.write_session_files()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> HostOfMany:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(self, *arguments: Any, **more: Any) -> None:
        """Start the daemon, and wait for its READY; then its messages are read."""
        self._close_notify_socket()
        super().start(*arguments, **more)
        self._notify_socket = NotifySocket(self.path("notify.sock"))

    def close(self) -> None:
        """End daemon, server and sessions, and remove the folder."""
        super().close()
        self._close_notify_socket()

    def add_light_sessions(self, count: int) -> None:
        """Configure sessions that do not run yet, of a program that costs next to nothing (light_sessions)."""
        light_sessions.install(self.claude, self.path("light"))
        for number in range(count):
            self.session(f"light{number:04}")

    def wait_for_light_programs(self, count: int) -> None:
        """Wait until so many programs of such sessions have been started."""
        folder = self.path("light")
        wait_for(lambda: sum(name.endswith(".session") for name in os.listdir(folder)) == count, "the programs", BOUND)

    def send_figures(self) -> None:
        """Send a status line of each session, with the use of its account's windows; the daemon runs."""
        window = {"used_percentage": USED, "resets_at": int(time.time()) + 4 * 3600}
        self.send({"rate_limits": {"five_hour": window, "seven_day": window}})

    def _close_notify_socket(self) -> None:
        if self._notify_socket is not None:
            self._notify_socket.close()
            self._notify_socket = None


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:
                    parent = int(stream.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it has ended
            found += [int(entry)] if parent == pid else []
    return found
