# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test that another user's files are found before a start, and that root looks in the name of the sessions' user."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
from typing import Any

import pytest
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import UserHost, needs_root

pytestmark = needs_root


def look(host: UserHost, user: pwd.struct_passwd | None = None) -> dict[str, dict[str, Any]]:
    """Return what is wrong, by its name, as root or as the user finds it; the host stays as it is."""
    before = picture(host.folder)
    done = host.run("check-config", "--host", "--json", user=user)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["ok"] else 1)
    assert picture(host.folder) == before
    wrong = [row for row in document["checks"] if row["level"] != "ok" and row["name"] not in ("claude",)]
    assert all(row["found"] and row["expected"] and row["mend"] for row in wrong)
    return {row["name"]: row for row in wrong}


@pytest.fixture(params=["root", "user"])
def as_whom(host: UserHost, request: pytest.FixtureRequest) -> pwd.struct_passwd | None:
    return None if request.param == "root" else host.user


def give(host: UserHost, path: str, mode: int) -> str:
    """Give an entry to another user, with a mode."""
    os.chown(path, host.other.pw_uid, host.other.pw_gid)
    os.chmod(path, mode)
    return path


def test_a_host_that_is_ready(host: UserHost, as_whom: pwd.struct_passwd | None) -> None:
    assert look(host, as_whom) == {}


def test_files_of_a_former_user_in_the_state_folder(host: UserHost, as_whom: pwd.struct_passwd | None) -> None:
    os.mkdir(f"{host.state}/tasks")
    os.chown(f"{host.state}/tasks", host.user.pw_uid, host.user.pw_gid)
    for name in ("registry.json", "tasks/1.json"):
        os.close(os.open(f"{host.state}/{name}", os.O_CREAT | os.O_WRONLY))
        give(host, f"{host.state}/{name}", 0o600)
    found = look(host, as_whom)
    assert list(found) == ["state_dir"]
    assert found["state_dir"]["level"] == "error"
    assert f"{host.state}/registry.json" in found["state_dir"]["found"]
    assert f"{host.state}/tasks/1.json" in found["state_dir"]["found"]
    line = f"sudo chown -hR --from={host.other.pw_name} {host.user.pw_name}: {host.state}"
    assert found["state_dir"]["mend"] == line
    assert os.system(line.removeprefix("sudo ")) == 0  # noqa: S605
    assert look(host, as_whom) == {}


def test_a_state_folder_of_a_former_user(host: UserHost) -> None:
    give(host, host.state, 0o700)
    found = look(host, host.user)
    assert list(found) == ["state_dir"]
    assert found["state_dir"]["level"] == "error"
    # Whoever makes the folder this user's has not mended what is in it.
    assert found["state_dir"]["path"] == ""


def test_a_state_folder_of_roots(host: UserHost) -> None:
    os.chown(host.state, 0, 0)
    found = look(host, host.user)
    assert (found["state_dir"]["level"], found["state_dir"]["path"]) == ("error", host.state)


def test_a_home_of_another_user(host: UserHost, as_whom: pwd.struct_passwd | None) -> None:
    os.mkdir(host.homes[1])
    give(host, host.homes[1], 0o700)
    found = look(host, as_whom)
    assert set(found) == {"homes", "shared_links"}
    assert found["homes"]["found"] == f"{host.homes[1]} belongs to {host.other.pw_name}"
    give(host, host.homes[1], 0o777)
    assert look(host, as_whom)["homes"]["level"] == "warning"


def test_a_folder_that_the_user_may_not_make_a_home_in(host: UserHost) -> None:
    place = host.make("of-root")
    host.homes[1] = f"{place}/.claude-b"
    host.write_config()
    found = look(host, host.user)
    assert list(found) == ["shared_links"]
    assert (found["shared_links"]["level"], "Permission denied" in found["shared_links"]["found"]) == ("error", True)


def test_a_folder_of_the_active_link_of_roots(host: UserHost) -> None:
    place = host.make("of-root")
    host.write_config(active_link=f"{place}/.claude")
    found = look(host, host.user)
    assert found["active_link"]["path"] == place


def test_a_lock_of_a_former_user(host: UserHost, as_whom: pwd.struct_passwd | None) -> None:
    lock = host.path("home", ".claude.failover.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_WRONLY))
    give(host, lock, 0o600)
    found = look(host, as_whom)
    assert found["active_link"]["found"] == f"{lock} belongs to {host.other.pw_name}"


@pytest.mark.parametrize("private", [False, True])
def test_a_tmux_server_of_another_user(host: UserHost, as_whom: pwd.struct_passwd | None, private: bool) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(host.tmux)
        server.listen()
        give(host, host.tmux, 0o600)
        if private:
            give(host, host.tmux_folder, 0o700)
        found = look(host, as_whom)
    assert list(found) == ["tmux_socket"]
    assert (found["tmux_socket"]["level"], host.other.pw_name in found["tmux_socket"]["found"]) == ("error", True)
    assert "claude_failover_user" in found["tmux_socket"]["mend"]


def test_a_folder_of_metrics_and_one_of_a_session_that_are_not_the_users(host: UserHost) -> None:
    place, private = host.make("of-root"), host.make("private", mode=0o700)
    session = {"name": "x", "cwd": private, "command": ["/bin/true"], "claude_args": False}
    host.write_config(metrics={"textfile": f"{place}/x.prom"}, sessions=[session])
    found = look(host, host.user)
    assert {name: row["level"] for name, row in found.items()} == {"metrics": "warning", "session_cwd": "warning"}


def test_root_looks_at_nothing_that_the_user_could_not(host: UserHost) -> None:
    secret = host.make("secret", mode=0o700)
    os.mkdir(f"{secret}/a")
    assert host.as_user(lambda: os.symlink(f"{secret}/a", host.homes[0])) == 0
    found = look(host)
    assert "Permission denied" in found["shared_links"]["found"]


def test_root_starts_no_program_of_the_users_in_its_own_name(host: UserHost) -> None:
    program = host.path("home", "claude")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(
            f"#!/bin/sh\n{{ id -u; echo $HOME; tty; ps -o sid= -p $$; env; }} >{host.path('home')}/started 2>&1\n"
            'echo "2.1.332 (Claude Code)"\n'
        )
    os.chmod(program, 0o755)
    session = {"name": "x", "cwd": host.home, "command": [program]}
    host.write_config(sessions=[session])
    os.environ["ROOTS_SECRET"] = "x"
    try:
        done = host.run("check-config", "--host", "--json")
    finally:
        del os.environ["ROOTS_SECRET"]
    assert done.returncode == 0, done
    with open(host.path("home", "started"), encoding="utf-8") as stream:
        uid, home, tty, _sid, *environment = stream.read().splitlines()
    assert (uid, home, tty) == (str(host.user.pw_uid), host.user.pw_dir, "not a tty")
    assert sorted(line.partition("=")[0] for line in environment if "=" in line) == sorted(
        {"PATH", "LANG", "DISABLE_AUTOUPDATER", "HOME", "USER", "LOGNAME", "PWD"}
        | {name for name in ("SHLVL", "_", "OLDPWD") if any(line.startswith(f"{name}=") for line in environment)}
    )


@pytest.mark.parametrize("behaviour", ["sleep 1000", "yes x | tr -d '\\n'", "sleep 1000 & disown; echo 2.1.332"])
def test_a_program_that_does_not_end_holds_root_up_for_a_bounded_time(
    host: UserHost, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = host.path("home", "claude")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(f"#!/bin/bash\n{behaviour}\n")
    os.chmod(program, 0o755)
    session = {"name": "x", "cwd": host.home, "command": [program]}
    host.write_config(sessions=[session])
    # The bound itself is 30 s.
    call = os.path.join(host.code, "claude_failover", "host", "version_call.py")
    with open(call, encoding="utf-8") as stream:
        text = stream.read()
    with open(call, "w", encoding="utf-8") as stream:
        stream.write(text.replace("TIMEOUT = 30.0", "TIMEOUT = 1.0"))
    done = host.run("check-config", "--host", "--json")
    assert done.returncode == 0, done
    levels = {row["name"]: row["level"] for row in json.loads(done.stdout)["checks"]}
    assert levels["claude_version"] == "warning"


def test_root_is_refused_where_several_users_decide(host: UserHost) -> None:
    shared = host.make("shared", mode=0o777)
    host.homes = [f"{shared}/a", f"{shared}/b"]
    host.write_config(shared_root=shared, state_dir=f"{shared}/state", active_link=f"{shared}/link")
    done = host.run("check-config", "--host")
    assert (done.returncode, shared in done.stderr) == (1, True), done
    with contextlib.suppress(FileNotFoundError):
        assert os.listdir(shared) == []


def test_doctor_by_root_and_by_the_user_find_the_same(host: UserHost) -> None:
    """A login that only the user could read, through a link, is looked at in the user's name."""
    secret = host.make("secret", mode=0o700)
    with open(f"{secret}/credentials", "w", encoding="utf-8") as stream:
        stream.write('{"claudeAiOauth": {"accessToken": "made-up"}}')
    for home in host.homes:
        os.mkdir(home)
        os.chown(home, host.user.pw_uid, host.user.pw_gid)
    os.symlink(f"{secret}/credentials", f"{host.homes[0]}/.credentials.json")
    found = {}
    for user in (None, host.user):
        done = host.run("doctor", "--json", user=user)
        assert done.returncode == 1, done
        found[user is None] = [(row["name"], row["found"]) for row in json.loads(done.stdout)["checks"]]
        assert ("login", f"the account a has a login that this user cannot read ({host.homes[0]})") in found[
            user is None
        ]
    assert found[True] == found[False]


def test_doctor_is_refused_to_somebody_else(host: UserHost) -> None:
    done = host.run("doctor", user=host.other)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert f"runuser --pty -u {host.user.pw_name} -- /usr/local/bin/claude-failover" in done.stderr


def test_doctor_is_refused_to_root_with_a_configuration_of_the_users(host: UserHost) -> None:
    os.rename(host.config, host.path("home", "config.yml"))
    host.config = host.path("home", "config.yml")
    os.chown(host.config, host.user.pw_uid, host.user.pw_gid)
    done = host.run("doctor")
    assert (done.returncode, done.stdout) == (1, ""), done
    assert f"runuser --pty -u {host.user.pw_name} -- /usr/local/bin/claude-failover" in done.stderr


def test_homes_are_compared_with_nothing_of_roots(host: UserHost) -> None:
    """Links of the user to files of root's show root no more of them than the user sees."""
    secret = host.make("secret", mode=0o700)
    os.mkdir(f"{secret}/agents")
    for name, text in (
        ("settings.json", '{"permissions": {"deny": ["Planted"]}, "planted": 1}'),
        ("agents/planted.md", "x"),
        (".credentials.json", '{"mcpOAuth": {"planted|1": {"accessToken": "planted"}}}'),
        (".mcp.json", '{"mcpServers": {"planted": {"url": "planted"}}}'),
    ):
        with open(f"{secret}/{name}", "w", encoding="utf-8") as stream:
            stream.write(text)
    for home in host.homes:
        os.mkdir(home)
        os.chown(home, host.user.pw_uid, host.user.pw_gid)
    for name in ("settings.json", "agents", ".credentials.json"):
        os.symlink(f"{secret}/{name}", f"{host.homes[0]}/{name}")
    with open(f"{host.homes[1]}/settings.json", "w", encoding="utf-8") as stream:
        stream.write(json.dumps({"statusLine": {"command": host.path("home", ".claude", "agents", "planted.md")}}))
    os.symlink(f"{secret}/.mcp.json", f"{host.home}/.mcp.json")
    host.write_config(sessions=[{"name": "x", "cwd": host.home, "command": ["/bin/true"], "claude_args": False}])
    found = {}
    for user in (None, host.user):
        done = host.run("doctor", "--json", user=user)
        assert "lanted" not in done.stdout + done.stderr
        found[user is None] = [(row["name"], row["found"]) for row in json.loads(done.stdout)["checks"]]
        for name in ("settings.json", "agents"):
            line = ("home_entry", f"{host.homes[0]}/{name} could not be compared: Permission denied")
            assert line in found[user is None]
    assert found[True] == found[False]
