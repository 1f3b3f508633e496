# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation that meets a kill, or an error of the disk, at each of its steps."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from ansible_collections.secuaas.claude.plugins.module_utils._release_record import read_record
from release_host import Host, sources


@pytest.fixture
def host(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(base, monkeypatch, capsys)


STEPS = frozenset(
    {
        "open",
        "os.chmod",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.utime",
        "shutil.rmtree",
        "subprocess.Popen",
        "tempfile.mkdtemp",
        "tempfile.mkstemp",
    }
)


#: How a run ended that met its fault, or not.
DONE, TOLD, KILLED = 0, 3, -signal.SIGKILL


def run_with_fault(host: Host, fault: str, step: int, **arguments: Any) -> int:
    """Run the module in a child that meets a fault right before its ``step``-th change; return how it ended.

    ``kill`` is SIGKILL; an error (``EIO``) is met by that change and all later ones, as of a disk that stays as it is.
    """
    child = os.fork()
    if child == 0:  # pragma: no cover
        count = 0

        def hook(event: str, parameters: tuple[Any, ...]) -> None:
            nonlocal count
            if event not in STEPS or (event == "open" and not int(parameters[2] or 0) & (os.O_WRONLY | os.O_RDWR)):
                return
            # Only what happens to the host counts: Python's own files do not.
            ours = any(str(parameter).startswith(host.folder) for parameter in parameters)
            if event.startswith(("open", "os.")) and not ours:
                return
            count += 1
            if fault == "kill" and count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            if fault != "kill" and count >= step and ours:
                number = getattr(errno, fault)
                raise OSError(number, os.strerror(number), str(parameters[0]))

        code = 1
        try:
            sys.addaudithook(hook)
            result = host.run(**arguments)
            if not result.get("failed"):
                code = DONE
            elif os.strerror(getattr(errno, fault)) in result["msg"]:
                code = TOLD
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Picture:
    """A host's folder as it is now: to put it back, and to compare others with."""

    def __init__(self, host: Host, copy: Path) -> None:
        self._folder, self._copy = host.folder, copy
        shutil.copytree(self._folder, self._copy, symlinks=True)

    def put_back(self) -> None:
        """Make the folder what it was."""
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder, symlinks=True)


def contents(host: Host) -> dict[str, tuple[Any, ...]]:
    """Return mode, owner and content of every file of the host, by its path.

    Without the files that were to take the place of those beside them: a kill leaves them.
    """
    return {
        path: (status[0], status[1], status[-1])
        for path, status in host.tree().items()
        if os.path.dirname(path) == host.layout.releases or not re.fullmatch(r"\..+\.\w{8}", os.path.basename(path))
    }


@pytest.mark.parametrize("fault", ["kill", "EIO"])
def test_a_rollback_that_meets_a_fault_is_finished_by_the_next_one(host: Host, tmp_path: Path, fault: str) -> None:
    configurations = {"1.0.0": "good, old\n", "2.0.0": "good, new\n"}
    names = {version: host.run(version=version, config=text)["release"] for version, text in configurations.items()}
    before = Picture(host, tmp_path / "picture")
    for step in range(1, 500):
        before.put_back()
        ended = run_with_fault(host, fault, step, state="rolled_back")
        assert ended in (DONE, KILLED if fault == "kill" else TOLD), f"step {step}"
        current = store.read_current(host.layout)
        assert current in names.values()
        with open(host.config, encoding="utf-8") as file:
            assert file.read() in configurations.values()
        host.run(state="rolled_back")
        assert store.read_current(host.layout) == names["1.0.0"], f"step {step}"
        with open(host.config, encoding="utf-8") as file:
            assert file.read() == configurations["1.0.0"], f"step {step}"
        if ended == DONE:
            assert step > 5, "fewer steps than a rollback has: the hook counts too little"
            return
    pytest.fail("the rollback did not end within 500 steps")


@pytest.mark.parametrize("fault", ["kill", "EIO", "ENOSPC", "EROFS"])
def test_a_fault_at_any_step_leaves_the_old_release_or_the_new_one_and_the_next_run_mends(
    host: Host, tmp_path: Path, fault: str
) -> None:
    old = host.run(config="good, old\n")
    before = Picture(host, tmp_path / "picture")
    assert host.run(version="2.0.0", config="good, new\n")["changed"] is True
    installed = contents(host)
    # The release does not become ready: it is taken back.
    assert host.run(state="undone")["release"] == old["release"]
    with open(host.config, encoding="utf-8") as file:
        assert file.read() == "good, old\n"
    every = 1 if fault == "kill" or os.environ.get("FAULTS") == "all" else 4
    for step in range(1, 500, every):
        before.put_back()
        ended = run_with_fault(host, fault, step, version="2.0.0", config="good, new\n")
        assert ended in (DONE, KILLED if fault == "kill" else TOLD), f"step {step}"
        current = store.read_current(host.layout)
        assert current is not None
        version = current.split("-")[0]
        assert version in ("1.0.0", "2.0.0")
        # The link never leads to a release from which there is no way back.
        record = read_record(host.layout, current)
        assert record is not None
        if version == "2.0.0":
            assert record.replaced is not None, f"step {step}"
            assert record.replaced.release == old["release"]
        assert store.verify(host.layout.folder(current), sources(version), host.layout.python) == []
        with open(host.config, encoding="utf-8") as file:
            assert file.read() in ("good, old\n", "good, new\n")
        assert os.access(host.launcher, os.X_OK)
        assert host.run(version="2.0.0", config="good, new\n")["path"].split("/")[-1].startswith("2.0.0-")
        assert host.run(version="2.0.0", config="good, new\n")["changed"] is False
        assert contents(host) == installed, f"step {step}: from here all is as without a fault"
        if ended == DONE:
            assert step > 20, "fewer steps than an installation has: the hook counts too little"
            return
    pytest.fail("the installation did not end within 500 steps")
