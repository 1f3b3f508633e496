# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of all tests."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))

from import_path import IMPORT_PATH

# No test fails for the time that it takes on a busy machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a fixture of their module on one worker, which makes it once."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        made = fixtures.name2fixturedefs.values() if fixtures is not None else ()
        shares = any(each.scope == "module" for definitions in made for each in definitions)
        if shares and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def python_path() -> str:
    """The PYTHONPATH under which another process can import the daemon and the collection."""
    return os.pathsep.join(IMPORT_PATH)


@pytest.fixture
def short_folder() -> Iterator[str]:
    """A folder with a short path, unlike pytest's: a unix socket's path has at most 107 bytes."""
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)  # a process that ends may still write there
