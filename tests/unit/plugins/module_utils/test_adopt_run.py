# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption of a machine in use, on the disk."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Callable

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run, _adopt_steps
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import Step
from ansible_collections.secuaas.claude.plugins.module_utils._running_sessions import is_elsewhere
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import FILE, shared_symlink
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import NAMES, needs_root, picture, texts, walk
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import DATE, SECRET, STATE, Machine

pytestmark = pytest.mark.usefixtures("unflushed")
ASIDE = f".before-adoption-{DATE}"


@pytest.fixture
def machine(base: str) -> Machine:
    return Machine(base).fill()


def test_a_machine_in_use_becomes_that_of_two_accounts(machine: Machine) -> None:
    machine.adopted()
    assert os.readlink(machine.home) == machine.homes[0]
    assert os.readlink(machine.state) == ".claude/.claude.json"
    assert machine.read(".claude.json") == machine.read(f".claude.json{ASIDE}") == json.dumps(STATE).encode()
    for home in machine.homes:
        assert texts(home) == {name: machine.shared(name) for name in NAMES}
    assert machine.read(".claude-projects-shared/-srv-work/one.jsonl") == b"1\n2\n"
    assert machine.read(".claude-projects-shared/-srv-work/two.jsonl") == b"3\n"
    assert machine.read(".claude-projects-shared/-srv-work/memory/notes.md") == b"notes"
    assert machine.read(".claude-file-history-shared/one/a@v1") == b"a"
    assert machine.read(f".claude-compte1/projects{ASIDE}/-srv-work/one.jsonl") == b"1\n2\n"
    assert machine.read(".claude-compte1/CLAUDE.md") == b"be brief"
    assert machine.logins() == [f"{home}/.credentials.json" for home in machine.homes]


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.adopted()
    before = picture(machine.user)
    assert machine.adopted() == {"steps": [], "notices": [], "failures": []}
    assert picture(machine.user) == before


def test_a_copy_keeps_mode_and_time(machine: Machine) -> None:
    """Claude Code lists conversations by their time, and removes old ones."""
    path = f"{machine.home}/projects/-srv-work/one.jsonl"
    os.chmod(path, 0o640)
    os.chmod(os.path.dirname(path), 0o750)
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    machine.adopted()
    copied = os.stat(f"{machine.shared()}/-srv-work/one.jsonl")
    assert (copied.st_mode & 0o7777, copied.st_mtime_ns) == (0o640, 1_600_000_000_123_456_789)
    assert os.stat(f"{machine.shared()}/-srv-work").st_mode & 0o7777 == 0o750
    assert os.stat(machine.shared()).st_mode & 0o7777 == 0o700


def changed_paths(machine: Machine, before: dict[str, tuple[object, ...]]) -> set[str]:
    after = picture(machine.user, depth_times=False)
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def named(steps: list[dict[str, str]], user: str) -> set[str]:
    """Return the paths that steps name as made, replaced or moved; a moved folder stands for what is in it."""
    paths = set()
    for step in steps:
        paths.add(step["path"])
        if step["action"] in ("move", "keep"):
            paths.add(step["source"])
    return {path for path in paths if path.startswith(user)}


def test_check_mode_names_exactly_what_a_run_touches(machine: Machine) -> None:
    machine.put(".claude-compte1/settings.json", "{}")
    machine.put(".claude-compte1/.claude.json", {"projects": {"/new": {"hasTrustDialogAccepted": True}}})
    before, untouched = picture(machine.user, depth_times=False), picture(machine.user)
    foreseen = machine.adopt(check=True)
    assert picture(machine.user) == untouched
    done = machine.adopted()
    assert foreseen == done
    names = named(foreseen["steps"], machine.user)
    touched = changed_paths(machine, before)
    moved = {step[key] for step in foreseen["steps"] if step["action"] == "move" for key in ("path", "source")}
    assert all(path in names or any(path.startswith(f"{folder}/") for folder in moved) for path in touched)
    # A step names the path of the home that holds the file at that moment, which a later step renames.
    final = {path.replace(f"{machine.home}/", f"{machine.homes[0]}/") for path in names}
    assert {path for path in final if not os.path.lexists(path)} <= moved | {f"{machine.homes[0]}/projects"}


def test_every_file_is_named_and_no_content(machine: Machine) -> None:
    result = machine.adopt(check=True)
    copied = {step["source"] for step in result["steps"] if step["action"] == "copy"}
    for path in walk(f"{machine.home}/projects"):
        assert not os.path.isfile(path) or path in copied
    assert machine.state in copied
    assert all(set(step) == {"action", "path", "source", "line"} for step in result["steps"])


def test_the_longer_of_two_files_stays(machine: Machine) -> None:
    machine.put(".claude-compte2/projects/-srv-work/one.jsonl", "1\n2\n3\n")
    machine.put(".claude-projects-shared/-srv-work/two.jsonl", "3\n4\n")
    result = machine.adopted()
    assert machine.read(".claude-projects-shared/-srv-work/one.jsonl") == b"1\n2\n3\n"
    assert machine.read(".claude-projects-shared/-srv-work/two.jsonl") == b"3\n4\n"
    assert result["notices"] == []
    assert sorted(os.listdir(f"{machine.shared()}/-srv-work")) == ["memory", "one.jsonl", "two.jsonl"]


def test_two_files_that_differ_are_both_kept_and_told(machine: Machine) -> None:
    machine.put(".claude-compte2/projects/-srv-work/one.jsonl", "1\nx\n")
    (notice,) = machine.adopted()["notices"]
    assert machine.read(".claude-projects-shared/-srv-work/one.jsonl") == b"1\n2\n"
    kept = f"{machine.shared()}/-srv-work/one.jsonl.kept-claude-compte2"
    assert machine.read(kept) == b"1\nx\n"
    assert kept in notice


def test_a_first_home_that_exists_joins_the_one_in_use(machine: Machine) -> None:
    """The role has made it already: links, a trust key, and a file of the operator's."""
    os.makedirs(f"{machine.homes[0]}/agents")
    for name in NAMES:
        os.makedirs(machine.shared(name))
        os.symlink(machine.shared(name), f"{machine.homes[0]}/{name}")
    machine.put(".claude-compte1/.claude.json", {"projects": {"/srv/new": {"hasTrustDialogAccepted": True}}})
    machine.put(".claude-compte1/agents/mine.md", "mine")
    machine.put(".claude-compte1/CLAUDE.md", "be long")
    result = machine.adopted()
    state = json.loads(machine.read(".claude-compte1/.claude.json"))
    assert state["projects"].keys() == {"/srv/work", "/srv/new"}
    assert state["oauthAccount"] == STATE["oauthAccount"]
    assert machine.read(".claude-compte1/agents/mine.md") == b"mine"
    assert machine.read(".claude-compte1/CLAUDE.md") == b"be brief"
    assert machine.read(".claude-compte1/CLAUDE.md.kept-claude-compte1") == b"be long"
    assert machine.read(f".claude-compte1{ASIDE}/agents/mine.md") == b"mine"
    assert len(result["notices"]) == 1
    assert texts(machine.homes[0]) == {name: machine.shared(name) for name in NAMES}


def test_a_login_of_the_first_home_comes_with_its_identity(machine: Machine) -> None:
    os.unlink(f"{machine.home}/.credentials.json")
    machine.put(".claude-compte1/.credentials.json", "first")
    machine.put(".claude-compte1/.claude.json", {"oauthAccount": {"emailAddress": "first"}})
    result = machine.adopted()
    state = json.loads(machine.read(".claude-compte1/.claude.json"))
    assert state["oauthAccount"] == {"emailAddress": "first"}
    assert state["mcpServers"] == STATE["mcpServers"]
    assert "primaryApiKey" not in state
    assert any("primaryApiKey" in notice for notice in result["notices"])
    assert machine.logins() == [f"{home}/.credentials.json" for home in machine.homes]
    assert machine.read(".claude-compte1/.credentials.json") == b"first"


@pytest.mark.parametrize("name", [".credentials.json.bak", ".credentials.json.tmp.7.a1", ".credentials.json~"])
def test_no_copy_of_a_login_is_made(machine: Machine, name: str) -> None:
    machine.put(f".claude-compte1/{name}", "an old login")
    machine.put(".claude-compte1/agents/mine.md", "mine")
    result = machine.adopted()
    assert machine.contents().count(b"an old login") == 1
    assert machine.read(f".claude-compte1{ASIDE}/{name}") == b"an old login"
    assert [notice for notice in result["notices"] if name in notice] == [
        f"{machine.homes[0]}/{name}: it can hold a login; it stays with the original"
    ]


def test_a_copy_of_a_login_is_not_shared(machine: Machine) -> None:
    link = shared_symlink(machine.user, ".credentials.json.bak", FILE)
    request = machine.request._replace(links=(*machine.request.links, link))
    (failure,) = _adopt_run.adopt(request, check_mode=True)["failures"]
    assert "found what is an account's own" in failure


def test_two_logins_for_one_home_are_refused(machine: Machine) -> None:
    machine.put(".claude-compte1/.credentials.json", "first")
    before = picture(machine.user)
    (failure,) = machine.adopt()["failures"]
    assert "found a login in both" in failure
    assert picture(machine.user) == before


def test_a_state_file_in_the_home_is_completed_and_its_original_kept(machine: Machine) -> None:
    own = {"projects": {"/srv/own": {}}, "theme": "dark"}
    machine.put(".claude/.claude.json", own)
    machine.adopted()
    state = json.loads(machine.read(".claude-compte1/.claude.json"))
    assert state["theme"] == "dark"
    assert state["projects"].keys() == {"/srv/own", "/srv/work"}
    assert state["oauthAccount"] == STATE["oauthAccount"]
    assert "primaryApiKey" not in state
    assert json.loads(machine.read(f".claude-compte1/.claude.json{ASIDE}")) == own
    assert os.stat(f"{machine.homes[0]}/.claude.json").st_mode & 0o7777 == 0o600


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("u/.claude-compte2/session-env", "found a link to"),
        ("u/.claude", "found a link to"),
        ("u/.claude.json", "found a link to"),
        ("u/.claude-projects-shared", "found a link, expected a folder"),
        ("u/.claude-compte1", "found a link, expected a folder"),
        ("u/.claude/.credentials.json", "found a link, expected a file"),
    ],
)
def test_a_link_of_somebody_is_not_followed(machine: Machine, place: str, expected: str) -> None:
    path = f"{machine.base}/{place}"
    elsewhere = f"{machine.base}/elsewhere"
    os.mkdir(elsewhere)
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    os.symlink(elsewhere, path)
    before = picture(machine.base)
    result = machine.adopt()
    assert any(path in failure and expected in failure for failure in result["failures"]), result
    assert picture(machine.base) == before


def test_a_missing_folder_for_the_first_home_is_told_with_the_other_reasons(machine: Machine) -> None:
    machine.put(".claude-projects-shared", "file")
    homes = (f"{machine.user}/accounts/one", machine.homes[1])
    failures = _adopt_run.adopt(machine.request._replace(homes=homes), check_mode=True)["failures"]
    assert [failure.partition(":")[0] for failure in failures] == [machine.shared(), f"{machine.user}/accounts"]
    assert "make it first" in failures[1]


def test_a_folder_that_is_a_link_to_another_file_system_is_foreseen(machine: Machine) -> None:
    os.symlink("/dev/shm", f"{machine.user}/accounts")
    assert os.stat("/dev/shm").st_dev != os.stat(machine.user).st_dev
    homes = (f"{machine.user}/accounts/{os.path.basename(machine.base)}", machine.homes[1])
    (failure,) = _adopt_run.adopt(machine.request._replace(homes=homes), check_mode=True)["failures"]
    assert "found two file systems" in failure


def test_every_reason_is_told_at_once(machine: Machine) -> None:
    machine.put(".claude-compte1", "file")
    machine.put(".claude-projects-shared", "file")
    assert len(machine.adopt(check=True)["failures"]) == 2


def test_links_and_fifos_in_a_conversation_are_not_followed(machine: Machine) -> None:
    outside = machine.put("outside.txt", "outside")
    os.symlink(outside, f"{machine.home}/projects/link")
    os.mkfifo(f"{machine.home}/projects/fifo")
    (notice,) = machine.adopted()["notices"]
    assert os.readlink(f"{machine.shared()}/link") == outside
    assert "fifo" in notice
    assert os.path.lexists(f"{machine.homes[0]}/projects{ASIDE}/fifo")
    assert not os.path.lexists(f"{machine.shared()}/fifo")


def test_an_original_does_not_take_the_name_of_another(machine: Machine) -> None:
    machine.put(f".claude/projects{ASIDE}/old", "old")
    machine.adopted()
    assert machine.read(f".claude-compte1/projects{ASIDE}/old") == b"old"
    assert machine.read(f".claude-compte1/projects{ASIDE}-2/-srv-work/one.jsonl") == b"1\n2\n"


def test_names_do_not_reach_the_terminal_as_they_are(machine: Machine) -> None:
    machine.put(".claude/projects/\x1b[31m\nok: [forged]", "x")
    result = machine.adopted()
    assert all(step[key].isprintable() for step in result["steps"] for key in step)
    assert os.path.isfile(f"{machine.shared()}/\x1b[31m\nok: [forged]")


def test_nothing_in_use_is_nothing_to_adopt(base: str) -> None:
    machine = Machine(base)
    before = picture(base)
    assert machine.adopted()["steps"] == []
    assert picture(base) == before


def test_a_state_file_alone_goes_into_the_first_home(base: str) -> None:
    machine = Machine(base)
    machine.put(".claude.json", STATE)
    machine.adopted()
    assert json.loads(machine.read(".claude-compte1/.claude.json")) == STATE
    assert os.readlink(machine.home) == machine.homes[0]
    assert machine.adopted()["steps"] == []


def test_a_full_disk_is_refused_before_anything_is_touched(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_adopt_run, "_RESERVE", 1 << 60)
    before = picture(machine.user)
    for check in (True, False):
        (failure,) = machine.adopt(check=check)["failures"]
        assert "MiB free" in failure
    assert picture(machine.user) == before


def test_a_copy_that_is_not_what_was_read_stops_the_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil = os.utime

    def late(descriptor: int, **options: Any) -> None:
        os.pwrite(descriptor, b"X", 0)
        spoil(descriptor, **options)

    monkeypatch.setattr(os, "utime", late)
    (failure,) = machine.adopt()["failures"]
    assert "check the disk" in failure
    monkeypatch.undo()
    machine.adopted()
    assert not any(os.path.basename(path) == ".claude-adoption.tmp" for path in walk(machine.user))


def test_what_is_written_meanwhile_stops_the_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = _adopt_steps._write_copy

    def late(step: Step) -> str:
        temporary = copy(step)
        if step.source.endswith("one.jsonl"):
            machine.put(".claude/projects/-srv-work/one.jsonl", "1\n2\nmore\n")
        return temporary

    monkeypatch.setattr(_adopt_steps, "_write_copy", late)
    (failure,) = machine.adopt()["failures"]
    assert "run again" in failure
    monkeypatch.undo()
    machine.adopted()
    assert machine.read(".claude-projects-shared/-srv-work/one.jsonl") == b"1\n2\nmore\n"


def test_what_vanishes_meanwhile_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    os.symlink("nowhere", f"{machine.home}/projects/link")

    def gone(path: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(os, "readlink", gone)
    (failure,) = machine.adopt(check=True)["failures"]
    assert failure.endswith("link: No such file or directory; run again")


def test_a_file_that_vanishes_once_it_is_listed_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the session file of a session that ends."""
    listdir = os.listdir
    ghost = f"{machine.home}/projects"
    monkeypatch.setattr(os, "listdir", lambda path: [*listdir(path), "ghost"] if path == ghost else listdir(path))
    for check in (True, False):
        (failure,) = machine.adopt(check=check)["failures"]
        assert failure == f"{ghost}/ghost: No such file or directory; run again"
    monkeypatch.undo()
    machine.adopted()


def test_two_adoptions_do_not_meet(machine: Machine) -> None:
    """Ansible was ended, and the process that works in the user's name goes on."""
    descriptor = os.open(machine.user, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = picture(machine.user)
    (failure,) = machine.adopt()["failures"]
    assert "another adoption is under way" in failure
    assert picture(machine.user) == before
    os.close(descriptor)
    machine.adopted()


# ---- Running sessions --------------------------------------------------------------------------------------

Spawn = Callable[..., int]


@pytest.fixture
def spawn(base: str) -> Iterator[Spawn]:
    """Start a process that waits to be ended, with the given name, arguments and environment."""
    children = []

    def start(name: str, *arguments: str, cwd: str = "/", **environment: str) -> int:
        program = f"{base}/bin{len(children)}/{name}"
        os.makedirs(os.path.dirname(program))
        shutil.copy("/bin/sh", program)
        command = [program, "-c", "read line", *arguments]
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdin=subprocess.PIPE)
        children.append(child)
        end = time.monotonic() + 10
        while b"read line" not in read_raw(f"/proc/{child.pid}/cmdline"):
            assert time.monotonic() < end, f"{program} did not start within 10 s"
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.communicate()


def read_raw(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def refused(machine: Machine, pid: int) -> None:
    before = picture(machine.user)
    for check in (True, False):
        (failure,) = machine.adopt(check=check)["failures"]
        assert f"process {pid}" in failure
    assert picture(machine.user) == before


def test_a_session_that_was_started_by_hand_is_left_alone(machine: Machine, spawn: Spawn) -> None:
    refused(machine, spawn("claude", HOME=machine.user))


def test_a_session_that_node_runs_is_left_alone(machine: Machine, spawn: Spawn) -> None:
    script = "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"
    refused(machine, spawn("node", script, HOME=machine.user))


def test_a_session_of_an_account_is_left_alone(machine: Machine, spawn: Spawn) -> None:
    refused(machine, spawn("claude", CLAUDE_CONFIG_DIR=machine.homes[1]))


def test_a_session_is_left_alone_by_whatever_path_it_knows_its_home(machine: Machine, spawn: Spawn, base: str) -> None:
    os.symlink(machine.user, f"{base}/user")
    refused(machine, spawn("claude", CLAUDE_CONFIG_DIR=f"{base}/user/.claude-compte2"))


@pytest.mark.parametrize(("folder", "named"), [("", ".claude-compte2"), ("work", "../.claude-compte2/")])
def test_a_session_with_a_relative_path_of_its_home_is_left_alone(
    machine: Machine, spawn: Spawn, folder: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.base)  # a path is not relative to where the adoption runs
    os.makedirs(f"{machine.user}/{folder}", exist_ok=True)
    pid = spawn("claude", cwd=f"{machine.user}/{folder}", CLAUDE_CONFIG_DIR=named)
    refused(machine, pid)
    assert is_elsewhere(pid, machine.homes[0])
    assert not is_elsewhere(pid, machine.homes[1])


def test_a_session_whose_home_is_a_link_to_the_one_in_use_is_left_alone(
    machine: Machine, spawn: Spawn, base: str
) -> None:
    os.symlink(machine.home, f"{base}/home")
    refused(machine, spawn("claude", CLAUDE_CONFIG_DIR=f"{base}/home"))


def test_a_session_with_a_file_is_left_alone(machine: Machine, spawn: Spawn) -> None:
    pid = spawn("anything")
    machine.put(f".claude/sessions/{pid}.json", {"pid": pid})
    refused(machine, pid)


def test_the_session_of_another_home_and_another_program_are_none(machine: Machine, spawn: Spawn, base: str) -> None:
    spawn("claude", HOME=base)
    spawn("claude", HOME=machine.user, CLAUDE_CONFIG_DIR=f"{base}/other")
    spawn("node", HOME=machine.user)
    machine.adopted()


def test_a_session_that_begins_meanwhile_stops_the_run(
    machine: Machine, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = _adopt_steps._write_copy
    started: list[int] = []

    def late(step: Step) -> str:
        if not started:
            started.append(spawn("claude", HOME=machine.user))
        return copy(step)

    monkeypatch.setattr(_adopt_steps, "_write_copy", late)
    (failure,) = machine.adopt()["failures"]
    assert f"process {started[0]}" in failure
    assert os.path.isdir(f"{machine.home}/projects")
    assert not os.path.islink(machine.home)


def test_a_session_does_not_matter_where_nothing_is_to_be_done(machine: Machine, spawn: Spawn) -> None:
    machine.adopted()
    spawn("claude", HOME=machine.user)
    assert machine.adopted()["steps"] == []


@needs_root
def test_a_file_of_another_user_is_told(machine: Machine) -> None:
    path = machine.put(".claude/projects/rooted", SECRET)
    for entry in walk(machine.base):
        os.chown(entry, 65534, 65534, follow_symlinks=False)
    os.chown(path, 0, 0)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(writer, json.dumps(machine.adopt()["failures"]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert "may not read it" in os.read(reader, 1 << 16).decode()


def test_what_was_made_is_flushed_before_the_original_leaves(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may keep a rename and lose what was not flushed before it."""
    pending: set[str] = set()

    def flushed(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        pending.difference_update({entry for entry in pending if os.path.dirname(entry) == path or entry == path})

    def linked(source: str, path: str, **options: Any) -> None:
        assert source not in pending, "a file got its name before it was flushed"
        link(source, path, **options)
        pending.add(path)

    def changed(source: str, path: str) -> None:
        assert pending == set(), "something was renamed before what was made is on the disk"
        rename(source, path)

    def opened(*arguments: Any) -> Any:
        stream = beside(*arguments)
        pending.add(stream.name)
        return stream

    link, rename, beside = os.link, os.rename, _adopt_steps._temporary_beside
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "link", linked)
    monkeypatch.setattr(os, "rename", changed)
    monkeypatch.setattr(_adopt_steps, "_temporary_beside", opened)
    machine.adopted()
    assert pending == set()
