# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Claude Code: what is read as one, and which are too old."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
import yaml

from claude_failover.claude import versions
from claude_failover.common import clock

ROOT = __file__[: __file__.rindex(os.sep + "tests" + os.sep)]


def test_the_role_declares_the_same_minimum():
    with open(os.path.join(ROOT, "roles", "claude_failover", "vars", "main.yml"), encoding="utf-8") as stream:
        assert yaml.safe_load(stream)["__claude_failover_claude_minimum"] == versions.MINIMUM


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2.1.81", (2, 1, 81)),
        ("2.1.332 (Claude Code)\n", (2, 1, 332)),
        (" v2.1.81", (2, 1, 81)),
        ("2.1.81-beta.1", (2, 1, 81)),
        ("1.0.128 (Claude Code)", (1, 0, 128)),
        ("", None),
        ("2.1", None),
        ("2.1.81.4", None),
        ("claude: not found", None),
        ("٢.١.٨١", None),
        ("2.1." + "9" * 5000, None),
    ],
)
def test_what_is_read_as_a_version(text, found):
    assert versions.numbers(text) == found


@pytest.mark.parametrize(
    "version", ["2.1.81", "2.1.332", "2.2.0", "3.0.1", "", None, "unknown", "10.0.0 (Claude Code)"]
)
def test_the_minimum_and_newer_ones_work_and_so_does_an_unknown_one(version):
    assert versions.problem(version) is None


@pytest.mark.parametrize("version", ["2.1.80", "2.1.78", "2.0.200", "1.0.128", "2.1.9 (Claude Code)"])
def test_an_older_one_is_told_with_what_to_do(version):
    found = versions.problem(version)
    assert found is not None
    number = version.split()[0]
    assert f"found Claude Code {number}, expected 2.1.81 or newer" in found
    assert "update Claude Code" in found


def test_the_version_of_a_process_is_that_of_what_it_wrote_itself():
    """An update in between: the older records of the conversation are of the program before."""
    now = clock.now()

    def record(version, seconds):
        return {"type": "user", "version": version, "timestamp": clock.iso(now + timedelta(seconds=seconds))}

    records = [record("2.1.78", -50), record("2.1.332", -5), {"type": "summary"}, record(None, -4), record([1], -3)]
    assert versions.version_of(records, now - timedelta(seconds=60)) == "2.1.332"
    assert versions.version_of(records[:1], now - timedelta(seconds=10)) is None
    assert versions.version_of([{"version": "2.1.78"}], now) is None
    assert versions.version_of([{"version": "2.1.78", "timestamp": "yesterday"}], now) is None
    assert versions.version_of([], now) is None
