# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the retry of writes that failed."""

from __future__ import annotations

import pytest

from claude_failover.storage.pending_writes import PendingWrites


class Disk:
    """A document that is written from memory, and refused while ``full``."""

    def __init__(self) -> None:
        self.full = False
        self.memory = self.stored = 0

    def write(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.stored = self.memory


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_a_retry_writes_the_current_state(disk: Disk) -> None:
    pending = PendingWrites()
    disk.full, disk.memory = True, 1
    pending.attempt("queue", disk.write)
    disk.memory = 2
    pending.retry()
    assert disk.stored == 0
    disk.full = False
    pending.retry()
    assert disk.stored == 2
    disk.memory = 3
    pending.flush()
    assert disk.stored == 2, "nothing was pending"


def test_a_write_and_a_flush_raise_and_stay_pending(disk: Disk) -> None:
    pending = PendingWrites()
    disk.full, disk.memory = True, 1
    with pytest.raises(OSError, match="No space left"):
        pending.write("queue", disk.write)
    with pytest.raises(OSError, match="No space left"):
        pending.flush()
    disk.full = False
    pending.flush()
    assert disk.stored == 1


def test_a_failure_is_logged_once_until_it_is_over(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pending = PendingWrites()
    for _outage in range(2):
        disk.full = True
        for _try in range(3):
            pending.attempt("queue", disk.write)
        disk.full = False
        pending.attempt("queue", disk.write)
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 4
    assert texts[:2] == texts[2:]
    assert texts[0].startswith("queue: cannot be stored, kept in memory and retried: ")
    assert texts[1] == "queue: stored again"


def test_a_discarded_write_is_not_retried(disk: Disk) -> None:
    pending = PendingWrites()
    disk.full, disk.memory = True, 1
    pending.attempt("queue", disk.write)
    pending.discard("queue")
    disk.full = False
    pending.flush()
    assert disk.stored == 0


def test_what_an_earlier_write_discards_is_not_written_by_the_same_flush(disk: Disk) -> None:
    pending = PendingWrites()
    disk.full = True
    other = Disk()
    other.full = True

    def write_and_discard() -> None:
        disk.write()
        pending.discard("other")

    pending.attempt("first", write_and_discard)
    pending.attempt("other", other.write)
    disk.full, other.full, other.memory = False, False, 1
    pending.flush()
    assert other.stored == 0


def test_what_is_lost_at_the_end_is_logged(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    pending = PendingWrites()
    disk.full = True
    pending.attempt("one", disk.write)
    caplog.clear()
    pending.close()
    assert "one: not stored, and lost with this process" in caplog.text
    caplog.clear()
    disk.full = False
    pending.close()
    assert "lost" not in caplog.text
