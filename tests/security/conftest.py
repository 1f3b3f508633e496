# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of boundaries between users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from user_host import UserHost


@pytest.fixture
def host(python_path: str) -> Iterator[UserHost]:
    """Give a host in small."""
    made = UserHost(python_path)
    yield made
    made.end()
