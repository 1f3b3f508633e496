# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root runs a command of ``claude-failover`` where the sessions' user has planted links."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading

import pytest
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import picture
from user_host import DEADLINE, UserHost, needs_root

pytestmark = needs_root


def plant(host: UserHost) -> None:
    """Lead every place of the configuration into folders of root's, as the sessions' user can."""
    os.symlink(host.roots, host.homes[0])
    os.symlink(host.path("roots-b"), host.homes[1])
    for name in host.links:
        os.symlink(host.path(f"roots-{name}"), host.path("home", f".claude-{name}-shared"))


@pytest.fixture
def attacked(host: UserHost) -> UserHost:
    host.make("roots-b")
    for name in host.links:
        host.make(f"roots-{name}")
    assert host.as_user(lambda: plant(host)) == 0
    return host


@pytest.mark.parametrize("arguments", [["validate"], ["validate", "--json"], ["validate", "--strict"], ["run"]])
def test_a_link_of_the_user_leads_root_nowhere(attacked: UserHost, arguments: list[str]) -> None:
    before = picture(attacked.folder)
    done = attacked.run(*arguments)
    assert done.returncode == 1, done
    assert picture(attacked.folder) == before
    assert os.listdir(attacked.roots) == []
    if "--strict" not in arguments:
        assert f"runuser --pty -u {attacked.user.pw_name} -- /usr/local/bin/claude-failover" in done.stderr
        assert f"--config {attacked.config} {' '.join(arguments)}\n" in done.stderr


def test_a_strict_validation_by_root_reads_as_the_user(host: UserHost) -> None:
    assert host.run("validate", user=host.user).returncode == 0
    done = host.run("validate", "--strict", "--json")
    assert done.returncode == 0, done
    assert {link["status"] for link in json.loads(done.stdout)["links"]} == {"ok"}
    # Only root may look there, so a process of the user sees nothing of it.
    secret = host.make("secret", mode=0o700)
    os.mkdir(f"{secret}/a")
    os.rename(host.homes[0], host.path("home", "aside"))
    assert host.as_user(lambda: os.symlink(f"{secret}/a", host.homes[0])) == 0
    done = host.run("validate", "--strict")
    assert done.returncode == 1
    assert "Permission denied" in done.stderr


def test_a_strict_validation_by_root_looks_at_the_logins_as_the_user(host: UserHost) -> None:
    assert host.run("validate", user=host.user).returncode == 0
    secret = host.make("secret", mode=0o700)
    with open(f"{secret}/credentials", "w", encoding="utf-8") as stream:
        stream.write('{"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up"}}')
    assert host.as_user(lambda: os.symlink(f"{secret}/credentials", f"{host.homes[0]}/.credentials.json")) == 0
    done = host.run("validate", "--strict", "--json")
    assert json.loads(done.stdout)["logins"][0]["login"] == "unknown", done


@pytest.mark.parametrize("folder_mode", [0o777, 0o1777])
def test_root_works_nowhere_that_several_users_can_change(host: UserHost, folder_mode: int) -> None:
    shared = host.make("shared", mode=folder_mode)
    host.homes = [f"{shared}/a", f"{shared}/b"]
    host.write_config(shared_root=shared, state_dir=f"{shared}/state", active_link=f"{shared}/link")
    for command in ("validate", "run"):
        done = host.run(command)
        assert done.returncode == 1, done
        assert shared in done.stderr
        assert os.listdir(shared) == []


def test_root_validates_what_is_its_own(host: UserHost) -> None:
    place = host.make("of-root")
    host.homes = [f"{place}/a", f"{place}/b"]
    host.write_config(shared_root=place)
    assert host.run("validate").returncode == 0
    assert os.readlink(f"{place}/a/projects") == f"{place}/.claude-projects-shared"


def test_a_configuration_of_the_user_does_not_make_root_work(host: UserHost) -> None:
    """It may name any place, such as folders of root's."""
    host.homes = [host.roots, host.make("roots-b")]
    host.write_config(shared_root=host.make("roots-c"))
    os.rename(host.config, host.path("home", "config.yml"))
    host.config = host.path("home", "config.yml")
    os.chown(host.config, host.user.pw_uid, host.user.pw_gid)
    for command in ("validate", "run", "rehearse"):
        done = host.run(command)
        assert done.returncode == 1, done
        assert f"runuser --pty -u {host.user.pw_name} --" in done.stderr
        assert os.listdir(host.roots) == []


def test_login_starts_no_claude_for_root(host: UserHost) -> None:
    """A link to a folder of root's makes the home no home of root's."""
    os.symlink(host.roots, host.homes[0])
    program = f"{host.make('bin')}/claude"
    with open(program, "w", encoding="utf-8") as stream:
        stream.write("#!/bin/sh\necho STARTED by $(id -u)\n")
    os.chmod(program, 0o755)
    host.write_config(sessions=[{"name": "x", "cwd": "/", "command": [program]}])
    done = host.run("login", "a")
    assert "STARTED" not in done.stdout
    assert (done.returncode, f"runuser --pty -u {host.user.pw_name} --" in done.stderr) == (1, True), done


def test_attach_does_not_follow_a_link_to_a_server_of_roots(host: UserHost) -> None:
    """Between the check and the connection the link can be led to a server of the user's, which gets the terminal."""
    tmux = host.path("roots-tmux")
    with open(tmux, "w", encoding="utf-8") as stream:
        stream.write("#!/bin/sh\necho CONNECTED main\n")
    os.chmod(tmux, 0o755)
    server = host.path("root.sock")
    os.close(os.open(server, os.O_CREAT | os.O_WRONLY, 0o600))
    host.write_config(tmux={"socket": host.tmux, "binary": tmux})
    assert host.as_user(lambda: os.symlink(server, host.tmux)) == 0
    done = host.run("attach", "main")
    assert "CONNECTED" not in done.stdout
    assert (done.returncode, f"runuser --pty -u {host.user.pw_name} --" in done.stderr) == (1, True), done


def test_root_rehearses_with_no_program_of_the_users(host: UserHost) -> None:
    program = host.path("home", "tmux")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(f'#!/bin/sh\nid -u >{host.roots}/started\nexec tmux "$@"\n')
    os.chmod(program, 0o755)
    host.write_config(tmux={"socket": host.tmux, "binary": program})
    done = host.run("rehearse")
    assert os.listdir(host.roots) == [], done
    assert done.returncode == 1
    assert f"runuser --pty -u {host.user.pw_name} --" in done.stderr


class Listener:
    """Listens on a path as whoever made it, answers one connection with ``answer``, and keeps what it was sent."""

    def __init__(self, path: str, answer: bytes) -> None:
        self.sent = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen()
        self._socket.settimeout(DEADLINE)
        self._answer = answer
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _address = self._socket.accept()
        with connection:
            self.sent = connection.recv(65536)
            if self.sent:
                connection.sendall(self._answer)

    def end(self) -> bytes:
        self._thread.join(DEADLINE)
        self._socket.close()
        return self.sent


def test_root_says_nothing_to_a_socket_behind_a_link_of_the_users(host: UserHost) -> None:
    listener = Listener(host.path("root.sock"), b'{"ok":true,"result":[]}\n')
    os.chmod(host.path("root.sock"), 0o600)
    assert host.as_user(lambda: os.symlink(host.path("root.sock"), host.control)) == 0
    done = host.run("sessions")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
        last.connect(host.path("root.sock"))
    assert listener.end() == b""
    assert done.returncode == 1, done
    assert f"found a socket of the user 0, and {host.run_folder} belongs to {host.user.pw_name}" in done.stderr


@pytest.mark.parametrize("kind", ["sessions", "accounts"])
def test_a_completion_by_root_says_nothing_to_a_socket_of_roots(host: UserHost, kind: str) -> None:
    listener = Listener(host.path("root.sock"), b'{"ok":true,"result":[{"name":"of-root"}]}\n')
    os.chmod(host.path("root.sock"), 0o600)
    assert host.as_user(lambda: os.symlink(host.path("root.sock"), host.control)) == 0
    done = host.run("complete", kind)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
        last.connect(host.path("root.sock"))
    assert listener.end() == b""
    assert (done.returncode, done.stdout.split()) == (0, {"sessions": [], "accounts": ["a", "b"]}[kind])


def test_an_answer_that_nests_without_end_is_told_and_no_bug(host: UserHost) -> None:
    listener = Listener(host.control, b'{"ok":true,"result":' + b"[" * 200_000 + b"\n")
    os.chown(host.control, host.user.pw_uid, host.user.pw_gid)
    done = host.run("sessions")
    assert listener.end()
    assert done.returncode == 1, done
    assert "expected one JSON object" in done.stderr


def test_a_configuration_of_the_user_leads_root_to_no_socket(host: UserHost) -> None:
    """It may name any socket, such as one of root's."""
    listener = Listener(host.path("root.sock"), b'{"ok":true,"result":[]}\n')
    os.chmod(host.path("root.sock"), 0o600)
    host.write_config(control_socket=host.path("root.sock"))
    os.rename(host.config, host.path("home", "config.yml"))
    host.config = host.path("home", "config.yml")
    os.chown(host.config, host.user.pw_uid, host.user.pw_gid)
    done = host.run("sessions")
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
        last.connect(host.path("root.sock"))
    assert listener.end() == b""
    assert done.returncode == 1, done
    assert f"runuser --pty -u {host.user.pw_name} -- /usr/local/bin/claude-failover" in done.stderr


def test_root_says_nothing_where_several_users_can_put_a_socket(host: UserHost) -> None:
    shared = host.make("shared", mode=0o777)
    listener = Listener(host.path("root.sock"), b'{"ok":true,"result":[]}\n')
    assert host.as_user(lambda: os.symlink(host.path("root.sock"), f"{shared}/control.sock")) == 0
    other = f"{shared}/of-root"
    os.symlink(host.path("root.sock"), other)
    for path in (f"{shared}/control.sock", other):
        host.write_config(control_socket=path)
        done = host.run("sessions")
        assert done.returncode == 1, done
        assert "Nothing was sent" in done.stderr
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
        last.connect(host.path("root.sock"))
    assert listener.end() == b""


@pytest.mark.parametrize("what", ["metrics", "tmux", "notify", "cwd", "a link to the cwd"])
def test_a_daemon_of_roots_uses_nothing_of_the_users(host: UserHost, what: str) -> None:
    place = host.make("of-root")
    host.homes = [f"{place}/a", f"{place}/b"]
    program = host.path("home", "x")
    with open(program, "w", encoding="utf-8") as stream:
        stream.write(f"#!/bin/sh\nid -u >{host.roots}/started\n")
    os.chmod(program, 0o755)
    os.chown(program, host.user.pw_uid, host.user.pw_gid)
    os.symlink(host.home, f"{place}/work")
    own = {"control_socket": f"{place}/control.sock", "state_dir": f"{place}/state", "active_link": f"{place}/link"}
    tmux = {"socket": f"{place}/tmux.sock"}
    session = {"name": "x", "command": ["/bin/true"], "claude_args": False}
    more = {
        "metrics": {"metrics": {"textfile": host.path("home", "cf.prom")}},
        "tmux": {"tmux": {**tmux, "binary": program}},
        "notify": {"notify": {"command": [program]}},
        "cwd": {"sessions": [{**session, "cwd": host.home}]},
        "a link to the cwd": {"sessions": [{**session, "cwd": f"{place}/work"}]},
    }[what]
    host.write_config(shared_root=place, **own, **{"tmux": tmux, **more})
    done = host.run("run")
    assert done.returncode == 1, done
    assert f"runuser --pty -u {host.user.pw_name} -- /usr/local/bin/claude-failover" in done.stderr
    assert os.listdir(host.roots) == []
    assert not os.path.exists(f"{place}/state")
