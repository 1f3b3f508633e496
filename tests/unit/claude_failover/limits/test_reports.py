# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of public reports, each with what is right: `claude-failover classify` gives the same."""

from __future__ import annotations

import json
import os
from zoneinfo import ZoneInfo

import pytest
from limit_looks import FIXTURES

from claude_failover.cli.commands.classify import classify
from claude_failover.common.clock import parse_iso

REPORTS = os.path.join(FIXTURES, "reports")


def cases():
    with open(os.path.join(REPORTS, "index.jsonl"), encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_reported_case(case):
    with open(os.path.join(REPORTS, case["file"]), "rb") as stream:
        raw = stream.read()
    found = classify(case["source"], raw, now=parse_iso(case["now"]), tz=ZoneInfo(case["tz"])).to_json()
    expected = dict(case["expected"])
    if expected.get("resets_at"):
        expected["resets_at"] = parse_iso(expected["resets_at"])
        found["resets_at"] = found["resets_at"] and parse_iso(found["resets_at"])
    assert {key: found[key] for key in expected} == expected, f"{case['gist']}\n{found['rule']}: {found['detail']}"


def test_the_index_names_every_file_but_the_real_captures():
    named = {case["file"] for case in cases()}
    assert {name for name in os.listdir(REPORTS) if not name.startswith("real_")} == named | {"index.jsonl"}
    assert len(named) == 79
