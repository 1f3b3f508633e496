# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that is called by an address: no way out of the host shows it, and the commands on the host do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from datetime import timedelta

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import account_labels, status_facts
from event_world import EventWorld

from claude_failover.accounts.account_labels import AccountLabels
from claude_failover.claude.telemetry import telemetry_variables
from claude_failover.cli.commands import login
from claude_failover.common import clock
from claude_failover.common.errors import UsageError
from claude_failover.config.model import Account, TelemetryConfig
from claude_failover.reporting import log_format
from claude_failover.reporting.log_format import LogFormatter
from claude_failover.reporting.metrics import Metrics
from claude_failover.reporting.systemd_journal import JournalHandler

PLANTED = ("planted.one@example.invalid", "planted@two")
LABELS = ("account-1", "account-2")


async def story(folder) -> dict[str, str]:
    """Let everything be told of two accounts; return what leaves the host by each way, and what commands show."""
    notified, textfile = folder / "notified", folder / "claude.prom"
    world = EventWorld(folder, notify=("sh", "-c", f"cat >> {notified}"), metrics=str(textfile))
    accounts = tuple(Account(name, home) for name, home in zip(PLANTED, world.config.homes))
    world.config = dataclasses.replace(world.config, accounts=accounts)
    entries: list[tuple[str, dict[str, object]]] = []

    def send(text: str, **fields: object) -> None:
        entries.append((text, fields))

    journal = JournalHandler(send, logging.NullHandler(), log_format.hide_accounts)
    journal.setFormatter(LogFormatter("%(message)s"))
    logging.getLogger().addHandler(journal)
    try:
        log_format.configure(world.config)
        async with world:
            await world.parts.failover.switch(PLANTED[1], reason="manual")
            exhaustion = world.parts.failover.switcher.availability.exhaustion
            for name in PLANTED:
                exhaustion.record(name, "five_hour", clock.now() + timedelta(hours=1), now=clock.now())
            world.log_in("b", days=2.5)
            world.parts.login_watch.check()
            world.parts.events.on_identity_change(PLANTED[0], f"its home names {PLANTED[1]}, not {PLANTED[0]}.")
            world.round()
            Metrics(world.holder, world.parts.tallies, world.parts.status.document).write()
            status, logged = world.status, world.logged()
        error = ValueError(f"found {PLANTED[1]}")
        entries.append((LogFormatter().formatException((ValueError, error, None)), {}))
    finally:
        logging.getLogger().removeHandler(journal)
        log_format.configure(dataclasses.replace(world.config, accounts=()))
    return {
        "notify": notified.read_text(encoding="utf-8"),
        "events.jsonl": json.dumps(logged),
        "metrics": textfile.read_text(encoding="utf-8"),
        "journal": json.dumps(entries, default=str),
        "info": json.dumps(status_facts(status, addresses=False)),
        "telemetry": json.dumps(telemetry_variables(TelemetryConfig("http://[::1]:1"), "main", "vm-1")),
        "status": json.dumps(status),
    }


def test_an_account_called_by_an_address_is_told_by_its_place_and_shown_by_its_name(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        told = asyncio.run(story(tmp_path))
    shown = told.pop("status")
    for way, text in told.items():
        assert [name for name in PLANTED if name in text] == [], way
        if way != "telemetry":
            assert [label for label in LABELS if label not in text] == [], way
    for key in ("account", "from_account", "to_account", "CLAUDE_ACCOUNT"):
        assert f'"{key}": "account-' in told["events.jsonl"] + told["journal"], key
    assert '"accounts": ["account-1", "account-2"]' in told["events.jsonl"]
    events = json.loads(shown)["open_events"]
    assert {row["account"] for row in events} - {None} == set(PLANTED)
    assert f"account {PLANTED[0]}: its home names {PLANTED[1]}, not {PLANTED[0]}." in {row["summary"] for row in events}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from a@b.c to a@b.c.", "from account-1 to account-1."),
        ("/home/x/.claude-a@b.c/projects", "/home/x/.claude-account-1/projects"),
        ("a@b.c.d a@b.cc aa@b.c and a+b@c", "account-3 a@b.cc aa@b.c and a+b@c"),
        ("two", "two"),
    ],
)
def test_a_name_is_replaced_as_a_whole_only(text, expected):
    names = ["a@b.c", "two", "a@b.c.d"]
    assert AccountLabels(names).hide(text) == expected


def test_no_label_is_the_name_of_an_account_and_modules_label_as_the_daemon_does():
    names = ["a@b", "account-1", "c@d", "account-3"]
    assert [AccountLabels(names).of(name) for name in names] == ["account-1_", "account-1", "account-3_", "account-3"]
    assert account_labels(names) == {"a@b": "account-1_", "c@d": "account-3_"}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("a@b", "a@b"),
        ("account-1", "account-1"),
        ("account-1_", "a@b"),
        ("account-3", "c@d"),
        ("account-2", None),
        ("account-4", None),
        ("", None),
    ],
)
def test_an_account_is_known_by_its_label_unless_another_is_really_called_so(word, name):
    labels = AccountLabels(["a@b", "account-1", "c@d"])
    assert labels.name_of(word) == name
    assert labels.in_words() == "a@b (account-1_), account-1, c@d (account-3)"


def test_login_knows_an_account_by_its_label(tmp_path):
    accounts = tuple(Account(name, str(tmp_path / name)) for name in ("work", *PLANTED))
    config = dataclasses.replace(EventWorld(tmp_path).config, accounts=accounts)
    assert login.account_of(config, "account-3").name == PLANTED[1]
    with pytest.raises(UsageError, match=r"found no account 'account-1' in .*; expected one of: work, .*\(account-2\)"):
        login.account_of(config, "account-1")
