# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles: names that leave their folder, damage, and the name of a release."""

from __future__ import annotations

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._release_bundle import (
    BundleError,
    content_hash,
    members_below,
    pack,
    release_name,
    unpack,
)

CONTENT = b"import sys\nsys.exit(len(sys.argv))\n"
SOURCES = {"__main__.py": CONTENT, "claude_failover/__init__.py": b'VERSION = "1.2.3"\n'}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "lib//x", "lib/./x", "a\\b"])
def test_no_member_of_a_bundle_leaves_its_folder(name: str) -> None:
    with pytest.raises(BundleError):
        pack({name: b""})


def test_a_damaged_bundle_is_refused() -> None:
    good = pack({"lib/__main__.py": CONTENT * 50})
    for position in range(0, len(good), 7):
        torn = bytearray(good)
        torn[position] ^= 0xFF
        try:
            unpacked = unpack(bytes(torn))
        except BundleError:
            continue
        # What no check sum guards (times, system of origin) does not matter; names and contents must.
        assert list(unpacked.values()) == [CONTENT * 50]


def test_a_release_is_named_by_version_and_content() -> None:
    assert release_name(SOURCES) == f"1.2.3-{content_hash(SOURCES)[:12]}"
    moved = {"__main__.py": CONTENT + b"#", "claude_failover/__init__.py": SOURCES["claude_failover/__init__.py"]}
    assert release_name(moved).startswith("1.2.3-")
    assert release_name(moved) != release_name(SOURCES)


@pytest.mark.parametrize("missing", SOURCES)
def test_files_without_program_or_version_are_no_release(missing: str) -> None:
    with pytest.raises(BundleError, match="no release of the daemon"):
        release_name({name: data for name, data in SOURCES.items() if name != missing})


def test_members_below_a_prefix_lose_it() -> None:
    assert members_below({"lib/a": b"1", "lib/b/c": b"2", "files/0": b"3", "library": b"4"}, "lib/") == {
        "a": b"1",
        "b/c": b"2",
    }
