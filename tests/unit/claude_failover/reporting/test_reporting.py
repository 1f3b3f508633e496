# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test records, the notify command and usage figures."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from types import SimpleNamespace

import pytest
from switch_world import T0, World, minutes

from claude_failover.accounts.usage import Usage, read_windows
from claude_failover.claude import refresh_lock
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import NotifyConfig
from claude_failover.limits.evidence import evidence_from_json, evidence_to_json
from claude_failover.reporting.log_format import LogFormatter
from claude_failover.reporting.notifier import Notifier
from claude_failover.storage.store import Store
from claude_failover.switching.record import is_record, log_line, new_record, session_row


def holder(notify_command=None):
    return ConfigHolder(SimpleNamespace(notify=NotifyConfig(notify_command)))


def notify(command, records, timeout=10.0):
    async def go_on():
        notify = Notifier(holder(notify_command=command), timeout=timeout)
        for record in records:
            notify.send(record)
        await notify.stop()

    begun = time.monotonic()
    asyncio.run(go_on())
    return time.monotonic() - begun


def test_every_record_is_sent(tmp_path):
    command = ("/bin/sh", "-c", f"cat > {tmp_path}/record.$$")
    notify(command, [{"id": number, "text": "é" * 100000} for number in range(9)])
    sent = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert sorted(record["id"] for record in sent) == list(range(9))
    assert sent[0]["text"] == "é" * 100000


def test_a_record_with_a_lone_surrogate_is_sent(tmp_path):
    notify(("sh", "-c", f"cat > {tmp_path}/got"), [{"cwd": "/\ud800"}])
    assert json.loads((tmp_path / "got").read_text()) == {"cwd": "/\ufffd"}


def test_without_a_command_nothing_is_run():
    assert notify(None, [{"id": 1}]) < 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/no/such/program",), "cannot run"),
        (("/bin/sh", "-c", "exit 3"), "exited with status 3"),
        (("/bin/sh", "-c", "exec 0<&-; exit 4"), "exited with status 4"),
    ],
)
def test_a_failing_command_is_logged_only(command, reason, caplog):
    notify(command, [{"id": 1, "text": "x" * 1000000}])
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'no route to host' >&2; exit 3", "exited with status 3; it says: no route to host"),
        ("echo only >&2", None),
        ("exit 3", "exited with status 3"),
        ("yes why | head -c 3000000 >&2; echo ' the end' >&2; exit 3", "why\n the end"),
        ("printf '\\033[2J\\377' >&2; exit 3", "it says: \x1b[2J\ufffd"),
        ("sleep 20 >/dev/null & echo why >&2; exit 3", "it says: why"),  # a child holds the standard error open
    ],
)
def test_the_end_of_what_a_failing_command_says_is_logged(script, told, caplog):
    assert notify(("sh", "-c", script), [{"id": 1}]) < 60
    # asyncio itself (CPython 3.9) tells of an input that is not read.
    ours = [record for record in caplog.records if record.name.startswith("claude_failover")]
    if told is None:
        assert ours == []
        return
    (record,) = ours
    assert record.levelname == "ERROR"
    assert record.getMessage().endswith(told)
    assert len(record.getMessage()) < 2100
    assert "\x1b" not in LogFormatter("%(message)s").format(record), "the log escapes it"


def test_what_a_hanging_command_has_said_is_logged(caplog):
    notify(("sh", "-c", "echo 'trying the next server' >&2; sleep 300"), [{"id": 1}], timeout=1.0)
    assert "took more than 1 s and was killed; it says: trying the next server" in caplog.text


def test_a_hanging_command_is_killed_with_its_children(tmp_path, caplog):
    pids = tmp_path / "pids"
    command = ("/bin/sh", "-c", f"sleep 300 & echo $! $$ > {pids}; wait")
    assert notify(command, [{"id": 1}], timeout=1.0) < 60
    assert "took more than 1 s" in caplog.text
    deadline = time.monotonic() + 20
    left = [int(pid) for pid in pids.read_text().split()]
    while any(running(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(running(pid) for pid in left)


def running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_evidence_comes_back_as_it_was(tmp_path):
    world = World(tmp_path)
    for evidence in (world.evidence(), world.evidence(reset=None, begun=None, config_dir=None)):
        assert evidence_from_json(json.loads(json.dumps(evidence_to_json(evidence)))) == evidence


@pytest.mark.parametrize("value", [None, 3, {}, {"verdict": 3}, {"verdict": {}}])
def test_what_is_no_evidence_is_refused(value):
    with pytest.raises(ValueError, match="no evidence"):
        evidence_from_json(value)


def test_a_log_line_is_one_line_of_fields(tmp_path):
    world = World(tmp_path)
    evidence = dataclasses.replace(world.evidence(), session='a "b"\nc')
    record = new_record("limit", T0, origin="a", target="b", outcome="switched", detail="x\ny", trigger=evidence)
    record["sessions"].append(session_row({"name": "main", "token": "never"}))
    line = log_line(record)
    assert "\n" not in line
    assert "reason=limit outcome=switched from=a to=b limit=five_hour" in line
    assert "session=\"a 'b' c\" sessions=1" in line
    assert 'detail="x y"' in line
    assert list(record["sessions"][0]) == ["name", "uuid", "method", "result", "seconds"]
    assert is_record(record)
    assert is_record({**record, "of a newer version": 1})
    assert not is_record({"id": 1})


@pytest.mark.parametrize(
    "values",
    [
        {"time": "x"},
        {"time": None},
        {"time": "2026-11-22T20:00:00"},
        {"time": "0001-01-01T00:00:00+23:00"},
        {"id": 1},
        {"outcome": None},
        {"detail": 5},
        {"limit": {}},
        {"to_account": 3},
        {"sessions": None},
        {"sessions": [1]},
        {"sessions": [{}]},
        {"sessions": [{"name": ["main"]}]},
        {"seconds": "1"},
        {"seconds": float("nan")},
        {"seconds": 10**400},
    ],
)
def test_what_lacks_something_that_is_read_later_is_no_record(values):
    record = new_record("limit", T0, origin="a", target="b", outcome="switched")
    assert is_record(record)
    assert not is_record({**record, **values})


@pytest.mark.parametrize(
    ("reason", "source"),
    [("manual", "manual"), ("external", "manual"), ("proactive", "statusline"), ("failback", None)],
)
def test_what_was_not_triggered_by_a_sighting_has_its_own_source(reason, source):
    record = new_record(reason, T0, origin="a", target="b", outcome="switched")
    assert record["source"] == source


# -- usage ---------------------------------------------------------------------------------------------------------


def window(percent, reset):
    return {"used_percentage": percent, "resets_at": None if reset is None else (T0 + minutes(reset)).timestamp()}


def test_usage_is_kept_by_window_until_it_begins_anew(tmp_path):
    usage = Usage(Store(str(tmp_path)))
    assert usage.record("a", {"five_hour": window(92, 30), "seven_day": window(40, 900), "other": window(7, None)})
    assert not usage.record("a", {"five_hour": window(92, 30)})
    again = Usage(Store(str(tmp_path)))
    assert again.percent("a", T0) == {"five_hour": 92, "seven_day": 40, "other": 7}
    assert again.percent("a", T0 + minutes(30)) == {"seven_day": 40, "other": 7}
    assert again.next_reset("a", T0 + minutes(30)) == T0 + minutes(900)
    assert again.percent("b", T0) == {}
    assert again.next_reset("b", T0) is None


@pytest.mark.parametrize(
    "figures",
    [
        None,
        [],
        "x",
        {"five_hour": None},
        {"five_hour": {"used_percentage": "92"}},
        {"five_hour": {"used_percentage": True}},
        {"five_hour": {"used_percentage": -1}},
        {"five_hour": {"used_percentage": float("nan")}},
    ],
)
def test_figures_that_make_no_sense_are_passed_over(tmp_path, figures):
    assert not Usage(Store(str(tmp_path))).record("a", figures)


@pytest.mark.parametrize("reset", [True, "soon", 1e300, float("nan"), None])
def test_a_reset_that_makes_no_sense_is_not_known(tmp_path, reset):
    usage = Usage(Store(str(tmp_path)))
    usage.record("a", {"five_hour": {"used_percentage": 5, "resets_at": reset}})
    assert usage.percent("a", T0) == {"five_hour": 5}
    assert usage.next_reset("a", T0) is None


def test_the_figures_of_another_account_are_recognised_by_their_resets(tmp_path):
    usage = Usage(Store(str(tmp_path)))
    usage.record("a", {"five_hour": window(92, 30)})
    assert usage.matches("a", read_windows({"five_hour": window(93, 30)}))
    assert not usage.matches("a", read_windows({"five_hour": window(92, 31)}))
    assert not usage.matches("b", read_windows({"five_hour": window(92, 30)}))
    assert not usage.matches("a", read_windows(None))


# -- refresh locks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "live"), [(0, True), (50, True), (70, False), (-50, True), (-70, False)])
def test_a_lock_is_live_while_it_is_renewed(tmp_path, age, live):
    world = World(tmp_path)
    world.lock_refresh("b", age)
    assert refresh_lock.is_locked(world.home("b")) is live
    assert refresh_lock.locked_home([world.home("a"), world.home("b")]) == (world.home("b") if live else None)
    assert not refresh_lock.is_locked(world.home("a"))
    assert not refresh_lock.is_locked("/no/such/home")


def test_a_home_that_cannot_be_looked_into_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        refresh_lock.is_locked(str(tmp_path / "file"))
