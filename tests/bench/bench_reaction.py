# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes from a refused request to the daemon's Enter key, with a light program in place of Claude Code.

The program (`light_claude`) writes down both moments itself: right before it tells of the refusal by one source only,
and when it has read Enter, with the prompt in its box. So this is the reaction of the daemon and of tmux, with the
decision, its fsyncs and the flip, and nothing of Claude Code. Each round ends one account. With ``before``, a
checkout, its daemon takes turns with this one's, and ``ratio`` is that of the medians. A pane is read each second
(``detection.sweep_interval``). The times are for the reader; nothing depends on them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(sys.path[0], "support"))
import import_path  # makes the daemon importable
import measurement
from integration.daemon.conftest import wait_for
from integration.failover.conftest import World

TITLE = "reaction with a light program: refused request to Enter, by source"
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = ("hook", "transcript", "pane")
OTHERS = (1, 100)
BOUND = 60.0  # seconds for one round
#: A session that is watched, and in which nothing happens.
OTHER = """#!/bin/sh
rule=────────────────────────────────
printf '● hello\\r\\n\\r\\n%s\\r\\n❯ \\r\\n%s\\r\\n  auto mode' $rule $rule
exec sleep infinity
"""


class Reaction:
    """One daemon with a session that is refused and others that stand idle.

    A pane is believed only in a session that has sent no hook, so where it is the source each round has its own.
    """

    def __init__(self, name: str, checkout: str, source: str, others: int, rounds: int) -> None:
        self.name, self._source = name, source
        self.folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
        collections = os.path.join(self.folder, "collections")
        os.makedirs(os.path.join(collections, "ansible_collections", "secuaas"))
        os.symlink(checkout, os.path.join(collections, "ansible_collections", "secuaas", "claude"))
        python_path = [os.path.join(checkout, "roles", "claude_failover", "files"), collections]
        accounts = tuple(f"a{number}" for number in range(rounds + 1))
        self.world = world = World(self.folder, os.pathsep.join(python_path), accounts)
        world.config["failover"] = {"cooldown": 0}
        self._program("claude", f"#!/bin/sh\nexec {sys.executable} -IS {HERE}/light_claude.py {self.folder} ", '"$@"\n')
        self._program("other", OTHER)
        self._mains = [f"main{number}" for number in range(rounds if source == "pane" else 1)]
        for main in self._mains:
            world.session(main)
        for number in range(others):
            world.session(f"other{number}", command=[world.path("bin/other")], claude_args=False)
        self._round = 0

    def _program(self, name: str, text: str, arguments: str = "") -> None:
        path = self.world.path(f"bin/{name}")
        if os.path.exists(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"{text}{self.world.control_socket} {arguments}" if arguments else text)
        os.chmod(path, 0o700)

    def start(self) -> None:
        """Start server and daemon, and wait until every session is up."""
        self.world.start_tmux()
        self.world.start()
        self._wait_ready(self._mains[0], everywhere=True)

    def _sessions(self) -> list[dict[str, Any]]:
        """Return the sessions of the status, asked without a process of its own."""
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as stream:
            connection.connect(self.world.control_socket)
            stream.write(b'{"op":"sessions"}\n')
            stream.flush()
            rows: list[dict[str, Any]] = json.loads(stream.readline())["result"]
        return rows

    def _wait_ready(self, name: str, everywhere: bool = False) -> str:
        """Wait until a session is idle; return its conversation."""

        def ready() -> str | None:
            rows = self._sessions()
            main = next(row for row in rows if row["name"] == name)
            waits = main["state"] != "idle" or not os.path.exists(self.world.path(str(main["uuid"])))
            if waits or (everywhere and any(row["state"] in ("starting", "down") for row in rows)):
                return None
            return str(main["uuid"])

        return str(wait_for(ready, f"the sessions to be ready\n{self.world.daemon_log()[-3000:]}", BOUND))

    def react(self) -> float:
        """Refuse one request; return the seconds until Enter."""
        conversation = self._wait_ready(self._mains[self._round % len(self._mains)])
        before = len(self._moments())
        # Resets apart from each other: a refusal with the old account's reset counts as its.
        reset = time.strftime("%I:%M%p", time.gmtime(time.time() + 7200 + 180 * self._round)).lstrip("0").lower()
        self._round += 1
        with open(self.world.path(conversation), "w", encoding="utf-8") as stream:
            stream.write(f"{self._source} {reset}\n")
        wait_for(
            lambda: len(self._moments()) >= before + 2,
            f"the {self._source} to be acted on\n{self.world.daemon_log()[-3000:]}",
            BOUND,
        )
        refused, entered = self._moments()[before : before + 2]
        assert (refused["event"], entered["event"], entered["text"]) == ("refused", "enter", "continue")
        return float(entered["at"]) - float(refused["at"])

    def _moments(self) -> list[dict[str, Any]]:
        try:
            with open(self.world.path("moments.jsonl"), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream.read().splitlines()]
        except FileNotFoundError:
            return []

    def close(self) -> None:
        """End daemon, sessions and server."""
        self.world.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(
    sources: Sequence[str] = SOURCES, others: Sequence[int] = OTHERS, rounds: int = 20, before: str = ""
) -> list[measurement.Row]:
    """Return a row for each source, number of other sessions and build: milliseconds from the refusal to Enter."""
    if shutil.which("tmux") is None:
        raise measurement.Skip("there is no tmux; expected one: apt-get install tmux")
    builds = {**({"before": os.path.abspath(before)} if before else {}), "now": import_path.ROOT}
    rows: list[measurement.Row] = []
    for count in others:
        for source in sources:
            running: list[Reaction] = []
            try:
                for name, checkout in builds.items():
                    running.append(Reaction(name, checkout, source, count, rounds + 1))
                    running[-1].start()
                samples: dict[str, list[float]] = {name: [] for name in builds}
                for number in range(rounds + 1):
                    for reaction in running:
                        seconds = reaction.react()
                        if number:  # the first one warms the caches
                            samples[reaction.name].append(seconds)
            finally:
                for reaction in running:
                    reaction.close()
            base = next(iter(samples.values()))
            for name, taken in samples.items():
                case: measurement.Row = {"source": source, "others": count, "build": name}
                most = measurement.rounded(1000 * max(taken))
                compared = measurement.ratio(taken, base) if before else None
                rows.append({**case, **measurement.summary(taken), "most_ms": most, "ratio": compared})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
