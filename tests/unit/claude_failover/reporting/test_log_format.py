# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's log."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from claude_failover.reporting.log_format import MAX_MESSAGE, LogFormatter

FORGED = "x\nERROR everything is lost\x1b[2J\u202e\ud800\r\x85y"
PROGRAM = """
import logging
from claude_failover.reporting import log_format
log_format.set_up()
logging.getLogger("x").warning("cannot read %s", chr(10).join(["a", "ERROR b"]) + chr(27) + chr(0xd800))
try:
    raise ValueError("found" + chr(10) + "ERROR c" + chr(0x202e))
except ValueError:
    logging.getLogger("x").exception("a bug")
"""


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.WARNING, "x.py", 1, "cannot read %s", (text,), None)


def test_a_name_begins_no_line_and_sends_no_escape() -> None:
    line = LogFormatter("%(levelname)s %(message)s").format(record(FORGED))
    assert line == r"WARNING cannot read x\nERROR everything is lost\x1b[2J\u202e\ud800\r\x85y"


def test_a_line_is_bounded() -> None:
    assert len(LogFormatter("%(message)s").format(record("x" * 10_000_000))) == MAX_MESSAGE


@pytest.mark.parametrize("journal", [True, False])
def test_every_line_of_the_log_is_a_record_or_an_indented_line_of_a_traceback(python_path: str, journal: bool) -> None:
    environment = {"PYTHONPATH": python_path, **({"JOURNAL_STREAM": "8:1"} if journal else {})}
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, env=environment, check=True)
    first, second, *rest = done.stderr.decode().splitlines()
    assert first.endswith(r"WARNING cannot read a\nERROR b\x1b\ud800")
    assert second.endswith("ERROR a bug")
    assert first.startswith("WARNING") == journal
    assert rest[0].startswith("  Traceback")
    assert all(line.startswith("  ") for line in rest)
    assert rest[-2:] == ["  ValueError: found", r"  ERROR c\u202e"]
