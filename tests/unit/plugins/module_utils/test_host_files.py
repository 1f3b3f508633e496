# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host files: obstacles at their paths, and owners. The module's tests cover the writing."""

from __future__ import annotations

import os

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _host_files


def wanted(path: str, owner: str | None = None, group: str | None = None) -> _host_files.FileSpec:
    return _host_files.FileSpec(path, b"text", 0o600, owner, group)


def make(file: _host_files.FileSpec) -> None:
    _host_files.apply(file, _host_files.compare(file))


def test_owner_and_group_may_be_numbers(base: str) -> None:
    file = wanted(f"{base}/file", str(os.geteuid()), str(os.getegid()))
    make(file)
    assert _host_files.compare(file).status == _host_files.OK


@pytest.mark.parametrize("name", ["no-such-name-here", "4294967294", "99999999999999999999"])
def test_an_unknown_owner_is_refused_or_foreseen(base: str, name: str) -> None:
    for file in (wanted(f"{base}/file", owner=name), wanted(f"{base}/file", group=name)):
        with pytest.raises(_host_files.HostFileError, match="make it first"):
            _host_files.compare(file)
        assert _host_files.compare(file, owners_may_be_missing=True).status == _host_files.CREATED
    assert os.listdir(base) == []


def test_a_link_that_leads_nowhere_in_the_place_of_a_folder_is_told_and_left(base: str) -> None:
    os.symlink(f"{base}/nowhere", f"{base}/folder")
    with pytest.raises(_host_files.HostFileError, match="move it away"):
        make(wanted(f"{base}/folder/file"))
    assert os.readlink(f"{base}/folder") == f"{base}/nowhere"
    assert os.listdir(base) == ["folder"]
