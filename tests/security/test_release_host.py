# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's module looks whether the daemon could start, in check mode too, and in the name of the daemon's user."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle as bundles
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import DEADLINE, SESSIONS_USER, USERS_PYTHON, UserHost, needs_root

pytestmark = needs_root
CODE = (
    "import json, sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read(); "
    "basic._ANSIBLE_PROFILE = 'legacy'; "
    "from ansible_collections.secuaas.claude.plugins.modules.claude_failover_release import main; main()"
)


class ReleaseHost(UserHost):
    """A host on which root installs the real release for the sessions' user."""

    def __init__(self, python_path: str) -> None:
        super().__init__(python_path)
        self._python_path = python_path
        self.root = self.path("opt")
        self.document = self.read()
        self.document["sessions"] = []

    def read(self) -> dict[str, Any]:
        with open(self.config, encoding="utf-8") as stream:
            return dict(json.load(stream))

    def members(self) -> dict[str, bytes]:
        """Return the files of the release: the copied code, with the YAML of these tests beside it."""
        found = {}
        for where, _folders, files in os.walk(self.code):
            for name in files:
                path = os.path.join(where, name)
                with open(path, "rb") as stream:
                    found[bundles.LIBRARY + os.path.relpath(path, self.code)] = stream.read()
        return found

    def install(self, *, check: bool, **more: Any) -> dict[str, Any]:
        members = self.members()
        members[bundles.FILES + "1"] = json.dumps(self.document).encode()
        arguments = {
            "root": self.root,
            "launcher": self.path("bin", "claude-failover"),
            "python": USERS_PYTHON,
            "user": SESSIONS_USER,
            "bundle": base64.b64encode(bundles.pack(members)).decode(),
            "files": [
                {"path": self.path("etc"), "directory": True},
                {"path": self.path("etc", "config.yml"), "src": "x", "config": True, "mode": "0644"},
                {"path": self.document["state_dir"], "directory": True, "owner": SESSIONS_USER, "mode": "0700"},
            ],
            **more,
        }
        sent = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp", **arguments}}
        done = subprocess.run(
            [sys.executable, "-c", CODE],
            input=json.dumps(sent),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": self._python_path, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            cwd="/",
            umask=0o077,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@pytest.fixture
def host(python_path: str) -> Any:
    made = ReleaseHost(python_path)
    yield made
    made.end()


def real_folder(host: ReleaseHost) -> str:
    host.as_user(lambda: os.mkdir(host.path("home", ".claude")))
    return "is not a symlink"


def foreign_link(host: ReleaseHost) -> str:
    host.as_user(lambda: os.symlink("/nowhere", host.path("home", ".claude")))
    return "which is the home of no configured account"


def active_account_removed(host: ReleaseHost) -> str:
    host.as_user(lambda: os.symlink(host.homes[1], host.path("home", ".claude")))
    del host.document["accounts"][1]
    return "claude-failover switch a while the daemon"


def home_of_another(host: ReleaseHost) -> str:
    os.mkdir(host.homes[0])
    os.chown(host.homes[0], host.other.pw_uid, host.other.pw_gid)
    os.chmod(host.homes[0], 0o700)
    return f"belongs to {host.other.pw_name}; expected {SESSIONS_USER}"


def home_that_cannot_be_made(host: ReleaseHost) -> str:
    host.document["accounts"][0]["home"] = f"{host.roots}/.claude-a"
    return "Permission denied"


def state_of_a_former_user(host: ReleaseHost) -> str:
    path = f"{host.state}/registry.json"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.chown(path, host.other.pw_uid, host.other.pw_gid)
    return f"chown -hR --from={host.other.pw_name} {SESSIONS_USER}: {host.state}"


def state_folder_of_a_former_user(host: ReleaseHost) -> str:
    os.chown(host.state, host.other.pw_uid, host.other.pw_gid)
    return f"chown -hR --from={host.other.pw_name} {SESSIONS_USER}: {host.state}"


def tmux_server_of_another(host: ReleaseHost) -> str:
    os.chown(host.tmux_folder, host.other.pw_uid, host.other.pw_gid)
    return "whose sessions live there"


REFUSED = [
    real_folder,
    foreign_link,
    active_account_removed,
    home_of_another,
    home_that_cannot_be_made,
    state_of_a_former_user,
    state_folder_of_a_former_user,
    tmux_server_of_another,
]


@pytest.mark.parametrize(
    ("prepare", "check"),
    [*((prepare, True) for prepare in REFUSED), (real_folder, False), (state_of_a_former_user, False)],
)
def test_it_refuses_before_anything_is_changed(host: ReleaseHost, prepare: Any, check: bool) -> None:
    expected = prepare(host)
    before = picture(host.folder)
    result = host.install(check=check)
    assert result.get("failed"), result
    assert result["msg"].startswith("The daemon could not start on this host; nothing was changed.")
    assert expected in result["msg"]
    after = picture(host.folder)
    # The folders of the releases stay, empty, and so does the lock of installations.
    assert {path for path in set(after) ^ set(before) if not path.startswith(host.root)} == set()
    assert not os.path.exists(host.path("etc", "config.yml"))
    assert ("created" in result) == check
    assert {row["level"] for row in result["conditions"]} >= {"error"}


def metrics(host: ReleaseHost) -> str:
    host.document["metrics"] = {"textfile": "/nowhere/x.prom"}
    return "metrics"


def notify(host: ReleaseHost) -> str:
    host.document["notify"] = {"command": ["/nowhere/notify"]}
    return "notify"


def cwd(host: ReleaseHost) -> str:
    host.document["sessions"] = [{"name": "x", "cwd": "/nowhere", "command": ["/bin/true"], "claude_args": False}]
    return "session_cwd"


def claude(host: ReleaseHost) -> str:
    host.document["sessions"] = [{"name": "x", "cwd": "/", "command": ["/nowhere/claude"]}]
    return "claude"


@pytest.mark.parametrize(
    ("prepare", "check"), [(metrics, True), (notify, True), (cwd, True), (claude, True), (metrics, False)]
)
def test_it_tells_what_does_not_stop_the_daemon(host: ReleaseHost, prepare: Any, check: bool) -> None:
    name = prepare(host)
    result = host.install(check=check)
    assert not result.get("failed"), result
    (found,) = [row for row in result["conditions"] if row["name"] == name]
    assert found["level"] == "warning"
    assert found["mend"] in found["text"]
    assert os.path.exists(host.path("etc", "config.yml")) is not check


def test_it_looks_where_nothing_is_to_be_changed(host: ReleaseHost) -> None:
    assert not host.install(check=False).get("failed")
    again = host.install(check=False)
    assert (again["changed"], [row for row in again["conditions"] if row["level"] == "error"]) == (False, [])
    real_folder(host)
    for check in (True, False):
        assert "is not a symlink" in host.install(check=check)["msg"]


@pytest.mark.parametrize("prepare", ["missing", "of root"])
def test_what_it_makes_or_gives_to_the_user_itself_is_nothing_wrong(host: ReleaseHost, prepare: str) -> None:
    os.rmdir(host.state)
    if prepare == "of root":
        os.mkdir(host.state, 0o755)
    for check in (True, False):
        result = host.install(check=check)
        assert not result.get("failed"), result
    assert os.stat(host.state).st_uid == host.user.pw_uid


def test_a_tmux_that_the_same_play_installs_is_missed_in_a_real_run_only(host: ReleaseHost) -> None:
    host.document["tmux"]["binary"] = "/nowhere/tmux"
    assert not host.install(check=True).get("failed")
    assert "/nowhere/tmux" in host.install(check=False)["msg"]


def test_a_user_who_is_still_to_be_made_has_nothing_on_the_host(host: ReleaseHost) -> None:
    real_folder(host)
    files = [{"path": host.path("etc", "config.yml"), "src": "x", "config": True}]
    result = host.install(
        check=True, user="no-such-user", files=[{"path": host.path("etc"), "directory": True}, *files]
    )
    assert not result.get("failed"), result
    assert result["conditions"] == []


def test_the_look_is_taken_with_nothing_of_roots(host: ReleaseHost) -> None:
    """A release of the user's own making shows as whom, and with what, it is run."""
    for name in os.listdir(host.code):
        path = os.path.join(host.code, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    os.mkdir(f"{host.code}/claude_failover")
    with open(f"{host.code}/claude_failover/__init__.py", "w", encoding="utf-8") as stream:
        stream.write('VERSION = "1.0.0"\n')
    with open(f"{host.code}/__main__.py", "w", encoding="utf-8") as stream:
        stream.write(
            "import json, os, sys\n"
            "if '--host' in sys.argv:\n"
            "    alone = os.getsid(0) == os.getpid()\n"
            "    seen = [os.getresuid(), os.getresgid(), os.getgroups(), sorted(os.environ), alone]\n"
            "    row = {'name': 'x', 'level': 'warning', 'found': json.dumps(seen), 'expected': '\\x1b[2J', 'mend': '',"
            " 'path': ''}\n"
            "    print(json.dumps({'checks': [row]}))\n"
        )
    result = host.install(check=True)
    (row,) = result["conditions"]
    uids, gids, groups, environment, alone = json.loads(row["found"])
    assert set(uids) == {host.user.pw_uid}
    assert set(gids) == {host.user.pw_gid}
    assert set(groups) <= set(os.getgrouplist(SESSIONS_USER, host.user.pw_gid))
    assert (environment, alone) == (["LC_ALL", "PATH"], True)
    assert row["expected"] == "\\x1b[2J"


@pytest.mark.parametrize("said", ["nothing", "[]", '{"checks": 1}', '{"checks": [{}]}', '{"checks": [{"level": 1}]}'])
def test_an_answer_of_something_else_is_told(host: ReleaseHost, said: str) -> None:
    with open(f"{host.code}/__main__.py", "w", encoding="utf-8") as stream:
        stream.write(f"import sys\nif '--host' in sys.argv:\n    print({said!r})\n")
    result = host.install(check=True)
    assert "found an answer that is none of check-config" in result["msg"], result
