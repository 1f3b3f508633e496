# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links: invalid requests are refused before anything is touched."""

from __future__ import annotations

import os

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import outcome, picture, required

Link = links.SharedSymlink


def refusal(base: str, homes: list[str], wanted: object, **options: object) -> str:
    """Return the refusal's text, having seen that nothing was touched, in check mode and in a real run."""
    before = picture(base)
    told = [outcome(homes, wanted, check_mode=check_mode, **options) for check_mode in (True, False)]
    assert told[0] == told[1]
    failures, reports = told[0]
    assert failures
    assert reports == []
    assert picture(base) == before
    return "\n".join(failures)


BAD_PATHS = {
    "": "an empty path",
    "relative": "a relative path",
    "./a": "a relative path",
    "~/.claude": "a relative path",
    "~user/.claude": "a relative path",
    "$HOME/.claude": "a relative path",
    "/home/~/a": "a '~' or '$'",
    "/home/a~": "a '~' or '$'",
    "/home/$USER/a": "a '~' or '$'",
    "/home/${USER}/a": "a '~' or '$'",
    "/home/a/../b": "a '..'",
    "/home/a\0b": "a NUL character",
    "/home/\ud800": "cannot hold",
}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_home_that_is_no_plain_absolute_path(base: str, path: str) -> None:
    text = refusal(base, [f"{base}/good", path], required(base))
    assert f"account home {path!r}" in text
    assert BAD_PATHS[path] in text


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_target_that_is_no_plain_absolute_path(base: str, path: str) -> None:
    text = refusal(base, [f"{base}/a"], [Link(path, "projects")])
    assert f"target of link 'projects' {path!r}" in text
    assert BAD_PATHS[path] in text


@pytest.mark.parametrize("root", ["", "relative", "~", "$HOME"])
def test_a_shared_root_that_is_no_plain_absolute_path(base: str, root: str) -> None:
    refusal(base, [f"{base}/a"], links.required_shared(root))


@pytest.mark.parametrize("name", [".credentials.json", ".credentials.json.bak", ".claude.json.lock"])
def test_an_accounts_login_and_its_locks_are_not_shared(base: str, name: str) -> None:
    assert f"link name {name!r}: found what is an account's own" in refusal(
        base, [f"{base}/a"], [Link(f"{base}/shared", name)]
    )


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "/a", "a/", "a\0b"])
def test_a_link_name_that_is_no_name(base: str, name: str) -> None:
    assert f"link name {name!r}" in refusal(base, [f"{base}/a"], [Link(f"{base}/shared", name)])


def test_no_links_at_all(base: str) -> None:
    assert "no links" in refusal(base, [f"{base}/a"], [])


def test_one_name_twice(base: str) -> None:
    wanted = [Link(f"{base}/s1", "projects"), Link(f"{base}/s2", "projects")]
    assert "'projects': found more than once" in refusal(base, [f"{base}/a"], wanted)


def test_everything_wrong_is_told_at_once(base: str) -> None:
    text = refusal(base, ["a", "b"], [Link("c", "x/y")], mode=0, owner=None)
    for part in ("mode", "'a'", "'b'", "'c'", "'x/y'"):
        assert part in text


@pytest.mark.parametrize("mode", [0, 0o077, 0o500, 0o1274, -1, 0o10700])
def test_a_mode_with_which_nothing_could_be_made(base: str, mode: int) -> None:
    assert "mode: found" in refusal(base, [f"{base}/a"], required(base), mode=mode)


# ---- One directory in two roles ----------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["{}/a", "{}/a/", "{}//a", "{}/./a", "{}/link/a", "{}/to_a"])
@pytest.mark.parametrize("exists", [True, False])
def test_two_homes_that_are_the_same_directory(base: str, spelling: str, exists: bool) -> None:
    if exists:
        os.mkdir(f"{base}/a")
    os.symlink(base, f"{base}/link")
    os.symlink("a", f"{base}/to_a")
    text = refusal(base, [f"{base}/a", spelling.format(base)], required(base))
    assert "the same directory" in text
    assert text.count("\n") == 0, "said once"


def test_two_homes_that_one_mount_makes_the_same(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        os.mkdir(f"{base}/{name}")
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: real(f"{base}/a" if path == f"{base}/b" else path, **more))
    failures, _reports = outcome([f"{base}/a", f"{base}/b"], required(base))
    assert "the same directory" in failures[0]


@pytest.mark.parametrize("spelling", ["{}/shared", "{}/shared/", "{}/link/shared", "{}/to_shared"])
def test_two_links_with_one_target(base: str, spelling: str) -> None:
    os.symlink(base, f"{base}/link")
    os.symlink("shared", f"{base}/to_shared")
    wanted = [Link(f"{base}/shared", "projects"), Link(spelling.format(base), "sessions")]
    assert "link targets" in refusal(base, [f"{base}/a"], wanted)


@pytest.mark.parametrize(
    "target", ["{}/a", "{}/a/", "{}/a/shared", "{}/a/projects", "{}/a/projects/deep", "{}/link/a/shared", "{}/into/x"]
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_target_inside_a_home(base: str, target: str, exists: bool) -> None:
    if exists:
        os.mkdir(f"{base}/a")
    os.symlink(base, f"{base}/link")
    os.symlink("a", f"{base}/into")
    text = refusal(base, [f"{base}/b", f"{base}/a"], [Link(target.format(base), "projects")])
    assert f"inside the account home '{base}/a'" in text


def test_a_target_that_only_looks_inside_a_home(base: str) -> None:
    links.ensure_for_account(f"{base}/a", [Link(f"{base}/a-shared", "projects")])


@pytest.mark.parametrize("home", ["{}/shared/a", "{}/shared/deep/a", "{}/link/shared/a"])
def test_a_home_inside_a_target(base: str, home: str) -> None:
    os.symlink(base, f"{base}/link")
    text = refusal(base, [home.format(base)], [Link(f"{base}/shared", "projects")])
    assert f"inside the target '{base}/shared'" in text


def test_the_root_directory_as_home_or_target(base: str) -> None:
    assert "inside the account home '/'" in refusal(base, ["/"], required(base))
    assert "inside the target '/'" in refusal(base, [f"{base}/a"], [Link("/", "projects")])


def test_a_home_below_a_link_of_another(base: str) -> None:
    text = refusal(base, [f"{base}/a", f"{base}/a/projects/b"], required(base))
    assert f"below a link of the account home '{base}/a'" in text


def test_a_home_beside_the_links_of_another_is_no_error(base: str) -> None:
    links.validate_all([f"{base}/a", f"{base}/a/accounts/b"], required(base))


# ---- Owner, group and the module's arguments ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["no-such-user-here", "", "a\0b", "99999999999999999999", "４２"])
def test_an_owner_or_group_that_does_not_exist(base: str, name: str) -> None:
    for option in ("owner", "group"):
        before = picture(base)
        failures, reports = outcome([f"{base}/a"], required(base), **{option: name})
        assert [f"{option} {name!r}" in failure for failure in failures] == [True]
        assert reports == []
        assert picture(base) == before


@pytest.mark.parametrize(("value", "mode"), [("0700", 0o700), ("700", 0o700), ("0o750", 0o750), (0o700, 0o700)])
def test_a_mode_is_octal_text_or_a_number(value: object, mode: int) -> None:
    assert links.parse_mode(value) == mode


@pytest.mark.parametrize("value", ["u=rwx", "0800", "", None, True, 7.0, ["0700"]])
def test_another_mode_is_refused(value: object) -> None:
    with pytest.raises(links.SharedSymlinkError, match="mode: found"):
        links.parse_mode(value)


def test_links_by_name_have_the_usual_targets() -> None:
    assert links.required_links("/r", None) == links.required_shared("/r")
    wanted: list[dict[str, str | None]] = [{"name": "a", "target": None}, {"name": "b"}, {"name": "c", "target": "/t"}]
    assert links.required_links("/r", wanted) == (
        Link("/r/.claude-a-shared", "a"),
        Link("/r/.claude-b-shared", "b"),
        Link("/t", "c"),
    )
