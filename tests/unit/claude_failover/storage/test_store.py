# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the store, its documents and logs."""

from __future__ import annotations

import errno
import json
import os
import socket

import pytest

from claude_failover.accounts.exhaustion import Exhaustion
from claude_failover.accounts.logins import Logins
from claude_failover.accounts.usage import Usage
from claude_failover.failover.state import FailoverState
from claude_failover.storage import files, reserve
from claude_failover.storage import store as store_module
from claude_failover.storage.store import Store
from claude_failover.switching.flip_log import FlipLog
from claude_failover.switching.journal import Journal


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "state"))


def test_the_folder_is_made_private(store):
    assert os.stat(store.folder).st_mode & 0o777 == 0o700


def test_a_document_comes_back_as_it_was_saved_and_half_an_emoji_replaced(store):
    document = {"é": [1, None, "x\ny", "half an emoji \ud83d, and its escape \\ud83d"]}
    store.save("registry", document)
    assert store.load("registry", {}) == {"é": [1, None, "x\ny", "half an emoji \ufffd, and its escape \\ud83d"]}
    assert os.stat(store.path("registry")).st_mode & 0o777 == 0o600


def test_a_document_with_a_lone_surrogate_is_cured_at_load(store):
    with open(store.path("usage"), "w", encoding="ascii") as stream:
        stream.write('{"version": 1, "data": {"\\ud800": ["\\udfff"]}}')
    assert store.load("usage", {}) == {"\ufffd": ["\ufffd"]}


@pytest.mark.parametrize("data", ["NaN", "1e999", "9" * 5000, "[" * 900 + "]" * 900, '{"a": 1, "a": 2}'])
def test_a_value_that_could_not_be_shown_again_is_foreign(store, data):
    path = store.path("usage")
    with open(path, "w", encoding="ascii") as stream:
        stream.write(f'{{"version": 1, "data": {{"x": {data}}}}}')
    assert store.load("usage", {}) == {}
    assert not os.path.lexists(path)


def test_a_missing_document_is_the_default(store):
    assert store.load("registry", {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read as JSON"),
        (b'{"version": 1, "da', "cannot be read as JSON"),
        (b"\xff\x00\x01", "cannot be read as JSON"),
        (b"[1, 2]", "not a document of this daemon"),
        (b'{"data": {}}', "not a document of this daemon"),
        (b'{"version": 99, "data": {}}', "newer than 1"),
        (b'{"version": 1, "data": [1]}', "a list instead of a dict"),
        (b'{"version": 1}', "a NoneType instead of a dict"),
        (b"[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_an_unusable_document_is_set_aside_and_logged(store, caplog, content, reason):
    with open(store.path("queue"), "wb") as stream:
        stream.write(content)
    assert store.load("queue", {"fresh": True}) == {"fresh": True}
    assert reason in caplog.text
    (aside,) = [name for name in os.listdir(store.folder) if name.endswith(".set-aside")]
    with open(os.path.join(store.folder, aside), "rb") as stream:
        assert stream.read() == content


def asides(store):
    """Return the documents that were set aside, oldest first."""
    names = sorted(name for name in os.listdir(store.folder) if name.endswith(".set-aside"))
    found = []
    for name in names:
        with open(os.path.join(store.folder, name), encoding="utf-8") as stream:
            found.append(json.load(stream)["data"])
    return found


def test_an_invalid_part_is_logged_and_copied_once(store, caplog):
    store.save("queue", {"a": "1", "b": "x", "c": [2]})
    os.utime(store.path("queue"), ns=(1, 1))  # the clock of a quick disk may not have moved on at the next save

    def read():
        return [
            store.read_part("queue", f"the number {key}", int, value) for key, value in store.load("queue", {}).items()
        ]

    assert read() == read() == [1, None, None]
    assert "the number b is invalid" in caplog.text and "the number c is invalid" in caplog.text
    assert asides(store) == [{"a": "1", "b": "x", "c": [2]}]
    store.save("queue", {"a": "1", "b": "y"})
    assert read() == [1, None]
    assert asides(store) == [{"a": "1", "b": "x", "c": [2]}, {"a": "1", "b": "y"}]


def test_a_valid_part_leaves_everything_as_it_is(store, caplog):
    store.save("queue", {"a": "1"})
    assert store.read_part("queue", "the number", int, store.load("queue", {})["a"]) == 1
    assert os.listdir(store.folder) == ["queue.json"]
    assert not caplog.text


def invalid_part(name, data, into):
    return pytest.param(name, data, into, id=f"{name}-{json.dumps(data)}")


MOVE = {"at": "2026-11-22T20:00:00Z", "origin": "a", "target": "b", "reason": "limit"}


@pytest.mark.parametrize(
    ("name", "data", "into"),
    [
        invalid_part("flips", {"known": ["a"], "flips": []}, FlipLog),
        invalid_part("flips", {"known": "a", "flips": {}}, FlipLog),
        invalid_part("flips", {"known": "a", "flips": [{**MOVE, "origin": ["a"]}]}, FlipLog),
        invalid_part("flips", {"known": "a", "flips": [{**MOVE, "target": {}}]}, FlipLog),
        invalid_part("flips", {"known": "a", "flips": [{**MOVE, "at": 7}]}, FlipLog),
        invalid_part("exhaustion", {"limits": []}, Exhaustion),
        invalid_part("exhaustion", {"limits": {"a": 3}}, Exhaustion),
        invalid_part("exhaustion", {"limits": {"a": {"opus": {"until": "soon"}}}}, Exhaustion),
        invalid_part("exhaustion", {"bans": {"a": None}}, Exhaustion),
        invalid_part("failover", {"inbox": [1]}, FailoverState),
        invalid_part("failover", {"inbox": 1}, FailoverState),
        invalid_part("failover", {"held": [{"evidence": {}, "account": "a"}]}, FailoverState),
        invalid_part("failover", {"waiting": {"account": 3}}, FailoverState),
        invalid_part("failover", {"cooldown_until": 7}, FailoverState),
        invalid_part("logins", {"a": "yesterday"}, Logins),
        invalid_part("usage", {"a": 92}, Usage),
        invalid_part("usage", {"a": {"five_hour": {"used_percentage": "much"}}}, Usage),
        invalid_part("switch-journal", {"under_way": {"id": 3}, "open": []}, Journal),
        invalid_part("switch-journal", {"under_way": None, "open": [7]}, Journal),
        invalid_part("switch-journal", {"under_way": None, "open": {}}, Journal),
    ],
)
def test_an_invalid_part_of_a_document_is_copied_before_the_next_save(store, caplog, name, data, into):
    store.save(name, data)
    into(store)
    assert "has an invalid part" in caplog.text
    assert asides(store) == [data]


def test_a_full_disk_does_not_stop_the_reading_of_a_document(store, monkeypatch, caplog):
    store.save("flips", {"known": "b", "flips": [{"at": "nonsense"}, MOVE]})

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    assert FlipLog(store).linked_account == "b"
    assert "cannot be copied aside" in caplog.text


@pytest.mark.parametrize("into", [FlipLog, Exhaustion, FailoverState, Logins, Usage, Journal])
def test_an_empty_document_is_valid(store, caplog, into):
    into(store)
    assert [name for name in os.listdir(store.folder) if name.endswith(".set-aside")] == []
    assert not caplog.text


def test_a_move_whose_account_is_no_text_is_no_move(store):
    store.save("flips", {"known": "b", "flips": [MOVE, {**MOVE, "target": ["c"]}]})
    assert [flip.target for flip in FlipLog(store).all()] == ["b"]


def test_a_folder_in_a_documents_place_is_set_aside_and_logged(store, caplog):
    os.mkdir(store.path("queue"))
    assert store.load("queue", {"fresh": True}) == {"fresh": True}
    assert "is a directory" in caplog.text
    store.save("queue", {})


@pytest.fixture(params=["directory", "FIFO", "socket"])
def stand_in(request):
    """A function that puts something else in place of a file and returns its kind."""

    def put(path):
        if request.param == "directory":
            os.mkdir(path)
        elif request.param == "FIFO":
            os.mkfifo(path)
        else:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
        return request.param

    return put


def test_anything_but_a_file_is_set_aside_without_blocking(store, caplog, stand_in):
    for path in (store.path("queue"), store.log_path("switches")):
        kind = stand_in(path)
        assert store.load("queue", {"fresh": True}) == {"fresh": True}
        assert store.newest_records("switches", 3) == []
        assert f"{path} is a {kind}: set aside" in caplog.text
        assert not os.path.lexists(path)
    store.save("queue", {})
    store.append("switches", {"n": 1})
    assert len([name for name in os.listdir(store.folder) if name.endswith(".set-aside")]) == 2


def test_a_file_in_the_folders_place_is_set_aside_and_logged(tmp_path, caplog):
    (tmp_path / "tasks").write_text("mine")
    Store(str(tmp_path / "tasks")).save("a", {})
    (aside,) = tmp_path.glob("tasks.*.set-aside")
    assert aside.read_text() == "mine"
    assert "is not a folder" in caplog.text


def test_a_failed_save_leaves_the_old_document_and_no_litter(store, monkeypatch):
    store.save("queue", {"old": 1})

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        store.save("queue", {"new": 2})
    assert caught.value.filename == store.path("queue")
    monkeypatch.undo()
    assert store.load("queue", {}) == {"old": 1}
    assert os.listdir(store.folder) == ["queue.json"]


def test_a_log_is_read_newest_first_and_bounded(store):
    for number in range(5):
        store.append("switches", {"n": number})
    assert [row["n"] for row in store.newest_records("switches", 3)] == [4, 3, 2]
    assert store.newest_records("nothing", 3) == []


def test_a_record_is_found_by_its_id_in_the_last_lines_of_a_log(store, monkeypatch):
    for number in range(5):
        store.append("switches", {"id": f"r{number}", "of": f"r{number - 1}"})
    store.append("switches", {"id": 7, "text": '"r0"'})
    assert [store.holds("switches", f"r{number}", 5) for number in range(6)] == [False, True, True, True, True, False]
    assert not store.holds("nothing", "r1", 5)
    parsed = []
    monkeypatch.setattr(store_module, "_record", lambda line: parsed.append(line) or json.loads(line))
    assert store.holds("switches", "r4", 5)
    assert len(parsed) == 1, "what cannot be it is not parsed"


def test_a_torn_line_does_not_affect_the_others(store):
    store.append("switches", {"n": 1})
    with open(store.log_path("switches"), "ab") as stream:
        stream.write(b'{"n": 2, "to')
    store.append("switches", {"n": 3})
    assert [row["n"] for row in store.newest_records("switches", 9)] == [3, 1]
    with open(store.log_path("switches"), "rb") as stream:
        assert b'{"n": 2, "to\n' in stream.read()


def test_invalid_lines_are_skipped_and_logged_once(store, caplog):
    with open(store.log_path("switches"), "w", encoding="utf-8") as stream:
        stream.write('{"n": 1}\n{"n": 2, "to\n[3]\n{"n": NaN}\n{"m": 5}\n{"n": 6}\n')
    for _time in range(2):
        assert store.newest_records("switches", 2, lambda row: "n" in row) == [{"n": 6}, {"n": 1}]
    assert caplog.text.count("skipped lines") == 1
    assert "this daemon: 4" in caplog.text


def broken_disk(descriptor):
    raise OSError(errno.EIO, "EIO")


def test_a_half_written_line_is_taken_back(tmp_path, monkeypatch):
    path = str(tmp_path / "log")
    files.append_line(path, "one")
    monkeypatch.setattr(files.os, "fsync", broken_disk)
    with pytest.raises(OSError, match="EIO"):
        files.append_line(path, "two")
    monkeypatch.undo()
    with open(path, encoding="utf-8") as stream:
        assert stream.read() == "one\n"


def test_a_line_break_is_refused(tmp_path):
    with pytest.raises(ValueError, match="line break"):
        files.append_line(str(tmp_path / "log"), "a\nb")
    assert not os.path.exists(tmp_path / "log")


def test_a_log_is_not_followed_through_a_link(tmp_path):
    (tmp_path / "elsewhere").write_text("theirs")
    os.symlink(tmp_path / "elsewhere", tmp_path / "log")
    with pytest.raises(OSError, match="is a symlink"):
        files.append_line(str(tmp_path / "log"), "x")
    assert (tmp_path / "elsewhere").read_text() == "theirs"


def test_what_is_saved_is_json_that_a_person_can_read(store):
    store.save("registry", {"main": {"uuid": "u"}})
    with open(store.path("registry"), encoding="utf-8") as stream:
        text = stream.read()
    assert json.loads(text) == {"version": 1, "data": {"main": {"uuid": "u"}}}
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 3


def test_a_reserved_document_outlives_a_kill_on_a_full_disk(tmp_path, monkeypatch, caplog):
    def full(path, *_arguments):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    def start():
        store = Store(str(tmp_path))
        store.reserve("prompts")
        return store

    store = start()
    store.save("prompts", {"main": 1})
    with monkeypatch.context() as patch:
        patch.setattr("claude_failover.storage.store.write_atomic", full)
        store.keep("prompts", lambda: {"main": 2})
        assert list(store.unsaved.problems) == ["prompts"]
        assert start().load("prompts", {}) == {"main": 2}
        store = start()
        store.keep("prompts", dict)
        assert start().load("prompts", {"other": 1}) == {}
    store = start()
    store.save("prompts", {"main": 3})
    assert start().load("prompts", {}) == {"main": 3}
    assert (tmp_path / "prompts.reserve").stat().st_size == reserve.SIZE
    assert "going on from what was stored in its reserve" in caplog.text


def test_a_kill_before_the_reserve_is_cleared_leaves_the_newer_document(tmp_path, monkeypatch):
    """Its reserve still holds an older one; for prompts that would be one prompt more."""

    class Killed(BaseException):
        pass

    def kill(*_arguments):
        raise Killed

    def full(path, *_arguments):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    def start():
        store = Store(str(tmp_path))
        store.reserve("prompts")
        return store, store.load("prompts", {})

    store, _found = start()
    store.save("prompts", {"main": 1})
    with monkeypatch.context() as patch:
        patch.setattr("claude_failover.storage.store.write_atomic", full)
        store.keep("prompts", lambda: {"main": 2})
    with monkeypatch.context() as patch:
        patch.setattr("claude_failover.storage.reserve.Reserve.clear", kill)
        with pytest.raises(Killed):
            store.save("prompts", {"main": 3})
    store, found = start()
    assert found == {"main": 3}
    with monkeypatch.context() as patch:
        patch.setattr("claude_failover.storage.store.write_atomic", full)
        store.keep("prompts", lambda: {"main": 4})
    assert start()[1] == {"main": 4}


def test_what_a_host_with_many_sessions_has_to_keep_finds_room_on_a_full_disk(tmp_path, monkeypatch):
    def full(path, *_arguments):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    counts = {f"pool-{number}": {"counts": {"compte1": 3}, "spent": "x" * 150} for number in range(200)}
    store = Store(str(tmp_path))
    store.reserve("prompts")
    monkeypatch.setattr("claude_failover.storage.store.write_atomic", full)
    store.keep("prompts", lambda: counts)
    store = Store(str(tmp_path))
    store.reserve("prompts")
    assert store.load("prompts", {}) == counts


@pytest.mark.parametrize("held", [16 << 10, 16 << 10 | 100])
def test_on_a_full_disk_a_smaller_reserve_is_used_as_it_is(tmp_path, monkeypatch, held):
    """An older release has made it, and this one is installed while the disk is full."""

    def full(path, *_arguments):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    (tmp_path / "prompts.reserve").write_bytes(json.dumps({"version": 1, "data": {"main": 2}}).encode().ljust(held))
    monkeypatch.setattr("claude_failover.storage.store.write_atomic", full)
    monkeypatch.setattr("claude_failover.storage.reserve.os.pwrite", full_beyond(held))
    store = Store(str(tmp_path))
    store.reserve("prompts")
    assert store.load("prompts", {}) == {"main": 2}
    store.keep("prompts", lambda: {"main": 3})
    store.keep("prompts", lambda: {"main": "x" * held})  # for which there is no room
    store = Store(str(tmp_path))
    store.reserve("prompts")
    assert store.load("prompts", {}) == {"main": 3}
    assert (tmp_path / "prompts.reserve").stat().st_size == held


def full_beyond(end):
    def pwrite(descriptor, data, offset):
        if offset >= end:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_pwrite(descriptor, data, offset)

    real_pwrite = os.pwrite
    return pwrite


def test_the_reserve_of_an_older_release_counts(tmp_path):
    """It was written when the disk refused the document; neither has a number."""
    for name, count in (("prompts.json", 1), ("prompts.reserve", 2)):
        (tmp_path / name).write_text(json.dumps({"version": 1, "data": {"main": count}}))
    store = Store(str(tmp_path))
    store.reserve("prompts")
    assert store.load("prompts", {}) == {"main": 2}


@pytest.mark.parametrize("found", [b"", b'{"version": 1, "da', b'{"version": 2, "data": {}}', b"[]", b"\0" * 100])
def test_a_reserve_that_holds_no_document_is_none(tmp_path, found):
    store = Store(str(tmp_path))
    store.save("prompts", {"main": 1})
    (tmp_path / "prompts.reserve").write_bytes(found)
    store.reserve("prompts")
    assert store.load("prompts", {}) == {"main": 1}


def test_something_else_in_the_place_of_a_reserve_stays(tmp_path, caplog):
    (tmp_path / "prompts.reserve").mkdir()
    store = Store(str(tmp_path))
    store.reserve("prompts")
    store.save("prompts", {"main": 1})
    assert store.load("prompts", {}) == {"main": 1}
    assert "no room can be held for the document prompts" in caplog.text


def test_a_document_that_may_not_be_read_is_told_with_what_mends_it_and_stays(tmp_path, monkeypatch):
    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    store = Store(str(tmp_path))
    store.save("flips", {})
    (tmp_path / "flips.json").chmod(0)
    monkeypatch.setattr("claude_failover.storage.store.read_regular", forbidden)  # root may read everything
    with pytest.raises(PermissionError, match=r"mode 0000; expected a file of the user .* Give it back"):
        store.load("flips", {})
    assert os.listdir(tmp_path) == ["flips.json"]


@pytest.mark.parametrize("number", [(1 << 64) - 1, 1 << 53, -1, True, "1"])
def test_a_number_that_no_writes_have_counted_makes_no_document_that_cannot_be_read(tmp_path, number):
    (tmp_path / "prompts.json").write_text(json.dumps({"version": 1, "number": number, "data": {"main": 1}}))

    def start():
        store = Store(str(tmp_path))
        store.reserve("prompts")
        return store, store.load("prompts", {})

    store, found = start()
    assert found == {"main": 1}
    store.save("prompts", {"main": 2})
    assert start()[1] == {"main": 2}
