# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which account a limit belongs to: the one that answered that request, which need not be the active one now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..accounts.exhaustion import Exhaustion
from ..config.model import Account
from ..limits.evidence import Evidence
from ..switching.flip_log import Flip, account_at

# Claude Code notices other credentials within about 2 s of a flip (2.1.330); a request that is begun in that
# time can still bear the old account's token. Known exhaustion tells them apart for a little longer than that, and no
# more: windows of two accounts often end in the same minute, and until then the session is sent into the same wall.
UNNOTICED = timedelta(seconds=3)
OLD_LIMIT = timedelta(seconds=5)


@dataclass(frozen=True)
class Attribution:
    """``account`` is whose limit it is, None when that cannot be told; ``follows`` whether the session moves with the
    active link, so that a switch can answer it."""

    account: str | None
    follows: bool
    why: str


def is_same_entry(one: str, other: str) -> bool:
    """Tell whether two paths name one entry of one folder; the entry itself, often a link, is not followed."""
    return _place(one) == _place(other)


def _place(path: str) -> str:
    path = os.path.normpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def attribute(
    evidence: Evidence,
    flip_log: Sequence[Flip],
    active: str | None,
    active_link: str,
    accounts: Sequence[Account],
    exhaustion: Exhaustion,
) -> Attribution:
    """Tell whose limit some evidence shows.

    Args:
        evidence: what was seen.
        flips: the link's moves, oldest first.
        active: the account that the link leads to now, None when to none.
        active_link: the link's path.
        accounts: the configured accounts.
        exhaustion: what is known of their limits.
    """
    folder = evidence.config_dir
    if folder is None:
        return Attribution(None, False, "it is not known which account's home the session's process uses")
    if not is_same_entry(folder, active_link):
        for account in accounts:
            if os.path.realpath(folder) == os.path.realpath(account.home):
                why = f"the session was started with the home of {account.name}, and speaks of that account only"
                return Attribution(account.name, False, why)
        why = f"the session uses {folder}, which is neither the active link nor an account's home"
        return Attribution(None, False, why)
    name, why = _answered_by(evidence, flip_log, active, exhaustion)
    return Attribution(name, True, why)


def _answered_by(
    evidence: Evidence, flip_log: Sequence[Flip], active: str | None, exhaustion: Exhaustion
) -> tuple[str | None, str]:
    if not flip_log:
        return active, "the link was never flipped"
    last = flip_log[-1]
    begun = evidence.request_at
    moment = begun if begun is not None else evidence.at
    account = account_at(moment, flip_log, active)
    if moment < last.at:
        return account, f"the request was {'begun' if begun else 'answered'} before the last flip"
    if begun is not None and begun - last.at > OLD_LIMIT:
        return account, "the request was begun after the last flip"
    limit, resets_at = evidence.verdict.limit, evidence.verdict.resets_at
    earlier = {flip.origin for flip in (flip_log if begun is None else flip_log[-1:])} - {account, None}
    for name in sorted(str(item) for item in earlier):
        if exhaustion.matches(name, limit, resets_at) and not exhaustion.matches(str(account), limit, resets_at):
            return name, f"limit and reset are those already known of {name}"
    if (
        begun is not None
        and begun - last.at <= UNNOTICED
        and last.origin is not None
        and not exhaustion.status(last.origin, limit, begun).exhausted
    ):
        return None, "the request was begun as the link was flipped: either account can have refused it"
    return account, "the request was begun after the last flip" if begun else "nothing points at an earlier account"
