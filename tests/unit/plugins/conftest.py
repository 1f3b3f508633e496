# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for the tests of the plugins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import scratch


@pytest.fixture
def base() -> Iterator[str]:
    """Give a scratch folder that every user can reach."""
    folder = scratch()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the flushing of files out, which only a power cut would show, and which takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
