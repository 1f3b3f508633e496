# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links to files: the targets that are created, those that are left alone, and faults half-way."""

from __future__ import annotations

import errno
import grp
import os
import pathlib
import signal
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    in_the_name_of_the_owner,
    mixed,
    needs_root,
    outcome,
    picture,
    some_user,
    texts,
)

MINE = '{"permissions": {"deny": ["Bash(rm:*)"]}}'


def files(base: str) -> tuple[links.SharedSymlink, ...]:
    return tuple(link for link in mixed(base) if link.kind == links.FILE)


def settings_of(base: str) -> str:
    return f"{base}/shared/.claude-settings.json-shared"


def predicted_and_done(homes: list[str], wanted: object) -> tuple[list[str], list[links.AccountReport]]:
    """Run in check mode, which changes nothing, and then for real; both say the same."""
    predicted = outcome(homes, wanted, check_mode=True)
    done = outcome(homes, wanted)
    assert predicted[0] == done[0]
    assert [report.created for report in predicted[1]] == [report.created for report in done[1]]
    return done


# ---- What is made ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o777])
@pytest.mark.parametrize("mode", [0o700, 0o2770])
def test_a_missing_target_is_made_for_its_owner_alone(base: str, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        report = links.ensure_for_account(f"{base}/a", mixed(base), mode=mode)
    finally:
        os.umask(before)
    contents = {"settings.json": b"{}", "history.jsonl": b""}
    for link in files(base):
        status = os.lstat(link.target)
        assert (status.st_mode, status.st_nlink) == (0o100600, 1)
        assert pathlib.Path(link.target).read_bytes() == contents[link.name]
        assert report.created.index(link.target) < report.created.index(f"{base}/a/{link.name}"), "never dangling"
    assert os.stat(f"{base}/shared").st_mode & 0o7777 == mode
    assert texts(f"{base}/a") == {link.name: link.target for link in mixed(base)}
    assert [link.kind for link in report.links] == ["directory"] * 3 + ["file"] * 2
    assert set(report.created) == set(picture(base)) - {base}, "no temporary file is left"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".claude.json", "{}"),
        ("CLAUDE.md", ""),
        # Without the list `/doctor` of Claude Code 2.1.197 calls the file invalid.
        ("keybindings.json", '{"bindings": []}'),
    ],
)
def test_a_file_begins_as_claude_code_takes_it(base: str, name: str, content: str) -> None:
    made = links.shared_symlink(base, name, "file")
    links.ensure_for_account(f"{base}/a", [made])
    assert pathlib.Path(made.target).read_text() == content


def test_a_target_that_is_there_is_left_as_it_is(base: str) -> None:
    os.mkdir(f"{base}/shared")
    pathlib.Path(settings_of(base)).write_text(MINE)
    os.chmod(settings_of(base), 0o644)
    before = picture(settings_of(base))
    links.validate_all([f"{base}/a", f"{base}/b"], files(base))
    assert picture(settings_of(base)) == before
    assert pathlib.Path(f"{base}/b/settings.json").read_text() == MINE


def test_a_target_may_be_reached_by_a_link(base: str) -> None:
    os.mkdir(f"{base}/shared")
    pathlib.Path(base, "dotfiles.json").write_text(MINE)
    os.symlink(f"{base}/dotfiles.json", settings_of(base))
    links.ensure_for_account(f"{base}/a", files(base))
    assert pathlib.Path(f"{base}/a/settings.json").read_text() == MINE


def test_the_dangling_right_link_gets_its_file_and_is_left(base: str) -> None:
    os.mkdir(f"{base}/a")
    os.symlink(settings_of(base), f"{base}/a/settings.json")
    before = picture(f"{base}/a/settings.json")
    report = links.ensure_for_account(f"{base}/a", files(base))
    assert [link.status for link in report.links] == ["ok", "created"]
    assert pathlib.Path(settings_of(base)).read_text() == "{}"
    assert picture(f"{base}/a/settings.json") == before


def test_the_usual_target_has_the_name_without_its_dot() -> None:
    assert links.shared_symlink("/r", ".claude.json", "file") == (
        "/r/.claude-claude.json-shared",
        ".claude.json",
        "file",
    )
    wanted = [{"name": "CLAUDE.md", "kind": "file"}, {"name": "x", "target": "/t", "kind": "file"}, {"name": "agents"}]
    assert [tuple(link) for link in links.required_links("/r", wanted)] == [
        ("/r/.claude-CLAUDE.md-shared", "CLAUDE.md", "file"),
        ("/t", "x", "file"),
        ("/r/.claude-agents-shared", "agents", "directory"),
    ]


def test_a_name_of_255_bytes_leaves_no_room_but_is_made(base: str) -> None:
    wanted = [links.SharedSymlink(f"{base}/{'s' * 255}", "settings.json", "file")]
    assert predicted_and_done([f"{base}/a"], wanted)[0] == []


# ---- What is refused and left ------------------------------------------------------------------------------


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_link_that_was_replaced_by_a_file_is_told_and_never_repaired(base: str, check_mode: bool) -> None:
    homes = [f"{base}/a", f"{base}/b"]
    links.validate_all(homes, mixed(base))
    os.unlink(f"{base}/a/settings.json")
    pathlib.Path(base, "a/settings.json").write_text(MINE)
    before = picture(base)
    failures, reports = outcome(homes, mixed(base), check_mode=check_mode)
    (failure,) = failures
    assert f"'{base}/a/settings.json' is not a symlink: found a regular file, expected a link to" in failure
    assert "settings or history" in failure
    assert [link.status for link in reports[0].links] == ["ok"] * 3 + ["not_a_symlink", "ok"]
    assert picture(base) == before


def test_a_directory_in_the_place_of_a_link_to_a_file_is_refused(base: str) -> None:
    os.makedirs(f"{base}/a/settings.json")
    failures, reports = predicted_and_done([f"{base}/a"], files(base))
    assert "is not a symlink: found a directory" in failures[0]
    assert not os.path.lexists(settings_of(base))
    assert [link.status for link in reports[0].links] == ["not_a_symlink", "created"]


def test_another_spelling_of_the_same_file_is_divergent(base: str) -> None:
    links.ensure_for_account(f"{base}/a", files(base))
    os.unlink(f"{base}/a/settings.json")
    os.symlink("../shared/.claude-settings.json-shared", f"{base}/a/settings.json")
    failures, _reports = predicted_and_done([f"{base}/a"], files(base))
    assert "divergent link" in failures[0]
    assert "the same file" in failures[0]
    os.unlink(f"{base}/a/settings.json")
    os.symlink(base, f"{base}/a/settings.json")
    failures, reports = predicted_and_done([f"{base}/a"], files(base))
    assert "the same" not in failures[0]
    assert reports[0].links[0].status == "divergent"


@pytest.mark.parametrize("made", ["directory", "fifo", "dangling"])
def test_a_target_that_is_no_file_is_told_once_and_left(base: str, made: str) -> None:
    os.mkdir(f"{base}/shared")
    target = settings_of(base)
    {"directory": os.mkdir, "fifo": os.mkfifo, "dangling": lambda path: os.symlink("nowhere", path)}[made](target)
    before = picture(target)
    failures, reports = predicted_and_done([f"{base}/a", f"{base}/b"], files(base))
    (failure,) = failures
    found = {"directory": "a directory", "fifo": "a FIFO", "dangling": "a symlink that leads nowhere"}[made]
    assert (
        f"shared target '{target}' is not a regular file: found {found}, expected a regular file or nothing" in failure
    )
    assert picture(target) == before
    for report in reports:
        assert [link.status for link in report.links] == ["error", "created"]
        assert not os.path.lexists(f"{report.account_home}/settings.json")


def test_a_file_above_a_target_is_named_with_what_was_expected_there(base: str) -> None:
    pathlib.Path(base, "shared").write_text("mine")
    failures, _reports = predicted_and_done([f"{base}/a"], files(base))
    assert f"found a regular file at '{base}/shared', expected a directory or nothing" in failures[0]


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ([("{}/s", "settings.json", "folder")], "kind of link 'settings.json': found 'folder'"),
        ([("{}/s/", "settings.json", "file")], "found the path of a directory"),
        ([("{}/s/.", "settings.json", "file")], "found the path of a directory"),
        ([("{}/s", "a.json", "file"), ("{}/s", "b.json", "file")], "found the same directory or file twice"),
        ([("{}/one", "a.json", "file"), ("{}/two", "b.json", "file")], "found the same directory or file twice"),
        ([("{}/s", "a.json", "file"), ("{}/s/x/y", "b", "directory")], "which is a file"),
        ([("{}/s/x", "b", "file"), ("{}/s", "a.json", "file")], "which is a file"),
        ([("{}/s", "a.json", "file"), ("{}/way/s/x", "b.json", "file")], "which is a file"),
        ([("{}/a/s", "settings.json", "file")], "inside the account home"),
    ],
)
def test_a_request_that_cannot_be_met_touches_nothing(base: str, wanted: list[tuple[str, str, str]], part: str) -> None:
    pathlib.Path(base, "one").write_text("mine")
    os.link(f"{base}/one", f"{base}/two")
    os.symlink(base, f"{base}/way")
    before = picture(base)
    request = [links.SharedSymlink(target.format(base), name, kind) for target, name, kind in wanted]
    failures, reports = predicted_and_done([f"{base}/a"], request)
    assert part in "\n".join(failures)
    assert reports == []
    assert picture(base) == before


# ---- Faults and races --------------------------------------------------------------------------------------


def failing(number: int) -> Callable[..., None]:
    def fail(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(("call", "number"), [("fsync", errno.EIO), ("link", errno.ENOSPC), ("fchmod", errno.EPERM)])
def test_a_fault_leaves_no_half_of_a_file_and_no_link_to_it(
    base: str, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    os.mkdir(f"{base}/a")
    os.mkdir(f"{base}/shared")
    monkeypatch.setattr(os, call, failing(number))
    umask = os.umask(0o777)  # so that the mode has to be set
    try:
        failures, reports = outcome([f"{base}/a"], files(base))
    finally:
        os.umask(umask)
    assert len(failures) == 2
    assert all(os.strerror(number) in failure and failure.startswith("shared target") for failure in failures)
    assert os.listdir(f"{base}/shared") == os.listdir(f"{base}/a") == []
    assert reports[0].created == ()


def before_the_link(monkeypatch: pytest.MonkeyPatch, act: Callable[[str], Any]) -> None:
    """Let somebody else act right before the first target is made."""
    real, acts = os.link, [act]

    def link(source: str, path: str) -> None:
        if acts:
            acts.pop()(path)
        real(source, path)

    monkeypatch.setattr(os, "link", link)


def test_a_file_that_another_makes_first_is_used_and_neither_emptied_nor_ours(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_link(monkeypatch, lambda path: pathlib.Path(path).write_text(MINE))
    report = links.ensure_for_account(f"{base}/a", files(base))
    assert pathlib.Path(f"{base}/a/settings.json").read_text() == MINE
    assert settings_of(base) not in report.created
    assert sorted(os.listdir(f"{base}/shared")) == sorted(os.path.basename(link.target) for link in files(base))


def test_a_directory_that_another_makes_first_in_the_place_of_a_file_is_refused(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_link(monkeypatch, os.mkdir)
    failures, reports = outcome([f"{base}/a"], files(base))
    assert "is not a regular file: found a directory" in failures[0]
    assert [link.status for link in reports[0].links] == ["error", "created"]


def test_a_folder_that_goes_with_the_temporary_file_is_an_error(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before_the_link(monkeypatch, lambda path: os.rename(os.path.dirname(path), f"{base}/aside"))
    failures, _reports = outcome([f"{base}/a"], files(base))
    assert "No such file" in failures[0]


@pytest.mark.parametrize("call", ["fsync", "link", "unlink", "symlink"])
def test_a_run_that_is_killed_can_be_run_again(base: str, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    pid = os.fork()
    if pid == 0:
        setattr(os, call, lambda *_args: os.kill(os.getpid(), signal.SIGKILL))
        outcome([f"{base}/a"], files(base))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert outcome([f"{base}/a"], files(base))[0] == []
    assert pathlib.Path(f"{base}/a/settings.json").read_text() == "{}"
    before = picture(base)
    assert not links.ensure_for_account(f"{base}/a", files(base)).changed
    assert picture(base) == before


# ---- In the name of an owner -------------------------------------------------------------------------------


@pytest.fixture
def home(base: str) -> str:
    """Give a folder that belongs to some user, as a home does."""
    folder = f"{base}/home"
    os.mkdir(folder)
    os.chown(folder, some_user().pw_uid, some_user().pw_gid)
    return folder


@needs_root
def test_a_file_is_the_owners_and_of_the_group(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user, other = some_user(), grp.getgrnam("users")
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, other.gr_gid])
    (report,) = links.validate_all([f"{home}/a"], mixed(home), owner=user.pw_name, group=other.gr_name)
    assert [link.kind for link in report.links] == ["directory"] * 3 + ["file"] * 2, (
        "the kinds come back from the child"
    )
    for path in report.created:
        status = os.lstat(path)
        assert (status.st_uid, status.st_gid) == (user.pw_uid, other.gr_gid), path
    assert os.stat(settings_of(home)).st_mode == 0o100600


@needs_root
@pytest.mark.parametrize("place", ["target", "above the targets", "link"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_planted_link_leads_root_nowhere(base: str, home: str, place: str, check_mode: bool) -> None:
    roots = f"{base}/roots"
    os.mkdir(roots, 0o755)

    def plant() -> None:
        if place == "above the targets":
            os.symlink(roots, f"{home}/shared")
            return
        path = settings_of(home) if place == "target" else f"{home}/a/settings.json"
        os.makedirs(os.path.dirname(path))
        os.symlink(f"{roots}/new", path)

    in_the_name_of_the_owner(plant)
    before = picture(roots)
    owner = some_user().pw_name
    failures, _reports = outcome([f"{home}/a"], files(home), owner=owner, check_mode=check_mode)
    assert failures
    assert picture(roots) == before


@needs_root
@pytest.mark.parametrize("call", ["open", "link", "unlink"])
def test_a_folder_swapped_right_before_a_write_leads_root_nowhere(
    base: str, home: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = f"{base}/roots"
    os.mkdir(roots, 0o755)
    before = picture(roots)
    real = getattr(os, call)

    def swap(*args: Any, **more: Any) -> Any:
        if os.path.isdir(f"{home}/shared") and not os.path.islink(f"{home}/shared"):
            os.rename(f"{home}/shared", f"{home}/aside")
            os.symlink(roots, f"{home}/shared")
        return real(*args, **more)

    monkeypatch.setattr(os, call, swap)
    failures, _reports = outcome([f"{home}/a"], files(home), owner=some_user().pw_name)
    assert os.readlink(f"{home}/shared") == roots, "the swap did happen"
    assert failures
    assert picture(roots) == before
