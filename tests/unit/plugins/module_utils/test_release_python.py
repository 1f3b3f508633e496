# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of a release: its answer, its environment, and its end in time."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.secuaas.claude.plugins.module_utils._release_python import run_program

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning", "error::ResourceWarning")

DEADLINE = 20.0


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def test_the_answer_of_a_program_is_its_exit_code_and_both_outputs() -> None:
    code = "import sys; text = sys.stdin.read(); print(text.upper()); print('oops', file=sys.stderr); sys.exit(3)"
    assert run_program(python(code), b"config: 1\n", DEADLINE) == (3, "CONFIG: 1", "oops")


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert run_program(python(r"import os; os.write(1, b'a\xff')"), b"", DEADLINE) == (0, "a\ufffd", "")


def test_a_program_gets_the_environment_of_a_unit_and_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "planted")
    code = (
        "import json, os\n"
        "own = os.getsid(0) == os.getpid()\n"
        "print(json.dumps([dict(os.environ), os.getcwd(), own, os.read(0, 1).decode()]))"
    )
    _code, out, _err = run_program(python(code), b"", DEADLINE)
    environment, folder, own_session, text = json.loads(out)
    assert sorted(environment) == ["LC_ALL", "PATH"]
    assert (folder, own_session, text) == ("/", True, "")


def test_a_program_that_reads_nothing_of_a_long_text_still_answers() -> None:
    assert run_program(python("print('done')"), b"x" * (1 << 20), DEADLINE) == (0, "done", "")


def test_a_long_answer_is_read_whole() -> None:
    code, out, _err = run_program(python("print('y' * (1 << 20))"), b"", DEADLINE)
    assert (code, len(out)) == (0, 1 << 20)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ReleaseError, match=r"/no/such/python cannot be started: .*No such file"):
        run_program(["/no/such/python"], b"", DEADLINE)


def test_a_program_that_a_signal_ends_has_not_succeeded() -> None:
    assert run_program(python("import os; os.kill(os.getpid(), 9)"), b"", DEADLINE)[0] == -9


def test_the_exit_code_is_known_where_ended_children_are_ignored() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert run_program(python("raise SystemExit(3)"), b"", DEADLINE)[0] == 3
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("own_session", [False, True], ids=["of its group", "of a session of its own"])
def test_a_program_that_does_not_end_is_ended(tmp_path: Path, own_session: bool) -> None:
    """Also where a process that it has started keeps its outputs open; one of its group is ended too."""
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen(['sleep', '20'], start_new_session={own_session})\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write('%d %d' % (os.getpid(), child.pid))\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(pids)!r})\n"
        "time.sleep(20)"
    )
    before = time.monotonic()
    with pytest.raises(ReleaseError, match=r"did not end within 1\.5 s"):
        run_program(python(code), b"", 1.5)
    assert time.monotonic() - before < 10
    program, child = (int(word) for word in pids.read_text().split())
    assert has_ended(program)
    if own_session:
        os.kill(child, 9)
    else:
        assert has_ended(child)


def has_ended(pid: int) -> bool:
    """Return whether a process ends within the deadline; one that nobody has waited for has ended too."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False
