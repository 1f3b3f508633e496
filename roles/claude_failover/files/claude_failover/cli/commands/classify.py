# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover classify``: explain whether standard input shows a usage limit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from ...common import clock, json_text
from ...common.errors import UsageError
from ...common.limit_words import limit_word
from ...common.text import decoded
from .. import common
from ..times import moment

if TYPE_CHECKING:
    from ...limits import Verdict

EXIT_LIMIT, EXIT_NONE = 0, 1
EXIT_CODES = """\
exit codes:
  0   a usage limit
  1   none
  2   wrong use, or input that is not JSON where JSON is expected
  70  a bug"""
STDIN_MAX = 1 << 30  # bytes; larger than a transcript of weeks


def register(commands: Any) -> None:
    """Add the parser of the command."""
    parser = common.add_command(
        commands,
        "classify",
        run,
        "explain whether a text is a usage limit",
        "Classify standard input and explain the verdict. Neither the daemon nor the configuration is used. A pane\n"
        "and a transcript are classified by their newest turn.",
        [
            "tmux capture-pane -p -t main | claude-failover classify --source pane",
            "claude-failover classify --source transcript --json < session.jsonl",
            "claude-failover classify --source hook --tz Europe/Paris < hook.json",
        ],
        EXIT_CODES,
    )
    add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--source",
        required=True,
        choices=("pane", "hook", "transcript"),
        help="pane: lines of tmux capture-pane, with or without -e; hook: one JSON object; "
        "transcript: JSON Lines, or the output of --output-format stream-json",
    )
    parser.add_argument("--now", metavar="TIME", help="time of the observation, ISO 8601 with a zone (default: now)")
    parser.add_argument("--tz", metavar="ZONE", help="zone of times without one (default: the host's)")
    common.add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Classify standard input and print the verdict; returns 0 for a usage limit and 1 for none.

    Raises UsageError for an invalid time, zone or JSON.
    """
    now, zone = _now(arguments.now), _zone(arguments.tz)
    verdict = classify(arguments.source, sys.stdin.buffer.read(STDIN_MAX), now=now, tz=zone)
    common.print_result(arguments, verdict.to_json(), lambda: explain(verdict, now))
    return EXIT_LIMIT if verdict.limited else EXIT_NONE


def classify(source: str, raw: bytes, *, now: datetime, tz: tzinfo) -> Verdict:
    """Classify the bytes of a source (``pane``, ``hook`` or ``transcript``).

    Raises UsageError if a hook's payload, or a line of a transcript, is not a JSON object. A torn last line of a
    transcript is skipped: it is still being written.
    """
    from ...limits import classify_hook, classify_pane, classify_transcript

    if source == "pane":
        return classify_pane(decoded(raw).split("\n"), now=now, tz=tz)
    if source == "hook":
        return classify_hook(_object(raw, "standard input"), now=now, tz=tz)
    lines = raw.split(b"\n")
    torn = lines.pop() if lines[-1] else b""
    records = [_object(line, f"line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if torn:
        try:
            records.append(_object(torn, f"line {len(lines) + 1}"))
        except UsageError:
            if not records:
                raise
    return classify_transcript(records, now=now, tz=tz)


def explain(verdict: Verdict, now: datetime) -> str:
    """Describe a verdict, one fact per line."""
    resets = moment(clock.iso(verdict.resets_at), now) if verdict.resets_at else "unknown"
    head = f"usage limit: {limit_word(verdict.limit)}, resets {resets}" if verdict.limited else "no usage limit"
    return "\n".join([head, f"rule: {verdict.rule}", f"detail: {verdict.detail}", f"snippet: {verdict.snippet}"])


def _object(raw: bytes, where: str) -> Mapping[str, Any]:
    try:
        found = json_text.parse(raw)
    except json_text.JsonError as error:
        raise UsageError(f"{where}: invalid JSON ({error}); expected a JSON object") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where}: found JSON of type {type(found).__name__}, expected an object")
    return found


def _now(text: str | None) -> datetime:
    if text is None:
        return clock.wall()
    try:
        return clock.parse_iso(text)
    except ValueError as error:
        raise UsageError(
            f"--now {text!r}: {error}; expected ISO 8601 with a zone, as in 2026-11-22T20:10:00Z"
        ) from error


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return clock.host_zone()
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"--tz {name!r}: unknown time zone; expected a name such as Europe/Paris") from error
