# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions' user swaps folders for links while root works, at each place where root touches the user's folders."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust, _adopt_run, shared_symlinks
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionRequest
from ansible_collections.secuaas.claude.plugins.module_utils._run_as import RunAsError, run_as
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import DEADLINE, UserHost, become, needs_root

from claude_failover.cli import main

pytestmark = needs_root
LEAST_RUNS = 25
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
        with open(path, "w", encoding="ascii") as stream:
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
    with open(os.path.join(host.roots, "settings.json"), "w", encoding="ascii") as stream:
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
