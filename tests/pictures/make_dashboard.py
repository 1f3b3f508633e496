# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the Grafana dashboard from a real run, and fail where a query of a panel gives no series.

    make_dashboard.py PROMETHEUS PICTURE.svg

A real daemon in a scratch folder, with the stand-in for Claude Code, goes through tasks, a limit with its switch, a
second limit, which leaves no account, and a shared link that is replaced. PROMETHEUS, the program of Debian's package,
scrapes its metrics each second. `make pictures` runs this; it takes about two minutes, as the daemon writes the metrics
every 10 seconds. Exit code 1: queries without a series, which are named.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from dashboard_svg import draw
from make_pictures import FIRST, ROOT, SECOND, SESSIONS, USED, PictureHost, host_in_a_folder, wait_for
from prometheus_server import INSTANCE, SCRAPED_EVERY, Prometheus, prometheus

DASHBOARD = Path(ROOT, "roles", "claude_failover", "files", "monitoring", "claude-failover.dashboard.json")
STEP = 5  # seconds between two points of a panel
RATE_INTERVAL = max(STEP + SCRAPED_EVERY, 4 * SCRAPED_EVERY)  # as Grafana has it
BOUND = 300.0  # seconds for a step that normally takes 10, until the metrics are written anew
# Queries, by panel and refId, for which the run has nothing, with the reason.
EXPECTED_EMPTY: dict[str, str] = {}

Results = dict[str, list[dict[str, Any]]]  # of each query the series, by panel and refId


class MonitoredHost(PictureHost):
    """The host of the pictures, with metrics, and with a third account that has no login."""

    def build(self) -> None:
        """Create the accounts, the configuration and the programs."""
        super().build()
        os.mkdir(self.path("metrics"), 0o700)
        os.mkdir(self.home("third"), 0o700)
        path = Path(self.path("config.yml"))
        config = json.loads(path.read_text(encoding="utf-8"))
        config["accounts"].append({"name": "compte3", "home": self.home("third")})
        config["metrics"] = {"textfile": self.path("metrics/claude_failover.prom")}
        config["failover"] = {"cooldown": 1}
        path.write_text(json.dumps(config), encoding="utf-8")


def run(host: PictureHost, server: Prometheus) -> None:
    """Go through all that the panels are about; each step is over when Prometheus has it."""

    def shows(condition: str) -> None:
        def holds() -> bool:
            now = time.time()
            return bool(server.query_range(condition, now, now, STEP))

        wait_for(holds, f"the samples {condition}", BOUND)

    shows(f'claude_failover_sessions{{state="idle"}} == {len(SESSIONS)}')
    fresh = {"used": {"five_hour": 0.08, "seven_day": 0.12}}
    host.set_world({FIRST: {"used": USED}, SECOND: fresh})
    host.run("dispatch", "--session", "main", "--wait", "read the plan")
    host.run("dispatch", "--session", "review", "review the last change [[slow 20]]")
    shows('claude_failover_sessions{state="busy"} == 1')

    limit = {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time()) + 2 * 3600 + 900, "used": USED}
    host.set_world({FIRST: limit, SECOND: fresh})
    host.run("dispatch", "--session", "main", "a long job that runs into the limit")
    shows('claude_failover_switches_total{reason="limit",outcome="switched"} == 1')
    shows(f'claude_failover_sessions{{state="idle"}} == {len(SESSIONS)}')

    later = {**limit, "resets_at": limit["resets_at"] + 3600, "used": {"five_hour": 1.0, "seven_day": 0.31}}
    host.set_world({FIRST: limit, SECOND: later})
    host.run("dispatch", "--session", "ops", "a job that runs into the limit of the last account")
    shows('claude_failover_event_active{event="accounts_exhausted"} == 1')
    host.run("dispatch", "--session", "ops", "a job that waits for its turn")
    shows('claude_failover_tasks{state="queued"} > 0')

    replaced = Path(host.home(FIRST), "projects")
    replaced.unlink()
    replaced.mkdir()
    shows("claude_failover_account_links_ok == 0")


def ask(server: Prometheus, panels: list[dict[str, Any]], start: float, end: float) -> Results:
    """Return what each query of the panels gives."""
    variables = {"$__rate_interval": f"{RATE_INTERVAL}s", "$instance": INSTANCE}
    results: Results = {}
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in variables.items():
                query = query.replace(name, value)
            # A panel of the present shows what there is at the end only.
            begin = end if target.get("instant") else start
            results[f"{panel['title']} {target['refId']}"] = server.query_range(query, begin, end, STEP)
    return results


def main() -> int:
    """Make the picture; return the exit code."""
    program, picture = sys.argv[1:]
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    with host_in_a_folder(MonitoredHost) as host:
        metrics = Path(host.path("metrics/claude_failover.prom"))
        with prometheus(program, Path(host.path("prometheus")), metrics) as server:
            start = time.time()
            run(host, server)
            end = time.time()  # the panels of the present show what the last step has brought
            start = end - (end - start) // STEP * STEP
            results = ask(server, dashboard["panels"], start, end)
    Path(picture).write_text(draw(dashboard, results, start, end, STEP), encoding="utf-8")
    failed = False
    for name, series in results.items():
        if not series and name not in EXPECTED_EMPTY:
            print(f"no series: {name}", file=sys.stderr)
            failed = True
        if series and name in EXPECTED_EMPTY:
            print(f"{name} has series: take it out of EXPECTED_EMPTY", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
