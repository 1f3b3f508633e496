# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption that is killed at every change of the disk, and run again; and adoption of random trees."""

from __future__ import annotations

import collections
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, NamedTuple

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_run
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture, scratch, texts, walk
from ansible_collections.secuaas.claude.tests.unit.plugins.used_machine import STATE, Machine

pytest.importorskip(
    "hypothesis", reason="SKIPPED, NOT TESTED: hypothesis is not installed (tests/unit/requirements.txt)"
)

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

CHANGES = ("mkdir", "link", "unlink", "symlink", "rename", "replace", "chmod", "fchmod", "utime")
"""The functions of ``os`` by which an adoption changes the disk; writes into a temporary file lie between them."""
MOST_CHANGES = 400


@pytest.fixture(autouse=True)
def _quick(unflushed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the search for sessions, which test_adopt_run tries."""
    monkeypatch.setattr(_adopt_run, "require_unused", lambda _request: None)


def digests(contents: list[bytes]) -> collections.Counter[str]:
    return collections.Counter(hashlib.sha256(content).hexdigest() for content in contents)


def killed_at(machine: Machine, change: int) -> bool:
    """Adopt in a process that is killed right before its change of that number; return False if it made fewer."""
    pid = os.fork()
    if pid == 0:
        left = [change]

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def changing(*arguments: Any, **options: Any) -> Any:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return function(*arguments, **options)

            return changing

        try:
            for name in CHANGES:
                setattr(os, name, counted(getattr(os, name)))
            failed = machine.adopt()["failures"]
            os._exit(3 if failed else 0)
        finally:
            os._exit(4)
    _pid, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL), f"exit {os.waitstatus_to_exitcode(status)}"
    return status == signal.SIGKILL


def require_nothing_lost(machine: Machine, before: list[bytes], logins: int) -> None:
    """Every file is still somewhere; a login is there once."""
    assert digests(machine.contents()).keys() >= digests(before).keys()
    assert len(machine.logins()) == logins
    assert machine.contents().count(b"an old login") == before.count(b"an old login")


def require_adopted(machine: Machine, conversations: list[bytes]) -> None:
    """Every byte of every conversation is in the shared folder or beside it, and nothing is left to do."""
    assert os.readlink(machine.home) == machine.homes[0]
    for home in machine.homes:
        if os.path.isdir(home):
            names = [link.name for link in machine.request.links]
            assert texts(home).items() >= {name: machine.shared(name) for name in names}.items()
    shared = machine.shared_contents()
    for content in conversations:
        assert content == b"{}" or any(kept.startswith(content) for kept in shared)
    assert not any(os.path.basename(path) == ".claude-adoption.tmp" for path in walk(machine.user))
    after = picture(machine.user)
    assert machine.adopted()["steps"] == []
    assert picture(machine.user) == after


def used(base: str, settings: bool) -> Machine:
    machine = Machine(base, settings=settings).fill()
    machine.put(".claude-compte2/settings.json", {"permissions": {"deny": ["Read(/x)"]}})
    machine.put(".claude-compte2/.claude.json", {"theme": "light", "mcpServers": {"more": {"command": "more"}}})
    machine.put(".claude/history.jsonl", "1\n")
    machine.put(".claude-compte2/history.jsonl", "1\n2\n")
    machine.put(".claude-compte2/plugins/installed_plugins.json", "{}")
    return machine


def with_a_first_home(base: str, settings: bool) -> Machine:
    """A first home that has conversations, a login and a state of its own; what is in use has none."""
    machine = used(base, settings)
    os.unlink(f"{machine.home}/.credentials.json")
    machine.put(".claude-compte1/.credentials.json", "first")
    machine.put(".claude-compte1/.claude.json", {"oauthAccount": {"emailAddress": "first"}, "theme": "dark"})
    machine.put(".claude-compte1/.credentials.json.bak", "an old login")
    machine.put(".claude-compte1/settings.json", "{}")
    machine.put(".claude-keybindings.json-shared", '{"bindings": [1]}')
    # To what is to be shared, by another text.
    os.symlink("../.claude-keybindings.json-shared", f"{machine.home}/keybindings.json")
    machine.put(".claude-compte1/projects/-srv-work/one.jsonl", "1\n2\n3\n")
    machine.put(".claude-compte1/projects/-srv-work/two.jsonl", "not the other\n")
    machine.put(".claude-projects-shared/-srv-work/one.jsonl", "1\n")
    machine.put(".claude/.claude.json", {"projects": {"/srv/own": {}}})
    return machine


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("build", [used, with_a_first_home])
def test_killed_before_every_change_and_run_again(build: Callable[[str, bool], Machine], shared: bool) -> None:
    expected = None
    for change in range(MOST_CHANGES):
        base = scratch()
        try:
            machine = build(base, shared)
            before, conversations, logins = machine.contents(), machine.conversations(), len(machine.logins())
            ended = not killed_at(machine, change)
            require_nothing_lost(machine, [*conversations, *(one for one in before if one == b"an old login")], logins)
            machine.adopted()
            require_adopted(machine, conversations)
            # The prefixes of longer files are the one thing that is not kept as it was.
            whole = [one for one in before if not any(other != one and other.startswith(one) for other in before)]
            require_nothing_lost(machine, whole, logins)
            state = json.loads(machine.read(".claude-compte1/.claude.json"))
            expected = expected or state
            assert state == expected
            assert machine.read(".claude.json") == machine.read(".claude-compte1/.claude.json")
            if ended:
                assert change > len(CHANGES), "the kills came to nothing"
                return
        finally:
            shutil.rmtree(base)
    pytest.fail(f"more than {MOST_CHANGES} changes")


@pytest.mark.parametrize("shared", [False, True])
def test_killed_again_and_again(base: str, shared: bool) -> None:
    """Each run makes one change more than the one before it."""
    machine = with_a_first_home(base, shared)
    conversations, logins = machine.conversations(), len(machine.logins())
    change = 3
    while killed_at(machine, change):
        require_nothing_lost(machine, [b"an old login"], logins)
        change += 1
        assert change < MOST_CHANGES
    require_adopted(machine, conversations)


# ---- Random trees ------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    """One thing to make: where, of what kind, and its content or text."""

    place: str
    kind: str
    content: bytes


ROOTS = (".claude", ".claude-compte1", ".claude-compte2")
FOLDERS = (
    *(f"{root}/{name}" for root in ROOTS for name in ("projects", "file-history", "agents")),
    ".claude-projects-shared",
    ".claude-file-history-shared",
)
places = st.builds(
    "/".join,
    st.tuples(st.sampled_from(FOLDERS), st.sampled_from(("a", "b", "a/x", "a/y", "b/x", "n" * 250))),
)
files = st.sampled_from(("settings.json", "CLAUDE.md", "history.jsonl"))
states = st.sampled_from((b"{}", b'{"theme": "dark"}', b'{"theme": "light", "mcpServers": {"a": {}}}'))
texts_of_files = st.sampled_from((b"", b"{}", b"1\n", b"1\n2\n", b"1\n2\n3\n", b"x\n", b"1\nx\n"))
entries = st.one_of(
    st.builds(Entry, places, st.sampled_from(("file", "file", "file", "folder", "link", "fifo")), texts_of_files),
    st.builds(Entry, st.builds("/".join, st.tuples(st.sampled_from(ROOTS), files)), st.just("file"), texts_of_files),
    st.builds(Entry, st.builds("{}/.claude.json".format, st.sampled_from(ROOTS)), st.just("file"), states),
    st.builds(Entry, st.builds(".claude-{}-shared".format, files), st.just("file"), texts_of_files),
)


@contextmanager
def built(tree: list[Entry], settings: bool) -> Iterator[Machine]:
    """Give a machine that holds a tree; an entry whose place is taken is left out."""
    base = scratch()
    try:
        machine = Machine(base, settings=settings)
        machine.put(".claude.json", STATE)
        machine.put(".claude/.credentials.json", "login")
        for entry in tree:
            path = f"{machine.user}/{entry.place}"
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                if os.path.lexists(path):
                    continue
                if entry.kind == "file":
                    machine.put(entry.place, entry.content)
                elif entry.kind == "folder":
                    os.mkdir(path)
                elif entry.kind == "link":
                    os.symlink(f"nowhere{len(entry.content)}", path)
                else:
                    os.mkfifo(path)
            except (FileExistsError, NotADirectoryError):
                continue
        yield machine
    finally:
        shutil.rmtree(base)


slow = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(st.lists(entries, max_size=14), st.booleans())
@example([Entry(".claude/projects/a", "file", b"1\n"), Entry(".claude-compte1/projects/a/x", "file", b"x\n")], False)
@example([Entry(f"{root}/projects/{'n' * 250}", "file", b"%d" % n) for n, root in enumerate(ROOTS)], False)
@example([Entry(f"{root}/settings.json", "file", b"%d" % n) for n, root in enumerate(ROOTS)], True)
def test_any_tree_is_adopted_whole(tree: list[Entry], shared: bool) -> None:
    with built(tree, shared) as machine:
        before, conversations = machine.contents(), machine.conversations()
        foreseen = machine.adopt(check=True)
        assert foreseen["failures"] == []
        assert machine.adopted() == foreseen
        require_adopted(machine, conversations)
        kept = machine.contents()
        assert all(any(other.startswith(content) for other in kept) for content in before if content != b"{}")
        require_nothing_lost(machine, conversations, 1)


@slow
@given(st.lists(entries, max_size=10), st.integers(0, 60), st.booleans())
def test_any_tree_is_adopted_whole_after_a_kill(tree: list[Entry], change: int, shared: bool) -> None:
    with built(tree, shared) as machine:
        conversations = machine.conversations()
        killed_at(machine, change)
        require_nothing_lost(machine, conversations, 1)
        machine.adopted()
        require_adopted(machine, conversations)
        require_nothing_lost(machine, conversations, 1)
