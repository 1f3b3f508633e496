# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that tests which share a fixture run on one worker: pytest 9.2.0 with pytest-xdist 3.8.0 undid that unseen."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def slow() -> str:
    return "made once"


def test_the_tests_that_share_a_fixture_are_one_group(request: pytest.FixtureRequest, slow: str) -> None:
    group = request.node.get_closest_marker("xdist_group").args[0]
    assert group.endswith("tests/unit/test_groups.py")
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith(f"@{group}"), "the workers of pytest-xdist do not see it"


def test_others_are_not(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("xdist_group") is None and "@" not in request.node.nodeid
