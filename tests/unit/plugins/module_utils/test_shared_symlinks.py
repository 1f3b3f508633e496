# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links: the entries that a run creates and leaves alone, and its reports."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    NAMES,
    outcome,
    picture,
    required,
    texts,
)


def shared_of(base: str) -> dict[str, str]:
    return {link.name: link.target for link in required(base)}


def failing(base: str, name: str = "a") -> links.SharedSymlinkError:
    with pytest.raises(links.SharedSymlinkError) as caught:
        links.ensure_for_account(f"{base}/{name}", required(base))
    return caught.value


# ---- The reference's tests ---------------------------------------------------------------------------------


def test_missing_home_targets_and_links_are_created(base: str) -> None:
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert texts(f"{base}/a") == shared_of(base)
    for path in (f"{base}/a", *shared_of(base).values()):
        assert os.path.isdir(path)
        assert not os.path.islink(path)
        assert os.stat(path).st_mode & 0o7777 == 0o700
    assert report.changed
    assert [link.status for link in report.links] == ["created"] * 3


def test_a_second_run_changes_nothing(base: str) -> None:
    links.ensure_for_account(f"{base}/a", required(base))
    before = picture(base)
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert picture(base) == before
    assert not report.changed
    assert [link.status for link in report.links] == ["ok"] * 3


def test_a_divergent_link_is_refused_and_left(base: str) -> None:
    os.makedirs(f"{base}/a")
    os.makedirs(f"{base}/elsewhere")
    os.symlink(f"{base}/elsewhere", f"{base}/a/projects")
    before = os.lstat(f"{base}/a/projects")
    error = failing(base)
    assert "divergent" in str(error)
    assert f"{base}/elsewhere" in str(error)
    assert shared_of(base)["projects"] in str(error)
    assert os.readlink(f"{base}/a/projects") == f"{base}/elsewhere"
    after = os.lstat(f"{base}/a/projects")
    assert (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def test_a_file_in_the_place_of_a_link_is_refused_and_left(base: str) -> None:
    os.makedirs(f"{base}/a")
    file = pathlib.Path(base, "a", "session-env")
    file.write_text("mine")
    error = failing(base)
    assert "not a symlink" in str(error)
    assert "a regular file" in str(error)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("wanted", [(), links.REQUIRED_SHARED])
def test_an_empty_home_is_an_error(wanted: tuple[links.SharedSymlink, ...]) -> None:
    with pytest.raises(links.SharedSymlinkError, match="empty path"):
        links.ensure_for_account("", wanted)


def test_several_accounts_share_their_targets(base: str) -> None:
    reports = links.validate_all([f"{base}/a", f"{base}/b"], required(base))
    assert [report.account_home for report in reports] == [f"{base}/a", f"{base}/b"]
    assert texts(f"{base}/a") == texts(f"{base}/b") == shared_of(base)
    for path in shared_of(base).values():
        assert path in reports[0].created, "the first account tells what all of them share"
        assert path not in reports[1].created


def test_all_errors_come_in_one_and_every_account_is_seen_to(base: str) -> None:
    for name in "ac":
        os.makedirs(f"{base}/{name}")
        os.symlink(f"{base}/bad", f"{base}/{name}/projects")
    with pytest.raises(links.SharedSymlinkError) as caught:
        links.validate_all([f"{base}/{name}" for name in "abc"], required(base))
    error = caught.value
    assert len(error.failures) == 2
    assert str(error).count("divergent") == 2
    for failure in error.failures:
        assert failure in str(error)
    assert f"{base}/a/projects" in error.failures[0]
    assert f"{base}/c/projects" in error.failures[1]
    assert texts(f"{base}/b") == shared_of(base)


def test_an_empty_list_of_accounts_is_an_error(base: str) -> None:
    with pytest.raises(links.SharedSymlinkError, match="no account homes"):
        links.validate_all([], required(base))


def test_the_defaults_are_the_documented_ones() -> None:
    assert links.DEFAULT_SHARED_ROOT == "/home/ubuntu"
    assert {link.name: link.target for link in links.REQUIRED_SHARED} == {
        "session-env": "/home/ubuntu/.claude-session-env-shared",
        "file-history": "/home/ubuntu/.claude-file-history-shared",
        "projects": "/home/ubuntu/.claude-projects-shared",
    }
    assert links.required_shared("/home/ubuntu") == links.REQUIRED_SHARED
    assert links.SharedSymlink("/target", "name") == links.SharedSymlink(name="name", target="/target")


# ---- What is made ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2770])
def test_what_is_made_has_the_mode_whatever_the_umask(base: str, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        links.ensure_for_account(f"{base}/deep/a", required(base), mode=mode)
    finally:
        os.umask(before)
    for path in (f"{base}/deep", f"{base}/deep/a", f"{base}/shared", *shared_of(base).values()):
        assert os.stat(path).st_mode & 0o7777 == mode, path


def test_what_exists_keeps_its_mode(base: str) -> None:
    for path in (f"{base}/a", *shared_of(base).values()):
        os.makedirs(path)
        os.chmod(path, 0o711)
    links.ensure_for_account(f"{base}/a", required(base), mode=0o700)
    for path in (f"{base}/a", *shared_of(base).values()):
        assert os.stat(path).st_mode & 0o7777 == 0o711


def test_created_lists_all_that_was_made_and_nothing_else(base: str) -> None:
    before = set(picture(base))
    report = links.ensure_for_account(f"{base}/deep/er/a", required(base))
    assert set(report.created) == set(picture(base)) - before
    assert len(report.created) == len(set(report.created))
    for path in report.created:
        made_before = report.created[: report.created.index(path)]
        assert os.path.dirname(path) in (*made_before, base), "in the order in which it was made"


def test_the_dangling_right_link_gets_its_target_and_is_left(base: str) -> None:
    os.makedirs(f"{base}/a")
    target = shared_of(base)["projects"]
    os.symlink(target, f"{base}/a/projects")
    before = os.lstat(f"{base}/a/projects")
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert os.path.isdir(target)
    assert os.lstat(f"{base}/a/projects").st_ctime_ns == before.st_ctime_ns
    assert {link.name: link.status for link in report.links} == {
        "session-env": "created",
        "file-history": "created",
        "projects": "ok",
    }
    assert target in report.created
    assert f"{base}/a/projects" not in report.created


def test_a_trailing_slash_of_home_or_root_makes_no_difference(base: str) -> None:
    links.ensure_for_account(f"{base}/a", required(base))
    report = links.ensure_for_account(f"{base}/a//", links.required_shared(f"{base}/shared/"))
    assert not report.changed
    assert report.account_home == f"{base}/a//", "as it was given"
    assert report.links[0].path == f"{base}/a/session-env"


def test_home_and_target_may_be_reached_by_links(base: str) -> None:
    os.makedirs(f"{base}/disk/a")
    os.makedirs(f"{base}/disk/shared")
    os.symlink(f"{base}/disk/a", f"{base}/a")
    os.symlink(f"{base}/disk/shared", f"{base}/shared")
    links.ensure_for_account(f"{base}/a", required(base))
    assert texts(f"{base}/disk/a") == shared_of(base)
    assert sorted(os.listdir(f"{base}/disk/shared")) == sorted(f".claude-{name}-shared" for name in NAMES)


STRANGE = [
    "with blank",
    " ",
    "new\nline",
    "tab\t",
    "Ünïcödé",
    "日本",
    "\x1b[31mred",
    "-rf",
    "quote'\"",
    "*",
    "a" * 255,
    os.fsdecode(b"not \xff utf-8"),
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_only_names(base: str, name: str) -> None:
    wanted = [links.SharedSymlink(f"{base}/shared {name[:60]}", name)]
    home = f"{base}/home {name[:60]}"
    report = links.ensure_for_account(home, wanted)
    assert texts(home) == {name: wanted[0].target}
    assert [link.status for link in report.links] == ["created"]
    assert not links.ensure_for_account(home, wanted).changed
    os.unlink(f"{home}/{name}")
    os.symlink(name, f"{home}/{name}")
    failures, _reports = outcome([home], wanted)
    assert failures[0].isprintable(), "what stands in a message is quoted"


def test_five_hundred_accounts(base: str) -> None:
    homes = [f"{base}/accounts/{number}" for number in range(500)]
    predicted = links.validate_all(homes, required(base), check_mode=True)
    reports = links.validate_all(homes, required(base))
    assert [report.created for report in predicted] == [report.created for report in reports]
    assert all(texts(home) == shared_of(base) for home in homes)
    before = picture(base)
    assert not any(report.changed for report in links.validate_all(homes, required(base)))
    assert picture(base) == before


# ---- What is refused where it is found ----------------------------------------------------------------------


def test_another_spelling_of_the_same_directory_is_divergent_and_said_to_be_the_same(base: str) -> None:
    links.ensure_for_account(f"{base}/a", required(base))
    os.unlink(f"{base}/a/projects")
    os.symlink("../shared/.claude-projects-shared", f"{base}/a/projects")
    error = failing(base)
    assert "divergent" in str(error)
    assert "same directory" in str(error)
    assert os.readlink(f"{base}/a/projects") == "../shared/.claude-projects-shared"


def test_a_link_to_another_directory_is_not_said_to_be_the_same(base: str) -> None:
    links.ensure_for_account(f"{base}/a", required(base))
    os.unlink(f"{base}/a/projects")
    os.symlink(base, f"{base}/a/projects")
    assert "same directory" not in str(failing(base))


@pytest.mark.parametrize("text", ["nowhere", "/nowhere/at/all", "projects"])
def test_a_dangling_or_looping_link_is_divergent(base: str, text: str) -> None:
    os.makedirs(f"{base}/a")
    os.symlink(text, f"{base}/a/projects")
    assert f"divergent link '{base}/a/projects': found a link to '{text}'" in str(failing(base))
    assert os.readlink(f"{base}/a/projects") == text


def test_nothing_is_made_for_a_link_that_is_refused(base: str) -> None:
    os.makedirs(f"{base}/a")
    os.symlink("elsewhere", f"{base}/a/projects")
    error = failing(base)
    assert not os.path.lexists(shared_of(base)["projects"])
    assert [link.status for link in error.reports[0].links] == ["created", "created", "divergent"]
    assert error.reports[0].changed, "what was made before the failure is told"
    assert set(error.reports[0].created) == set(picture(base)) - {base, f"{base}/a", f"{base}/a/projects"}


def test_several_failures_of_one_account_are_all_told(base: str) -> None:
    os.makedirs(f"{base}/a/file-history")
    os.symlink("elsewhere", f"{base}/a/projects")
    error = failing(base)
    assert [link.status for link in error.reports[0].links] == ["created", "not_a_symlink", "divergent"]
    assert [link.found for link in error.reports[0].links] == [None, "a directory", "elsewhere"]
    assert len(error.failures) == 2
    assert error.failures == list(error.reports[0].failures)


def test_a_full_directory_in_the_place_of_a_link_is_left_as_it_is(base: str) -> None:
    os.makedirs(f"{base}/a/projects/-srv-work")
    pathlib.Path(base, "a/projects/-srv-work/x.jsonl").write_text("{}")
    before = picture(f"{base}/a/projects")
    assert "not a symlink" in str(failing(base))
    assert picture(f"{base}/a/projects") == before


@pytest.mark.parametrize("kind", ["a FIFO", "a socket"])
def test_anything_else_in_the_place_of_a_link_is_refused_without_opening_it(base: str, kind: str) -> None:
    os.makedirs(f"{base}/a")
    if kind == "a FIFO":
        os.mkfifo(f"{base}/a/projects")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{base}/a/projects")
    assert kind in str(failing(base))


@pytest.mark.parametrize("made", ["file", "dangling", "fifo"])
def test_a_target_that_is_no_directory_is_told_once_and_left(base: str, made: str) -> None:
    target = shared_of(base)["projects"]
    os.makedirs(f"{base}/shared")
    if made == "file":
        pathlib.Path(target).write_text("mine")
    elif made == "fifo":
        os.mkfifo(target)
    else:
        os.symlink("nowhere", target)
    before = picture(target)
    failures, reports = outcome([f"{base}/a", f"{base}/b"], required(base))
    assert len(failures) == 1
    assert f"shared target '{target}' is not a directory" in failures[0]
    assert picture(target) == before
    for report in reports:
        assert [link.status for link in report.links] == ["created", "created", "error"]
        assert not os.path.lexists(f"{report.account_home}/projects"), "no link to what is no directory"


@pytest.mark.parametrize("made", ["file", "dangling"])
def test_a_home_that_is_no_directory_is_refused_and_left(base: str, made: str) -> None:
    if made == "file":
        pathlib.Path(base, "a").write_text("mine")
    else:
        os.symlink("nowhere", f"{base}/a")
    before = picture(f"{base}/a")
    failures, reports = outcome([f"{base}/a", f"{base}/b"], required(base))
    assert len(failures) == 1
    assert f"account home '{base}/a' is not a directory" in failures[0]
    assert picture(f"{base}/a") == before
    assert [link.status for link in reports[0].links] == ["error"] * 3
    assert [link.status for link in reports[1].links] == ["created"] * 3


def test_a_file_above_the_home_is_named(base: str) -> None:
    pathlib.Path(base, "file").write_text("mine")
    failures, _reports = outcome([f"{base}/file/deep/a"], required(base))
    assert f"found a regular file at '{base}/file'" in failures[0]


def test_a_loop_of_links_is_an_error_with_its_reason(base: str) -> None:
    os.symlink("a", f"{base}/a")
    failures, _reports = outcome([f"{base}/a"], required(base))
    assert "symbolic links" in failures[0]


def test_the_text_of_one_failure_is_one_line_and_of_several_a_list() -> None:
    assert str(links.SharedSymlinkError(["one"])) == "shared links: one"
    assert str(links.SharedSymlinkError(["one", "two"])).splitlines() == ["shared links: 2 problems", "- one", "- two"]


# ---- The file itself ---------------------------------------------------------------------------------------


def test_it_needs_nothing_of_ansible_and_prints_nothing() -> None:
    code = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        "importlib.import_module(sys.argv[2])\n"
        "new = sorted(set(sys.modules) - before)\n"
        "foreign = {name.split('.')[0] for name in new} - {'ansible_collections'}\n"
        "if sys.version_info >= (3, 10): foreign -= sys.stdlib_module_names\n"
        "else: foreign &= {'ansible'}\n"
        "package = 'ansible_collections.secuaas.claude.plugins.module_utils'\n"
        "foreign |= {name for name in new if name.startswith('ansible_collections.')\n"
        "            and not (package + '.').startswith(name + '.')\n"
        "            and not name.startswith((package + '._foreign_text', package + '._run_as',\n"
        "                                     package + '._symlink_', sys.argv[2]))}\n"
        "sys.exit(str(sorted(foreign)) if foreign else 0)"
    )
    (collections,) = (path for path in sys.path if os.path.isdir(f"{path}/ansible_collections/secuaas/claude"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, collections, links.__name__],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_public_names_are_importable_from_here() -> None:
    public = {name for name in vars(links) if not name.startswith("_")}
    assert set(links.__all__) <= public
    documented = {
        "DEFAULT_SHARED_ROOT",
        "DIVERGENT",
        "NOT_A_SYMLINK",
        "REQUIRED_SHARED",
        "SharedSymlink",
        "SharedSymlinkError",
        "AccountReport",
        "ensure_for_account",
        "required_shared",
        "shared_symlink",
        "validate_all",
    }
    assert documented <= set(links.__all__)
