# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings in the status of the running daemon (pure).

Whoever answers may be a daemon of another release: a key that is missing, or of another type, is no finding.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from ..accounts.shared_identity import SHARED_STATE
from ..host.finding import ERROR, WARNING, Finding, ok
from ..sessions.restart_policy import is_meant

Row = Mapping[str, Any]

_RESTART_DAEMON = "sudo systemctl restart claude-failover, which ends no session"
#: By source: the command that mends a blind one.
_SOURCES = {
    "active_link": "claude-failover check-config --host",
    "control_socket": _RESTART_DAEMON,
    "hooks": "look at the reason; then restart the session, which gets its hooks anew: claude-failover restart NAME",
    "panes": "claude-failover status, and look at the session that the reason names",
    "processes": "ls /proc, as the sessions' user: hidepid must let this user see its own processes",
    "session_files": "claude-failover check-config --host",
    "tmux": "sudo systemctl start claude-failover-tmux",
    "transcripts": "claude-failover validate --strict; sysctl fs.inotify.max_user_watches",
}


def status_findings(status: Row, version: str) -> Iterator[Finding]:
    """Yield what is wrong in a status document; ``version`` is that of this program."""
    yield from _about_daemon(status, version)
    for row in _rows(status, "accounts"):
        yield from _about_account(row)
    yield from _about_exhaustion(status)
    sessions = _rows(status, "sessions")
    wrong = [finding for row in sessions for finding in _about_session(row)]
    yield from wrong
    if sessions and not wrong:
        yield ok("session", f"{len(sessions)} sessions, none of which needs a person")
    blind = list(_about_sources(status))
    yield from blind or [ok("blind", "the daemon sees everything that it learns from")]
    for row in _rows(status, "unsaved"):
        if row.get("document") == SHARED_STATE:
            yield Finding(
                "unsaved",
                WARNING,
                f"the .claude.json that the homes share may not name the active account: {_text(row, 'reason')}",
                "a JSON object in a file that can be replaced, and no lock of it that stays",
                "look at the reason; it is written by itself once that is over",
            )
            continue
        yield Finding(
            "unsaved",
            ERROR,
            f"the document {_text(row, 'document')} is newer in memory than on the disk: {_text(row, 'reason')}",
            "a state folder with room, that can be written",
            "df -h, and make room; it is written by itself then",
        )
    for row in _rows(status, "background_jobs"):
        yield Finding(
            "background_job",
            WARNING,
            f"Claude Code runs the conversation {_text(row, 'uuid')} in the background ({_text(row, 'cwd')}): a limit "
            "is neither seen nor waited for there",
            "conversations in sessions",
            shlex.join(["claude", "--resume", _text(row, "uuid")]) + " in a session, once that job has ended",
        )


def _about_daemon(status: Row, version: str) -> Iterator[Finding]:
    found = _text(status, "version")
    if found == version:
        yield ok("daemon", f"the daemon runs (pid {status.get('pid')}, {version})")
    else:
        yield Finding(
            "daemon",
            WARNING,
            f"the daemon that runs is of version {found}",
            f"{version}, which is installed",
            _RESTART_DAEMON,
        )
    suspended = status.get("suspended")
    if isinstance(suspended, str) and suspended:
        yield Finding(
            "suspended",
            ERROR,
            f"no switch is made: {suspended}",
            "an active link that leads to a configured account",
            "claude-failover check-config --host, which says how to mend the link",
        )
    elif isinstance(status.get("active_account"), str):
        yield ok("active_account", f"the active account is {_text(status, 'active_account')}")


def _about_account(row: Row) -> Iterator[Finding]:
    name = _text(row, "name")
    if row.get("login") == "expired":
        yield Finding(
            "login",
            ERROR,
            f"the login of the account {name} has ended, or the server rejects it",
            "a login, without which no switch leads to it",
            shlex.join(["claude-failover", "login", name]),
        )
    if row.get("links") == "divergent":
        yield Finding(
            "account_links",
            ERROR,
            f"the shared links of the account {name} are divergent",
            "links as configured, without which no switch leads to it",
            "claude-failover validate",
        )


def _about_exhaustion(status: Row) -> Iterator[Finding]:
    accounts = _rows(status, "accounts")
    if accounts and all(_rows(row, "exhausted") for row in accounts):
        until = min(_text(item, "until") for row in accounts for item in _rows(row, "exhausted"))
        yield Finding(
            "exhausted",
            WARNING,
            f"every account is out of usage, the first one until {until}",
            "an account that can be used",
            "wait: the sessions go on by themselves then; or add an account",
        )


def _about_session(row: Row) -> Iterator[Finding]:
    name, state, configured = _text(row, "name"), row.get("state"), row.get("configured", True) is not False
    reason = row.get("reason")
    why = f": {reason}" if isinstance(reason, str) and reason else ""
    attach, restart, stop = (shlex.join(["claude-failover", verb, name]) for verb in ("attach", "restart", "stop"))
    if state == "down":
        level = WARNING if is_meant(str(reason)) or not configured else ERROR
        expected, mend = ("a session that runs", restart) if configured else ("it to be configured, or gone", stop)
        yield Finding("session", level, f"the session {name} is down{why}", expected, mend)
    elif state == "waiting":
        yield Finding("session", WARNING, f"the session {name} waits for a person{why}", "an answer to it", attach)
    elif state == "limited":
        found = f"the session {name} stands at a usage limit{why}"
        yield Finding("session", WARNING, found, "a session that goes on", "claude-failover switch --dry-run")
    elif row.get("follows_link") is False:
        found = f"no switch moves the session {name}{why}"
        mend = restart if configured else f"{attach}; end it there, and start it without a login of its own"
        yield Finding("session", WARNING, found, "a login that follows the active link", mend)
    elif row.get("restart_needed") is True:
        found = f"the session {name} runs with another configuration than the one in force"
        yield Finding("session", WARNING, found, "the configured one", restart)
    elif why:
        mend = attach if configured else f"{attach}, or, where the daemon has started it: {stop}"
        yield Finding("session", WARNING, f"the session {name}{why}", "nothing to tell of it", mend)


def _about_sources(status: Row) -> Iterator[Finding]:
    for row in _rows(status, "blind"):
        source = _text(row, "source")
        yield Finding(
            "blind",
            ERROR,
            f"the daemon does not see {source} since {_text(row, 'since')}: {_text(row, 'reason')}",
            "a source that works, or a usage limit may be missed",
            _SOURCES.get(source, _RESTART_DAEMON),
        )


def _rows(row: Row, key: str) -> list[Row]:
    found = row.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _text(row: Row, key: str) -> str:
    found = row.get(key)
    return found if isinstance(found, str) else "unknown"
