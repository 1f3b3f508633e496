# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of state and switches, for the textfile collector of the Prometheus node exporter."""

from __future__ import annotations

import logging
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..accounts.account_labels import AccountLabels
from ..common import clock
from ..common.health import SOURCES
from ..common.release import release_name
from ..common.shared_wake import REST, sleep_together
from ..config.holder import ConfigHolder
from ..sessions.tracked_session import STATES
from ..storage.files import write_atomic
from ..storage.regular_file import require_replaceable
from ..tasks.task import STATES as TASK_STATES
from .event_kinds import KINDS
from .exposition import Exposition, Sample
from .tallies import Tallies

log = logging.getLogger(__name__)

INTERVAL = REST  # seconds between two writes without a switch


def render(status: Mapping[str, Any], tallies: Tallies) -> str:
    """Return the text of the metrics file.

    Args:
        status: the document of `StatusReport.gauges`, or that of ``status --json``.
        tallies: the counts of what happened.
    """
    text = Exposition()
    info = {"version": status["version"], "release": release_name() or "", "python": platform.python_version()}
    text.gauge("info", "The daemon that wrote this file, with its release.", [(info, 1)])
    text.gauge("start_time_seconds", "When the daemon was started.", [({}, _epoch(status["started_at"]))])
    labels = AccountLabels(row["name"] for row in status["accounts"])
    _add_accounts(text, [{**row, "name": labels.of(row["name"])} for row in status["accounts"]])
    _add_sessions(text, status)
    _add_switching(text, status)
    _add_faults(text, status)
    _add_tallies(text, tallies)
    return str(text)


def _add_accounts(text: Exposition, accounts: Sequence[Mapping[str, Any]]) -> None:
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


def _add_sessions(text: Exposition, status: Mapping[str, Any]) -> None:
    sessions = Counter({**dict.fromkeys(STATES, 0), **Counter(row["state"] for row in status["sessions"])})
    text.gauge("sessions", "Sessions by state.", _by("state", sessions))
    queue = {**dict.fromkeys(TASK_STATES, 0), **status["queue"]}
    text.gauge("tasks", "Tasks of the dispatcher by state.", _by("state", queue))


def _add_switching(text: Exposition, status: Mapping[str, Any]) -> None:
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
    if status["cooldown_until"]:
        text.gauge(
            "cooldown_until_seconds",
            "Until when no automatic switch is made; absent when there is no such time.",
            [({}, _epoch(status["cooldown_until"]))],
        )
    last = status["last_switch"]
    if last:
        text.gauge("last_switch_time_seconds", "When the last switch began.", [({}, _epoch(last["time"]))])
        text.gauge("last_switch_duration_seconds", "How long the last switch took.", [({}, last["seconds"])])


def _add_faults(text: Exposition, status: Mapping[str, Any]) -> None:
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
    known = [(kind.name, severity) for kind in KINDS.values() if kind.lasts for severity in kind.severities]
    begun = Counter((str(row["event"]), str(row["severity"])) for row in status.get("open_events", []))
    text.gauge(
        "event_active",
        "Events that have begun and are not over, by event and severity.",
        [({"event": pair[0], "severity": pair[1]}, begun[pair]) for pair in sorted({*known, *begun})],
    )


def _add_tallies(text: Exposition, tallies: Tallies) -> None:
    text.counter(
        "switches_total",
        "Switches by reason and outcome.",
        [
            ({"reason": reason, "outcome": outcome}, number)
            for (reason, outcome), number in sorted(tallies.switches.items())
        ],
    )
    text.counter(
        "session_results_total",
        "Sessions of switches, by what became of them.",
        _by("result", tallies.results),
    )
    text.histogram(
        "resume_seconds",
        "How long it took to prompt or restart a session after a switch.",
        tallies.resume_seconds,
    )
    text.counter("prompts_sent_total", "Prompts that the daemon has sent since its start.", [({}, tallies.prompts)])
    text.counter(
        "unknown_wordings_total",
        "Texts that resemble a usage limit in an unknown wording, since the daemon's start.",
        [({}, tallies.unknown_wordings)],
    )


def _by(label: str, numbers: Mapping[str, int]) -> list[Sample]:
    return [({label: name}, number) for name, number in sorted(numbers.items())]


class Metrics:
    """Writes the file ``metrics.textfile``, if one is configured; a failure is only logged.

    Args:
        config: the configuration.
        tallies: the counts of what happened.
        status: returns the document of `StatusReport.gauges`.
    """

    def __init__(self, config: ConfigHolder, tallies: Tallies, status: Callable[[], Mapping[str, Any]]) -> None:
        self._config = config
        self._tallies = tallies
        self._status = status
        self._failed = False

    async def run(self) -> None:
        """Write the file now and every `INTERVAL` seconds, until cancelled."""
        while True:
            self.write()
            await sleep_together(INTERVAL)

    def write(self) -> None:
        """Replace the file, readable for everybody: the node exporter runs as another user. Never raises."""
        path = self._config.current.metrics.textfile
        if path is None:
            return
        try:
            text = render(self._status(), self._tallies)
            require_replaceable(path)
            write_atomic(path, text.encode(), 0o644)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.error("metrics: cannot write %s: %s", path, error)
            self._failed = True
        except Exception:  # a bug in what only shows the state must not end the daemon
            log.exception("metrics: a bug; %s is written again in %g s", path, INTERVAL)


def _epoch(moment: str) -> float:
    return clock.parse_iso(moment).timestamp()
