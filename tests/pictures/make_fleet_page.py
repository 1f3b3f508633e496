# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the page of a fleet by the playbook ``status`` itself, from small daemons of every kind.

    make_fleet_page.py [--example] COLLECTIONS PAGE.html

COLLECTIONS is the folder in which Ansible finds the collection. An example has no host that is of use to a test only.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fake_control import FakeControl, account, done, session, status  # noqa: E402

HOSTILE = "<script>alert(1)</script>\"'&" + "x" * 60
EXAMPLE = {"well": "vm1", "exhausted": "vm2", "told": "vm3", "no-daemon": "vm4"}  # names of the hosts of an example


def ahead(**time: float) -> str:
    """Return a moment from now, as the status has it."""
    return (datetime.now(timezone.utc) + timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def accounts(*, used: float, exhausted: bool = False, **active: Any) -> list[dict[str, Any]]:
    """Return two accounts, the first of which is active."""
    limits = [{"limit": "5-hour", "until": ahead(hours=2)}] if exhausted else []
    figures = {"5-hour": used, "7-day": used / 2}
    first = account("one", active=True, used_percent=figures, exhausted=limits, identity_digest="d1", **active)
    return [first, account("two", used_percent={"5-hour": 12.0}, login_expires_at=ahead(days=20), identity_digest="d2")]


def event(name: str, severity: str, summary: str) -> dict[str, Any]:
    """Return a row of ``open_events``."""
    since = ahead(hours=-1)
    return {"event": name, "severity": severity, "since": since, "session": None, "account": None, "summary": summary}


def fleet() -> dict[str, dict[str, Any]]:
    """Return the status of each host by name."""
    work = [session(f"s{number}", state=state) for number, state in enumerate(["idle", "busy", "busy"])]
    asks = [*work, session("s3", state="waiting", reason="a permission dialog is open")]
    full = event("disk_full", "error", "the state cannot be written: no space is left")
    ending = event("login_ends", "warning", "account one: its login ends in 3 days")
    accounts_of_it = {"from_account": "two", "to_account": "one"}
    switch = {"time": ahead(hours=-3), "reason": "limit", "outcome": "switched", "seconds": 0.4}
    last = {**switch, **accounts_of_it, "trigger_session": "s1", "limit": "5-hour", "sessions": []}
    return {
        "well": status(active_account="one", accounts=accounts(used=41.0), sessions=work, last_switch=last),
        "exhausted": status(active_account="one", accounts=accounts(used=100.0, exhausted=True), sessions=work),
        "told": status(active_account="one", accounts=accounts(used=91.0), sessions=asks, open_events=[full, ending]),
        "copied-1": status(active_account="one", accounts=accounts(used=7.0, login_digest="c"), sessions=work),
        "copied-2": status(active_account="one", accounts=accounts(used=0.0, login_digest="c"), sessions=[]),
        "hostile": status(
            active_account=HOSTILE,
            accounts=[account(HOSTILE, active=True, login=HOSTILE)],
            sessions=[session(HOSTILE, state="down", reason=HOSTILE)],
            suspended=HOSTILE,
        ),
    }


def main(collections: str, page: str, example: bool) -> int:
    """Write the page, and return the exit code of the playbook."""
    with tempfile.TemporaryDirectory(prefix="cf") as folder, contextlib.ExitStack() as servers:
        hosts: dict[str, Any] = {}
        for name, document in fleet().items():
            if example and name not in EXAMPLE:
                continue
            server = servers.enter_context(FakeControl(os.path.join(folder, name), status=done(document)))
            hosts[EXAMPLE[name] if example else name] = {"claude_failover_control_socket": server.path}
        hosts[EXAMPLE["no-daemon"] if example else "no-daemon"] = {
            "claude_failover_control_socket": os.path.join(folder, "nobody")
        }
        if not example:
            hosts["away"] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
        inventory = Path(folder, "hosts.json")
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        all_hosts = {name: {**local, **variables} for name, variables in hosts.items()}
        inventory.write_text(json.dumps({"claude_failover": {"hosts": all_hosts}}), encoding="utf-8")
        given = {"ansible_become": False, "claude_failover_status_html": os.path.abspath(page)}
        return subprocess.run(
            ["ansible-playbook", "-i", inventory, "-e", json.dumps(given), "secuaas.claude.status"],
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": collections, "HOME": folder},
            cwd=folder,
            check=False,
        ).returncode


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if each != "--example"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(arguments[0]), arguments[1], "--example" in sys.argv))
