# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's log."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from claude_failover.reporting import log_format
from claude_failover.reporting.log_format import MAX_MESSAGE, LogFormatter

FORGED = "x\nERROR everything is lost\x1b[2J\u202e\ud800\r\x85y"
PROGRAM = """
import logging, sys
sys.modules["systemd.journal"] = None  # importing it is an ImportError
from claude_failover.reporting import log_format
log_format.set_up("info")
log = logging.getLogger("x")
log.warning("cannot read %s", chr(10).join(["a", "ERROR b"]) + chr(27) + chr(0xd800))
try:
    raise ValueError("found" + chr(10) + "ERROR c" + chr(0x202e))
except ValueError:
    log.exception("a bug")
log.debug("not written")
log_format.set_level("debug")
log.debug("written")
log_format.set_level("error")
log.warning("not written")
"""


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.WARNING, "x.py", 1, "cannot read %s", (text,), None)


def run(python_path: str, journal: str) -> list[str]:
    """Return the lines of the program's log; ``journal`` is JOURNAL_STREAM, in which ``{}`` is its standard error."""
    reader, writer = os.pipe()
    found = os.fstat(writer)
    environment = {"PYTHONPATH": python_path, "JOURNAL_STREAM": journal.format(f"{found.st_dev}:{found.st_ino}")}
    with open(reader, encoding="utf-8") as stream:
        with open(writer, "wb") as end:
            subprocess.run([sys.executable, "-c", PROGRAM], stderr=end, env=environment, check=True)
        return stream.read().splitlines()


def test_a_name_begins_no_line_and_sends_no_escape() -> None:
    line = LogFormatter("%(levelname)s %(message)s").format(record(FORGED))
    assert line == r"WARNING cannot read x\nERROR everything is lost\x1b[2J\u202e\ud800\r\x85y"


def test_a_line_is_bounded() -> None:
    assert len(LogFormatter("%(message)s").format(record("x" * 10_000_000))) == MAX_MESSAGE


# A process in a session of tmux inherits the variable, and has a terminal.
@pytest.mark.parametrize("journal", ["", "8:1", "8", "{}0", "x:y"])
def test_every_line_of_the_log_is_a_record_or_an_indented_line_of_a_traceback(python_path: str, journal: str) -> None:
    first, second, *rest = run(python_path, journal)
    assert first.endswith(r" WARNING cannot read a\nERROR b\x1b\ud800")
    assert first[:2] == "20", "the time"
    assert second.endswith("ERROR a bug")
    assert rest[0].startswith("  Traceback")
    assert all(line.startswith("  ") for line in rest[:-1])
    assert rest[-3:-1] == ["  ValueError: found", r"  ERROR c\u202e"]
    assert rest[-1].endswith(" DEBUG written")


def test_every_line_has_its_priority_where_the_package_is_missing(python_path: str) -> None:
    missing, first, second, *rest, last = run(python_path, "{}")
    assert missing.startswith("<6>INFO the journal gets no fields CLAUDE_*: python3-systemd is not installed")
    assert first == r"<4>WARNING cannot read a\nERROR b\x1b\ud800"
    assert second == "<3>ERROR a bug"
    assert rest[0].startswith("<3>  Traceback")
    assert all(line.startswith("<3>  ") for line in rest)
    assert last == "<7>DEBUG written"


def test_a_level_is_that_of_the_configuration() -> None:
    root = logging.getLogger()
    before = root.level
    try:
        for name in ("debug", "info", "warning", "error"):
            log_format.set_level(name)
            assert logging.getLevelName(root.level) == name.upper()
    finally:
        root.setLevel(before)
