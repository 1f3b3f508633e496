# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source for ansible-rulebook gives every event once, over rotations, restarts and what is no event."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import runpy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from import_path import ROOT

from claude_failover.reporting.event_kinds import KINDS, SEVERITIES

EDA = Path(ROOT, "extensions", "eda")
BOUND = 30  # seconds for what comes at once
# As ansible-rulebook loads it: by its path, outside of any package.
SOURCE = runpy.run_path(str(EDA / "plugins" / "event_source" / "claude_failover.py"))
EventLog, Options, Position, main = (SOURCE[name] for name in ("EventLog", "Options", "Position", "main"))


class Log:
    """The daemon's side: what it does to its event log."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"

    def add(self, number: int, event: str = "session_down", severity: str = "error") -> dict[str, Any]:
        document = {"id": f"{number:016x}", "event": event, "severity": severity, "state": "begins", "details": {}}
        self.write(json.dumps(document).encode() + b"\n")
        return document

    def write(self, text: bytes) -> None:
        with self.path.open("ab") as stream:
            stream.write(text)

    def rotate(self) -> None:
        self.path.replace(self.path.with_name("events.1.jsonl"))

    def size(self) -> int:
        return self.path.stat().st_size


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@contextlib.asynccontextmanager
async def running(log: Log, **args: Any) -> AsyncIterator[asyncio.Queue[Any]]:
    """Run the event source as ansible-rulebook does, with a queue of one place; it has to live until the end."""
    queue: asyncio.Queue[Any] = asyncio.Queue(1)
    task = asyncio.ensure_future(main(queue, {"path": str(log.path), "interval": 0.01, **args}))
    await asyncio.sleep(0)  # its begin does not wait for anything
    try:
        yield queue
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ended(args: dict[str, Any]) -> None:
    """Run a source that ends by itself, with a queue of its own loop (Python 3.9)."""
    await main(asyncio.Queue(), args)


async def given(queue: asyncio.Queue[Any]) -> Any:
    return await asyncio.wait_for(queue.get(), BOUND)


async def noted_all(position: Path, log: Log) -> None:
    while SOURCE["read_position"](str(position)).offset != log.size():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_what_is_written_after_the_start_is_given_as_it_is(log: Log) -> None:
    async def story() -> None:
        log.add(1)
        async with running(log) as queue:
            expected = [log.add(2), log.add(3, "switch", "info")]
            assert [await given(queue), await given(queue)] == expected

    asyncio.run(story())


def test_start_gives_the_rotated_file_first(log: Log) -> None:
    async def story() -> None:
        first = log.add(1)
        log.rotate()
        second = log.add(2)
        async with running(log, **{"from": "start"}) as queue:
            assert [
                await given(queue),
                await given(queue),
            ] == [first, second]

    asyncio.run(story())


def test_a_log_that_is_not_there_yet_is_waited_for(log: Log) -> None:
    async def story() -> None:
        async with running(log) as queue:
            expected = log.add(1)
            assert await given(queue) == expected

    asyncio.run(story())


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, [1, 2, 3, 4]),
        ({"events": ["switch", "login_ends"]}, [2, 3]),
        ({"severities": ["error", "info"]}, [1, 2, 4]),
        ({"events": ["login_ends", "session_down"], "severities": ["warning"]}, [3]),
    ],
)
def test_filters(log: Log, filters: dict[str, Any], passes: list[int]) -> None:
    async def story() -> None:
        log.add(1)
        log.add(2, "switch", "info")
        log.add(3, "login_ends", "warning")
        log.add(4)
        async with running(log, **{"from": "start", **filters}) as queue:
            found = [int((await given(queue))["id"], 16) for _number in passes]
            log.add(5, "login_ends" if "events" in filters else "switch", (filters.get("severities") or ["error"])[0])
            assert found == passes
            assert (await given(queue))["id"] == f"{5:016x}", "more was given than passes"

    asyncio.run(story())


def test_an_event_of_a_newer_daemon_is_given_without_filters(log: Log) -> None:
    async def story() -> None:
        async with running(log) as queue:
            expected = log.add(1, "of_next_year", "fatal")
            assert await given(queue) == expected

    asyncio.run(story())


@pytest.mark.parametrize(
    "line",
    [
        *(b'{"event": "switch"', b"[1]", b'"switch"', b'{"event": 3}', b"\xff\xfe", b"", b"[" * 100_000),
        b"x" * (3 << 20),
    ],
    ids=["torn", "list", "text", "number", "no UTF-8", "empty", "deep", "long"],
)
def test_a_line_that_is_no_event_is_logged_and_left_out(
    log: Log, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        log.write(line + b"\n")
        expected = log.add(1)
        async with running(log, **{"from": "start"}) as queue:
            assert await given(queue) == expected

    asyncio.run(story())
    (record,) = [found for found in caplog.records if found.name == "secuaas.claude.claude_failover"]
    assert record.levelno == logging.WARNING
    assert "events.jsonl: skipped a line " in record.getMessage()
    assert "xxx" not in record.getMessage(), "what the log holds is not repeated"


def test_a_half_written_line_is_given_once_it_is_whole(log: Log) -> None:
    async def story() -> None:
        log.write(b'{"event": "switch", ')
        async with running(log) as queue:
            log.write(b'"id": "1"}')
            await asyncio.sleep(0.05)  # looks in between
            assert queue.empty()
            log.write(b"\n")
            assert await given(queue) == {"event": "switch", "id": "1"}

    asyncio.run(story())


def test_a_restart_goes_on_from_the_noted_position(log: Log, tmp_path: Path) -> None:
    async def story() -> None:
        noted = tmp_path / "position"
        log.add(1)
        async with running(log, position_file=str(noted)) as queue:
            log.add(2)
            assert (await given(queue))["id"] == f"{2:016x}"
            await asyncio.wait_for(noted_all(noted, log), BOUND)
        log.add(3)
        log.rotate()
        log.add(4)
        async with running(log, position_file=str(noted), **{"from": "start"}) as queue:
            assert [(await given(queue))["id"][-1] for _number in "34"] == ["3", "4"]
        assert noted.stat().st_mode & 0o777 == 0o600

    asyncio.run(story())


def test_a_position_that_was_noted_before_the_first_line_skips_nothing(log: Log, tmp_path: Path) -> None:
    async def story() -> None:
        async with running(log, position_file=str(tmp_path / "position")):
            pass
        expected = [log.add(1)]
        log.rotate()
        expected.append(log.add(2))
        async with running(log, position_file=str(tmp_path / "position")) as queue:
            assert [await given(queue), await given(queue)] == expected

    asyncio.run(story())


def test_a_position_in_no_file_gives_all_that_is_there(
    log: Log, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        log.add(1)
        async with running(log, position_file=str(tmp_path / "position")):
            pass
        log.path.unlink()
        expected = log.add(2)
        async with running(log, position_file=str(tmp_path / "position"), events=["session_down"]) as queue:
            lost = await given(queue)
            assert (lost["event"], lost["severity"], lost["state"]) == ("events_lost", "warning", "begins")
            assert "may have been lost" in lost["summary"]
            assert await given(queue) == expected

    asyncio.run(story())
    assert "the noted position is in none of its files" in caplog.text


def test_rotations_that_were_not_followed_are_told_before_what_comes_after_them(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        first = log.add(1)
        async with running(log, **{"from": "start"}) as queue:
            assert await given(queue) == first
            log.add(2)
            for number in (3, 4, 5):  # nobody takes the second one, so that the source does not look
                log.rotate()
                log.add(number)
            await asyncio.sleep(0)
            ids = [(await given(queue)) for _event in range(4)]
            assert [event["event"] for event in ids] == ["session_down", "events_lost", "session_down", "session_down"]
            assert [int(event["id"], 16) for event in ids if event["event"] == "session_down"] == [2, 4, 5]

    asyncio.run(story())
    assert caplog.text.count("rotated twice or more") == 1


@pytest.mark.parametrize("event", ["switch", "session_down", "session_set_aside"])
def test_a_line_that_was_taken_back_does_not_repeat_the_log(event: str, log: Log) -> None:
    """The daemon shortens its log by the line that it could not flush, and adds a shorter or a longer one."""
    events = EventLog(str(log.path))
    events.begin(None)
    log.add(1)
    kept = log.size()
    log.add(2)
    assert len(list(events.lines())) == 2
    os.truncate(log.path, kept)
    log.add(3, event)
    assert [json.loads(line)["id"][-1] for line in events.lines()] == ["3"]
    events.close()


def test_a_truncated_log_is_read_from_its_begin(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    events = EventLog(str(log.path))
    events.begin(None)
    log.add(1)
    log.add(2)
    assert len(list(events.lines())) == 2
    os.truncate(log.path, 0)
    log.add(3)
    assert [json.loads(line)["id"][-1] for line in events.lines()] == ["3"]
    assert "is not the file that it was" in caplog.text
    events.close()


def history(seed: int, log: Log) -> Iterator[tuple[list[int], list[int]]]:
    """Let a daemon and a reader, who is restarted at times, do what they do in an order of chance."""
    chance = random.Random(seed)
    written: list[int] = []
    read: list[int] = []
    torn = False
    events = EventLog(str(log.path))
    events.begin(None)
    rotations = 0  # that the reader has not seen; the second one removes a file, unless the reader holds that open
    most = 1
    for _step in range(80):
        action = chance.choice(["add", "add", "half", "rotate", "read", "read", "restart"])
        if action == "add":
            number = len(written)
            line = json.dumps({"event": "switch", "id": number, "text": "x" * chance.randrange(90)}).encode() + b"\n"
            log.write((b"\n" if torn else b"") + line)
            torn = False
            written.append(number)
        elif action == "half":
            torn = True
            log.write(b'{"torn')
        elif action == "rotate" and log.path.exists() and rotations < most:
            log.rotate()
            torn, rotations = False, rotations + 1
        elif action == "restart" and rotations < 2:
            noted = events.position.render()
            events.close()
            events.begin(Position.parse(noted))
            most = rotations + 1 + holds(events, log)
        elif action == "read":
            read += [event["id"] for event in map(SOURCE["parse"], events.lines()) if event]
            rotations, most = 0, 1 + holds(events, log)
            yield written, read
    events.close()


def holds(events: Any, log: Log) -> bool:
    """Tell if the reader has opened the newest file."""
    return (
        events._stream is not None
        and log.path.exists()
        and os.path.samestat(log.path.stat(), os.fstat(events._stream.fileno()))
    )


@pytest.mark.parametrize("call", range(12))
def test_a_rotation_between_two_system_calls_loses_nothing(
    call: int, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the files may be the one before which the daemon rotates."""
    events = EventLog(str(log.path))
    events.begin(None)
    log.add(0)
    list(events.lines())
    log.rotate()
    log.add(1)
    calls = 0

    def rotating(function: Any) -> Any:
        def called(*args: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call + 1:
                log.add(2)
                log.rotate()
                log.add(3)
            return function(*args, **options)

        return called

    with monkeypatch.context() as patch:
        for name in ("lstat", "open", "fstat"):
            patch.setattr(os, name, rotating(getattr(os, name)))
        read = list(events.lines())
    log.add(4)
    read += events.lines()
    events.close()
    assert [json.loads(line)["id"][-1] for line in read] == [*"1234"] if calls > call else [*"14"]


@pytest.mark.parametrize("seed", range(150))
def test_nothing_is_lost_or_given_twice_in_any_history(seed: int, log: Log) -> None:
    looks = 0
    for written, read in history(seed, log):
        looks += 1
        assert read == written
    assert looks


def test_what_may_not_be_read_ends_the_source_at_its_start(log: Log) -> None:
    os.mkfifo(log.path)
    with pytest.raises(OSError, match="is not a regular file"):
        asyncio.run(ended({"path": str(log.path)}))


def test_a_link_is_not_followed(log: Log, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    log.path.symlink_to("other")
    with pytest.raises(OSError, match=r"events\.jsonl"):
        asyncio.run(ended({"path": str(log.path)}))


def test_a_later_fault_is_told_once_and_outlived(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(log) as queue:
            log.path.mkdir()
            while "cannot be followed" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # more looks
            log.path.rmdir()
            expected = log.add(1)
            assert await given(queue) == expected

    asyncio.run(asyncio.wait_for(story(), BOUND))
    assert caplog.text.count("cannot be followed") == 1


def test_a_foreign_position_file_is_refused(log: Log, tmp_path: Path) -> None:
    noted = tmp_path / "position"
    noted.write_text('{"offset": -1}')
    with pytest.raises(ValueError, match=r"position_file .*no position of this event source; name another file"):
        asyncio.run(ended({"path": str(log.path), "position_file": str(noted)}))
    assert noted.read_text() == '{"offset": -1}'


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"events": ["sesion_down"]}, "events: 'sesion_down' is none of switch, "),
        ({"events": "switch"}, "events: 'switch' is no list"),
        ({"severities": []}, "severities: \\[\\] is no list with an entry"),
        ({"severities": ["critical"]}, "severities: 'critical' is none of info, warning, error"),
        ({"from": "end"}, "from: 'end' is neither 'now' nor 'start'"),
        ({"path": "events.jsonl"}, "path: 'events.jsonl' is no absolute path"),
        ({"path": "/a", "state_dir": "/b"}, "path and state_dir: one of them"),
        ({"interval": 0}, "interval: 0 is no number of seconds"),
        ({"interval": "1"}, "interval: '1' is no number of seconds"),
        ({"position": "/a"}, "unknown: position .known are "),
    ],
)
def test_a_wrong_argument_is_refused_with_the_right_ones(args: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options(args)


def test_the_documentation_has_every_argument_with_its_default() -> None:
    options = yaml.safe_load(SOURCE["DOCUMENTATION"])["options"]
    with pytest.raises(ValueError, match="known are " + ", ".join(sorted(options))):
        Options({"another": 1})
    chosen = Options({})
    assert chosen.path == options["state_dir"]["default"] + "/events.jsonl"
    assert (chosen.start, chosen.interval) == (options["from"]["default"], options["interval"]["default"])
    assert tuple(options["severities"]["choices"]) == SOURCE["SEVERITIES"]


def test_the_events_are_those_of_the_daemon() -> None:
    assert set(SOURCE["EVENTS"]) == set(KINDS)
    assert tuple(SOURCE["SEVERITIES"]) == SEVERITIES


def examples() -> list[dict[str, Any]]:
    (rulebook,) = yaml.safe_load((EDA / "rulebooks" / "claude_failover.yml").read_text(encoding="utf-8"))
    return [*yaml.safe_load(SOURCE["EXAMPLES"]), *rulebook["sources"]]


@pytest.mark.parametrize("example", examples(), ids=str)
def test_the_examples_are_accepted(example: dict[str, Any]) -> None:
    ((name, args),) = example.items()
    assert name == "secuaas.claude.claude_failover"
    assert Options(args).path == "/var/lib/claude-failover/events.jsonl"
