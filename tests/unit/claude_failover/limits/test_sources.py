# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classification of hook payloads, transcript records, transcripts and single messages."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_looks import BANNERS, FIXTURES, HARMLESS, NOW, UTC

from claude_failover.limits import classify_hook, classify_record, classify_text, classify_transcript
from claude_failover.limits.wordings import BLOCKING, NON_BLOCKING

CLAUDE_CODE = os.path.join(FIXTURES, "claude-code")


def records(*parts):
    with open(os.path.join(CLAUDE_CODE, *parts), encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def hook(**payload):
    return classify_hook({"hook_event_name": "StopFailure", "error": "rate_limit", **payload}, now=NOW, tz=UTC)


def record(text="", now=NOW, **more):
    base = {"type": "assistant", "message": {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}}
    return classify_record({**base, **more}, now=now, tz=UTC)


def at(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def test_captured_failures():
    verdicts = [classify_hook(p, now=NOW, tz=UTC) for p in records("hooks", "StopFailure.jsonl")]
    assert [v.limit or v.rule for v in verdicts] == [
        "five_hour",
        "seven_day",
        "sonnet",
        "error-server_error",
        "error-authentication_failed",
        "api-credit",
        "server-throttle",
    ]
    assert [v.resets_at for v in verdicts[:3]] == [
        at(2026, 11, 22, 21, 36),
        at(2026, 11, 25, 20, 10),
        at(2026, 11, 24, 20, 10),
    ]


@pytest.mark.parametrize(
    "event", [n[:-6] for n in sorted(os.listdir(os.path.join(CLAUDE_CODE, "hooks"))) if n not in ("StopFailure.jsonl",)]
)
def test_other_events_are_no_limit(event):
    for payload in records("hooks", event + ".jsonl"):
        verdict = classify_hook(payload, now=NOW, tz=UTC)
        assert (verdict.limited, verdict.rule) == (False, "other-event")


@pytest.mark.parametrize(("message", "limit"), BANNERS)
def test_every_wording_in_every_structured_source(message, limit):
    assert hook(last_assistant_message=message).limit == limit
    assert record(message, isApiErrorMessage=True, error="rate_limit").limit == limit
    assert record(message).limit == limit
    assert classify_text(message, now=NOW, tz=UTC).limit == limit
    assert classify_text(message.replace("'", "\u2019"), now=NOW, tz=UTC).limit == limit
    assert hook(last_assistant_message=f"\x1b[31m{message}\x1b[0m").limit == limit


@pytest.mark.parametrize("message", HARMLESS)
def test_harmless_messages(message):
    assert not hook(last_assistant_message=message).limited
    assert not record(message, isApiErrorMessage=True).limited
    assert not classify_text(message, now=NOW, tz=UTC).limited


def test_hook_details():
    assert hook().rule == "ambiguous-error"
    assert hook(last_assistant_message="Something about your limit being reached").rule == "unknown-wording"
    assert hook(last_assistant_message="No more Claude usage available until Friday").rule == "unknown-wording"
    assert hook(last_assistant_message="You've hit your ceiling").rule == "blocking-prefix"
    assert hook(last_assistant_message=BANNERS[0][0], agent_id="a1").rule == "sidechain"
    for error in ("authentication_failed", "server_error", "overloaded", "invalid_request", "model_not_found"):
        assert hook(error=error, last_assistant_message=BANNERS[0][0]).rule == f"error-{error}"
    assert not hook(hook_event_name="Stop", last_assistant_message=BANNERS[0][0]).limited
    assert not hook(hook_event_name="SubagentStop", last_assistant_message=BANNERS[0][0]).limited


def test_captured_record():
    newest = next(r for r in records("transcripts", "limit_five_hour.jsonl") if r.get("apiError"))
    verdict = classify_record(newest, now=NOW, tz=UTC)
    assert (verdict.limited, verdict.limit, verdict.rule) == (True, "five_hour", "api-error")
    assert verdict.resets_at == at(2026, 11, 22, 21, 36, 33)
    sidechain = classify_record({**newest, "isSidechain": True}, now=NOW, tz=UTC)
    assert (sidechain.limited, sidechain.rule) == (False, "sidechain")


@pytest.mark.parametrize(
    ("limit_type", "limit"),
    [
        ("five_hour", "five_hour"),
        ("seven_day", "seven_day"),
        ("seven_day_opus", "opus"),
        ("seven_day_sonnet", "sonnet"),
        ("seven_day_overage_included", "model"),
        ("seven_day_mythos", "model"),
        ("overage", "spend"),
        ("", "unknown"),
        ("new_thing", "unknown"),
    ],
)
def test_the_rate_limit_type_names_the_limit(limit_type, limit):
    quota = {"rateLimitType": limit_type, "resetsAt": 1795383393}
    for more in (
        {"apiError": "usage_limit_reached", "quotaLimits": quota},
        {"api_error": "usage_limit_reached", "api_error_params": {"rate_limit_info": quota}},
    ):
        verdict = record("words that nobody knows", **more)
        assert (verdict.limited, verdict.limit, verdict.resets_at) == (True, limit, at(2026, 11, 22, 21, 36, 33))
        assert "unknown" in verdict.detail


def test_a_spend_limit_overrides_the_rate_limit_type():
    verdict = record(
        "You've hit your monthly spend limit · raise it at claude.ai",
        apiError="usage_limit_reached",
        quotaLimits={"rateLimitType": "five_hour", "resetsAt": 1795383393},
    )
    assert (verdict.limit, verdict.resets_at) == ("spend", at(2026, 11, 22, 21, 36, 33))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Fable 5 requires usage credits. /model to switch models.", "model"),
        ("Opus 5 requires usage credits. /model to switch models.", "opus"),
        ("You've hit your monthly spend limit. /model to switch models.", "model"),
    ],
)
def test_a_model_without_credits_is_a_limit_of_that_model(text, limit):
    verdict = record(text, apiError="model_requires_usage_credits", error="rate_limit")
    assert (verdict.limited, verdict.limit, verdict.rule) == (True, limit, "api-error")


def test_a_time_of_day_is_relative_to_the_record():
    verdict = record("You've hit your session limit · resets 10:37pm (UTC)", timestamp="2026-11-20T20:00:00.000Z")
    assert (verdict.limited, verdict.resets_at) == (True, at(2026, 11, 20, 22, 37))
    ahead = record("You've hit your session limit · resets 10:37pm (UTC)", timestamp="2036-11-20T20:00:00.000Z")
    assert ahead.resets_at == at(2026, 11, 22, 22, 37)


@pytest.mark.parametrize(
    "more",
    [
        {"type": "user"},
        {"type": "system", "content": BANNERS[0][0]},
        {"type": "rate_limit_event"},
        {"type": None},
        {"message": {"model": "claude-opus-5-5", "content": [{"type": "text", "text": BANNERS[0][0]}]}},
        {"parent_tool_use_id": "toolu_1"},
        {"isSidechain": True},
    ],
)
def test_records_that_are_no_limit(more):
    assert not record(BANNERS[0][0], **more).limited


def test_whole_transcripts():
    verdict = classify_transcript(records("transcripts", "limit_five_hour.jsonl"), now=NOW, tz=UTC)
    assert (verdict.limit, verdict.resets_at) == ("five_hour", at(2026, 11, 22, 21, 36, 33))
    assert not classify_transcript(records("transcripts", "first_turn.jsonl"), now=NOW, tz=UTC).limited
    stream = classify_transcript(records("transcripts", "stream_json_limit.jsonl"), now=NOW, tz=UTC)
    assert (stream.limit, stream.resets_at) == ("five_hour", at(2026, 11, 22, 22, 1, 2))
    only_result = records("transcripts", "stream_json_limit.jsonl")[-1:]
    assert classify_transcript(only_result, now=NOW, tz=UTC).limit == "five_hour"


def test_later_records_supersede_a_limit():
    limit = records("transcripts", "limit_five_hour.jsonl")
    prompt = {"type": "user", "message": {"role": "user", "content": "continue"}}
    answer = {
        "type": "assistant",
        "message": {"model": "claude-opus-5-5", "content": [{"type": "text", "text": "yes"}]},
    }
    judged = [classify_transcript([*limit, *more], now=NOW, tz=UTC) for more in ([prompt], [prompt, answer], [answer])]
    assert [v.rule for v in judged] == ["older-limit", "answer", "answer"]
    assert not any(v.limited for v in judged)
    agents = {**answer, "isSidechain": True}
    local = [
        {"type": "user", "message": {"content": "<command-name>/rate-limit-options</command-name>"}},
        {"type": "user", "message": {"content": "<local-command-stdout></local-command-stdout>"}},
    ]
    meta = {**prompt, "isMeta": True}
    for kept in ([agents], local, [meta], [{"type": "system", "content": "x"}]):
        assert classify_transcript([*limit, *kept], now=NOW, tz=UTC).limited
    shell = {"type": "user", "message": {"content": "<bash-input>ls</bash-input>"}}
    assert not classify_transcript([*limit, shell], now=NOW, tz=UTC).limited


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        "type",
        "message",
        "apiError",
        "quotaLimits",
        "timestamp",
        "isSidechain",
        "error",
        "content",
        "hook_event_name",
        "last_assistant_message",
        "isApiErrorMessage",
        "model",
        "result",
        "api_error_params",
    ]
)
_VALUES = _JSON | st.sampled_from(
    [
        "assistant",
        "usage_limit_reached",
        "<synthetic>",
        "StopFailure",
        BANNERS[0][0],
        "rate_limit",
        {"resetsAt": 1e400, "rateLimitType": []},
        {"content": [{"type": "text", "text": None}]},
    ]
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=10))
def test_any_object_is_accepted(payload):
    for judge in (classify_hook, classify_record):
        verdict = judge(payload, now=NOW, tz=UTC)
        assert len(verdict.snippet) <= 500
        assert verdict.rule
    classify_transcript([payload, payload], now=NOW, tz=UTC)


def test_snippets_are_short_and_printable():
    verdict = hook(last_assistant_message="You've hit your limit \x1b[31m\x07\u202e · resets 9pm" + "x" * 100)
    assert verdict.limited
    assert verdict.snippet.isprintable()
    assert len(hook(last_assistant_message="A" * 99999).snippet) == 500


def test_every_row_has_a_source_and_versions():
    for row in (*BLOCKING, *NON_BLOCKING):
        assert row.seen
        assert row.source
    assert len({row.name for row in BLOCKING}) == len(BLOCKING)


def test_operators_patterns_count_in_structured_sources():
    """Sessions with hooks have no other source, and the log of an unknown wording recommends a pattern."""
    message = "Your plan's weekly allowance is gone"
    extra = [re.compile(r"weekly allowance is gone")]
    payload = {"hook_event_name": "StopFailure", "error": "rate_limit", "last_assistant_message": message}
    refusal = {
        "type": "assistant",
        "isApiErrorMessage": True,
        "error": "rate_limit",
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": message}]},
    }
    answer = {"type": "assistant", "message": {"model": "claude", "content": [{"type": "text", "text": message}]}}

    def verdicts(patterns):
        return [
            classify_hook(payload, now=NOW, tz=UTC, extra_patterns=patterns),
            classify_record(refusal, now=NOW, tz=UTC, extra_patterns=patterns),
            classify_transcript(iter([refusal]), now=NOW, tz=UTC, extra_patterns=iter(patterns)),
        ]

    assert [verdict.limited for verdict in verdicts([])] == [False] * 3
    assert [(verdict.limited, verdict.rule) for verdict in verdicts(extra)] == [(True, "extra-pattern")] * 3
    assert not classify_record(answer, now=NOW, tz=UTC, extra_patterns=extra).limited, "the model may say so"
