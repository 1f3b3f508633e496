# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panes of a tmux server: what it is asked for of each, and what its answer says.

Of the program in a pane and its folder the server looks in /proc each time that it is asked.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from .capture import output_since
from .errors import TmuxError

_LONGEST = 60.0  # seconds for which program and folder of a pane without output are taken to be as they were
_JUMP = 0.5  # seconds by which a second of the wall clock and one of the steady clock may differ

_FIELDS = (
    "pane_id",
    "pane_pid",
    "pane_dead",
    "window_activity",
    "pane_width",
    "pane_height",
    "pane_in_mode",
    "pane_active",
    "window_active",
)
# These change with output, with what is in `_FIELDS`, or when a person moves a pane.
_SELDOM = (
    "pane_current_command",
    "pane_current_path",
    "session_id",
    "window_id",
    "pane_dead_status",
    "pane_dead_signal",
)


@dataclass(frozen=True)
class Pane:
    """A pane at the time of the listing.

    ``exit_status`` and ``exit_signal`` are set for a dead pane only (the signal from tmux 3.3 on), whose ``cwd`` is
    empty. ``activity`` is the epoch second of the window's last output; ``width`` and ``height`` are in cells;
    ``in_mode``: copy mode or the like is active; ``active``: it is the pane that its session shows.
    """

    session: str
    session_id: str
    window_id: str
    pane_id: str
    pid: int
    dead: bool
    exit_status: Optional[int]
    exit_signal: Optional[int]
    command: str
    cwd: str
    activity: int
    width: int
    height: int
    in_mode: bool
    active: bool


class PaneFormat:
    """A tmux format that prints panes.

    A folder's name can contain any character, line breaks included, so text fields are delimited by a random token.
    With ``since`` (epoch second) program, folder and what else changes seldom are printed of panes with output from
    then on only.
    """

    def __init__(self, since: Optional[int] = None) -> None:
        self.started, self.wall = time.monotonic(), time.time()
        self.server: Optional[int] = None
        self.is_full = since is None
        self._begin, self._delimiter = secrets.token_hex(6), secrets.token_hex(6)
        numbers = ",".join(f"#{{{name}}}" for name in _FIELDS)
        seldom = self._delimiter.join(f"#{{{name}}}" for name in _SELDOM)
        if since is not None:
            seldom = f"#{{?{output_since(since)},{seldom},}}"
        self.format = self._begin + self._delimiter.join([numbers, "#{session_name}", seldom])

    def records(self, lines: Sequence[str]) -> list[str]:
        """Return the records that were printed, their fields delimited by NUL, which no field can contain."""
        records = "\n".join(lines).replace(self._delimiter, "\0").split(self._begin)
        return [record.rstrip("\n") for record in records[1:]]

    def parse(self, lines: Sequence[str]) -> list[Pane]:
        """Return the panes that were printed. Raises TmuxError for anything else."""
        return [pane for record in self.records(lines) for pane in [_pane(record)] if pane is not None]


def _pane(record: str, known: Optional[Pane] = None) -> Optional[Pane]:
    """Return the pane of a record; None where the record is short and the ``known`` pane is not the same."""
    numbers, *texts = record.split("\0")
    values = numbers.split(",")
    if len(values) != len(_FIELDS) or len(texts) not in (2, 1 + len(_SELDOM)):
        raise TmuxError(f"tmux listed a pane as {record!r}, which does not match the requested format")
    found = dict(zip(_FIELDS, values))
    name, pane_id, pid, dead = texts[0], found["pane_id"], int(found["pane_pid"] or 0), found["pane_dead"] == "1"
    changing: dict[str, Any] = {
        "activity": int(found["window_activity"] or 0),
        "width": int(found["pane_width"]),
        "height": int(found["pane_height"]),
        "in_mode": found["pane_in_mode"] not in ("", "0"),
        "active": found["pane_active"] == "1" and found["window_active"] == "1",
    }
    if len(texts) == 2:
        if known is None or (known.session, known.pane_id, known.pid, known.dead) != (name, pane_id, pid, dead):
            return None
        return replace(known, **changing)
    command, cwd, session_id, window_id, exit_status, exit_signal = texts[1:]
    return Pane(
        session=name,
        session_id=session_id,
        window_id=window_id,
        pane_id=pane_id,
        pid=pid,
        dead=dead,
        exit_status=_optional_int(exit_status),
        exit_signal=_optional_int(exit_signal),
        command=command,
        cwd=cwd,
        **changing,
    )


def _optional_int(text: str) -> Optional[int]:
    return int(text) if text else None


class PaneListing:
    """The panes as they were listed last; one that is listed alike is the same object again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Pane]] = {}  # by id: the record, and the pane of it
        self._last: Optional[PaneFormat] = None  # of the last listing
        self._full_at = 0.0  # time.monotonic() of the last listing of all programs

    def full_format(self, server: Optional[int]) -> PaneFormat:
        """Return the format to list all panes of that server with, with their programs."""
        made = PaneFormat()
        made.server = server
        return made

    def format(self, server: Optional[int]) -> PaneFormat:
        """Return the format for the next listing, which leaves out the programs that are known."""
        last, now = self._last, time.monotonic()
        if last is None or last.server != server or now - self._full_at >= _LONGEST:
            return self.full_format(server)
        if abs((time.time() - last.wall) - (now - last.started)) > _JUMP:  # the wall clock was set
            return self.full_format(server)
        made = PaneFormat(int(last.wall) - 1)
        made.server = server
        return made

    def panes(self, used: PaneFormat, lines: Sequence[str]) -> Optional[list[Pane]]:
        """Return the panes that were printed; None if one is new whose program is not printed. Raises TmuxError."""
        found: dict[str, tuple[str, Pane]] = {}
        for record in used.records(lines):
            pane_id = record.partition(",")[0]
            known = self._known.get(pane_id)
            if known is not None and known[0] == record:
                found[pane_id] = known
                continue
            pane = _pane(record, known[1] if known is not None else None)
            if pane is None:
                return None
            found[pane_id] = record, known[1] if known is not None and known[1] == pane else pane
        self._known, self._last = found, used
        if used.is_full:
            self._full_at = used.started
        return [pane for _record, pane in found.values()]
