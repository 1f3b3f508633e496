# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links: owner and group, and planted links that would lead root astray."""

from __future__ import annotations

import errno
import grp
import os
import signal
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    as_owner,
    in_the_name_of_the_owner,
    needs_no_root,
    needs_root,
    outcome,
    picture,
    required,
    some_user,
    texts,
)


@pytest.fixture
def home(base: str) -> str:
    """Give a folder that belongs to some user, as a home does."""
    folder = f"{base}/home"
    os.mkdir(folder)
    os.chown(folder, some_user().pw_uid, some_user().pw_gid)
    return folder


@pytest.fixture
def roots(base: str) -> str:
    """Give a folder of root's in which others may look but not write."""
    folder = f"{base}/roots"
    os.mkdir(folder, 0o755)
    return folder


# ---- Who owns what is made ---------------------------------------------------------------------------------


@needs_root
def test_all_that_is_made_is_the_owners(home: str) -> None:
    failures, reports = as_owner([f"{home}/deep/a"], home)
    assert failures == []
    assert len(reports[0].created) == 9
    for path in reports[0].created:
        status = os.lstat(path)
        assert (status.st_uid, status.st_gid) == (some_user().pw_uid, some_user().pw_gid), path


@needs_root
def test_an_owner_may_be_a_number(home: str) -> None:
    failures, _reports = as_owner([f"{home}/a"], home, owner=str(some_user().pw_uid))
    assert failures == []
    assert os.stat(f"{home}/a").st_uid == some_user().pw_uid


@needs_root
def test_what_exists_is_neither_re_owned_nor_re_moded(home: str) -> None:
    os.mkdir(f"{home}/a")
    os.chmod(f"{home}/a", 0o777)
    os.makedirs(f"{home}/shared")
    before = picture(home, depth_times=False)
    failures, _reports = as_owner([f"{home}/a"], home)
    assert "Permission denied" in failures[0], "the targets lie in a folder of root's"
    after = picture(home, depth_times=False)
    assert {path: after[path] for path in before} == before


@needs_root
def test_a_group_of_the_owners_is_given_to_all_that_is_made(
    base: str, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = some_user(), grp.getgrnam("users")
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, other.gr_gid])
    failures, reports = as_owner([f"{home}/a"], home, group=other.gr_name, mode=0o2770)
    assert failures == []
    for path in reports[0].created:
        status = os.lstat(path)
        assert (status.st_uid, status.st_gid) == (user.pw_uid, other.gr_gid), path
        assert os.path.islink(path) or status.st_mode & 0o7777 == 0o2770


@needs_root
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_group_that_is_not_the_owners_is_refused(home: str, check_mode: bool) -> None:
    before = picture(home)
    failures, reports = as_owner([f"{home}/a"], home, group="root", check_mode=check_mode)
    assert "no member of it" in failures[0]
    assert reports == []
    assert picture(home) == before


@needs_root
def test_root_without_an_owner_may_give_any_group(base: str) -> None:
    report = links.ensure_for_account(f"{base}/a", required(base), group="users")
    assert {os.lstat(path).st_gid for path in report.created} == {grp.getgrnam("users").gr_gid}


@needs_root
def test_root_as_owner_needs_no_child(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", None)
    assert links.ensure_for_account(f"{base}/a", required(base), owner="root").changed


@needs_no_root
def test_another_owner_is_refused(base: str) -> None:
    before = picture(base)
    failures, _reports = outcome([f"{base}/a"], required(base), owner="root")
    assert "expected root or the owner" in failures[0]
    assert picture(base) == before


@needs_no_root
def test_oneself_as_owner_is_no_matter(base: str) -> None:
    assert links.ensure_for_account(f"{base}/a", required(base), owner=str(os.geteuid())).changed


@needs_no_root
def test_a_group_that_one_is_not_in_is_refused(base: str) -> None:
    failures, _reports = outcome([f"{base}/a"], required(base), group="root")
    assert "no member of it" in failures[0]


# ---- The child has the owner's rights, all of them and no others ---------------------------------------------


@needs_root
def test_the_child_has_the_ids_and_groups_of_the_owner_and_no_capability(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = some_user()
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 12345])

    def look(*_args: object) -> tuple[list[str], list[object]]:
        with open("/proc/self/status", "rb") as stream:  # no text: this user may not be able to read a codec
            lines = stream.read().decode().splitlines()
        found = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        return [found[key] for key in ("Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapAmb")], []

    monkeypatch.setattr(links, "_set_up_accounts", look)
    found, _reports = as_owner([f"{home}/a"], home)
    nothing = "0" * 16
    assert found[0] == "\t".join([str(user.pw_uid)] * 4)
    assert found[1] == "\t".join([str(user.pw_gid)] * 4)
    assert sorted(map(int, found[2].split())) == sorted([user.pw_gid, 12345])
    assert found[3:] == [nothing] * 3


@needs_root
def test_the_rights_of_a_supplementary_group_count(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = f"{base}/of_the_group"
    os.mkdir(folder)
    os.chown(folder, 0, 12345)
    os.chmod(folder, 0o770)
    assert "Permission denied" in as_owner([f"{folder}/a"], folder)[0][0]
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 12345])
    assert as_owner([f"{folder}/a"], folder)[0] == []


@needs_root
def test_a_home_where_only_root_may_write_is_a_clear_error_and_foreseen(home: str, roots: str) -> None:
    told = [as_owner([f"{roots}/a"], home, check_mode=check_mode) for check_mode in (True, False)]
    assert told[0] == told[1]
    (failure,) = told[0][0]
    for part in (
        f"{roots}/a",
        some_user().pw_name,
        "Permission denied",
        "Create it for that user beforehand",
        f"'{roots}'",
    ):
        assert part in failure
    assert os.listdir(roots) == []


@needs_root
def test_a_home_that_the_owner_has_there_already_is_used(home: str, roots: str) -> None:
    os.mkdir(f"{roots}/a")
    os.chown(f"{roots}/a", some_user().pw_uid, some_user().pw_gid)
    assert as_owner([f"{roots}/a"], home)[0] == []
    assert len(texts(f"{roots}/a")) == 3


@needs_root
def test_strange_text_comes_back_from_the_child_as_it_is(home: str) -> None:
    name = os.fsdecode(b"b\xffd\n\xe2\x82\xac")
    wanted = [links.SharedSymlink(f"{home}/shared {name}", name)]
    owner = some_user().pw_name
    (report,) = links.validate_all([f"{home}/{name}"], wanted, owner=owner)
    assert report.links == (
        links.LinkReport(f"{home}/{name}", name, f"{home}/{name}/{name}", wanted[0].target, None, "created"),
    )
    assert isinstance(report, links.AccountReport)
    assert links.validate_all([f"{home}/{name}"], wanted, owner=owner)[0].links[0].found == wanted[0].target


@needs_root
def test_a_child_that_is_killed_is_told(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "symlink", lambda *_args: os.kill(os.getpid(), signal.SIGKILL))
    failures, reports = as_owner([f"{home}/a"], home)
    assert "ended before it was done (wait status 9)" in failures[0]
    assert reports == []


@needs_root
def test_a_child_that_may_not_become_the_owner_does_nothing(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_args: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "setresuid", no)
    failures, _reports = as_owner([f"{home}/a"], home)
    assert "Operation not permitted" in failures[0]
    assert os.listdir(home) == []


@needs_root
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_the_mode_is_that_which_is_asked_for_whatever_the_umask(home: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        assert as_owner([f"{home}/a"], home)[0] == []
    finally:
        os.umask(before)
    assert os.stat(f"{home}/a").st_mode & 0o7777 == 0o700


@needs_root
def test_a_caller_that_ignores_its_children_gets_the_answer_all_the_same(home: str) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert as_owner([f"{home}/a"], home)[0] == []
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert len(texts(f"{home}/a")) == 3


@needs_root
def test_owner_and_group_may_be_numbers(home: str) -> None:
    user = some_user()
    report = links.ensure_for_account(f"{home}/a", required(home), owner=user.pw_uid, group=user.pw_gid)
    assert report.changed
    assert (os.stat(f"{home}/a").st_uid, os.stat(f"{home}/a").st_gid) == (user.pw_uid, user.pw_gid)


@needs_root
def test_no_child_and_no_descriptor_is_left(home: str) -> None:
    before = os.listdir("/proc/self/fd")
    as_owner([f"{home}/a"], home)
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# ---- Links that the owner plants ---------------------------------------------------------------------------


PLANTED = ["home", "above the home", "target", "above the targets", "link"]


def plant(where: str, home: str, victim: str) -> None:
    """Lead one step of the way into a folder of root's, as the owner could."""
    if where == "home":
        os.symlink(victim, f"{home}/a")
    elif where == "above the home":
        os.symlink(victim, f"{home}/deep")
    elif where == "target":
        os.mkdir(f"{home}/shared")
        os.symlink(f"{victim}/new", f"{home}/shared/.claude-projects-shared")
    elif where == "above the targets":
        os.symlink(victim, f"{home}/shared")
    else:
        os.mkdir(f"{home}/a")
        os.symlink(f"{victim}/new", f"{home}/a/projects")


@needs_root
@pytest.mark.parametrize("where", PLANTED)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_planted_link_leads_nowhere(home: str, roots: str, where: str, check_mode: bool) -> None:
    in_the_name_of_the_owner(lambda: plant(where, home, roots))
    before = picture(roots)
    account = f"{home}/deep/a" if where == "above the home" else f"{home}/a"
    failures, _reports = as_owner([account], home, check_mode=check_mode)
    assert failures
    assert picture(roots) == before


@needs_root
def test_the_same_planted_link_would_lead_root_itself(home: str, roots: str) -> None:
    """Shows that the test above can fail: without an owner root follows the link."""
    in_the_name_of_the_owner(lambda: plant("home", home, roots))
    links.ensure_for_account(f"{home}/a", required(home))
    assert len(texts(roots)) == 3


@needs_root
@pytest.mark.parametrize("call", ["mkdir", "symlink", "open"])
def test_a_link_swapped_in_right_before_a_write_leads_nowhere(
    home: str, roots: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child itself swaps, at the worst of moments; it has the owner's rights, so the owner could too."""
    before = picture(roots)
    real = getattr(os, call)

    def swap(*args: Any, **more: Any) -> Any:
        if os.path.isdir(f"{home}/deep") and not os.path.islink(f"{home}/deep"):
            os.rename(f"{home}/deep", f"{home}/aside")
            os.symlink(roots, f"{home}/deep")
        return real(*args, **more)

    monkeypatch.setattr(os, call, swap)
    failures, _reports = as_owner([f"{home}/deep/a"], home)
    assert os.readlink(f"{home}/deep") == roots, "the swap did happen"
    assert failures
    assert picture(roots) == before
