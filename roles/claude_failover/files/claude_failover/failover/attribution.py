# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute a limit to the account that answered the request, which need not be the active one any more."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..accounts.exhaustion import Exhaustion
from ..common import clock
from ..common.file_identity import is_same_entry
from ..common.limit_words import limit_word
from ..common.log_fields import log_fields
from ..config.login_origin import listed
from ..config.model import Account
from ..limits.evidence import Evidence
from ..switching.flip_log import Flip, account_at
from .doubt import bearers, cleared

log = logging.getLogger(__name__)

# Claude Code reads changed credentials within about 2 s of a flip (2.1.330): a request begun until then can bear the
# old account's token. Recorded limits tell the accounts apart for a little longer, but no more: windows of two
# accounts often end in the same minute, and a limit of the new one would be taken for the old one's.
CREDENTIALS_DELAY = timedelta(seconds=3)
KNOWN_LIMIT_SPAN = timedelta(seconds=5)


@dataclass(frozen=True)
class Attribution:
    """The account whose limit was hit (None: unknown), and why; ``follows_link`` tells whether the session uses the
    active link, so that a switch helps it. ``doubted`` is the account that would have to have refused the request,
    where it rather was another one (see `doubt`); then the account is unknown."""

    account: str | None
    follows_link: bool
    why: str
    doubted: str | None = None

    def log(self, evidence: Evidence) -> None:
        """Log the evidence, and the account that it is attributed to."""
        verdict = evidence.verdict
        log.info(
            "session %s: %s limit reported by %s (%s), resets %s; account %s: %s",
            evidence.session,
            limit_word(verdict.limit),
            evidence.source,
            verdict.rule,
            clock.optional_iso(verdict.resets_at),
            self.account or "unknown",
            self.why,
            extra=log_fields(session=evidence.session, account=self.account, limit=verdict.limit),
        )


def attribute(
    evidence: Evidence,
    flips: Sequence[Flip],
    active: str | None,
    active_link: str,
    accounts: Sequence[Account],
    exhaustion: Exhaustion,
    set_aside: str | None = None,
    answered: Callable[[str], datetime | None] = lambda _session: None,
) -> Attribution:
    """Return the account whose limit the evidence shows.

    Args:
        evidence: the evidence of a limit.
        flips: the link's flips, oldest first.
        active: the account that the link leads to now, None when to none.
        active_link: the link's path.
        accounts: the configured accounts.
        exhaustion: their recorded limits.
        set_aside: why the session's limits say nothing of any account; None if they do.
        answered: returns when the named session's newest answered request was begun, None when that is unknown.
    """
    if set_aside is not None:
        return Attribution(None, False, set_aside)
    folder = evidence.config_dir
    if evidence.foreign_login is not None:
        why = f"the session's login does not follow the active link: {evidence.foreign_login}"
        return Attribution(None, False, why)
    if folder is None:
        return Attribution(None, False, "the account's home that the session's process uses is not known")
    if not is_same_entry(folder, active_link):
        for account in accounts:
            if os.path.realpath(folder) == os.path.realpath(account.home):
                why = f"the session was started with the home of {account.name}, and reports for that account only"
                return Attribution(account.name, False, why)
        why = f"the session uses {folder}, which is neither the active link nor an account's home"
        return Attribution(None, False, why)
    borne = bearers(evidence, [account.name for account in accounts], exhaustion)
    others = cleared(borne, evidence, answered(evidence.session)) if borne else set()
    name, why = _answered_by(evidence, flips, active, exhaustion, others)
    if name is not None and evidence.earlier_process and not _is_known(evidence, name, flips, exhaustion):
        why = (
            "it is older than the session's process, and the login of the process before it is not known; no account "
            "is marked for it"
        )
        return Attribution(None, True, why)
    suspects = [account for account in borne if account not in others]
    if name is None or name in borne or not suspects:
        return Attribution(name, True, why)
    borne_of = "the limit and the reset" if evidence.verdict.resets_at is not None else "no reset and the limit"
    why = (
        f"it was refused under {name} with {borne_of} of {listed(suspects)}, and has not been answered since that "
        "account ran out: it may not follow the active link"
    )
    return Attribution(None, True, why, doubted=name)


def _is_known(evidence: Evidence, name: str, flips: Sequence[Flip], exhaustion: Exhaustion) -> bool:
    """Return whether a refusal of an earlier process is the named account's all the same: it is recorded for it, or the
    link was flipped since."""
    verdict = evidence.verdict
    if flips and evidence.at < flips[-1].at:
        return True
    recorded = exhaustion.matches(name, verdict.limit, verdict.resets_at)
    return recorded and exhaustion.status(name, verdict.limit, evidence.at).exhausted


def _answered_by(
    evidence: Evidence, flips: Sequence[Flip], active: str | None, exhaustion: Exhaustion, others: Set[str]
) -> tuple[str | None, str]:
    """Return the account that refused a request by the link, which is none of ``others``, and why."""
    if not flips:
        return active, "the link was never flipped"
    last = flips[-1]
    begun = evidence.request_at
    moment = begun if begun is not None else evidence.at
    account = account_at(moment, flips, active)
    if moment < last.at:
        return account, f"the request was {'begun' if begun else 'answered'} before the last flip"
    if begun is not None and begun - last.at > KNOWN_LIMIT_SPAN:
        return account, "the request was begun after the last flip"
    limit, resets_at = evidence.verdict.limit, evidence.verdict.resets_at
    earlier = {flip.origin for flip in (flips if begun is None else flips[-1:])} - {account, None}
    for name in sorted(str(item) for item in earlier - others):
        if exhaustion.matches(name, limit, resets_at) and not exhaustion.matches(str(account), limit, resets_at):
            return name, f"limit and reset are those recorded for {name}"
    if (
        begun is not None
        and begun - last.at <= CREDENTIALS_DELAY
        and last.origin is not None
        and not exhaustion.status(last.origin, limit, begun).exhausted
    ):
        return None, "the request was begun as the link was flipped: either account may have refused it"
    return account, "the request was begun after the last flip" if begun else "no earlier account's limit matches"
