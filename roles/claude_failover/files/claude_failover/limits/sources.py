# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structured sources: hook payloads and transcript records (facts seen on Claude Code 2.1.330 unless said)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from re import Pattern
from typing import Any

from ..common import clock
from . import wordings
from .message import classify_text, limited_by
from .resets import Reset, find_reset, reset_of_epoch
from .verdict import Verdict, not_limited, snippet_of

#: Values of a StopFailure's ``error`` that can be a usage limit; the message then decides. All others are not.
OPEN_ERRORS = ("rate_limit", "billing_error", "unknown", "")
#: A transcript's clock may be ahead of ours by this much before its time is not believed.
_SKEW = timedelta(minutes=5)
#: How a record says by itself that it is one (2.1.330; 2.1.197 does not).
_MARKED = "usage_limit_reached"
#: The same for a model that the plan has no usage left for, and no credits; other models go on (2.1.330, read there).
_MODEL_MARKED = "model_requires_usage_credits"


def classify_hook(
    payload: Mapping[str, Any], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Judge the payload of a hook event; ``extra_patterns`` are the operator's own, compiled.

    ``payload`` is the JSON object a hook gets on standard input. Only ``StopFailure`` can be a usage limit: its
    ``error`` is ``rate_limit`` for server throttles too, so its ``last_assistant_message`` decides. The payload has no
    reset time beyond the message's; ``quotaLimits`` of the transcript's last record has. Raises nothing.
    """
    event, error = _text(payload.get("hook_event_name")), _text(payload.get("error"))
    message = _text(payload.get("last_assistant_message"))
    if event != "StopFailure":
        return not_limited("other-event", event, f"the hook event is {event or 'missing'}, not StopFailure")
    if payload.get("agent_id"):
        return not_limited("sidechain", message, "a sub-agent's failure, not the session's own turn")
    if error not in OPEN_ERRORS:
        return _other_error(error, message)
    if not message:
        return not_limited(
            "ambiguous-error",
            error,
            f"the error {error!r} comes without a message: a throttle gives it too; the transcript's record decides",
        )
    return classify_text(message, now=now, tz=tz, extra_patterns=extra_patterns, prefix=True)


def _other_error(error: str, message: str) -> Verdict:
    return not_limited(f"error-{snippet_of(error)[:40]}", message, f"the error is {error!r}, not a usage limit")


def classify_record(
    record: Mapping[str, Any], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Judge one record of a session's transcript, or one line of ``--output-format stream-json``. Raises nothing.

    A time of day in its text is read from the record's own ``timestamp`` on, so that an old record does not name a
    time to come: `Verdict.resets_at` is then in the past, and the caller compares.
    """
    kind = _text(record.get("type"))
    if kind not in ("assistant", "result"):
        return not_limited("other-record", "", f"a record of type {kind or 'none'!r} is never the CLI's refusal")
    text = _text(record.get("result")) if kind == "result" else _message_text(record)
    if record.get("isSidechain") or record.get("parent_tool_use_id"):
        return not_limited("sidechain", text, "a sub-agent's record, not the session's own turn")
    seen = _moment(record, now)
    marks = (record.get("apiError"), record.get("api_error"))
    marked = _MARKED if _MARKED in marks else _MODEL_MARKED if _MODEL_MARKED in marks else ""
    message = record.get("message")
    synthetic = isinstance(message, Mapping) and message.get("model") == "<synthetic>"
    refused = bool(
        record.get("isApiErrorMessage")
        or record.get("is_api_error_message")
        or (kind == "result" and record.get("is_error"))
    )
    if not (marked or synthetic or refused):
        return not_limited("answer" if kind == "assistant" else "other-record", text, "the model's own answer")
    verdict = classify_text(text, now=seen, tz=tz, extra_patterns=extra_patterns, prefix=True)
    if marked:
        return _marked(record, marked, text, verdict, now=now, seen=seen, tz=tz)
    error = _text(record.get("error"))
    if verdict.limited and error not in OPEN_ERRORS:
        return _other_error(error, text)
    return verdict


def _marked(
    record: Mapping[str, Any], mark: str, text: str, verdict: Verdict, *, now: datetime, seen: datetime, tz: tzinfo
) -> Verdict:
    """Judge a record whose ``apiError`` is a usage limit: limited, whatever its words."""
    quota = _quota(record)
    claim = _text(quota.get("rateLimitType"))
    limit = wordings.CLAIMS.get(claim)
    if limit is None and claim.startswith("seven_day_"):
        limit = "model"
    plain = wordings.normalise(text)
    row = wordings.first(wordings.BLOCKING, plain) or wordings.BLOCKING_PREFIX
    reset = reset_of_epoch(quota.get("resetsAt"), now=now, spend=limit is None)
    if reset.at is None:
        reset = find_reset(plain, now=seen, tz=tz, spend=limit is None)
    found = limited_by(row, plain, now=seen, tz=tz, limit=limit, reset=Reset(reset.at, reset.note))
    which = found.limit
    if mark == _MODEL_MARKED and which not in ("opus", "sonnet"):
        which = "model"
    return Verdict(
        True,
        which,
        found.resets_at,
        "api-error",
        found.snippet,
        f"the record says {mark}"
        + (f", {claim}" if claim else "")
        + (f"; {reset.note}" if reset.note else "")
        + ("" if verdict.limited else "; its wording is unknown"),
    )


def classify_transcript(
    records: Iterable[Mapping[str, Any]], *, now: datetime, tz: tzinfo, extra_patterns: Iterable[Pattern[str]] = ()
) -> Verdict:
    """Judge what the newest turn of a transcript came to: a later prompt or answer makes a limit's record old.

    ``records`` in the order of the file; those that are not of the conversation (modes, snapshots, notices, the
    sub-agents' own) change nothing.
    """
    extra = tuple(extra_patterns)
    newest = not_limited("no-limit", "", "no record of a turn")
    for record in records:
        kind = _text(record.get("type"))
        if record.get("isSidechain") or record.get("parent_tool_use_id"):
            continue
        if kind == "user" and not record.get("isMeta") and not _is_local(_message_text(record)):
            rule = "older-limit" if newest.limited or newest.rule == "older-limit" else "no-limit"
            newest = not_limited(
                rule,
                newest.snippet,
                "a later prompt or tool result follows"
                if rule == "older-limit"
                else "the newest turn has no answer yet",
            )
        elif kind in ("assistant", "result"):
            verdict = classify_record(record, now=now, tz=tz, extra_patterns=extra)
            # The result of `-p` repeats the record before it, with less in it.
            if kind == "assistant" or (verdict.limited and not newest.limited):
                newest = verdict
    return newest


def _is_local(text: str) -> bool:
    """Tell whether a user's record is a command that the CLI answered by itself, or what that printed."""
    if text.startswith(("<local-command-", "<bash-")):
        return text.startswith("<local-command-")
    name = re.search(r"<command-name>\s*(\S+?)\s*</command-name>", text)
    return bool(name and wordings.is_local_command(name.group(1)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _message_text(record: Mapping[str, Any]) -> str:
    """Return the first text of a record's message."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, str):
        return content
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "text" and isinstance(block.get("text"), str):
            return str(block["text"])
    return ""


def _quota(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the record says of the limit that refused: three places, by version and format."""
    for holder in (record, record.get("apiErrorParams"), record.get("api_error_params")):
        for key in ("quotaLimits", "rate_limit_info"):
            found = holder.get(key) if isinstance(holder, Mapping) else None
            if isinstance(found, Mapping):
                return found
    return {}


def _moment(record: Mapping[str, Any], now: datetime) -> datetime:
    """Return when the record was written, or now if it does not say so believably."""
    try:
        moment = clock.parse_iso(_text(record.get("timestamp")))
    except ValueError:
        return now
    return moment if moment <= now + _SKEW else now
