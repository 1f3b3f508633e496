# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what is left out of an event."""

from __future__ import annotations

import pytest

from claude_failover.config.model import Account, Config
from claude_failover.reporting.redaction import MAX_TEXT, Redactor

CONFIG = Config(
    "/etc/claude-failover/config.yml",
    (Account("one", "/srv/p/jane/.claude-one"), Account("two", "/srv/p/jane/.claude-one-more")),
    "/srv/p/jane/.claude",
    shared_root="/srv/shared",
)


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/var/lib/somebody")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("found nothing at '/srv/p/jane/.claude-one/projects'", "found nothing at '[home of one]/projects'"),
        ("/srv/p/jane/.claude-one-more: x", "[home of two]: x"),
        ("active_link /srv/p/jane/.claude leads away", "active_link [active link] leads away"),
        ("/srv/p/jane/.claude.json", "~/.claude.json"),
        ("/srv/p/jane/.claude.", "[active link]."),
        ("/srv/p/janet/x", "/srv/p/janet/x"),
        ("/srv/shared/.claude-projects-shared", "~/.claude-projects-shared"),
        ("/var/lib/somebody/x /home/ubuntu/y '/home/claude' /root/z /rooted", "~/x ~/y '~' ~/z /rooted"),
        ("of jane.doe+x@mail.example.org, twice", "of [address], twice"),
        ("sk-ant-oat01-AbC_d-123 and sk-ant-api03-xyz9", "[token] and [token]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[token]"),
        ("x" * 30 + "Y" * 40, "[token]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [token]"),
        ("password=hunter2 api_key: k123", "password= [token] api_key: [token]"),
        ("ghp_16C7e42F292c6912E7 gho_1a2b3c4d5e6f7a8b ghs_a1b2c3d4e5f6a7b8", "[token] [token] [token]"),
        ("github_pat_11ABCDEFG0_abcdefgh, glpat-AbC-123_defghijklmno", "[token], [token]"),
        ("AKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE MAKIAIOSFODNN7EXAMPLE", "[token] [token] MAKIAIOSFODNN7EXAMPLE"),
        ("xoxb-1234-abcd xoxp-9-8 xapp-1-A02-x", "[token] [token] [token]"),
        ("passwd=hunter2 pwd: hunter2 PASSPHRASE=h", "passwd= [token] pwd: [token] PASSPHRASE= [token]"),
        ("DB_PASSWORD=hunter2 client-secret: x1", "DB_PASSWORD= [token] client-secret: [token]"),
        ('{"password": "hunter2", "n": 1}', '{"password": [token] "n": 1}'),
        ("projects/-home-jane-project/x -root-y -Users-jane", "projects/[folder]/x [folder] [folder]"),
        ("in .claude/projects/-srv-p-jane-work and -srv-px", "in .claude/projects/[folder] and -srv-px"),
        ("a-home-made-thing --root-dir", "a-home-made-thing --root-dir"),
        ("https://jane:hunter2@example.org/x", "https://[token]@example.org/x"),
        ("postgres://jane:p@ss@db/x ssh://git@host", "postgres://[token]@db/x ssh://[token]@host"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY----- x", "[private key] x"),
        ("found -----BEGIN PRIVATE KEY----- MIIEv cut", "found [private key]"),
        (
            "0.4.0-0123456789ab 11111111-2222-4333-8444-555555555555",
            "0.4.0-0123456789ab 11111111-2222-4333-8444-555555555555",
        ),
        ("two\nlines\x1b[2J", "two lines[2J"),
        ("y " * MAX_TEXT, ("y " * MAX_TEXT)[: MAX_TEXT - 1] + "…"),
    ],
)
def test_a_text_is_without_what_must_not_leave_the_host(text, expected):
    assert Redactor(CONFIG).text(text) == expected
    assert Redactor(CONFIG).text(expected) == expected, "twice is as once"


def test_every_text_of_an_event_is_looked_at_but_names_times_and_ids():
    event = {
        "id": "0" * 64,
        "time": "2026-11-26T20:00:00.000Z",
        "event": "switch",
        "session": "jane@example.org",
        "account": None,
        "summary": "jane@example.org",
        "detail": "jane@example.org",
        "seconds": 0.5,
        "sessions": [{"name": "jane@example.org", "result": "dialog: jane@example.org", "seconds": None}],
        "details": {"accounts": ["jane@example.org"], "documents": ["jane@example.org"], "days": 3},
    }
    assert Redactor(CONFIG).event(event) == {
        **event,
        "summary": "[address]",
        "detail": "[address]",
        "sessions": [{"name": "jane@example.org", "result": "dialog: [address]", "seconds": None}],
        "details": {"accounts": ["jane@example.org"], "documents": ["[address]"], "days": 3},
    }


def test_a_home_that_is_the_root_hides_no_other_path(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert Redactor(CONFIG).text("/etc/x and /run/y") == "/etc/x and /run/y"
