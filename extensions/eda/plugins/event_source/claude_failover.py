# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source for ansible-rulebook: the events of a host's claude-failover daemon.

ansible-rulebook runs this file by its path and on its own, so that it imports the standard library only.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import hashlib
import io
import json
import logging
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Optional

DOCUMENTATION = r"""
---
short_description: Follow the events of a host's claude-failover daemon
author:
  - secuaas.claude contributors (@secuaas)
version_added: 0.4.0
description:
  - Gives each event that the daemon C(claude-failover) appends to C(events.jsonl) in its state directory, as it is
    written there, with C(id), C(time), C(event), C(severity), C(state), C(summary), C(host), C(session), C(account)
    and C(details). A switch has the keys of its record beside them.
  - Waits for a file that is missing, and goes on in the next one when the daemon begins a new file. A line that is no
    event is logged and left out.
  - Where lines may have been lost, as the daemon keeps two files only, that is logged and told by the event
    C(events_lost) of the severity V(warning), which passes every filter. C(host) is then the one that reads.
  - Reads the file on the host where it lies. Run ansible-rulebook there, as the sessions' user or as root, since
    nobody else may read the state directory.
  - With O(position_file) an event that was given and not yet noted when ansible-rulebook was ended is given once more.
options:
  state_dir:
    description:
      - The daemon's state directory.
    type: str
    default: /var/lib/claude-failover
  path:
    description:
      - The event log, where it is not C(events.jsonl) in O(state_dir).
    type: str
  events:
    description:
      - The events to give, by C(event). Without it all are given.
    type: list
    elements: str
  severities:
    description:
      - The severities to give. The end of an event (C(state) is C(over)) has the severity V(info).
      - Without it all are given.
    type: list
    elements: str
    choices: [info, warning, error]
  from:
    description:
      - Where to begin. V(now) gives what is written from now on, V(start) first what the log holds, with the one
        before it (C(events.1.jsonl)).
    type: str
    choices: [now, start]
    default: now
  position_file:
    description:
      - A file that notes how far the log was read. A later start goes on from there, whatever O(from) says.
      - Its directory has to exist, and belongs to the user who runs ansible-rulebook.
    type: str
  interval:
    description:
      - Seconds between two looks at the log.
    type: float
    default: 1.0
"""

EXAMPLES = r"""
- secuaas.claude.claude_failover:
    severities: [warning, error]

- secuaas.claude.claude_failover:
    path: /var/lib/claude-failover/events.jsonl
    events: [switch, session_down, login_ends]
    from: start
    position_file: /var/lib/rulebook/claude-failover.position
"""

log = logging.getLogger("secuaas.claude.claude_failover")

STATE_DIR = "/var/lib/claude-failover"
SEVERITIES = ("info", "warning", "error")
EVENTS = (
    *("switch", "login_ends", "accounts_exhausted", "session_down", "session_waiting", "session_set_aside"),
    *("session_owner", "session_not_resumed", "context_lost", "prompts_spent", "identity_changed", "links_divergent"),
    *("switching_suspended", "switch_advised", "source_blind", "unknown_wording", "disk_full", "notify_missing"),
    "release_not_ready",
)
LONGEST_LINE = 1 << 20  # bytes; no event of the daemon's comes near


class Position:
    """The end of a line in a log, known by its offset and the line itself, whatever the file is called by now."""

    def __init__(self, offset: int = 0, length: int = 0, sha256: str = "") -> None:
        """Begin before the first line."""
        self.offset, self.length, self.sha256 = offset, length, sha256

    @classmethod
    def after(cls, line: bytes, offset: int) -> Position:
        """Return the position behind ``line``, which ends at ``offset``."""
        return cls(offset, len(line), hashlib.sha256(line).hexdigest())

    @classmethod
    def parse(cls, text: bytes) -> Position:
        """Return what `render` wrote. Raises ValueError."""
        found = json.loads(text)
        if isinstance(found, dict):
            offset, length, sha256 = found.get("offset"), found.get("length"), found.get("sha256")
            if isinstance(offset, int) and isinstance(length, int) and isinstance(sha256, str):
                position = cls(offset, length, sha256)
                if 0 <= length <= min(offset, LONGEST_LINE):
                    return position
        raise ValueError("it is no position of this event source")

    def render(self) -> bytes:
        """Return the position as a text for `parse`."""
        return json.dumps({"offset": self.offset, "length": self.length, "sha256": self.sha256}).encode() + b"\n"

    def lies_in(self, stream: BinaryIO) -> bool:
        """Tell if the line that ends here is in this file, at this place."""
        stream.seek(self.offset - self.length)
        return hashlib.sha256(stream.read(self.length)).hexdigest() == self.sha256


class EventLog:
    """The lines of ``events.jsonl``, over rotations: the daemon renames a full file to ``events.1.jsonl``."""

    def __init__(self, path: str) -> None:
        """Read nothing yet."""
        self.path = path
        root, extension = os.path.splitext(path)
        self.rotated_path = root + ".1" + extension
        self.position = Position()
        self._recent: collections.deque[Position] = collections.deque(maxlen=20)
        self._stream: Optional[BinaryIO] = None  # an open file stays the same one when it is renamed
        self._offset = 0
        self._in_long_line = False
        self._rotated: Optional[tuple[int, ...]] = None  # the rotated file when the open one was opened
        self._gap = ""

    def take_gap(self) -> str:
        """Return why lines may have been lost since the last call; empty if none were."""
        gap, self._gap = self._gap, ""
        return gap

    def begin(self, position: Optional[Position]) -> None:
        """Begin behind ``position``, or with the oldest line if that is None. Raises OSError."""
        self.close()
        for path in (self.path, self.rotated_path) if position is not None and position.offset else ():
            self._rotated = _identity(self.rotated_path)
            self._open(path)
            if self._stream is not None and position is not None and position.lies_in(self._stream):
                self.position, self._offset = position, position.offset
                self._recent.append(position)
                return
        if position is not None and position.offset:
            self._gap = f"{self.path}: the noted position is in none of its files; all that they hold is given"
        self.close()
        self._rotated = None
        self._open_next()

    def lines(self) -> Iterator[bytes]:
        """Give each line that was completed since the last call. Raises OSError; a later call goes on from there."""
        self._open_next()
        while self._stream is not None:
            yield from self._complete_lines(self._stream)
            successor = self._successor(self._stream)
            if successor is None:
                return
            # Nothing is added to a file that was renamed; something may have been between the look and the renaming.
            yield from self._complete_lines(self._stream, ended=True)
            self._open(successor)

    def close(self) -> None:
        """Close the file that is open."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _open_next(self) -> None:
        """Open the older of the files that are new, if there is one and none is open. Raises OSError."""
        if self._stream is None:
            before, self._rotated = self._rotated, _identity(self.rotated_path)
            self._open(self.path if self._rotated == before else self.rotated_path)
        if self._stream is None:
            self._open(self.path)

    def _open(self, path: str) -> None:
        """Open a file at its begin, if it is there, in the place of the open one. Raises OSError.

        If a file was rotated since ``_rotated`` was looked at, that one is opened, as it comes before.
        """
        while True:
            self.close()
            self._recent.clear()
            self._offset, self._in_long_line = 0, False
            # Root reads a folder of another user's: no link is followed, and a FIFO blocks nobody.
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    os.close(descriptor)
                    raise OSError(f"{path} is not a regular file")
                self._stream = io.BufferedReader(io.FileIO(descriptor))
            found = _identity(self.rotated_path)
            if found == self._rotated:
                return
            self._rotated, path = found, self.rotated_path

    def _complete_lines(self, stream: BinaryIO, ended: bool = False) -> Iterator[bytes]:
        """Give the lines of a file from where the last call ended; what has no line break, only if the file ended."""
        self._follow_truncation(stream)
        stream.seek(self._offset)
        while True:
            line = stream.readline(LONGEST_LINE)
            whole = line.endswith(b"\n")
            if not line or not (whole or ended or len(line) == LONGEST_LINE):
                return
            self._offset += len(line)
            goes_on, self._in_long_line = self._in_long_line, not whole and len(line) == LONGEST_LINE
            self.position = Position.after(line, self._offset)
            self._recent.append(self.position)
            if self._in_long_line and not goes_on:
                log.warning("%s: skipped a line of more than %d bytes", self.path, LONGEST_LINE)
            elif not goes_on:
                yield line

    def _follow_truncation(self, stream: BinaryIO) -> None:
        """Go back where the newest lines were taken back, as the daemon does with one that it could not flush."""
        size = os.fstat(stream.fileno()).st_size
        while self._recent:
            position = self._recent[-1]
            if position.offset <= size and position.lies_in(stream):
                self.position, self._offset = position, position.offset
                return
            self._recent.pop()
            self._in_long_line = False
        if self._offset:
            log.warning("%s is not the file that it was; reading it from its begin", self.path)
            self._offset = 0

    def _successor(self, stream: BinaryIO) -> Optional[str]:
        """Return the path of the file that follows the open one; None while there is none."""
        mine = os.fstat(stream.fileno())
        newest, rotated = _identity(self.path), _identity(self.rotated_path)
        if newest is not None and newest[:2] == (mine.st_dev, mine.st_ino):
            return None
        before, self._rotated = self._rotated, rotated
        if rotated is not None and rotated != before and rotated[:2] != (mine.st_dev, mine.st_ino):
            self._gap = f"{self.path}: it was rotated twice or more between two looks"
            return self.rotated_path
        return self.path if newest is not None else None


def _identity(path: str) -> Optional[tuple[int, ...]]:
    """Return what tells a file from another that took its place, its device and inode first; None if there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Options:
    """The arguments of the event source."""

    def __init__(self, args: dict[str, Any]) -> None:
        """Raises ValueError with each argument that is wrong."""
        wrong = []
        known = {"state_dir", "path", "events", "severities", "from", "position_file", "interval"}
        if unknown := sorted(set(args) - known):
            wrong.append(f"unknown: {', '.join(unknown)} (known are {', '.join(sorted(known))})")
        self.events = _chosen(args, "events", EVENTS, wrong)
        self.severities = _chosen(args, "severities", SEVERITIES, wrong)
        path, state_dir = _absolute(args, "path", wrong), _absolute(args, "state_dir", wrong)
        self.path = path or os.path.join(state_dir or STATE_DIR, "events.jsonl")
        if path and state_dir:
            wrong.append("path and state_dir: one of them says where the log is")
        self.position_file = _absolute(args, "position_file", wrong)
        self.start = args.get("from", "now")
        if self.start not in ("now", "start"):
            wrong.append(f"from: {self.start!r} is neither 'now' nor 'start'")
        self.interval = args.get("interval", 1.0)
        if isinstance(self.interval, bool) or not isinstance(self.interval, (int, float)) or not self.interval > 0:
            wrong.append(f"interval: {self.interval!r} is no number of seconds above 0")
        if wrong:
            raise ValueError("secuaas.claude.claude_failover: " + "; ".join(wrong))

    def wants(self, event: dict[str, Any]) -> bool:
        """Tell if an event passes the filters."""
        named = self.events is None or event["event"] in self.events
        return named and (self.severities is None or event.get("severity") in self.severities)


def _chosen(args: dict[str, Any], key: str, known: tuple[str, ...], wrong: list[str]) -> Optional[list[str]]:
    """Return the values that a filter passes; None where it is not given, and passes all."""
    values = args.get(key)
    if values is None:
        return None
    if not isinstance(values, list) or not values:
        wrong.append(f"{key}: {values!r} is no list with an entry")
        return None
    if unknown := [repr(value) for value in values if value not in known]:
        wrong.append(f"{key}: {', '.join(unknown)} is none of {', '.join(known)}")
    return values


def _absolute(args: dict[str, Any], key: str, wrong: list[str]) -> Optional[str]:
    """Return an absolute path, or None where there is none."""
    value = args.get(key)
    if value is not None and not (isinstance(value, str) and os.path.isabs(value)):
        wrong.append(f"{key}: {value!r} is no absolute path")
        return None
    return value


def parse(line: bytes) -> Optional[dict[str, Any]]:
    """Return the event that a line holds; None if it holds none."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def gap_event(gap: str) -> dict[str, Any]:
    """Return the event that lines of the log may have been lost."""
    return {
        "id": secrets.token_hex(8),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "event": "events_lost",
        "severity": "warning",
        "state": "begins",
        "summary": f"events may have been lost before this one: {gap}",
        "host": socket.gethostname(),
        "session": None,
        "account": None,
        "details": {},
    }


def read_position(path: Optional[str]) -> Optional[Position]:
    """Return the noted position; None where none was noted. Raises OSError; ValueError for another file."""
    if path is None:
        return None
    try:
        with open(path, "rb") as stream:
            return Position.parse(stream.read(1000))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"position_file {path}: {error}; name another file, or remove it to begin anew") from None


def note_position(path: Optional[str], position: Position) -> None:
    """Note how far the log was read: as a whole or not at all. Raises OSError."""
    if path is not None:
        temporary = path + ".new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(position.render())
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put each event that the daemon tells into the queue, until it is cancelled.

    Raises ValueError for wrong arguments; OSError where the log may not be read, or the position not be noted.
    """
    options = Options(args)
    events = EventLog(options.path)
    try:
        noted = read_position(options.position_file)
        events.begin(noted)
        if noted is None:
            if options.start == "now":
                for _line in events.lines():
                    pass
            note_position(options.position_file, events.position)
        await _follow(events, queue, options)
    finally:
        events.close()


async def _tell_gap(events: EventLog, queue: asyncio.Queue[Any]) -> None:
    """Give the event that lines may have been lost, whatever the filters say."""
    gap = events.take_gap()
    if gap:
        log.warning("%s", gap)
        await queue.put(gap_event(gap))


async def _follow(events: EventLog, queue: asyncio.Queue[Any], options: Options) -> None:
    """Look at the log again and again."""
    noted, told = events.position, ""
    while True:
        try:
            for line in events.lines():
                await _tell_gap(events, queue)
                event = parse(line)
                if event is None:
                    log.warning(
                        "%s: skipped a line that ends at byte %d: no event", events.path, events.position.offset
                    )
                elif options.wants(event):
                    await queue.put(event)
                    noted = events.position
                    note_position(options.position_file, noted)
            await _tell_gap(events, queue)
            if events.position is not noted:
                noted = events.position
                note_position(options.position_file, noted)
            told = ""
        except OSError as error:
            if str(error) != told:  # once until it works again
                told = str(error)
                log.error("the events of claude-failover cannot be followed, and are tried again: %s", error)
        await asyncio.sleep(options.interval)
