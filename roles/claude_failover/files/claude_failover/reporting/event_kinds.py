# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of events: everything that is told by ``notify``, ``events.jsonl`` and ``open_events`` of the status."""

from __future__ import annotations

from dataclasses import dataclass

INFO, WARNING, ERROR = SEVERITIES = ("info", "warning", "error")
BEGINS, OVER = STATES = ("begins", "over")
REPORTER = "reporting.event_reporter"


@dataclass(frozen=True)
class EventKind:
    """One kind of event.

    Attributes:
        name: the event's ``event``.
        severities: what its ``severity`` can be when it begins, the usual one first. One that is over is ``info``.
        meaning: what has happened, in one line.
        key: the fields, of the event or of its details, by which two events are of one cause.
        details: the keys of ``details``.
        lasts: True if it begins and is over; False if it is told once, as ``begins``.
        stage: the keys of ``details`` by which a cause that is open is told once more when they change.
        logger: the module whose log line is the event's; the reporter's own where no part has one.
        found: ``push`` if a part tells it, ``round`` if it is found in the status.
        retold: True if the part tells it again after a restart of the daemon, where it still is so.
    """

    name: str
    severities: tuple[str, ...]
    meaning: str
    key: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    lasts: bool = True
    stage: tuple[str, ...] = ()
    logger: str = REPORTER
    found: str = "push"
    retold: bool = False

    @property
    def severity(self) -> str:
        """The usual severity when it begins."""
        return self.severities[0]

    @property
    def is_logged_by_part(self) -> bool:
        """True if the log line of its begin, and of its end where the same part tells it, is a part's."""
        return self.logger != REPORTER


_ROWS = (
    EventKind(
        "switch",
        (INFO, WARNING, ERROR),
        "A switch was made, or was due and could not be made: the record of history, with the keys of an event added.",
        key=("id",),
        lasts=False,
        logger="switching.open_records",
    ),
    EventKind(
        "login_ends",
        (WARNING, ERROR),
        "An account's login ends within 7, 3 or 1 days, or has ended, is dead or was refused (days 0).",
        key=("account",),
        details=("login_expires_at", "days"),
        stage=("days",),
        logger="accounts.login_watch",
    ),
    EventKind(
        "accounts_exhausted",
        (ERROR,),
        "No account can be used until a limit resets: sessions wait, and go on by themselves at that time.",
        key=("limit",),
        details=("limit", "until", "accounts"),
        found="round",
    ),
    EventKind(
        "session_down",
        (ERROR,),
        "A configured session does not run, although nobody has stopped it.",
        key=("session",),
        details=("next_try_at",),
        found="round",
    ),
    EventKind(
        "session_waiting",
        (WARNING,),
        "A session has waited for a person's answer for longer than notify.waiting_after.",
        key=("session",),
        details=("waits_for", "seconds"),
        found="round",
    ),
    EventKind(
        "session_set_aside",
        (WARNING,),
        "A session's limits switch nothing and mark no account: its Claude Code is too old, or its login is in doubt.",
        key=("session", "because"),
        details=("because",),
        logger="sessions.table",
        retold=True,
    ),
    EventKind(
        "session_owner",
        (WARNING,),
        "Claude Code asks in a session whose its conversation is, and a person has to answer.",
        key=("session",),
        logger="detection.owner_watch",
        retold=True,
    ),
    EventKind(
        "session_not_resumed",
        (ERROR,),
        "A session that a limit had stopped could not be resumed after a switch or a reset, and is left to a person.",
        key=("session",),
        details=("result",),
        logger="failover.resume_queue",
    ),
    EventKind(
        "context_lost",
        (WARNING,),
        "A session's model lost its conversation: Claude Code took a refusal for the summary of a compaction.",
        key=("session",),
        details=("uuid",),
        logger="detection.lost_contexts",
    ),
    EventKind(
        "prompts_spent",
        (ERROR,),
        "The bound of prompts without an answer is reached in a session, which is left to a person.",
        key=("session",),
        logger="sessions.prompt_budget",
    ),
    EventKind(
        "identity_changed",
        (WARNING,),
        "An account's home names another login than the recorded one.",
        key=("account",),
        logger="accounts.identities",
        retold=True,
    ),
    EventKind(
        "links_divergent",
        (ERROR,),
        "A shared link of an account is missing, leads elsewhere or was replaced by a file.",
        key=("account",),
        logger="accounts.link_watch",
        retold=True,
    ),
    EventKind(
        "switching_suspended",
        (ERROR,),
        "No switch is made: the active link leads to no configured account.",
        logger="switching.link_monitor",
        found="round",
    ),
    EventKind(
        "switch_advised",
        (WARNING,),
        "A switch is due and left to a person: failover.automatic is false.",
        details=("since", "reason", "limit", "trigger_session", "from_account", "to_account", "detail"),
        stage=("reason", "from_account", "to_account"),
        logger="failover.switch_advice",
        retold=True,
    ),
    EventKind(
        "source_blind",
        (WARNING,),
        "A source that the daemon learns from does not work.",
        key=("source",),
        details=("source", "since", "reason"),
        logger="common.health",
        retold=True,
    ),
    EventKind(
        "unknown_wording",
        (WARNING,),
        "Claude Code showed a text that may be a usage limit in an unknown wording; nothing was switched for it.",
        key=("digest",),
        details=("digest", "rule"),
        logger="detection.classifier",
    ),
    EventKind(
        "disk_full",
        (ERROR,),
        "State documents are newer in memory than on the disk, which refuses them.",
        details=("documents", "reason"),
        found="round",
    ),
    EventKind(
        "notify_missing",
        (ERROR,),
        "The program of notify.command, or apprise for notify.urls, is not there: nobody is told by it.",
        key=("program",),
        details=("program",),
        found="round",
    ),
    EventKind(
        "release_not_ready",
        (WARNING,),
        "The daemon did not become ready with a new release or configuration, and the role went back.",
        key=("left",),
        details=("left", "release", "at"),
        found="round",
    ),
)

#: Every event by its name.
KINDS = {kind.name: kind for kind in _ROWS}
