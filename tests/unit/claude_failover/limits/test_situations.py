# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every situation that `tests/e2e/capture.py` captured, on every version: its screen, its hooks, its transcript."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone

import pytest
from limit_looks import FIXTURES

from claude_failover.claude import versions
from claude_failover.claude.prompt_box import find_dialog
from claude_failover.limits import classify_hook, classify_pane, classify_transcript

FOLDER = os.path.join(FIXTURES, "claude-code", "situations")
NOW = datetime(2026, 11, 25, 12, 1, tzinfo=timezone.utc)
RESET = datetime(2026, 11, 28, 22, 30, tzinfo=timezone.utc)
NAME = re.compile(r"(\w+)\.v(\d+\.\d+\.\d+)\.(pane\.txt|hooks\.jsonl|transcript\.jsonl)")

#: By situation: the limit that the screen, the last hook and the transcript's newest turn show.
EXPECTED = {
    "idle": (None, None, None),
    "five_hour": ("five_hour", "five_hour", "five_hour"),
    "five_hour_no_wait": ("five_hour", "five_hour", "five_hour"),
    "weekly": ("seven_day", "seven_day", "seven_day"),
    "opus": ("opus", "opus", "opus"),
    "sonnet": ("sonnet", "sonnet", "sonnet"),
    "fable": ("model", "model", "model"),
    # A banner above an idle prompt box may be old, so the screen alone proves nothing; the transcript decides.
    "weekly_menu_closed": (None, "seven_day", "seven_day"),
    "weekly_resumed": (None, None, "seven_day"),
    # The turn still runs: neither a hook nor a record tells.
    "weekly_retried": ("seven_day", None, None),
    # The hook is that of the sub-agent which writes the summary.
    "weekly_compaction": ("seven_day", None, "seven_day"),
    "weekly_goal": ("seven_day", "seven_day", "seven_day"),
    "warning": (None, None, None),
    "throttle": (None, None, None),
    "overloaded": (None, None, None),
    "dead_login": (None, None, None),
    "permission": (None, None, None),
    "trust": (None, None, None),
    "busy": (None, None, None),
    "owner": (None, None, None),
}
#: The kind of the dialog that the screen shows, if any; and where a version has no menu for a limit, or alone has one.
DIALOGS = {
    **dict.fromkeys(("five_hour_no_wait", "weekly", "weekly_goal", "opus", "sonnet", "fable"), "limit_menu"),
    **{name: name for name in ("permission", "trust", "owner")},
}
DIALOGS_ALONE = {("five_hour", "2.1.197"): "limit_menu", ("fable", "2.1.197"): None}
#: The first version with the situation, where it is not in all.
SINCE = {"owner": "2.1.330"}
#: No menu for this limit there, so that its screen is a banner above an idle prompt box, too.
SCREENS_ALONE = {("fable", "2.1.197"): None}
CAPTURES = sorted({match.groups()[:2] for match in map(NAME.fullmatch, os.listdir(FOLDER)) if match})


def read(situation, version, kind):
    with open(os.path.join(FOLDER, f"{situation}.v{version}.{kind}"), encoding="utf-8") as stream:
        return stream.read()


def number(version):
    return tuple(map(int, version.split(".")))


def test_every_file_is_of_a_situation_and_every_version_has_all_of_them():
    assert [name for name in os.listdir(FOLDER) if not NAME.fullmatch(name)] == []
    seen = {version for _situation, version in CAPTURES}
    assert len(seen) >= 2
    expected = {(situation, version) for situation in EXPECTED for version in seen}
    assert {(s, v) for s, v in expected if number(v) >= number(SINCE.get(s, v))} == set(CAPTURES)


@pytest.mark.parametrize(("situation", "version"), CAPTURES)
def test_a_screen(situation, version):
    lines = read(situation, version, "pane.txt").replace("\\u2019", "\u2019").split("\n")
    verdict = classify_pane(lines, now=NOW, tz=timezone.utc)
    assert verdict.limit == SCREENS_ALONE.get((situation, version), EXPECTED[situation][0]), verdict
    assert verdict.limited is (verdict.limit is not None)


@pytest.mark.parametrize(("situation", "version"), CAPTURES)
def test_the_hooks(situation, version):
    payloads = [json.loads(line) for line in read(situation, version, "hooks.jsonl").splitlines()]
    verdicts = [classify_hook(payload, now=NOW, tz=timezone.utc) for payload in payloads]
    assert [verdict for verdict in verdicts[:-1] if verdict.limited] == [] or situation == "weekly_resumed"
    assert (verdicts[-1].limit if verdicts else None) == EXPECTED[situation][1], verdicts


@pytest.mark.parametrize(("situation", "version"), CAPTURES)
def test_the_transcript(situation, version):
    records = [json.loads(line) for line in read(situation, version, "transcript.jsonl").splitlines()]
    verdict = classify_transcript(records, now=NOW, tz=timezone.utc)
    assert verdict.limit == EXPECTED[situation][2], verdict
    if verdict.limited and not situation.startswith("five_hour"):
        assert verdict.resets_at == RESET, "to the second, or from a text that names the day"


@pytest.mark.parametrize(("situation", "version"), CAPTURES)
def test_the_records_name_their_version(situation, version):
    records = [json.loads(line) for line in read(situation, version, "transcript.jsonl").splitlines()]
    if any("version" in record for record in records):
        assert {versions.version_in(record["version"]) for record in records if "version" in record} == {version}


@pytest.mark.parametrize(("situation", "version"), CAPTURES)
def test_the_dialog_on_a_screen(situation, version):
    lines = read(situation, version, "pane.txt").replace("\\u2019", "\u2019").split("\n")
    found = find_dialog(lines)
    expected = DIALOGS_ALONE.get((situation, version), DIALOGS.get(situation))
    assert (found.kind if found else None) == expected
