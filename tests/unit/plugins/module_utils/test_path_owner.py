# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find who decides where a path leads: every kind of entry that another user can put on the way."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._path_owner import ROOT, PathOwner, path_owner
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import needs_root, some_user

USER = some_user().pw_uid


def own(path: str, uid: int = USER) -> str:
    os.chown(path, uid, uid, follow_symlinks=False)
    return path


def folder(path: str, mode: int = 0o755) -> str:
    os.mkdir(path)
    os.chmod(path, mode)
    return path


@needs_root
def test_what_only_root_can_change_is_roots(base: str) -> None:
    home = folder(f"{base}/home")
    assert path_owner(home) == PathOwner(ROOT, home)
    assert path_owner(f"{home}/./missing/deep").uid == ROOT
    os.symlink(home, f"{base}/link")
    assert path_owner(f"{base}/link/a") == PathOwner(ROOT, f"{home}/a")
    os.symlink("home/../home", f"{base}/relative")
    assert path_owner(f"{base}/relative") == PathOwner(ROOT, home)


@needs_root
@pytest.mark.parametrize("kind", ["folder", "link", "file", "socket"])
def test_the_first_entry_of_another_user_decides(base: str, kind: str) -> None:
    place = f"{base}/x"
    if kind == "folder":
        folder(place)
        os.symlink("/etc", f"{place}/a")  # root's own link below it decides nothing
    elif kind == "link":
        os.symlink("/etc", place)
    elif kind == "file":
        open(place, "w").close()
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place)
    own(place)
    assert path_owner(f"{place}/a/b") == PathOwner(USER, place)
    os.symlink(place, f"{base}/of_root")
    assert path_owner(f"{base}/of_root") == PathOwner(USER, place)


@needs_root
@pytest.mark.parametrize(
    ("mode", "group", "several"),
    [(0o777, 0, True), (0o1777, 0, True), (0o775, 12345, True), (0o775, 0, False), (0o755, 12345, False)],
)
def test_a_missing_entry_belongs_to_all_who_may_make_it(base: str, mode: int, group: int, several: bool) -> None:
    place = folder(f"{base}/shared", mode)
    os.chown(place, 0, group)
    assert path_owner(f"{place}/missing").uid == (None if several else ROOT)
    assert path_owner(place).uid == (None if several else ROOT)


@needs_root
def test_a_sticky_folder_keeps_folders_but_not_links(base: str) -> None:
    place = folder(f"{base}/tmp", 0o1777)
    inner = folder(f"{place}/of_root")
    assert path_owner(inner) == PathOwner(ROOT, inner)
    os.symlink("/etc", f"{place}/link")  # somebody could have moved it here
    assert path_owner(f"{place}/link") == PathOwner(None, place)
    own(folder(f"{place}/of_user"))
    assert path_owner(f"{place}/of_user/a").uid == USER


@needs_root
def test_a_writable_folder_that_is_not_sticky_keeps_nothing(base: str) -> None:
    place = folder(f"{base}/open", 0o777)
    folder(f"{place}/of_root")
    assert path_owner(f"{place}/of_root/a") == PathOwner(None, place)


@needs_root
def test_a_circle_of_links_is_an_error(base: str) -> None:
    os.symlink(f"{base}/b", f"{base}/a")
    os.symlink(f"{base}/a", f"{base}/b")
    with pytest.raises(OSError, match="symbolic links"):
        path_owner(f"{base}/a")


def test_a_path_below_a_file_ends_there() -> None:
    assert path_owner("/etc/passwd/a").uid == ROOT


def test_what_root_may_not_look_at_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user can mount a file system of their own (FUSE) on a folder, which even root is refused, and end it later."""
    real = os.lstat

    def refuse(path: str) -> os.stat_result:
        if path == "/etc/passwd":
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "lstat", refuse)
    with pytest.raises(PermissionError):
        path_owner("/etc/passwd/a")


@needs_root
@pytest.mark.parametrize(("mask", "found"), [(7, None), (5, ROOT)])
def test_a_list_that_lets_a_user_write_makes_a_folder_shared(base: str, mask: int, found: int | None) -> None:
    """Owner and group of the folder are root."""
    place = folder(f"{base}/x")
    everybody = 0xFFFFFFFF
    entries = [
        (0x01, 7, everybody),
        (0x02, 7, USER),
        (0x04, 5, everybody),
        (0x10, mask, everybody),
        (0x20, 5, everybody),
    ]
    text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)  # acl_ea_header
    try:
        os.setxattr(place, "system.posix_acl_access", text)
    except OSError as error:
        pytest.skip(f"NOT TESTED: no access control lists here ({error.strerror})")
    assert path_owner(place).uid == found
    assert path_owner(f"{place}/a/b").uid == found
