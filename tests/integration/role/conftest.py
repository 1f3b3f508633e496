# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep tests that share a slow fixture on one worker of pytest-xdist."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests that read what one run of Ansible evaluates."""
    for item in items:
        for name in ("test_plays.py", "test_live_changes.py"):
            if name in item.nodeid:
                item.add_marker(pytest.mark.xdist_group(name))
