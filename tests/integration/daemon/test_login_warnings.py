# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon tells a login that ends: in the status, the metrics and by notify, and once only."""

from __future__ import annotations

import json
import os
import time

from .conftest import wait_for

TWO_DAYS = 2 * 86400


def log_in(host, name, seconds):
    """Log an account in, with an address in its file, for so many seconds."""
    home = host.path(f"user/.claude-{name}")
    os.makedirs(home, exist_ok=True)
    end = int(time.time() + seconds)
    oauth = {"accessToken": "made-up", "refreshToken": "made-up", "refreshTokenExpiresAt": end * 1000}
    with open(os.path.join(home, ".claude.json"), "w", encoding="utf-8") as stream:
        json.dump({"oauthAccount": {"accountUuid": name, "emailAddress": f"{name}@example.invalid"}}, stream)
    with open(os.path.join(home, ".credentials.json"), "w", encoding="utf-8") as stream:
        json.dump({"claudeAiOauth": oauth}, stream)
    return end


def text_of(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def test_a_login_that_ends_in_two_days_is_told_once(host):
    events, metrics = host.path("events"), host.path("cf.prom")
    host.config["notify"] = {"command": ["sh", "-c", f"cat >> {events}"]}
    host.config["metrics"] = {"textfile": metrics}
    log_in(host, "one", 20 * 86400)
    end = log_in(host, "two", TWO_DAYS)
    host.start_tmux()
    host.start()
    wait_for(lambda: "login_ends" in text_of(events), "the event")
    event = json.loads(text_of(events))
    assert (event["event"], event["state"], event["account"], event["details"]["days"]) == (
        "login_ends",
        "begins",
        "two",
        3,
    )
    row = host.status()["accounts"][1]
    assert (row["login"], row["identity"]["address"]) == ("ok", "two@example.invalid")
    assert row["login_expires_at"] == event["details"]["login_expires_at"]
    wait_for(lambda: f'account_login_expires_seconds{{account="two"}} {end}\n' in text_of(metrics), "the metrics")
    assert "example.invalid" not in text_of(metrics) + text_of(events)
    host.stop()
    host.start()
    log_in(host, "two", 27 * 86400)
    wait_for(lambda: '"over"' in text_of(events), "the end of the event", deadline=40)
    assert [json.loads(line)["state"] for line in text_of(events).splitlines()] == ["begins", "over"]
