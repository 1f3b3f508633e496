# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of the journal: by a stand-in for ``python3-systemd``, and by the package, with a socket of ours."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from claude_failover.common.log_fields import log_fields
from claude_failover.reporting import systemd_journal
from claude_failover.reporting.log_format import LogFormatter
from claude_failover.reporting.systemd_journal import JournalHandler

DEBIANS_PYTHON = "/usr/bin/python3"
# In a mount namespace of its own. The socket holds what is sent until it is read.
PROGRAM = """
import logging, os, socket, sys
os.makedirs("/run/systemd/journal")
journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journald.bind("/run/systemd/journal/socket")
found = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
from claude_failover.common.log_fields import log_fields
from claude_failover.reporting import log_format
log_format.set_up("debug")
log = logging.getLogger("claude_failover.x")
for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
    log.log(level, "account %s", "a" + chr(10) + "b", extra=log_fields(account="a", limit="weekly", event="switch"))
try:
    raise ValueError("found" + chr(10) + "PRIORITY=7")
except ValueError:
    log.exception("a bug")
os.unlink("/run/systemd/journal/socket")
os.symlink("/dev/null", "/run/systemd/journal/socket")
log.error("not sent")
journald.setblocking(False)
try:
    while True:
        print(journald.recv(65536))
except BlockingIOError:
    pass
"""


class Lines(logging.Handler):
    """Keeps the text of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Journal:
    """A handler with a stand-in for ``systemd.journal.send``."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self.fallback = Lines()
        self._failure = failure
        self.handler = JournalHandler(self._send, self.fallback)
        self.handler.setFormatter(LogFormatter("%(levelname)s %(message)s"))

    def log(self, level: int, text: str, *arguments: object, **fields: str) -> None:
        record = logging.LogRecord("x.y", level, "x.py", 1, text, arguments, None, "do")
        record.__dict__.update(log_fields(**fields))
        self.handler.handle(record)

    def _send(self, message: str, **fields: Any) -> None:
        if self._failure is not None:
            raise self._failure
        self.entries.append({"MESSAGE": message, **fields})


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, "3"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"), (logging.DEBUG, "7")],
)
def test_an_entry_has_its_priority_and_the_name_of_the_program(level: int, priority: str) -> None:
    journal = Journal()
    journal.log(level, "text")
    (entry,) = journal.entries
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]) == (priority, "claude-failover")
    assert (entry["CODE_FILE"], entry["CODE_LINE"], entry["CODE_FUNC"], entry["LOGGER"]) == ("x.py", 1, "do", "x.y")


def test_an_entry_has_the_fields_of_its_record_and_no_other() -> None:
    journal = Journal()
    journal.log(logging.INFO, "text", session="main", account="a", limit="weekly", switch_id="1", event="switch")
    journal.log(logging.INFO, "text", account="a")
    journal.log(logging.INFO, "text")
    assert [{name: value for name, value in entry.items() if "CLAUDE" in name} for entry in journal.entries] == [
        {
            "CLAUDE_SESSION": "main",
            "CLAUDE_ACCOUNT": "a",
            "CLAUDE_LIMIT": "weekly",
            "CLAUDE_SWITCH_ID": "1",
            "CLAUDE_EVENT": "switch",
        },
        {"CLAUDE_ACCOUNT": "a"},
        {},
    ]


def test_foreign_text_is_escaped_and_bounded() -> None:
    journal = Journal()
    journal.log(logging.INFO, "a %s", "b\nERROR c\x1b[2J\ud800", session="x\ny\ud800" + "z" * 10_000)
    (entry,) = journal.entries
    assert entry["MESSAGE"] == r"INFO a b\nERROR c\x1b[2J\ud800"
    assert entry["CLAUDE_SESSION"].startswith(r"x\ny\ud800zzz")
    assert len(entry["CLAUDE_SESSION"]) < 600


@pytest.mark.parametrize("failure", [OSError("no journal"), TypeError("another version"), MemoryError()])
def test_an_entry_that_cannot_be_written_goes_to_standard_error(failure: Exception) -> None:
    journal = Journal(failure)
    journal.log(logging.ERROR, "text", session="main")
    assert journal.fallback.lines == ["text"]


@pytest.mark.parametrize("failure", [ImportError("none"), OSError("libsystemd.so.0"), AttributeError("send")])
def test_a_package_that_cannot_be_loaded_is_missing(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    class Broken(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise failure

    monkeypatch.setitem(sys.modules, "systemd.journal", Broken("systemd.journal"))
    assert systemd_journal.sender(os.devnull) is None


def test_no_entry_is_sent_where_the_socket_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = types.SimpleNamespace(send=print)
    monkeypatch.setitem(sys.modules, "systemd.journal", package)
    assert systemd_journal.sender(str(tmp_path)) is print
    assert systemd_journal.sender(str(tmp_path / "missing")) is None


def has_package() -> bool:
    found = [DEBIANS_PYTHON, "-c", "import systemd.journal"]
    return os.path.exists(DEBIANS_PYTHON) and subprocess.run(found, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(
    not has_package() or not shutil.which("unshare"), reason="SKIPPED, NOT TESTED: no python3-systemd, or no unshare"
)
def test_the_package_sends_the_entries_to_the_journal(tmp_path: Path, python_path: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    inside = 'mount -t tmpfs none /run && exec "$0" "$1"'
    with open(tmp_path / "stderr", "wb") as stderr:
        done = subprocess.run(
            [
                *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside),
                *(DEBIANS_PYTHON, str(tmp_path / "program.py")),
            ],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
        )
    told = (tmp_path / "stderr").read_text(encoding="utf-8")
    if "unshare" in told or "mount" in told:
        pytest.skip(f"SKIPPED, NOT TESTED: no namespace can be made: {told}")
    assert done.returncode == 0, told
    assert told == "<3>ERROR not sent\n"
    *entries, bug = done.stdout.decode().splitlines()
    assert [entry.partition("PRIORITY=")[2][0] for entry in entries] == ["7", "6", "4", "3"]
    for entry in entries:
        for field in ("SYSLOG_IDENTIFIER=claude-failover", "CLAUDE_ACCOUNT=a", "CLAUDE_LIMIT=weekly"):
            assert f"{field}\\n" in entry
        assert r"account a\\nb" in entry
        assert "CLAUDE_SESSION" not in entry
    assert "Traceback" in bug
    assert "PRIORITY=3" in bug
