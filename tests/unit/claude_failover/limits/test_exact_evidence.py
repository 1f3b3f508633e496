# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that a record states itself, wordings that no rule knew, and texts that stay undecided."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from limit_looks import FIXTURES, NOW, UTC, box

from claude_failover.limits import classify_hook, classify_pane, classify_record, classify_text, classify_transcript

REPORTS = os.path.join(FIXTURES, "reports")
RESET = 1795383393  # 2026-11-22T21:36:33Z
QUOTA = {"status": "rejected", "resetsAt": RESET, "rateLimitType": "five_hour", "isUsingOverage": False}


def refusal(text, **more):
    return {
        "type": "assistant",
        "timestamp": "2026-11-22T20:09:00.000Z",
        "isApiErrorMessage": True,
        "error": "rate_limit",
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": text}]},
        **more,
    }


def judged(text, *, tz=UTC, **more):
    return classify_record(refusal(text, **more), now=NOW, tz=tz)


def hook(text, error="rate_limit", **more):
    payload = {"hook_event_name": "StopFailure", "error": error, "last_assistant_message": text}
    return classify_hook(payload, now=NOW, tz=UTC, **more)


def test_the_record_of_2_1_260():
    """It has quotaLimits and no apiError: the seconds of the reset are the record's."""
    with open(os.path.join(REPORTS, "real_2.1.260_limit_record.json"), encoding="utf-8") as stream:
        record = json.load(stream)
    for tz in (UTC, ZoneInfo("Europe/Paris")):
        verdict = classify_record(record, now=datetime(2026, 11, 25, 19, 50, tzinfo=timezone.utc), tz=tz)
        assert (verdict.limit, verdict.rule) == ("five_hour", "api-error")
        assert verdict.resets_at == datetime(2026, 11, 25, 22, 46, 13, tzinfo=timezone.utc)
        assert "quotaLimits" in verdict.detail


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("five_hour", "five_hour"),
        ("seven_day", "seven_day"),
        ("seven_day_opus", "opus"),
        ("seven_day_sonnet", "sonnet"),
        ("seven_day_overage_included", "model"),
        ("seven_day_capybara", "model"),
        ("overage", "spend"),
        (None, "unknown"),
    ],
)
def test_the_epoch_of_a_rejected_quota_beats_text_and_wording(kind, limit):
    quota = {**QUOTA, "rateLimitType": kind}
    for text in ("Plan allowance used up · back on Monday", "You've hit your limit · resets 11pm", ""):
        verdict = judged(text, tz=ZoneInfo("Asia/Tokyo"), quotaLimits=quota)
        assert (verdict.limited, verdict.limit) == (True, limit), text
        assert verdict.resets_at == datetime.fromtimestamp(RESET, timezone.utc), text


def test_a_quota_counts_wherever_it_stands():
    payload = {
        "hook_event_name": "StopFailure",
        "error": "rate_limit",
        "last_assistant_message": "You've hit your session limit · resets 3pm",
        "quotaLimits": QUOTA,
    }
    elsewhere = refusal("Plan allowance used up")
    elsewhere["message"]["quotaLimits"] = QUOTA
    result = {"type": "result", "is_error": True, "result": "", "api_error_params": {"rate_limit_info": QUOTA}}
    records = (classify_record(record, now=NOW, tz=UTC) for record in (elsewhere, result))
    for verdict in (*records, classify_hook(payload, now=NOW, tz=UTC)):
        assert (verdict.limit, verdict.resets_at) == ("five_hour", datetime.fromtimestamp(RESET, timezone.utc)), verdict


@pytest.mark.parametrize(
    "more",
    [
        {"error": {"type": "rate_limit", "quotaLimits": QUOTA}},
        {"apiError": {"kind": "usage_limit_reached", "quotaLimits": QUOTA}},
        {"errorDetails": {"body": {"quotaLimits": QUOTA}}},
        {"apiErrorParams": {"cut": None}, "quotaLimits": QUOTA},
        {"message": {"model": "<synthetic>", "content": [{"type": "text", "text": "x", "quotaLimits": QUOTA}]}},
        {"quotaLimits": [{"status": "allowed"}, QUOTA]},
        {"quotaLimits": {**QUOTA, "resetsAt": str(RESET)}},
        {"quotaLimits": {**QUOTA, "resetsAt": "2026-11-22T21:36:33Z"}},
        {"quota_limits": {"status": "rejected", "resets_at": RESET, "rate_limit_type": "five_hour"}},
    ],
    ids=str,
)
def test_a_quota_counts_in_places_and_spellings_that_no_version_has(more):
    verdict = judged("You've hit your session limit · resets 3pm", **more)
    assert (verdict.limit, verdict.resets_at) == ("five_hour", datetime.fromtimestamp(RESET, timezone.utc)), verdict


@pytest.mark.parametrize("name", ["toolUseResult", "permission_denials", "structured_output"])
def test_a_quota_that_the_model_can_have_written_does_not_count(name):
    held = [{"tool_input": {"quotaLimits": QUOTA}}] if name == "permission_denials" else {"quotaLimits": QUOTA}
    assert not judged("Plan allowance used up", **{name: held}).limited


def test_the_search_for_a_quota_is_bounded():
    deep: dict[str, object] = {"quotaLimits": QUOTA}
    for _level in range(9):
        deep = {"more": deep}
    assert not judged("Plan allowance used up", more=deep).limited
    assert judged("Plan allowance used up", more=[{} for _each in range(5000)], quotaLimits=QUOTA).limited


def test_a_monthly_reset_of_credits_is_believed():
    verdict = judged(
        "You've hit your monthly spend limit",
        quotaLimits={"status": "rejected", "rateLimitType": "overage", "resetsAt": RESET + 20 * 86400},
    )
    assert verdict.resets_at == datetime.fromtimestamp(RESET + 20 * 86400, timezone.utc)


@pytest.mark.parametrize(
    "more",
    [
        {"quotaLimits": {**QUOTA, "status": "allowed_warning"}},
        {"quotaLimits": {**QUOTA, "status": "allowed"}},
        {"quotaLimits": {**QUOTA, "isUsingOverage": True}},
        {"quotaLimits": {"resetsAt": RESET}},
        {"quotaLimits": "rejected"},
        {"quotaLimits": QUOTA, "isSidechain": True},
        {"quotaLimits": QUOTA, "isApiErrorMessage": False, "message": {"model": "claude-opus-5-5", "content": "yes"}},
    ],
)
def test_a_quota_that_refused_nothing_is_no_limit(more):
    assert not judged("Something went wrong", **more).limited


@pytest.mark.parametrize(
    "text",
    [
        "API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited",
        "You've hit your fast limit · resets in 20m",
    ],
)
def test_what_the_cli_says_is_no_usage_limit_stays_none(text):
    assert not judged(text, quotaLimits=QUOTA).limited


@pytest.mark.parametrize(
    ("text", "limit", "resets"),
    [
        ("API Error: Usage credits ran out before the response was finished.", "spend", None),
        ("spend limit reached · resets Nov 30 · ask the platform team", "spend", (30, 0, 0)),
        (
            "Your organization's usage credit cap is reached for this period. Contact your admin to raise it.",
            "spend",
            None,
        ),
        ("Limit reached · resets 11pm (UTC)", "unknown", (22, 23, 0)),
        ("Limit reached · your limit resets 11pm (UTC)", "unknown", (22, 23, 0)),
        ("Limit reached · resets Nov 24, 8am (UTC) · /upgrade to Max or turn on /extra-usage", "unknown", (24, 8, 0)),
        ("You've hit your limit - resets Nov 24, 9pm (UTC)", "unknown", (24, 21, 0)),
        ("Weekly limit reached - resets Nov 24, 9pm (UTC)", "seven_day", (24, 21, 0)),
        ("5-hour limit reached – resets 11pm (UTC)", "five_hour", (22, 23, 0)),
        ("Limit reached - resets 11pm (UTC)", "unknown", (22, 23, 0)),
    ],
)
def test_wordings_that_no_rule_knew(text, limit, resets):
    expected = datetime(2026, 11, *resets, tzinfo=timezone.utc) if resets else None
    pane = classify_pane(["❯ go", f"  ⎿  {text}", "", *box(200)], now=NOW, tz=UTC)
    for verdict in (hook(text, "unknown"), judged(text), pane, classify_text(text, now=NOW, tz=UTC)):
        assert (verdict.limited, verdict.limit, verdict.resets_at) == (True, limit, expected), verdict


@pytest.mark.parametrize(
    "text",
    [
        "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on …",
        "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        "API Error: Usage credits required for 1M context · turn on usage credits at claude.ai/settings/usage",
        "API Error: Extra usage is required for 1M context · run /extra-usage to enable, or /model to switch",
        "Claude stopped here because Fable 5.1 now requires usage credits. Switch models with /model.",
        "API Error: 429 spend limit reached (daily; resets 2026-11-27 00:00 UTC)",
        "API Error: Request rejected (429) · spend limit reached · resets Nov 30",
    ],
)
def test_undecided_texts_are_no_limit_but_the_operators_pattern_decides(text):
    pattern = (re.compile("API usage limits|usage credits|[Ee]xtra usage|spend limit", re.IGNORECASE),)
    for verdict in (hook(text, "unknown"), judged(text), classify_text(text, now=NOW, tz=UTC)):
        assert (verdict.limited, verdict.rule[:10]) == (False, "undecided-"), verdict
    pane = ["❯ go", f"  ⎿  {text}", "", *box(200)]
    assert classify_pane(pane, now=NOW, tz=UTC).rule.startswith("undecided-")
    assert hook(text, "unknown", extra_patterns=pattern).rule == "extra-pattern"
    assert classify_pane(pane, now=NOW, tz=UTC, extra_patterns=pattern).rule == "extra-pattern"


@pytest.mark.parametrize(
    "text",
    [
        "Login reached its time limit · Please run /login",
        "Usage limit reached · wrapping up",
        "You've used this week's lower-priority allowance",
        "Context limit reached · /compact or /clear to continue",
        "Rate limit reached",
        "spend limit reached",
        "Your organization is out of usage credits. Contact your admin to add more.",
    ],
)
def test_texts_that_are_no_usage_limit(text):
    for verdict in (hook(text), judged(text), classify_pane(["❯ go", f"  ⎿  {text}", "", *box(99)], now=NOW, tz=UTC)):
        assert not verdict.limited, verdict


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", ["system", "user"])
def test_a_refused_compaction_is_a_limit(stream, kind):
    """2.1.332 and 2.1.197 write no error record: the command's output says it."""
    output = f"<local-command-{stream}>Error during compaction: You've hit your weekly limit · resets 11pm (UTC)"
    output += f"</local-command-{stream}>"
    error = {"type": "system", "subtype": "local_command", "content": output}
    if kind == "user":
        error = {"type": "user", "message": {"role": "user", "content": output}}
    error["timestamp"] = "2026-11-22T20:09:00.000Z"
    command = {"type": "user", "message": {"content": "<command-name>/compact</command-name>"}}
    answer = {"type": "assistant", "message": {"model": "claude", "content": "yes"}}
    verdict = classify_transcript([answer, command, error], now=NOW, tz=UTC)
    assert (verdict.limit, verdict.resets_at) == ("seven_day", datetime(2026, 11, 22, 23, 0, tzinfo=timezone.utc))
    assert classify_record(error, now=NOW, tz=UTC).limited
    assert not classify_transcript(
        [command, error, {"type": "user", "message": {"content": "go"}}], now=NOW, tz=UTC
    ).limited
    assert not classify_record({**error, "isSidechain": True}, now=NOW, tz=UTC).limited
    other = json.loads(json.dumps(error).replace("You've hit your weekly limit", "API Error: 529 Overloaded"))
    assert not classify_transcript([command, other], now=NOW, tz=UTC).limited
    # 2.1.81, found in its code
    twice = json.loads(json.dumps(error).replace("compaction: ", "compaction: Error: "))
    assert classify_transcript([answer, command, twice], now=NOW, tz=UTC) == verdict
