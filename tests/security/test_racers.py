# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions' user swaps folders for links while root works, at each place where root touches the user's folders."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import import_path
import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import (
    _account_trust,
    _adopt_run,
    control_client,
    shared_symlinks,
)
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError, run_as
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import DEADLINE, SESSIONS_USER, UserHost, become, needs_root, script_of

from claude_failover.cli import main

pytestmark = needs_root
NEXT_STEPS = os.path.join(import_path.ROOT, "playbooks", "provision", "next_steps.py")
LEAST_RUNS = 25
LEAST_LOOKS = 10
LEAST_SECONDS = 1.5
LEAST_STEPS = 100
PAUSE = 0.02  # seconds between two swaps, of the order of a run


def places_of(host: UserHost) -> list[str]:
    folders = [f".claude-{name}-shared" for name in host.links]
    return [*host.homes, *(host.path("home", name) for name in (*folders, "own-files")), host.tmux]


def make_folders(host: UserHost, top: str) -> None:
    for place in places_of(host):
        os.makedirs(os.path.join(top, os.path.basename(place)))


def swap_for_ever(host: UserHost) -> None:
    """Lead each place by turns to a folder of root's and to one of the user's own."""
    own = host.path("home", "own")
    make_folders(host, own)
    while True:
        for top in (host.roots, own):
            for place in places_of(host):
                os.symlink(os.path.join(top, os.path.basename(place)), f"{place}.next")
                os.rename(f"{place}.next", place)


@contextlib.contextmanager
def user_at_work(host: UserHost, work: Callable[[UserHost], None]) -> Iterator[None]:
    """Have the host's user do something for ever, until the end of the block."""
    pid = os.fork()
    if pid == 0:
        try:
            become(host.user)()
            work(host)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    try:
        yield
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "expected the user to be at it still"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


@pytest.fixture
def raced(host: UserHost) -> Iterator[UserHost]:
    """Give a host whose user swaps the places until the end of the test."""
    make_folders(host, host.roots)
    with user_at_work(host, swap_for_ever):
        deadline = time.monotonic() + DEADLINE
        while not os.path.lexists(host.tmux):
            assert time.monotonic() < deadline
        yield host


def links_of(host: UserHost) -> tuple[shared_symlinks.SharedSymlink, ...]:
    settings = shared_symlinks.shared_symlink(
        os.path.join(host.home, "own-files"), "settings.json", shared_symlinks.FILE
    )
    return (*shared_symlinks.required_shared(host.home), settings)


def make_links(host: UserHost, owner: str | None) -> None:
    with contextlib.suppress(shared_symlinks.SharedSymlinkError):
        shared_symlinks.validate_all(host.homes, links_of(host), owner=owner)


def seed_trust(host: UserHost) -> None:
    with contextlib.suppress(RunAsError):
        run_as(host.user, lambda: _account_trust.seed(host.homes, ["/srv"], host.path("home", ".claude")))


def adopt(host: UserHost) -> list[dict[str, str]]:
    """Do what the module claude_shared_state_adopt does; return the steps that were done."""
    active = host.path("home", ".claude")
    request = AdoptionRequest(tuple(host.homes), active, (*links_of(host), state_link(host)), "2026-11-26")
    with contextlib.suppress(RunAsError):
        steps: list[dict[str, str]] = run_as(host.user, lambda: _adopt_run.adopt(request, check_mode=False))["steps"]
        return steps
    return []


def state_link(host: UserHost) -> shared_symlinks.SharedSymlink:
    return shared_symlinks.shared_symlink(host.home, ".claude.json", shared_symlinks.FILE)


def command(*words: str) -> Callable[[UserHost], None]:
    def run(host: UserHost) -> None:
        assert main.main(["--config", host.config, *words]) != 0

    return run


WORK: dict[str, Callable[[UserHost], object]] = {
    "claude_shared_symlinks": lambda host: make_links(host, host.user.pw_name),
    "claude_failover_trust": seed_trust,
    "claude_shared_state_adopt": adopt,
    "validate": command("validate"),
    "validate --strict": command("validate", "--strict"),
    "login": command("login", "a"),
    "attach": command("attach", "main"),
    "run": command("run"),
}


@pytest.mark.parametrize("work", WORK)
def test_a_racing_user_leads_root_nowhere(raced: UserHost, work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*arguments: Any) -> None:
        raise AssertionError(f"root started {arguments}")

    for name in ("execve", "execvpe"):
        monkeypatch.setattr(os, name, started)
    before = picture(raced.roots)
    end = time.monotonic() + LEAST_SECONDS
    runs = 0
    while runs < LEAST_RUNS or time.monotonic() < end:
        WORK[work](raced)
        runs += 1
        assert picture(raced.roots) == before


SECRET = "of-roots-alone"


def close_roots(host: UserHost) -> None:
    """Have the folders of root's, which the places lead to, hold what only root can see."""
    for home in host.homes:
        top = os.path.join(host.roots, os.path.basename(home))
        for name in ("settings.json", ".claude.json", ".credentials.json", "CLAUDE.md"):
            with open(os.path.join(top, name), "w", encoding="utf-8") as stream:
                stream.write(f'{{"{SECRET}": {{"{SECRET}": "{SECRET}"}}, "permissions": {{"deny": ["{SECRET}"]}}}}')
        os.mkdir(os.path.join(top, "agents"))
        os.mkdir(os.path.join(top, "agents", SECRET))
        os.symlink(f"/{SECRET}", os.path.join(top, "projects"))
        os.chmod(top, 0o700)


def look(*words: str) -> Callable[[UserHost], object]:
    return lambda host: main.main(["--config", host.config, *words])


def script(name: str, *words: str) -> Callable[[UserHost], str]:
    """Return a function that runs a script of the role's as root, and returns what it says."""

    def run(host: UserHost) -> str:
        paths = {"state": host.state, "new": host.path("home", ".new"), "active": host.path("home", ".claude")}
        filled = [paths.get(word, word) for word in words]
        links = [f"{home}/projects" for home in host.homes] if "new" in words else []
        done = subprocess.run(
            ["sh", "-c", script_of(name), "sh", *filled, *host.homes, *links],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def next_steps(host: UserHost) -> str:
    command = [sys.executable, "-I", NEXT_STEPS, "--library", host.code, "--config", host.config, "--no-systemd"]
    done = subprocess.run(
        command, env=host.environment(), capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return done.stdout + done.stderr


def predict_links(host: UserHost) -> str:
    try:
        return repr(shared_symlinks.validate_all(host.homes, links_of(host), owner=host.user.pw_name, check_mode=True))
    except shared_symlinks.SharedSymlinkError as error:
        return f"{error} {vars(error)}"


def predict_adoption(host: UserHost) -> str:
    active = host.path("home", ".claude")
    request = AdoptionRequest(tuple(host.homes), active, (*links_of(host), state_link(host)), "2026-11-26")
    return repr(run_as(host.user, lambda: _adopt_run.adopt(request, check_mode=True)))


LOOKS: dict[str, Callable[[UserHost], object]] = {
    "check-config --host": look("check-config", "--host"),
    "doctor": look("doctor"),
    "validate --strict": look("validate", "--strict", "--json"),
    "the end of make provision": next_steps,
    "the role at its start": script(
        *("__claude_failover_probe_script", SESSIONS_USER, "nogroup", "/no/such", "/no/such"),
        *(script_of("__claude_failover_homes_script"), "/x/.claude-", "agents projects settings.json .claude.json"),
        *("active", "no-such-package-cf"),
    ),
    "the role before a change": script(
        *("__claude_failover_live_script", "nogroup", "state", "/no/such", "/no/such", "/no/such", "/usr/bin"),
        *("new", "active", "2"),
    ),
    "claude_shared_symlinks in check mode": predict_links,
    "claude_shared_state_adopt in check mode": predict_adoption,
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_racing_user_has_root_tell_nothing_that_only_root_can_see(
    raced: UserHost, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    close_roots(raced)
    before = picture(raced.roots)
    end = time.monotonic() + LEAST_SECONDS
    runs = 0
    while runs < LEAST_LOOKS or time.monotonic() < end:
        told = repr(LOOKS[name](raced))
        captured = capfd.readouterr()
        runs += 1
        assert SECRET not in told + captured.out + captured.err
        assert picture(raced.roots) == before


def test_without_the_owners_name_what_only_root_can_see_is_told(raced: UserHost) -> None:
    """Shows that the test above can fail."""
    close_roots(raced)
    end = time.monotonic() + DEADLINE
    told = ""
    while SECRET not in told:
        assert time.monotonic() < end
        with contextlib.suppress(OSError):
            told = os.readlink(f"{raced.homes[0]}/projects") + " ".join(os.listdir(f"{raced.homes[0]}/agents"))


def swap_sockets_for_ever(host: UserHost) -> None:
    """Lead the control socket by turns to one of root's and to one of the user's own, at which nobody answers."""
    own = host.path("home", "own.sock")
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind(own)
        while True:
            for leads_to in (host.path("root.sock"), own):
                os.symlink(leads_to, f"{host.control}.next")
                os.rename(f"{host.control}.next", host.control)


@pytest.fixture
def roots_socket(host: UserHost) -> Iterator[socket.socket]:
    """Give a socket of root's, while the user swaps the control socket for a link to it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(host.path("root.sock"))
        os.chmod(host.path("root.sock"), 0o600)
        server.listen()
        server.settimeout(0.0)
        with user_at_work(host, swap_sockets_for_ever):
            deadline = time.monotonic() + DEADLINE
            while not os.path.lexists(host.control):
                assert time.monotonic() < deadline
            yield server


def test_a_racing_user_leads_root_to_no_socket_of_roots(host: UserHost, roots_socket: socket.socket) -> None:
    end = time.monotonic() + LEAST_SECONDS
    kinds = set()
    while len(kinds) < 2 or time.monotonic() < end:
        assert time.monotonic() < end + DEADLINE
        with pytest.raises(control_client.ControlError) as refused:
            control_client.request("status", socket_path=host.control, timeout=5)
        kinds.add(type(refused.value))  # led to root's socket: refused; to the user's: not running
        with pytest.raises(BlockingIOError):
            roots_socket.accept()


def test_without_a_look_at_its_owner_root_connects_to_it(host: UserHost, roots_socket: socket.socket) -> None:
    """Shows that the test above can fail."""
    end = time.monotonic() + DEADLINE
    connected = False
    while not connected:
        assert time.monotonic() < end
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(ConnectionRefusedError):
            client.connect(host.control)
        with contextlib.suppress(BlockingIOError):
            roots_socket.accept()[0].close()
            connected = True


def use_and_swap_for_ever(host: UserHost) -> None:
    for number in itertools.count():
        with contextlib.suppress(OSError):  # root has moved a folder meanwhile, or it is root's at this moment
            use_home(host, number)
        swap_targets(host)


def use_home(host: UserHost, number: int) -> None:
    """Make a home that is in use, instead of the one before."""
    active = host.path("home", ".claude")
    with contextlib.suppress(OSError):
        os.unlink(active)
    for place in (active, *host.homes):
        with contextlib.suppress(OSError):
            os.rename(place, f"{place}.{number}")
    os.makedirs(f"{active}/projects")
    files = [f"{active}/projects/{number}-{part}.jsonl" for part in range(50)]
    for path in (*files, f"{active}/settings.json", f"{active}.json.new"):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write('{"number": %d}' % number)
    os.rename(f"{active}.json.new", f"{active}.json")


def swap_targets(host: UserHost) -> None:
    """Lead the targets to root's folders and back, one by one."""
    for place in (link.target for link in (*links_of(host), state_link(host))):
        time.sleep(PAUSE)  # a plan is only made where nothing leads elsewhere
        with contextlib.suppress(OSError):
            os.rename(place, f"{place}.own")
        with contextlib.suppress(OSError):
            os.symlink(os.path.join(host.roots, os.path.basename(place)), place)
            time.sleep(PAUSE)
            os.unlink(place)
        with contextlib.suppress(OSError):
            os.rename(f"{place}.own", place)


def test_a_user_who_swaps_what_is_adopted_leads_root_nowhere(host: UserHost) -> None:
    os.makedirs(host.path("home", "own-files"))
    os.chown(host.path("home", "own-files"), host.user.pw_uid, host.user.pw_gid)
    make_folders(host, host.roots)
    with open(os.path.join(host.roots, "settings.json"), "w", encoding="utf-8") as stream:
        stream.write("roots")
    os.chmod(os.path.join(host.roots, "settings.json"), 0o600)
    before = picture(host.roots)
    with user_at_work(host, use_and_swap_for_ever):
        end, runs, done = time.monotonic() + DEADLINE, 0, 0
        while runs < LEAST_RUNS or done < LEAST_STEPS:
            assert time.monotonic() < end, f"{runs} runs did {done} steps"
            done += len(adopt(host))
            runs += 1
            assert picture(host.roots) == before


def test_without_the_owners_name_the_race_is_won(raced: UserHost) -> None:
    """Shows that the test above can fail."""
    before = picture(raced.roots)
    end = time.monotonic() + DEADLINE
    while picture(raced.roots) == before:
        assert time.monotonic() < end
        make_links(raced, None)
