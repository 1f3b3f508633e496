# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify hooks, transcript records and panes with the configuration in force."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..common import clock
from ..common.log_fields import log_fields
from ..config.holder import ConfigHolder
from ..limits import (
    UNDECIDED,
    UNKNOWN_WORDING,
    Verdict,
    classify_hook,
    classify_pane,
    classify_record,
    classify_transcript,
)

log = logging.getLogger(__name__)

MAX_WORDINGS = 1000  # unknown wordings that are remembered, and so logged


class Classifier:
    """The classifiers of `limits`, with the operator's patterns and the host's time zone.

    A text that resembles a limit in an unknown wording, or of which that is not decided, is logged once, and
    ``on_unknown`` is called with it and its rule.
    """

    def __init__(self, config: ConfigHolder) -> None:
        self._config = config
        self._zone = clock.host_zone()
        self._unknown: set[str] = set()
        self.on_unknown: Callable[[str, str], None] = lambda _text, _rule: None

    @property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return self._config.current.detection.extra_patterns

    def classify_hook(self, payload: dict[str, Any]) -> Verdict:
        """Classify the payload of a StopFailure hook."""
        return self._checked(classify_hook(payload, now=clock.wall(), tz=self._zone, extra_patterns=self._patterns))

    def classify_record(self, record: Mapping[str, Any]) -> Verdict:
        """Classify one record of a transcript."""
        return self._checked(classify_record(record, now=clock.wall(), tz=self._zone, extra_patterns=self._patterns))

    def is_refusal(self, text: str) -> bool:
        """Return whether a text is nothing but the refusal of a request; logs nothing."""
        payload = {"hook_event_name": "StopFailure", "last_assistant_message": text}
        verdict = classify_hook(payload, now=clock.wall(), tz=self._zone, extra_patterns=self._patterns)
        return verdict.limited and "\n" not in text

    def classify_pane(self, lines: Sequence[str]) -> Verdict:
        """Classify the lines of a pane, captured with their escapes."""
        return self._checked(classify_pane(lines, now=clock.wall(), tz=self._zone, extra_patterns=self._patterns))

    def classify_transcript(self, records: Sequence[Mapping[str, Any]]) -> Verdict:
        """Classify the newest turn among the last records of a transcript; logs nothing."""
        return classify_transcript(records, now=clock.wall(), tz=self._zone, extra_patterns=self._patterns)

    def _checked(self, verdict: Verdict) -> Verdict:
        snippet, undecided = verdict.snippet, verdict.rule.startswith(UNDECIDED)
        if not undecided and verdict.rule != UNKNOWN_WORDING:
            return verdict
        if snippet not in self._unknown and len(self._unknown) < MAX_WORDINGS:
            self._unknown.add(snippet)
            log.warning(
                "this %s, and nothing was switched: '%s'. If it is one, add a pattern for it to "
                "detection.extra_patterns",
                f"need not be a limit of the account ({verdict.rule})"
                if undecided
                else "looks like a usage limit in an unknown wording",
                snippet,
                extra=log_fields(limit=verdict.limit, event="unknown_wording"),
            )
            self.on_unknown(snippet, verdict.rule)
        return verdict
