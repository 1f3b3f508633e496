# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust keys: only missing ones are added, only in unused homes, and nothing else is touched or shown."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _account_trust as trust
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import needs_no_root, picture

SECRET = "an-identity-that-nobody-is-to-see"
Spawn = Callable[..., int]


@pytest.fixture
def homes(base: str) -> list[str]:
    found = [f"{base}/one", f"{base}/two"]
    for home in found:
        os.mkdir(home)
    os.mkdir(f"{base}/work")
    return found


@pytest.fixture
def spawn(base: str) -> Iterator[Spawn]:
    """Start a process that waits to be ended, under the given name and with the given environment."""
    children = []

    def start(name: str = "sleep", **environment: str) -> int:
        program = f"{base}/{name}"
        if not os.path.exists(program):
            shutil.copy("/bin/sleep", program)
        child = subprocess.Popen([program, "1000"], env=environment)
        children.append(child)
        end = time.monotonic() + 10
        # The kernel gives a process its new name a moment before its new environment.
        while read(f"/proc/{child.pid}/comm").strip() != name or (
            environment and not read(f"/proc/{child.pid}/environ")
        ):
            assert time.monotonic() < end, f"{program} did not start within 10 s"
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.wait()


def read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def put(home: str, content: Any, mode: int = 0o600) -> str:
    path = f"{home}/.claude.json"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(content if isinstance(content, str) else json.dumps(content))
    os.chmod(path, mode)
    return path


def session(home: str, pid: int, *, start: str | None = None) -> None:
    """Write what the process would have written, had it been a session that began in this home."""
    os.makedirs(f"{home}/sessions", exist_ok=True)
    began = start or read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]
    with open(f"{home}/sessions/{pid}.json", "w", encoding="utf-8") as stream:
        json.dump({"pid": pid, "procStart": began, "sessionId": "x"}, stream)


def seed(base: str, homes: list[str], *folders: str, check: bool = False) -> list[trust.HomeReport]:
    return trust.seed(homes, folders or (f"{base}/work",), f"{base}/active", check_mode=check)


def statuses(reports: list[trust.HomeReport]) -> list[str]:
    return [report.status for report in reports]


def test_an_absent_key_is_added_and_everything_else_kept(base: str, homes: list[str]) -> None:
    content: dict[str, Any] = {
        "oauthAccount": {"emailAddress": SECRET},
        "numStartups": 7,
        "big": 12345678901234567890,
        "share": 0.1,
        "text": "d\u00e9j\u00e0 \U0001f600 \ud800",
        "none": None,
        "list": [1, {"a": []}],
        "projects": {"/other": {"hasTrustDialogAccepted": False, "x": 1}, f"{base}/work": {"lastCost": 1.25}},
    }
    path = put(homes[0], content, 0o640)
    owners = os.stat(path)
    report = seed(base, homes[:1])[0]
    assert report == trust.HomeReport(homes[0], "added", [f"{base}/work"], [], "")
    content["projects"][f"{base}/work"]["hasTrustDialogAccepted"] = True
    after = json.loads(read(path))
    assert after == content
    assert list(after) == list(content)
    now = os.stat(path)
    assert (now.st_mode, now.st_uid, now.st_gid) == (owners.st_mode, owners.st_uid, owners.st_gid)
    assert os.listdir(homes[0]) == [".claude.json"]


def test_a_second_run_finds_nothing_to_do_and_touches_nothing(base: str, homes: list[str]) -> None:
    assert statuses(seed(base, homes)) == ["added", "added"]
    before = picture(base)
    assert statuses(seed(base, homes)) == ["ok", "ok"]
    assert picture(base) == before


def test_check_mode_predicts_and_touches_nothing(base: str, homes: list[str]) -> None:
    put(homes[0], {"projects": {}})
    before = picture(base)
    predicted = seed(base, [*homes, f"{base}/to-come"], check=True)
    assert statuses(predicted) == ["missing"] * 3
    assert picture(base) == before
    assert [row.folders for row in seed(base, homes)] == [row.folders for row in predicted[:2]]


def test_a_missing_file_is_made_with_the_keys_alone(base: str, homes: list[str]) -> None:
    seed(base, homes)
    path = f"{homes[0]}/.claude.json"
    assert json.loads(read(path)) == {"projects": {f"{base}/work": {"hasTrustDialogAccepted": True}}}
    assert os.stat(path).st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("answer", [False, None, "yes"])
def test_a_key_that_is_there_stays_whatever_it_says(base: str, homes: list[str], answer: Any) -> None:
    put(homes[0], {"projects": {f"{base}/work": {"hasTrustDialogAccepted": answer}}})
    before = picture(base)
    assert seed(base, homes[:1]) == [trust.HomeReport(homes[0], "ok", [], [f"{base}/work"], "")]
    assert picture(base) == before


def test_a_folder_is_named_as_the_session_will_see_it(base: str, homes: list[str]) -> None:
    os.symlink(f"{base}/work", f"{base}/link")
    assert seed(base, homes, f"{base}/link", f"{base}/work/")[0].folders == [f"{base}/work"]


@pytest.mark.parametrize(
    "content",
    [
        f'{{"token": "{SECRET}"',
        f'["{SECRET}"]',
        f'{{"projects": ["{SECRET}"]}}',
        f'"{SECRET}"',
        "",
        "\udcff",
        f'{{"x": NaN, "y": "{SECRET}"}}',
        f'{{"x": 1e999, "y": "{SECRET}"}}',
        "[" * 100000,
    ],
)
def test_a_file_that_cannot_be_kept_whole_is_left_and_not_quoted(base: str, homes: list[str], content: str) -> None:
    with open(f"{homes[0]}/.claude.json", "wb") as stream:
        stream.write(content.encode("utf-8", "surrogateescape"))
    before = picture(homes[0])
    reports = seed(base, homes)
    assert statuses(reports) == ["error", "added"]
    assert ".claude.json" in reports[0].detail
    assert SECRET not in repr(reports)
    assert picture(homes[0]) == before


def test_a_project_that_is_no_object_is_left(base: str, homes: list[str]) -> None:
    put(homes[0], {"projects": {f"{base}/work": SECRET}})
    report = seed(base, homes[:1])[0]
    assert report.status == "error"
    assert SECRET not in report.detail


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_is_no_regular_file_is_neither_followed_nor_replaced(base: str, homes: list[str], kind: str) -> None:
    path = f"{homes[0]}/.claude.json"
    if kind == "link":
        os.symlink(put(homes[1], {"x": SECRET}), path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mkdir(path)
    before = picture(homes[0])
    report = seed(base, homes[:1])[0]
    assert report.status == "error"
    assert path in report.detail
    assert picture(homes[0]) == before


def test_a_home_that_is_missing_is_told(base: str, homes: list[str]) -> None:
    reports = seed(base, [f"{base}/nowhere", homes[0]])
    assert statuses(reports) == ["error", "added"]
    assert (reports[0].home, reports[0].detail) == (f"{base}/nowhere", ".claude.json: No such file or directory")


def test_a_folder_whose_name_is_not_text_is_refused(base: str, homes: list[str]) -> None:
    os.symlink(os.fsencode(f"{base}/work/") + b"\xff", f"{base}/link")
    (report,) = seed(base, homes[:1], f"{base}/link")
    assert report.status == "error"
    assert "not UTF-8" in report.detail
    assert os.listdir(homes[0]) == []


def test_a_file_that_is_nested_too_deeply_to_be_written_is_left_alone(
    base: str, homes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.12 reads some 1,200 levels and cannot write them; other versions do both or neither."""
    put(homes[0], {})

    def too_deep(*_arguments: object, **_options: object) -> str:
        raise RecursionError

    before = picture(homes[0])
    monkeypatch.setattr(json, "dumps", too_deep)
    (report,) = seed(base, homes[:1])
    assert report.status == "error"
    assert picture(homes[0]) == before


def test_a_home_with_a_running_session_is_left_alone(base: str, homes: list[str], spawn: Spawn) -> None:
    pid = spawn()
    session(homes[0], pid)
    before = picture(homes[0])
    for check in (True, False):
        reports = seed(base, homes, check=check)
        assert statuses(reports) == ["in_use", "missing" if check else "added"]
        assert str(pid) in reports[0].detail
    assert picture(homes[0]) == before


def test_nothing_is_to_be_done_is_no_use(base: str, homes: list[str], spawn: Spawn) -> None:
    seed(base, homes)
    session(homes[0], spawn())
    assert statuses(seed(base, homes)) == ["ok", "ok"]


def test_a_file_that_a_killed_session_left_is_no_session(base: str, homes: list[str], spawn: Spawn) -> None:
    session(homes[0], spawn(), start="1")  # another process has the number now
    session(homes[0], (1 << 22) + 1, start="1")  # above every pid_max
    assert statuses(seed(base, homes)) == ["added", "added"]


def test_a_file_that_tells_no_start_counts_by_its_number(base: str, homes: list[str], spawn: Spawn) -> None:
    pid = spawn()
    os.mkdir(f"{homes[0]}/sessions")
    with open(f"{homes[0]}/sessions/{pid}.json", "w", encoding="utf-8") as stream:
        stream.write("torn")
    assert statuses(seed(base, homes)) == ["in_use", "added"]


def test_the_active_home_is_left_alone_while_any_session_runs(base: str, homes: list[str], spawn: Spawn) -> None:
    os.symlink(homes[1], f"{base}/active")
    session(homes[0], spawn())  # began there, and a flip has moved it to the other home since
    reports = seed(base, homes)
    assert statuses(reports) == ["in_use", "in_use"]
    assert "active link" in reports[1].detail


def test_the_active_home_is_seen_to_while_no_session_runs(base: str, homes: list[str]) -> None:
    os.symlink(homes[1], f"{base}/active")
    assert statuses(seed(base, homes)) == ["added", "added"]


def share_sessions(base: str, homes: list[str]) -> None:
    os.mkdir(f"{base}/shared")
    for home in homes:
        os.symlink(f"{base}/shared", f"{home}/sessions")


def test_a_file_in_a_shared_folder_is_one_of_the_home_that_its_process_uses(
    base: str, homes: list[str], spawn: Spawn
) -> None:
    share_sessions(base, homes)
    os.symlink(homes[1], f"{base}/active")
    session(homes[0], spawn("claude", CLAUDE_CONFIG_DIR=f"{base}/active"))
    assert statuses(seed(base, homes)) == ["added", "in_use"]


def test_a_file_in_a_shared_folder_counts_for_each_home_where_its_process_names_none(
    base: str, homes: list[str], spawn: Spawn
) -> None:
    share_sessions(base, homes)
    session(homes[0], spawn())
    assert statuses(seed(base, homes)) == ["in_use", "in_use"]


@pytest.mark.parametrize("name", ["claude", "node"])
def test_a_session_without_a_file_is_found_by_its_environment(
    base: str, homes: list[str], spawn: Spawn, name: str
) -> None:
    spawn(name, CLAUDE_CONFIG_DIR=homes[0] + "/")
    assert statuses(seed(base, homes)) == ["in_use", "added"]


def test_a_session_of_the_active_link_is_found_by_its_environment(base: str, homes: list[str], spawn: Spawn) -> None:
    os.symlink(homes[1], f"{base}/active")
    spawn("claude", CLAUDE_CONFIG_DIR=f"{base}/active")
    assert statuses(seed(base, homes)) == ["added", "in_use"]


def test_a_shell_with_that_variable_is_no_session(base: str, homes: list[str], spawn: Spawn) -> None:
    spawn("bash", CLAUDE_CONFIG_DIR=homes[0])
    assert statuses(seed(base, homes)) == ["added", "added"]


def share_state(base: str, homes: list[str], content: Any) -> str:
    """Let the homes share one state file; return its path."""
    shared = f"{base}/.claude-claude.json-shared"
    os.rename(put(base, content, 0o640), shared)
    for home in homes:
        os.symlink(shared, f"{home}/.claude.json")
    return shared


def test_a_shared_file_gets_the_keys_once_and_keeps_its_links(base: str, homes: list[str]) -> None:
    shared = share_state(base, homes, {"oauthAccount": {"emailAddress": SECRET}})
    before = picture(base)
    predicted = trust.seed(homes, [f"{base}/work"], f"{base}/active", shared_file=shared, check_mode=True)
    assert statuses(predicted) == ["missing", "missing"]
    assert picture(base) == before
    reports = trust.seed(homes, [f"{base}/work"], f"{base}/active", shared_file=shared)
    assert statuses(reports) == ["added", "ok"]
    assert [os.readlink(f"{home}/.claude.json") for home in homes] == [shared, shared]
    assert json.loads(read(shared)) == {
        "oauthAccount": {"emailAddress": SECRET},
        "projects": {f"{base}/work": {"hasTrustDialogAccepted": True}},
    }
    assert os.stat(shared).st_mode & 0o7777 == 0o640
    assert sorted(os.listdir(base)) == [".claude-claude.json-shared", "one", "two", "work"]
    after = picture(base)
    assert statuses(trust.seed(homes, [f"{base}/work"], f"{base}/active", shared_file=shared)) == ["ok", "ok"]
    assert picture(base) == after


@pytest.mark.parametrize("kind", ["another link", "link to a link", "fifo", "folder"])
def test_only_the_link_to_the_shared_file_is_followed_and_only_once(base: str, homes: list[str], kind: str) -> None:
    shared = share_state(base, homes, {"x": SECRET})
    if kind == "another link":
        os.unlink(f"{homes[0]}/.claude.json")
        os.symlink("../.claude-claude.json-shared", f"{homes[0]}/.claude.json")
    else:
        os.rename(shared, f"{base}/elsewhere")
        if kind == "link to a link":
            os.symlink(f"{base}/elsewhere", shared)
        elif kind == "fifo":
            os.mkfifo(shared)
        else:
            os.mkdir(shared)
    before = picture(base)
    (report,) = trust.seed(homes[:1], [f"{base}/work"], f"{base}/active", shared_file=shared)
    assert report.status == "error"
    assert "it is left as it is" in report.detail and SECRET not in report.detail
    assert picture(base) == before


@pytest.mark.parametrize("shared_sessions", [True, False])
def test_a_session_under_any_home_uses_a_shared_file(
    base: str, homes: list[str], spawn: Spawn, shared_sessions: bool
) -> None:
    shared = share_state(base, homes, {})
    if shared_sessions:
        share_sessions(base, homes)
    pid = spawn("claude", CLAUDE_CONFIG_DIR=homes[0])
    session(homes[0], pid)
    before = read(shared)
    reports = trust.seed(homes, [f"{base}/work"], f"{base}/active", shared_file=shared)
    assert statuses(reports) == ["in_use", "in_use"]
    assert reports[1].detail == f"the homes share .claude.json, and the session of process {pid} runs"
    assert read(shared) == before


def test_a_home_with_a_file_of_its_own_keeps_it_beside_a_shared_one(base: str, homes: list[str]) -> None:
    shared = share_state(base, homes[:1], {})
    own = put(homes[1], {"own": 1})
    assert statuses(trust.seed(homes, [f"{base}/work"], f"{base}/active", shared_file=shared)) == ["added", "added"]
    assert json.loads(read(own))["own"] == 1 and not os.path.islink(own)


@pytest.mark.parametrize("there", [True, False])
def test_what_was_written_meanwhile_wins(
    base: str, homes: list[str], there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        put(homes[0], {"projects": {}})
    theirs = '{"numStartups": 1}'
    flush = os.fsync

    def late(descriptor: int) -> None:
        put(homes[0], theirs)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", late)
    reports = seed(base, homes[:1])
    assert statuses(reports) == ["in_use"]
    assert "meanwhile" in reports[0].detail
    assert read(f"{homes[0]}/.claude.json") == theirs
    assert os.listdir(homes[0]) == [".claude.json"]


def test_a_session_that_began_meanwhile_wins(
    base: str, homes: list[str], spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def late(descriptor: int) -> None:
        session(homes[0], spawn())
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", late)
    assert statuses(seed(base, homes[:1])) == ["in_use"]
    assert os.listdir(homes[0]) == ["sessions"]


def test_a_full_disk_changes_nothing(base: str, homes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(homes[0], {"projects": {}})

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = picture(homes[0], depth_times=False)
    report = seed(base, homes[:1])[0]
    assert report.status == "error"
    assert "No space" in report.detail
    assert picture(homes[0], depth_times=False) == before


@needs_no_root
def test_check_mode_foresees_missing_rights(base: str, homes: list[str]) -> None:
    os.chmod(homes[0], 0o500)
    assert statuses(seed(base, homes, check=True)) == ["error", "missing"]
    assert statuses(seed(base, homes)) == ["error", "added"]
