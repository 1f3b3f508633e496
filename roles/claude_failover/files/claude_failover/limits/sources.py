# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify hook payloads and transcript records (facts seen on Claude Code 2.1.330 unless noted)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from re import Pattern
from typing import Any

from ..claude.local_commands import compaction_error, message_text, without_local_commands
from ..common import clock
from . import wordings
from .limit_names import RATE_LIMIT_TYPES
from .matching import first_match, normalise
from .message import classify_text, contradicts_quota, limited_by
from .quota import is_rejected, quota_limits
from .resets import Reset, find_reset, reset_of_field
from .verdict import Verdict, not_limited, snippet_of

#: Rule of a record that states which limit it is and until when.
EXACT_RULE = "api-error"
#: Rule of a transcript that ends with a refusal and what was asked after it, without an answer yet.
OLDER_RULE = "older-limit"
#: Values of a StopFailure's ``error`` that can be a usage limit; then the message decides. All others are none.
AMBIGUOUS_ERRORS = ("rate_limit", "billing_error", "unknown", "")
#: A timestamp further in the future is ignored.
_MAX_CLOCK_SKEW = timedelta(minutes=5)
#: ``apiError`` of a record that is a usage limit (2.1.300 to 2.1.332; absent on 2.1.260, which has ``quotaLimits``).
_LIMIT_ERROR = "usage_limit_reached"
#: The same for one model without usage or credits left, while other models can be used (2.1.330, found in its code).
_MODEL_LIMIT_ERROR = "model_requires_usage_credits"


def classify_hook(
    payload: Mapping[str, Any], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Classify the payload of a hook event. Raises nothing.

    Only ``StopFailure`` can be a usage limit. Its ``error`` is ``rate_limit`` for server throttles, too, so
    ``last_assistant_message`` decides. The payload has no reset time except the message's (2.1.332); ``quotaLimits`` of
    the transcript's last record has one, and would be used here, too.

    Args:
        payload: the JSON object that a hook gets on standard input.
        now: when the hook was called (aware).
        tz: the host's time zone.
        extra_patterns: the operator's own, compiled.
    """
    event, error = _text(payload.get("hook_event_name")), _text(payload.get("error"))
    message = _text(payload.get("last_assistant_message"))
    if event != "StopFailure":
        return not_limited("other-event", event, f"the hook event is {event or 'missing'}, not StopFailure")
    if payload.get("agent_id"):
        return not_limited("sidechain", message, "a sub-agent's failure, not the session's own turn")
    if error not in AMBIGUOUS_ERRORS:
        return _other_error(error, message)
    quota = quota_limits(payload)
    if is_rejected(quota) and not contradicts_quota(message):
        verdict = classify_text(message, now=now, tz=tz, extra_patterns=extra_patterns, prefix=True)
        return _limited_by_record(quota, "", message, verdict, now=now, seen=now, tz=tz)
    if not message:
        return not_limited(
            "ambiguous-error",
            error,
            f"the error {error!r} has no message and can be a server throttle; the transcript's record decides",
        )
    return classify_text(message, now=now, tz=tz, extra_patterns=extra_patterns, prefix=True)


def _other_error(error: str, message: str) -> Verdict:
    return not_limited(f"error-{snippet_of(error)[:40]}", message, f"the error is {error!r}, not a usage limit")


def classify_record(
    record: Mapping[str, Any], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Classify a transcript record, or a line of ``--output-format stream-json``. Raises nothing.

    A time of day in the text is relative to the record's ``timestamp``: the `Verdict.resets_at` of an old record is in
    the past.
    """
    kind = _text(record.get("type"))
    compaction = None if record.get("isSidechain") else compaction_error(record)
    if compaction is not None:
        return classify_text(
            compaction, now=_record_time(record, now), tz=tz, extra_patterns=extra_patterns, prefix=True
        )
    if kind not in ("assistant", "result"):
        return not_limited("other-record", "", f"a record of type {kind or 'none'!r} is never a refusal by the CLI")
    text = _text(record.get("result")) if kind == "result" else message_text(record)
    if record.get("isSidechain") or record.get("parent_tool_use_id"):
        return not_limited("sidechain", text, "a sub-agent's record, not the session's own turn")
    seen = _record_time(record, now)
    api_errors = (record.get("apiError"), record.get("api_error"))
    limit_error = next((error for error in (_LIMIT_ERROR, _MODEL_LIMIT_ERROR) if error in api_errors), "")
    message = record.get("message")
    synthetic = isinstance(message, Mapping) and message.get("model") == "<synthetic>"
    refused = bool(
        record.get("isApiErrorMessage")
        or record.get("is_api_error_message")
        or (kind == "result" and record.get("is_error"))
    )
    if not (limit_error or synthetic or refused):
        return not_limited("answer" if kind == "assistant" else "other-record", text, "an answer of the model")
    verdict = classify_text(text, now=seen, tz=tz, extra_patterns=extra_patterns, prefix=True)
    quota = quota_limits(record)
    refused_by_quota = (refused or synthetic) and is_rejected(quota) and not contradicts_quota(text)
    if limit_error or refused_by_quota:
        return _limited_by_record(quota, limit_error, text, verdict, now=now, seen=seen, tz=tz)
    error = _text(record.get("error"))
    if verdict.limited and error not in AMBIGUOUS_ERRORS:
        return _other_error(error, text)
    return verdict


def _limited_by_record(
    quota: Mapping[str, Any], error: str, text: str, verdict: Verdict, *, now: datetime, seen: datetime, tz: tzinfo
) -> Verdict:
    """Return the verdict for a record that states the usage limit itself, whatever its wording.

    ``error``: its ``apiError``, "" where only ``quotaLimits`` says so.
    """
    limit_type = _text(quota.get("rateLimitType"))
    limit = RATE_LIMIT_TYPES.get(limit_type)
    if limit is None and limit_type.startswith("seven_day_"):
        limit = "model"
    plain = normalise(text)
    row = first_match(wordings.BLOCKING, plain) or wordings.BLOCKING_PREFIX
    spend = limit in (None, "spend")
    reset = reset_of_field(quota.get("resetsAt"), now=now, spend=spend)
    if reset.at is None:
        reset = find_reset(plain, now=seen, tz=tz, spend=spend)
    found = limited_by(row, plain, now=seen, tz=tz, limit=limit, reset=Reset(reset.at, reset.note))
    final_limit = found.limit
    if error == _MODEL_LIMIT_ERROR and final_limit not in ("opus", "sonnet"):
        final_limit = "model"
    return Verdict(
        True,
        final_limit,
        found.resets_at,
        EXACT_RULE,
        found.snippet,
        (f"the record's apiError is {error}" if error else "the record's quotaLimits has the status rejected")
        + (f", {limit_type}" if limit_type else "")
        + (f"; {reset.note}" if reset.note else "")
        + ("" if verdict.limited else "; its wording is unknown"),
    )


def classify_transcript(
    records: Iterable[Mapping[str, Any]], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Classify the newest turn of a transcript: a later prompt or answer supersedes a limit.

    ``records`` are in file order; those outside the main conversation (modes, snapshots, notices, sub-agents, commands
    that the CLI answers by itself) are ignored.
    """
    extra = tuple(extra_patterns)
    turns = [record for record in without_local_commands(records) if _is_of_a_turn(record)]
    # Only the replies of the last request that has any are classified: a transcript is long.
    replies: list[Mapping[str, Any]] = []
    prompted = False
    for record in reversed(turns):
        if not _is_request(record):
            replies.append(record)
        elif replies:
            break
        else:
            prompted = True
    newest = not_limited("no-limit", "", "no record of a turn")
    for record in reversed(replies):
        verdict = classify_record(record, now=now, tz=tz, extra_patterns=extra)
        # The result of `-p` repeats the record before it with fewer fields.
        if record.get("type") != "result" or (verdict.limited and not newest.limited):
            newest = verdict
    if not prompted:
        return newest
    if newest.limited:
        return not_limited(OLDER_RULE, newest.snippet, "a later prompt or tool result follows")
    return not_limited("no-limit", newest.snippet, "the newest turn has no answer yet")


def _is_of_a_turn(record: Mapping[str, Any]) -> bool:
    """Return whether a record asks the model or answers it, in the main conversation."""
    if record.get("isSidechain") or record.get("parent_tool_use_id"):
        return False
    return record.get("type") in ("assistant", "result") or compaction_error(record) is not None or _is_request(record)


def _is_request(record: Mapping[str, Any]) -> bool:
    return record.get("type") == "user" and not record.get("isMeta") and compaction_error(record) is None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _record_time(record: Mapping[str, Any], now: datetime) -> datetime:
    """Return the record's timestamp, or ``now`` without a plausible one."""
    try:
        moment = clock.parse_iso(_text(record.get("timestamp")))
    except ValueError:
        return now
    return moment if moment <= now + _MAX_CLOCK_SKEW else now
