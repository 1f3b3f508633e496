# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the system at every step of the start, while the daemon runs, and at its end: its exit code."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest
import yaml

from claude_failover import daemon as module
from claude_failover.cli import main as cli
from claude_failover.common import repeated_faults
from claude_failover.common.errors import Refused
from claude_failover.daemon import Daemon
from claude_failover.reporting.metrics import Metrics
from claude_failover.storage.locks import Lock
from claude_failover.tmux.client import Tmux, TmuxGone

PASSING = ("ENOENT", "EROFS", "ENOSPC", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ESTALE", "EBUSY", "EAGAIN")
WRONG = ("EACCES", "EPERM", "ELOOP", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG")
STEPS = (
    "_check_host",
    "_acquire_locks",
    "_validate_shared_links",
    "_ensure_active_link",
    "_build_parts",
    "_recover_switch",
    "_start_control_server",
    "_connect_to_tmux",
    "_ensure_sessions",
    "_start_monitor",
    "_start_failover",
)


def system_error(name):
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), "/some/where")


class Place:
    """A configuration in a folder, and the daemon's command run in this process."""

    def __init__(self, folder):
        self.folder = folder
        self.config = {
            "accounts": [{"name": name, "home": str(folder / f".claude-{name}")} for name in ("one", "two")],
            "active_link": str(folder / ".claude"),
            "shared_root": str(folder / "root"),
            "sessions": [],
            "tmux": {"socket": str(folder / "tmux.sock"), "binary": "/bin/false"},
            "state_dir": str(folder / "state"),
            "control_socket": str(folder / "control.sock"),
        }

    def run(self):
        path = self.folder / "config.yml"
        path.write_text(yaml.safe_dump(self.config))
        return cli.main(["--config", str(path), "run"])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A daemon that is told to stop soon after it is ready."""
    report_ready = Daemon._report_ready

    def brief(self):
        report_ready(self)
        asyncio.get_running_loop().call_later(0.02, self.request_stop)

    async def no_panes(_self):
        raise TmuxGone("no tmux server")

    monkeypatch.setattr(Daemon, "_report_ready", brief)
    monkeypatch.setattr(Tmux, "panes", no_panes)
    monkeypatch.setattr(module, "TMUX_TIMEOUT", 0.01)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    return Place(tmp_path)


def fail(monkeypatch, kind, name, error):
    async def raise_error(*_arguments):
        raise error

    monkeypatch.setattr(kind, name, raise_error)


def test_without_a_fault_it_ends_with_0(place):
    assert place.run() == 0


def test_the_steps_of_this_table_are_those_of_the_start(place, monkeypatch):
    seen = []
    for name in STEPS:
        step = getattr(Daemon, name)

        async def recorded(self, name=name, step=step):
            seen.append(name)
            await step(self)

        monkeypatch.setattr(Daemon, name, recorded)
    assert place.run() == 0
    assert tuple(seen) == STEPS


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("names", "code"), [(PASSING, 75), (WRONG, 1)])
def test_a_fault_at_any_step_of_the_start(place, monkeypatch, capsys, step, names, code):
    for name in names:
        fail(monkeypatch, Daemon, step, system_error(name))
        assert place.run() == code, name
        assert os.strerror(getattr(errno, name)) in capsys.readouterr().err


@pytest.mark.parametrize("name", [*PASSING, *WRONG])
def test_a_fault_in_a_loop_of_the_running_daemon_does_not_end_it(place, monkeypatch, caplog, name):
    monkeypatch.setattr(repeated_faults, "PAUSE", 0.001)
    fail(monkeypatch, Metrics, "run", system_error(name))
    assert place.run() == 0
    assert caplog.text.count(f"metrics: {system_error(name)}; it goes on") == 1


@pytest.mark.parametrize("name", [*PASSING, *WRONG])
def test_a_fault_at_the_end_is_tried_again(place, monkeypatch, name):
    fail(monkeypatch, Tmux, "stop", system_error(name))
    assert place.run() == 75


@pytest.mark.parametrize(
    "first", [Refused("the first error"), system_error("ENOSPC"), RuntimeError("a bug, the first error")]
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what could not be ended is left over
def test_a_fault_at_the_end_does_not_hide_the_first_one(place, monkeypatch, capsys, caplog, first):
    fail(monkeypatch, Daemon, "_ensure_sessions", first)
    fail(monkeypatch, Tmux, "stop", OSError(errno.EMFILE, "Too many open files"))
    assert place.run() == {Refused: 1, OSError: 75, RuntimeError: 70}[type(first)]
    errors = capsys.readouterr().err
    assert "Too many open files" not in errors
    assert "the first error" in errors or "No space left" in errors
    assert "Too many open files" in caplog.text


def test_locks_are_released_whatever_fails_at_the_end(place, monkeypatch):
    fail(monkeypatch, Tmux, "stop", system_error("EIO"))
    assert place.run() == 75
    lock = Lock(os.path.join(place.config["state_dir"], "daemon.lock"))
    lock.acquire()
    lock.release()


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_descriptors_for_the_event_loop_is_tried_again(place, monkeypatch):
    def none_left(*_arguments, **_options):
        raise system_error("EMFILE")

    with monkeypatch.context() as patch:
        patch.setattr(asyncio.events, "new_event_loop", none_left)
        assert place.run() == 75


@pytest.mark.parametrize(("name", "code"), [("EIO", 75), ("EMFILE", 75), ("ENOMEM", 75), ("ENOENT", 2), ("EACCES", 2)])
@pytest.mark.parametrize("file", ["config.yml", "claude-settings.json"])
def test_a_fault_at_reading_the_configuration(place, monkeypatch, capsys, file, name, code):
    (place.folder / "claude-settings.json").write_text("{}")
    opened = os.open

    def broken(path, *arguments, **options):
        if os.path.basename(str(path)) == file and arguments[0] & os.O_ACCMODE == os.O_RDONLY:
            raise system_error(name)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", broken)
    assert place.run() == code
    assert file in capsys.readouterr().err


# -- what is there, and what is missing ------------------------------------------------------------------------------


def make_divergent(place):
    (place.folder / ".claude-one").mkdir()
    os.symlink("/elsewhere", place.folder / ".claude-one" / "projects")


def make_file(name):
    return lambda place: (place.folder / name).write_text("mine")


def make_link(name, text):
    return lambda place: os.symlink(text, place.folder / name)


def hold_lock(place):
    (place.folder / "state").mkdir()
    place.other = Lock(str(place.folder / "state" / "daemon.lock"))
    place.other.acquire()


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (make_divergent, 1),
        (make_file(".claude-two"), 1),
        (make_file("root"), 1),
        (make_file("state"), 1),
        (make_file(".claude"), 1),
        (make_file("control.sock"), 1),
        (make_link(".claude", "/nowhere"), 1),
        (make_link("state", "state"), 1),
        (make_link(".claude.failover.lock", "elsewhere"), 1),
        (lambda place: os.mkfifo(place.folder / ".claude.failover.lock"), 1),
        (lambda place: os.mkdir(place.folder / ".claude.failover.lock"), 1),
        (hold_lock, 1),
        # A link to a disk that is not mounted yet.
        (make_link(".claude-two", "disk/home"), 75),
        (make_link("root", "disk/root"), 75),
        (make_link("state", "disk/state"), 75),
        (lambda place: place.config.update(control_socket=str(place.folder / "run" / "control.sock")), 75),
        (lambda place: place.config.update(active_link=str(place.folder / "home" / ".claude")), 75),
        (lambda place: place.config["accounts"][1].update(home="/proc/home/.claude-two"), 75),
        (lambda place: place.config.update(state_dir="/proc/state"), 75),
        (lambda place: place.config.update(shared_root="/proc/root-of-all"), 75),
    ],
)
def test_what_is_there_and_wrong_is_1_and_what_is_missing_is_75(place, capsys, prepare, code):
    prepare(place)
    assert place.run() == code
    message = capsys.readouterr().err
    assert str(place.folder) in message or "/proc" in message


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_home_that_another_user_may_not_make_is_missing(place):
    """A mount point belongs to root: without its mount, making the home is not allowed."""
    assert place.run() == 0  # every module is imported
    nobody = 65534
    folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        (folder / "mnt").mkdir(0o755)
        elsewhere = Place(folder)
        elsewhere.config["accounts"][0]["home"] = str(folder / "mnt" / "user" / ".claude-one")
        os.chown(folder, nobody, nobody)
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setgid(nobody)
                os.setuid(nobody)
                os._exit(elsewhere.run())
            finally:
                os._exit(70)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 75
    finally:
        shutil.rmtree(folder)


LOOPS = ("registry.json", "switch-journal.json", "switches.jsonl", "flips.json", "failover.json", "tasks")


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("text", ["itself", "nowhere"])
def test_a_link_in_the_place_of_a_state_file_is_set_aside(place, caplog, name, text):
    state = place.folder / "state"
    state.mkdir()
    os.symlink(name if text == "itself" else text, state / name)
    assert place.run() == 0
    (aside,) = [found for found in os.listdir(state) if found.startswith(name) and found.endswith(".set-aside")]
    assert os.readlink(state / aside) == (name if text == "itself" else text)
    assert aside in caplog.text


def test_a_link_to_a_document_elsewhere_is_read(place):
    state = place.folder / "state"
    state.mkdir()
    document = {"version": 1, "data": {"known": "two", "flips": []}}
    (place.folder / "flips.json").write_text(json.dumps(document))
    os.symlink(place.folder / "flips.json", state / "flips.json")
    assert place.run() == 0
    assert [name for name in os.listdir(state) if "set-aside" in name] == []


@pytest.mark.parametrize("folder", ["", "tasks", "settings"])
def test_temporary_files_of_a_kill_are_removed_once_the_locks_are_held(place, folder):
    left = place.folder / "state" / folder / ".registry.json.a_0bcdef"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    hold = Lock(str(place.folder / "state" / "daemon.lock"))
    hold.acquire()
    assert place.run() == 1
    assert left.exists(), "it may be that of the running daemon"
    hold.release()
    assert place.run() == 0
    assert not left.exists()


def test_a_reload_before_the_start_does_not_end_the_daemon(python_path):
    """systemd takes an end by SIGHUP for a clean one."""
    code = (
        "import os, signal, sys\n"
        "from claude_failover.cli import common, main\n"
        "from claude_failover.common.errors import PassingFault\n"
        "def load(_arguments):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    raise PassingFault('reached')\n"
        "common.load_config = load\n"
        "sys.exit(main.main(['run']))\n"
    )
    environment = {"PYTHONPATH": python_path}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (75, "claude-failover: reached\n")
