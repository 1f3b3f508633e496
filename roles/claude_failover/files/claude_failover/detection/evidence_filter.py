# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report each usage limit once, although several sources show it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ..limits import Verdict
from ..limits.evidence import Evidence
from ..limits.sources import EXACT_RULE

HOOK_DELAY = timedelta(seconds=1)  # that a hook may be later than the record of the same step
SAME_LIMIT = timedelta(seconds=15)  # within which two sources without turn ids report one limit


class EvidenceFilter:
    """Passes evidence on unless the limit was reported already.

    Later evidence of a reported limit is passed on only if it adds the time of the reset, which a hook does not have
    (Claude Code 2.1.330).
    """

    def __init__(self, on_evidence: Callable[[Evidence], None]) -> None:
        self._on_evidence = on_evidence
        self._reported: dict[str, Evidence] = {}  # by session: the last one, until a turn begins
        self._hook_came: set[str] = set()  # sessions of whose last turn the hook of its refusal came

    def report(self, evidence: Evidence) -> None:
        """Pass evidence on if it is news."""
        if evidence.source == "hook":
            self._hook_came.add(evidence.session)
        last = self._reported.get(evidence.session)
        if last is not None and _same_limit(last, evidence) and not _adds_reset(last.verdict, evidence.verdict):
            return
        self._reported[evidence.session] = evidence
        self._on_evidence(evidence)

    def was_reported(self, session: str, verdict: Verdict) -> bool:
        """Return whether the last limit that was reported of a session is this one, as its pane shows it."""
        last = self._reported.get(session)
        return last is not None and last.verdict.snippet == verdict.snippet and not _adds_reset(last.verdict, verdict)

    def on_turn_began(
        self, session: str, turn: str | None, at: datetime, *, recorded: bool = False, prompted: bool = False
    ) -> None:
        """Forget the reported limit of a session, unless it is of this very turn.

        With ``recorded`` the time is that of the record of the prompt, and no hook's; ``prompted``: the hook of a
        prompt tells it. Its time alone does not tell a resume within a second from a hook that comes after the record
        of its own turn's refusal. So where the hook has no turn id (up to 2.1.150), a refusal whose own hook came is an
        earlier turn's: the hook of a prompt comes before that of its refusal.
        """
        hook_came = session in self._hook_came
        if prompted:
            self._hook_came.discard(session)
        last = self._reported.get(session)
        if last is None:
            return
        earlier = prompted and turn is None and hook_came
        if recorded:
            earlier = last.turn is None and last.at < at
        if earlier or not belongs_to_turn(last, turn, at):
            del self._reported[session]

    def forget(self, session: str) -> None:
        """Forget the reported limit of a session: its pane no longer shows it."""
        self._reported.pop(session, None)


def belongs_to_turn(evidence: Evidence, turn: str | None, began: datetime | None, told: datetime | None = None) -> bool:
    """Return True if a refusal is of a turn: by the turn ids if both are known, else by the time.

    A hook's time is that of its arrival, on a busy host later than the step that it reports. ``told``: when the hook of
    an earlier refusal came, which is no earlier than that refusal.
    """
    if evidence.turn is not None and turn is not None:
        return evidence.turn == turn
    if told is not None and evidence.at <= told:
        return False
    return began is None or evidence.at >= began - HOOK_DELAY


def _same_limit(last: Evidence, evidence: Evidence) -> bool:
    if last.turn is not None and evidence.turn is not None:
        return last.turn == evidence.turn
    if "pane" in (last.source, evidence.source) and last.verdict.snippet == evidence.verdict.snippet:
        return True  # a pane shows a banner as long as it is on the screen
    return abs(evidence.at - last.at) < SAME_LIMIT


def _adds_reset(last: Verdict, verdict: Verdict) -> bool:
    """Return True if a verdict has the reset that the last one lacked, or had from the banner only.

    A banner's time is cut to the minute; the record in the transcript has the seconds (Claude Code 2.1.330).
    """
    if verdict.resets_at is None or verdict.resets_at == last.resets_at:
        return False
    return last.resets_at is None or (last.rule != EXACT_RULE and verdict.rule == EXACT_RULE)
