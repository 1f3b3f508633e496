# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of state and switches, for the textfile collector of the Prometheus node exporter."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..common import clock
from ..common.health import SOURCES
from ..common.text import decoded, shorten
from ..config.holder import ConfigHolder
from ..storage.files import write_atomic
from ..storage.regular_file import require_replaceable
from ..switching.record import OUTCOMES, REASONS

log = logging.getLogger(__name__)

Totals = Mapping[tuple[str, str], int]
_PREFIX = "claude_failover_"

MAX_LABEL = 200  # characters of a label's value
INTERVAL = 15.0  # seconds between two writes without a switch


def count(records: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """Count records by reason and outcome."""
    return Counter((str(row.get("reason")), str(row.get("outcome"))) for row in records)


def render(status: Mapping[str, Any], totals: Totals) -> str:
    """Return the text of the metrics file.

    Args:
        status: the document of ``status --json``.
        totals: the number of switches by reason and outcome.
    """
    text = _Exposition()
    text.gauge("info", "The daemon that wrote this file.", [({"version": status["version"]}, 1)])
    text.gauge("start_time_seconds", "When the daemon was started.", [({}, _epoch(status["started_at"]))])
    accounts = status["accounts"]
    text.gauge(
        "account_active",
        "Whether the active link leads to the account.",
        [({"account": row["name"]}, int(row["active"])) for row in accounts],
    )
    text.gauge(
        "account_login_ok",
        "Whether there is a login that the server has not refused.",
        [({"account": row["name"]}, int(row["login"] == "ok")) for row in accounts],
    )
    text.gauge(
        "account_login_expires_seconds",
        "When the account's login ends, which refreshing does not move; absent where that is not known.",
        [
            ({"account": row["name"]}, _epoch(row["login_expires_at"]))
            for row in accounts
            if row.get("login_expires_at") is not None
        ],
    )
    text.gauge(
        "account_links_ok",
        "Whether the account's shared links are right.",
        [({"account": row["name"]}, int(row["links"] == "ok")) for row in accounts],
    )
    text.gauge(
        "account_exhausted_until_seconds",
        "When the account's usage limit resets; absent when there is none.",
        [
            ({"account": row["name"], "limit": limit["limit"]}, _epoch(limit["until"]))
            for row in accounts
            for limit in row["exhausted"]
        ],
    )
    text.gauge(
        "account_used_percent",
        "How much of a usage window is used.",
        [
            ({"account": row["name"], "window": window}, used)
            for row in accounts
            for window, used in row["used_percent"].items()
        ],
    )
    states = Counter(row["state"] for row in status["sessions"])
    text.gauge("sessions", "Sessions by state.", [({"state": state}, states[state]) for state in sorted(states)])
    queue = status["queue"]
    text.gauge(
        "tasks", "Tasks of the dispatcher by state.", [({"state": state}, queue[state]) for state in sorted(queue)]
    )
    text.gauge("switching", "Whether a switch is in progress.", [({}, int(bool(status["switching"])))])
    text.gauge(
        "switch_advised",
        "Whether a switch is due that is left to a person: failover.automatic is false.",
        [({}, int(bool(status.get("advised_switch"))))],
    )
    text.gauge(
        "suspended",
        "Whether switching is suspended: the active link leads to no configured account.",
        [({}, int(bool(status["suspended"])))],
    )
    blind = {row["source"] for row in status["blind"]}
    text.gauge(
        "source_blind",
        "Whether a source that the daemon learns from does not work.",
        [({"source": source}, int(source in blind)) for source in SOURCES],
    )
    text.gauge(
        "unsaved_documents",
        "State documents that are newer in memory than on the disk, which refuses them.",
        [({}, len(status["unsaved"]))],
    )
    if status["cooldown_until"]:
        text.gauge(
            "cooldown_until_seconds",
            "Until when no automatic switch is made.",
            [({}, _epoch(status["cooldown_until"]))],
        )
    last = status["last_switch"]
    if last:
        text.gauge("last_switch_time_seconds", "When the last switch began.", [({}, _epoch(last["time"]))])
        text.gauge("last_switch_duration_seconds", "How long the last switch took.", [({}, last["seconds"])])
    pairs = sorted({(reason, outcome) for reason in REASONS for outcome in OUTCOMES} | set(totals))
    switches = [({"reason": reason, "outcome": outcome}, totals.get((reason, outcome), 0)) for reason, outcome in pairs]
    text.add("switches_total", "Switches by reason and outcome.", "counter", switches)
    return str(text)


class Metrics:
    """Writes the file ``metrics.textfile``, if one is configured; a failure is only logged.

    Args:
        config: the configuration.
        records: the records of all switches so far.
        status: returns the document of ``status --json``.
    """

    def __init__(
        self, config: ConfigHolder, records: Iterable[Mapping[str, Any]], status: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._config = config
        self._totals = count(records)
        self._status = status
        self._failed = False

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one more record."""
        self._totals.update(count([record]))

    async def run(self) -> None:
        """Write the file now and every `INTERVAL` seconds, until cancelled."""
        while True:
            self.write()
            await asyncio.sleep(INTERVAL)

    def write(self) -> None:
        """Replace the file, readable for everybody: the node exporter runs as another user. Never raises."""
        path = self._config.current.metrics.textfile
        if path is None:
            return
        try:
            text = render(self._status(), self._totals)
            require_replaceable(path)
            write_atomic(path, text.encode(), 0o644)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.error("metrics: cannot write %s: %s", path, error)
            self._failed = True
        except Exception:  # a bug in what only shows the state must not end the daemon
            log.exception("metrics: a bug; %s is written again in %g s", path, INTERVAL)


class _Exposition:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self._lines)

    def gauge(self, name: str, help_text: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> None:
        self.add(name, help_text, "gauge", samples)

    def add(self, name: str, help_text: str, kind: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> None:
        lines = []
        for labels, value in samples:
            pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
            lines.append(f"{_PREFIX}{name}{'{' + pairs + '}' if pairs else ''} {value:.15g}")
        if lines:
            self._lines += [f"# HELP {_PREFIX}{name} {help_text}", f"# TYPE {_PREFIX}{name} {kind}", *lines]


def _label(text: str) -> str:
    text = decoded(shorten(text, MAX_LABEL).encode(errors="backslashreplace"))  # the file is UTF-8
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _epoch(moment: str) -> float:
    return clock.parse_iso(moment).timestamp()
