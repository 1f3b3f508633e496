# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the end-to-end tests. See `harness` for what they need.

With ``CI=true`` a missing prerequisite is a failure; elsewhere it is a skip that says what is missing.

A test that takes `make_world` can run with Claude Code's guard of a conversation's owner off and on (``guard`` of
`World`); one that is marked ``owner`` does so always. CLAUDE_E2E_GUARD: ``short`` (the default: the guard is on in
these only), ``both`` (every test runs both ways), ``off`` or ``on``. What the guard asks is answered by a person, whom
the harness plays.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, Callable

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import cli
from harness.namespace import Namespace, missing
from harness.world import FAKE_CLAUDE, GUARDED, World

MakeWorld = Callable[..., World]
#: CLAUDE_E2E_GUARD: the guard's states, for a test that is marked ``owner`` and for the others.
GUARDS = {
    "short": ([False, True], [False]),
    "both": ([False, True], [False, True]),
    "off": ([False], [False]),
    "on": ([True], [True]),
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "e2e: against the real Claude Code CLI, in a network namespace")
    config.addinivalue_line("markers", "owner: the account changes under a conversation, so the owner's guard is tried")
    config.addinivalue_line("markers", "unguarded(reason): makes no sense with the guard on")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the states of the guard."""
    if "guard" in metafunc.fixturenames:
        chosen = GUARDS[os.environ.get("CLAUDE_E2E_GUARD") or "short"]
        states = chosen[0] if metafunc.definition.get_closest_marker("owner") else chosen[1]
        if metafunc.definition.get_closest_marker("unguarded"):
            states = [False]
        metafunc.parametrize("guard", states, ids=["guard" if state else "no-guard" for state in states], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark everything of this folder; leave out what makes no sense.

    A run of a named version leaves out what is about another program; there is no guard in the fake Claude and in
    versions before 2.1.330.
    """
    others = {FAKE_CLAUDE, cli.PINNED, cli.OLD} - {cli.NEW} if cli.NAMED else set()
    left_out = []
    for item in items:
        if "/tests/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)
            given: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
            programs = [value for value in given.values() if isinstance(value, str)]
            if others.intersection(programs) or (given.get("guard") and not guardable(programs)):
                left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def needs(minimum: str, why: str, version: str = cli.NEW) -> None:
    """Skip the rest of a test on a version that is older than ``minimum``, and say why."""
    if cli.numbers(version) < cli.numbers(minimum):
        pytest.skip(f"Claude Code {cli.version_number(version)} is older than {minimum}: {why}")


def guardable(programs: list[str]) -> bool:
    """Return whether the program that a test is about can guard a conversation's owner."""
    versions = [name for name in programs if name in cli.VERSIONS] or [cli.NEW]
    return FAKE_CLAUDE not in programs and all(cli.numbers(name) >= cli.numbers(GUARDED) for name in versions)


def lacking(reason: str) -> None:
    """Fail in CI, skip loudly elsewhere."""
    text = f"END-TO-END TESTS CANNOT RUN: {reason}"
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def namespace() -> Iterator[Namespace]:
    """The namespace of the whole run."""
    lacks = missing()
    if lacks:
        lacking("missing: " + "; ".join(lacks))
    folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
    os.chmod(folder, 0o755)
    try:
        made = Namespace(folder)
        try:
            yield made
        finally:
            made.close()
    finally:
        shutil.rmtree(folder)


def real(version: str) -> str:
    """Return the real CLI's program."""
    try:
        return cli.program(version)
    except RuntimeError as error:
        lacking(str(error))
        raise


@pytest.fixture
def guard(request: pytest.FixtureRequest) -> bool:
    """The state of the guard of a conversation's owner; see `pytest_generate_tests`."""
    return bool(request.param)


@pytest.fixture
def make_world(worlds: MakeWorld, guard: bool) -> MakeWorld:
    """Make worlds in the state of the guard that the test runs with."""

    def make(program: str, **options: object) -> World:
        return worlds(program, **{"guard": guard, **options})

    return make


@pytest.fixture
def worlds(namespace: Namespace) -> Iterator[MakeWorld]:
    """Make worlds, each with stub and tmux running; all are cleared away at the end of the test."""
    made: list[World] = []

    def make(program: str, **options: object) -> World:
        world = World(namespace, program, **options)  # type: ignore[arg-type]  # passed on as they came
        made.append(world)
        if program != FAKE_CLAUDE:
            world.start_stub()
        world.start_tmux()
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with the real CLI."""
    return make_world(real(cli.NEW))


@pytest.fixture(params=[cli.NEW, FAKE_CLAUDE])
def either(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """A world with the real CLI, and one with the fake Claude: what holds for one has to hold for the other."""
    return make_world(FAKE_CLAUDE if request.param == FAKE_CLAUDE else real(request.param))


@pytest.fixture(params=[cli.OLD, FAKE_CLAUDE])
def either_old(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """The same for 2.1.197."""
    if request.param == FAKE_CLAUDE:
        return make_world(FAKE_CLAUDE, imitate=cli.OLD)
    return make_world(real(request.param))
