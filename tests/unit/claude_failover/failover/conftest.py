# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the failover."""

from __future__ import annotations

import pytest

from claude_failover.failover import policy, resume_queue
from claude_failover.switching import open_records


@pytest.fixture
def quick(monkeypatch):
    """Take the waits of a round out of the failover."""
    monkeypatch.setattr(open_records, "STRAGGLERS", 0.0)
    monkeypatch.setattr(open_records, "ANSWERS", 0.0)
    monkeypatch.setattr(resume_queue, "_RESUME_INTERVAL", 0.0)
    monkeypatch.setattr(policy, "_ACCOUNT_CHECK_INTERVAL", 0.0)
