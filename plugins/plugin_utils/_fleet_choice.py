# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the session of a fleet that a task goes to (pure)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_problems import is_out
from ansible_collections.secuaas.claude.plugins.plugin_utils._fleet_words import one_line, people_count, used
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_host import rows, section

IDLE = "idle"
# States in which a session becomes idle by itself; in the others a person is needed first.
_PASSING = ("busy", "starting", "resuming", "limited")
_UNFINISHED = ("queued", "sent", "accepted")


class TaskWish(NamedTuple):
    """The session, the folder and the request id that are asked for; None: any."""

    session: Optional[str] = None
    cwd: Optional[str] = None
    request_id: Optional[str] = None


class _Place(NamedTuple):
    host: str
    session: str
    rank: tuple[Any, ...]
    why: str


def choose_session(answers: Mapping[str, Any], wish: TaskWish) -> dict[str, Any]:
    """Return the host and the session for a task, ``host`` None and the reason where there is none.

    ``session`` is None where none is idle: the host's queue then gives the task to the first that is. A request that
    was made before goes to the host that has its task.
    """
    unknown = [host for host, answer in answers.items() if not _is_running(answer)]
    if wish.request_id is not None:
        for host, answer in answers.items():
            for task in rows(answer, "tasks") if isinstance(answer, Mapping) else ():
                if task.get("request_id") == wish.request_id:
                    why = "it has the task of this request already"
                    return {"host": host, "session": task.get("wanted_session"), "why": why, "known": True}
        if unknown:
            names = ", ".join(one_line(host) for host in sorted(unknown, key=people_count))
            why = (
                "the request id %s may be that of a task on %s, of which nothing is known; expected every host to "
                "answer. Leave them out by --limit if they have none" % (one_line(wish.request_id, 128), names)
            )
            return {"host": None, "session": None, "why": why, "known": False}
    places = [
        place for host, answer in answers.items() if host not in unknown for place in _candidates(host, answer, wish)
    ]
    if not places:
        return {"host": None, "session": None, "why": _nobody(answers, unknown, wish), "known": False}
    best = min(places, key=lambda place: place.rank)
    named = wish.session if best.rank[0] else best.session
    return {"host": best.host, "session": named, "why": best.why, "known": False}


def _is_running(answer: Any) -> bool:
    return isinstance(answer, Mapping) and answer.get("running") is True and bool(section(answer, "status"))


def _candidates(host: str, answer: Mapping[str, Any], wish: TaskWish) -> Iterator[_Place]:
    """Yield the sessions of a host that may get the task, each with its rank: the lowest is the least busy."""
    status = section(answer, "status")
    pool = [row for row in rows(status, "sessions") if row.get("in_pool") is True and row.get("dedicated") is False]
    counts = section(status, "queue")
    tasks = sum(counts[name] for name in _UNFINISHED if isinstance(counts.get(name), int))
    busy = sum(row.get("state") != IDLE for row in pool)
    active = next((row for row in rows(status, "accounts") if row.get("active") is True), None)
    out = active is None or is_out(active)
    share = (used(active.get("used_percent"))["percent"] if active is not None else None) or 0
    for place, row in enumerate(pool):
        if not _fits(row, wish):
            continue
        idle = row["state"] == IDLE
        rank = (not idle, out, tasks / len(pool), busy / len(pool), share, people_count(host), place)
        why = "%d of %d sessions of the pool are busy there, %d tasks are unfinished" % (busy, len(pool), tasks)
        yield _Place(host, row["name"], rank, ("it is idle; " if idle else "none is idle; ") + why)


def _fits(row: Mapping[str, Any], wish: TaskWish) -> bool:
    if not isinstance(row.get("name"), str) or row.get("state") not in (IDLE, *_PASSING):
        return False
    if wish.session is not None and row["name"] != wish.session:
        return False
    return wish.cwd is None or (
        isinstance(row.get("cwd"), str) and posixpath.normpath(row["cwd"]) == posixpath.normpath(wish.cwd)
    )


def _nobody(answers: Mapping[str, Any], unknown: list[str], wish: TaskWish) -> str:
    asked = [] if wish.session is None else ["called %s" % one_line(wish.session)]
    asked += [] if wish.cwd is None else ["that works in %s" % one_line(wish.cwd)]
    dedicated = [
        "%s on %s" % (one_line(row.get("name")), one_line(host))
        for host, answer in answers.items()
        if host not in unknown
        for row in rows(section(answer, "status"), "sessions")
        if row.get("name") == wish.session and row.get("in_pool") is not True
    ]
    found = "; found %s, which never gets a task" % ", ".join(dedicated[:5]) if dedicated else ""
    nothing = "; of %d hosts nothing is known" % len(unknown) if unknown else ""
    return (
        "found no session of a pool %sthat can take a task%s%s; expected one with dedicated: false that is idle or busy"
        % (" ".join([*asked, "and "]) if asked else "", found, nothing)
    )
