# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root runs a module where the sessions' user has planted links, FIFOs and files without end."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle as bundles
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import DEADLINE, SESSIONS_USER, USERS_PYTHON, UserHost, become, needs_root

pytestmark = needs_root
SOURCES = {"__main__.py": b"", "claude_failover/__init__.py": b'VERSION = "1.0.0"\n'}
MODULES = "ansible_collections.secuaas.claude.plugins.modules"


def run(module: str, python_path: str, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run a module as root in a process of its own; return its result."""
    sent = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp", **arguments}}
    code = (
        "import json, sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read(); "
        f"basic._ANSIBLE_PROFILE = 'legacy'; from {MODULES}.{module} import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(sent),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        cwd="/",
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("check", [True, False])
def test_links_without_an_owner_are_refused_in_anothers_folder(host: UserHost, python_path: str, check: bool) -> None:
    assert host.as_user(lambda: os.symlink(host.roots, host.homes[0])) == 0
    before = picture(host.folder)
    arguments = {"account_homes": host.homes, "shared_root": host.home}
    result = run("claude_shared_symlinks", python_path, check=check, **arguments)
    assert result.get("failed"), result
    assert f"owner: found none, and {host.home} belongs to {host.user.pw_name}; expected owner" in result["msg"]
    assert picture(host.folder) == before
    result = run("claude_shared_symlinks", python_path, check=check, owner=host.user.pw_name, **arguments)
    assert "Permission denied" in result["msg"]
    assert os.listdir(host.roots) == []


@pytest.mark.parametrize("check", [True, False])
def test_nobody_is_told_to_work_behind_a_link_of_the_users(host: UserHost, python_path: str, check: bool) -> None:
    """Root follows the advice by hand, and chown and mkdir follow links."""
    roots = [host.roots, host.make("roots-b")]
    for place, leads_to in zip(host.homes, roots):
        assert host.as_user(lambda place=place, leads_to=leads_to: os.symlink(leads_to, place)) == 0
    arguments = {"account_homes": host.homes, "shared_root": host.home, "owner": host.user.pw_name}
    result = run("claude_shared_symlinks", python_path, check=check, **arguments)
    for home, leads_to in zip(host.homes, roots):
        told = [failure for failure in result["failures"] if failure.startswith(f"link '{home}/")]
        assert told
        assert [failure for failure in told if f"rights on '{home}" in failure] == []
        assert [failure for failure in told if f"'{home}' leads to '{leads_to}'" not in failure] == []


def test_links_without_an_owner_are_made_where_only_root_is(host: UserHost, python_path: str) -> None:
    place = host.make("of-root")
    result = run("claude_shared_symlinks", python_path, account_homes=[f"{place}/a"], shared_root=place)
    assert result["changed"], result


@pytest.mark.parametrize("what", ["root", "launcher", "file"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_release_is_installed_nowhere_below_anothers_folder(
    host: UserHost, python_path: str, what: str, state: str
) -> None:
    place = host.path("home", "x")
    assert host.as_user(lambda: os.symlink(host.roots, place)) == 0
    kept = f"{host.roots}/y"
    os.close(os.open(kept, os.O_CREAT | os.O_WRONLY))
    before = picture(host.folder)
    arguments = {
        "root": place if what == "root" else host.path("opt"),
        "launcher": f"{place}/y" if what == "launcher" else host.path("launcher"),
        "files": [{"path": f"{place}/y", "src": "x"}] if what == "file" else [],
    }
    result = run("claude_failover_release", python_path, state=state, python=sys.executable, **arguments)
    assert result.get("failed"), result
    assert f"{host.home} belongs to {host.user.pw_name}" in result["msg"]
    assert picture(host.folder) == before


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("claude_failover_info", {"tasks": True}),
        ("claude_failover_switch", {"account": "a"}),
        ("claude_failover_dispatch", {"prompt": "do it"}),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_module_says_nothing_to_a_socket_behind_a_link_of_the_users(
    host: UserHost, python_path: str, module: str, more: dict[str, Any], check: bool
) -> None:
    path = host.path("root.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        server.settimeout(0.0)
        assert host.as_user(lambda: os.symlink(path, host.control)) == 0
        result = run(module, python_path, check=check, control_socket=host.control, **more)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert result["failed"]
    assert f"found a socket of the user 0, and {host.run_folder} belongs to {host.user.pw_name}" in result["msg"]


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_release_is_installed_nowhere_that_everybody_can_change(host: UserHost, python_path: str, mode: int) -> None:
    shared = host.make("shared", mode=mode)
    for options in ({"root": f"{shared}/opt"}, {"launcher": f"{shared}/launcher"}):
        arguments = {"root": host.path("opt"), "launcher": host.path("launcher"), **options}
        result = run("claude_failover_release", python_path, state="present", python=sys.executable, **arguments)
        assert result.get("failed"), result
        assert f"several users can change {shared}" in result["msg"]
    assert os.listdir(shared) == []
    staff = host.make("staff", mode=0o2775)
    os.chown(staff, 0, 50)
    result = run("claude_failover_release", python_path, root=f"{staff}/opt", launcher=host.path("launcher"))
    assert "several users" not in result["msg"]


def trust(
    host: UserHost, python_path: str, owner: str | None = None, *, check: bool = False, **more: str
) -> dict[str, Any]:
    return run(
        "claude_failover_trust",
        python_path,
        check=check,
        account_homes=host.homes[:1],
        active_link=host.path("home", ".claude"),
        folders=["/srv"],
        owner=owner or host.user.pw_name,
        **more,
    )


def test_a_session_file_that_is_a_fifo_holds_nobody_up(host: UserHost, python_path: str) -> None:
    sessions = f"{host.homes[0]}/sessions"

    def plant() -> None:
        os.makedirs(sessions)
        os.mkfifo(f"{sessions}/{os.getppid()}.json")

    assert host.as_user(plant) == 0
    result = trust(host, python_path)
    assert [row["status"] for row in result["homes"]] == ["in_use"], result


def test_a_state_file_without_end_is_left_alone(host: UserHost, python_path: str) -> None:
    path = f"{host.homes[0]}/.claude.json"

    def plant() -> None:
        os.mkdir(host.homes[0])
        with open(path, "wb") as stream:
            stream.truncate(1 << 36)

    assert host.as_user(plant) == 0
    result = trust(host, python_path)
    assert [row["status"] for row in result["homes"]] == ["error"], result
    assert "MiB" in result["msg"]


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_shared_state_file_of_the_users_leads_root_nowhere(host: UserHost, python_path: str, swapped: str) -> None:
    """The user has the shared file, or the folder that it lies in, lead to a file of root's that anybody may read."""
    with open(f"{host.roots}/shared", "w", encoding="utf-8") as stream:
        stream.write("{}")
    os.chmod(f"{host.roots}/shared", 0o644)
    shared = host.path("home", "shared") if swapped == "file" else host.path("home", "folder", "shared")

    def plant() -> None:
        os.mkdir(host.homes[0])
        os.symlink(shared, f"{host.homes[0]}/.claude.json")
        if swapped == "file":
            os.symlink(f"{host.roots}/shared", shared)
        else:
            os.symlink(host.roots, os.path.dirname(shared))

    assert host.as_user(plant) == 0
    before = picture(host.roots)
    result = trust(host, python_path, shared_file=shared)
    assert [row["status"] for row in result["homes"]] == ["error"], result
    assert picture(host.roots) == before


def adopt(host: UserHost, python_path: str, owner: str | None = None, *, check: bool = False) -> dict[str, Any]:
    kinds = {"projects": "directory", "settings.json": "file", "history.jsonl": "file", ".claude.json": "file"}
    return run(
        "claude_shared_state_adopt",
        python_path,
        check=check,
        account_homes=host.homes,
        active_link=host.path("home", ".claude"),
        shared_root=host.home,
        links=[{"name": name, "kind": kind} for name, kind in kinds.items()],
        owner=owner or host.user.pw_name,
    )


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("place", ["settings.json", ".claude.json", "projects"])
def test_a_home_in_use_with_a_link_to_roots_is_not_adopted(
    host: UserHost, python_path: str, place: str, check: bool
) -> None:
    secret = f"{host.roots}/secret"
    with open(secret, "w", encoding="utf-8") as stream:
        stream.write("of root")
    os.chmod(secret, 0o600)

    def plant() -> None:
        os.mkdir(host.path("home", ".claude"))
        os.symlink(secret, host.path("home", ".claude", place))

    assert host.as_user(plant) == 0
    before = picture(host.folder)
    result = adopt(host, python_path, check=check)
    assert result["failures"] == [failure for failure in result["failures"] if f"found a link to {secret}" in failure]
    assert result["failed"]
    assert picture(host.folder) == before


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("place", ["settings.json", ".claude.json", "projects/x", "history.jsonl"])
def test_a_fifo_holds_no_adoption_up(host: UserHost, python_path: str, place: str, check: bool) -> None:
    path = host.path("home", ".claude", place)

    def plant() -> None:
        os.makedirs(os.path.dirname(path))
        os.mkfifo(path)

    assert host.as_user(plant) == 0
    result = adopt(host, python_path, check=check)
    if place == "projects/x":
        assert any(f"{path}: neither file, folder nor link" in notice for notice in result["notices"]), result
    else:
        assert f"{path}: found a special file, expected a file" in result["msg"].replace(" or a link", "")


def test_an_adoption_reads_no_state_without_end(host: UserHost, python_path: str) -> None:
    def plant() -> None:
        os.mkdir(host.path("home", ".claude"))
        with open(host.path("home", ".claude.json"), "wb") as stream:
            stream.truncate(1 << 36)

    assert host.as_user(plant) == 0
    before = sorted(os.listdir(host.home))
    assert "MiB" in adopt(host, python_path)["msg"]
    assert sorted(os.listdir(host.home)) == before


def test_what_is_adopted_stays_the_users_and_closed_to_others(host: UserHost, python_path: str) -> None:
    def plant() -> None:
        os.makedirs(host.path("home", ".claude", "projects"))
        for name in (".claude/projects/a.jsonl", ".claude/settings.json", ".claude/.credentials.json", ".claude.json"):
            with open(host.path("home", name), "w", encoding="utf-8") as stream:
                stream.write("{}")
            os.chmod(host.path("home", name), 0o644)

    assert host.as_user(plant) == 0
    assert "found root, and" in adopt(host, python_path, "root")["msg"]
    result = adopt(host, python_path)
    assert result["changed"], result
    shared = [entry for entry in os.scandir(host.home) if entry.name.endswith("-shared")]
    assert {entry.stat().st_uid for entry in shared} == {host.user.pw_uid}
    assert {entry.stat().st_mode & 0o077 for entry in shared} == {0}
    assert len(shared) == 4


def test_nothing_is_read_for_a_user_who_is_still_to_be_made(host: UserHost, python_path: str) -> None:
    os.mkdir(host.homes[0])
    with open(f"{host.roots}/secret", "w", encoding="utf-8") as stream:
        stream.write("no JSON")
    os.symlink(f"{host.roots}/secret", f"{host.homes[0]}/.claude.json")
    result = trust(host, python_path, "no-such-user", check=True)
    assert [(row["status"], row["folders"]) for row in result["homes"]] == [("missing", ["/srv"])]


def test_nobody_else_holds_up_an_installation(host: UserHost) -> None:
    """The folder of the releases can be opened by everybody, and flock(2) asks for no more."""
    layout = Layout(host.make("opt"), sys.executable)
    with store.lock(layout):
        pass
    ready, told = os.pipe()

    def hold() -> None:
        for path in (layout.root, layout.releases, *(entry.path for entry in os.scandir(layout.root))):
            with contextlib.suppress(PermissionError):
                fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH)
        os.write(told, b".")
        time.sleep(DEADLINE)

    pid = os.fork()
    if pid == 0:
        try:
            become(host.user)()
            hold()
        finally:
            os._exit(1)
    try:
        assert os.read(ready, 1) == b"."
        before = signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, 5)
        try:
            with store.lock(layout):
                pass
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    store.remove_all(layout)
    assert not os.path.exists(layout.root)


def _late(*_arguments: Any) -> None:
    raise TimeoutError("a user's lock holds up the installation")


@pytest.mark.parametrize("options", [{"user": SESSIONS_USER}, {"unit": "claude-failover.service"}])
def test_a_look_alike_of_the_daemon_is_no_drift(host: UserHost, python_path: str, options: dict[str, str]) -> None:
    """Anybody can start a program with the words of the daemon."""
    arguments = {"root": host.path("opt"), "launcher": host.path("launcher"), "python": sys.executable, **options}
    files = {bundles.LIBRARY + name: data for name, data in SOURCES.items()}
    arguments["bundle"] = base64.b64encode(bundles.pack(files)).decode()
    assert run("claude_failover_release", python_path, **arguments)["changed"]
    words = f"{host.path('opt')}/releases/old/lib"
    look_alike = subprocess.Popen(
        [USERS_PYTHON, "-c", "print(flush=True); import time; time.sleep(300)", words, "run"],
        preexec_fn=become(host.other),
        stdout=subprocess.PIPE,
    )
    with look_alike:
        assert look_alike.stdout is not None
        look_alike.stdout.readline()
        found = run("claude_failover_release", python_path, check=True, **arguments)
        look_alike.kill()
    assert (found["changed"], found["restart"], found["stale"]) == (False, False, False)


def test_a_prediction_for_a_user_to_come_opens_and_makes_nothing(host: UserHost, python_path: str) -> None:
    """Root looks at kinds of entries and texts of links then; a FIFO would hold it up, a device be started."""

    def plant() -> None:
        os.mkdir(host.homes[0])
        os.mkfifo(f"{host.homes[0]}/projects")
        os.mkfifo(f"{host.home}/.claude-settings.json-shared")

    assert host.as_user(plant) == 0
    before = picture(host.folder)
    arguments = {"account_homes": host.homes, "shared_root": host.home, "owner": "no-such-user"}
    arguments["links"] = [{"name": "projects"}, {"name": "settings.json", "kind": "file"}]
    result = run("claude_shared_symlinks", python_path, check=True, **arguments)
    assert [failure.count("a FIFO") for failure in result["failures"]] == [1, 1]
    assert picture(host.folder) == before
