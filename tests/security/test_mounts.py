# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions' user mounts a file system of its own (FUSE) that never answers, where root touches the user's folders.

The mounts are made in a mount namespace of the test's own, with the options that fusermount gives them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust, _run_as, shared_symlinks
from user_host import DEADLINE, UserHost, become, needs_root

from claude_failover.cli import main, other_user

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
pytestmark = [
    needs_root,
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="SKIPPED, NOT TESTED: there is no /dev/fuse"),
]
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x20000, 2, 4, 0x4000, 1 << 18
FUSE_INIT = 26
BOUND = 2.0  # seconds that a process of the user's may hold root up here


def call(function: str, *arguments: object) -> None:
    if getattr(LIBC, function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")


def serve_nothing(device: int) -> None:
    """Accept a mount (linux/fuse.h), then take every request and answer none."""
    while True:
        request = os.read(device, 1 << 17)
        length, opcode, unique = struct.unpack_from("=IIQ", request)
        if opcode == FUSE_INIT:
            body = struct.pack("=IIIIHHI", 7, 31, 0, 0, 12, 9, 4096) + bytes(36)
            os.write(device, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)
        assert length


def mount_of_the_users(host: UserHost, place: str) -> int:
    """Mount the file system as the sessions' user; return the process that serves it."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={host.user.pw_uid},group_id={host.user.pw_gid}"
    call("mount", b"planted", place.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode())
    pid = os.fork()
    if pid == 0:
        try:
            become(host.user)()
            serve_nothing(device)
        finally:
            os._exit(1)
    os.close(device)
    return pid


def beside_the_mount(host: UserHost, place: str, work: Callable[[], object]) -> None:
    """Do ``work`` as root in a mount namespace in which the user's file system is at ``place``."""
    pid = os.fork()
    if pid == 0:
        server, code = 0, 1
        try:
            call("unshare", CLONE_NEWNS)
            call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
            server = mount_of_the_users(host, place)
            _run_as.DEADLINE = BOUND
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            if server:
                os.kill(server, signal.SIGKILL)
            os._exit(code)
    end = time.monotonic() + DEADLINE
    while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError("root is held up by a file system of the user's")
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(found[1]) == 0


def make_links(host: UserHost) -> None:
    links = shared_symlinks.required_shared(host.home)
    with pytest.raises(shared_symlinks.SharedSymlinkError, match=f"did not end within {BOUND:g} s and was killed"):
        shared_symlinks.validate_all(host.homes, links, owner=host.user.pw_name)


def seed_trust(host: UserHost) -> None:
    with pytest.raises(_run_as.RunAsError, match=f"did not end within {BOUND:g} s and was killed"):
        _run_as.run_as(host.user, lambda: _account_trust.seed(host.homes, ["/srv"], host.path("home", ".claude")))


def command(*words: str) -> Callable[[UserHost], None]:
    def run(host: UserHost) -> None:
        assert main.main(["--config", host.config, *words]) == 1

    return run


WORK: dict[str, Callable[[UserHost], None]] = {
    "claude_shared_symlinks": make_links,
    "claude_failover_trust": seed_trust,
    "validate": command("validate"),
    "validate --strict": command("validate", "--strict"),
    "login": command("login", "a"),
    "run": command("run"),
}


@pytest.mark.parametrize("work", WORK)
def test_a_home_that_never_answers_holds_root_up_for_a_bounded_time(host: UserHost, work: str) -> None:
    os.mkdir(host.homes[0])
    beside_the_mount(host, host.homes[0], lambda: WORK[work](host))


@pytest.mark.parametrize("words", [("status",), ("sessions",)])
def test_a_socket_folder_that_never_answers_holds_root_up_for_a_bounded_time(
    host: UserHost, words: tuple[str, ...]
) -> None:
    beside_the_mount(host, host.run_folder, lambda: command(*words)(host))


def test_a_path_that_never_answers_ends_a_provisioning_in_plain_words(
    host: UserHost, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("next_steps", f"{ROOT}/playbooks/provision/next_steps.py")
    assert spec is not None and spec.loader is not None
    next_steps = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(next_steps)
    programs = host.make("programs", host.user)
    monkeypatch.setattr(other_user, "session_path", lambda _home: programs)

    def work() -> None:
        for line in next_steps.steps(host.config, systemd=True):
            print(line, file=sys.stderr)

    beside_the_mount(host, programs, work)
    told = capfd.readouterr().err
    assert f"did not end within {BOUND:g} s and was killed" in told
    assert "login b" in told
