# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the control socket, with clients that misbehave in every way."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, request
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_failover.common.errors import FailoverError, NotRunning, Refused, UsageError
from claude_failover.control import access
from claude_failover.control import server as server_module
from claude_failover.control.access import is_member
from claude_failover.control.connection import MAX_LINE, ClientConnection, UnfinishedRequests
from claude_failover.control.requests import Operation
from claude_failover.control.server import ControlServer

DEADLINE = 20.0


async def _echo(options: dict[str, Any]) -> Any:
    return options


async def _refuse(_options: dict[str, Any]) -> Any:
    raise Refused("not now")


async def _misuse(_options: dict[str, Any]) -> Any:
    raise UsageError("wrong")


async def _away(_options: dict[str, Any]) -> Any:
    raise NotRunning("tmux")


async def _full(_options: dict[str, Any]) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


async def _bug(_options: dict[str, Any]) -> Any:
    raise ZeroDivisionError("secret detail")


async def _no_json(_options: dict[str, Any]) -> Any:
    return {1, 2}


async def _big(options: dict[str, Any]) -> Any:
    return "x" * options["size"]


OPS = {
    "echo": Operation(_echo, {"text": (str,), "number": (int, type(None)), "flag": (bool,), "map": (dict,)}),
    "needs": Operation(_echo, {"text": (str,)}, required=("text",)),
    "refuse": Operation(_refuse, {}),
    "misuse": Operation(_misuse, {}),
    "away": Operation(_away, {}),
    "bug": Operation(_bug, {}),
    "full": Operation(_full, {}),
    "no_json": Operation(_no_json, {}),
    "big": Operation(_big, {"size": (int,)}, required=("size",)),
}


class Running:
    """A server in a loop of its own thread."""

    def __init__(self, path: str, group: str | None = None, ops: dict[str, Operation] | None = None) -> None:
        self.path = path
        self.loop = asyncio.new_event_loop()
        self.server = ControlServer(path, ops or OPS, group=group, owner_uid=os.geteuid())
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)

    def end(self) -> None:
        self.do(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def connections(self) -> int:
        return len(self.server._connections)


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def running(folder: str) -> Iterator[Running]:
    """One server for the whole file, for no client may spoil it for the next."""
    server = Running(os.path.join(folder, "control.sock"))
    server.do(server.server.start())
    yield server
    assert request("echo", {"text": "still there"}, socket_path=server.path) == {"text": "still there"}
    server.end()
    assert not os.path.lexists(server.path)


@contextlib.contextmanager
def connected(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(path)
        yield client


def read_answer(client: socket.socket) -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):
        chunk = client.recv(1 << 20)
        assert chunk, f"closed after {line!r}"
        line += chunk
    answer: dict[str, Any] = json.loads(line)
    return answer


def answer_to(path: str, raw: bytes) -> dict[str, Any]:
    with connected(path) as client:
        client.sendall(raw)
        return read_answer(client)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


# ---- requests ----------------------------------------------------------------------------------------------


def test_what_is_asked_arrives_and_is_answered(running: Running) -> None:
    options = {"text": "é\u2028\n", "number": None, "flag": True, "map": {"a": [1]}}
    assert request("echo", options, socket_path=running.path) == options


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"no json\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b"[]\n", "a list"),
        (b"5\n", "number"),
        (b"null\n", "null"),
        (b"{}\n", "op"),
        (b'{"op": null}\n', "op"),
        (b'{"op": "quit"}\n', '"quit"'),
        (b'{"op": ["echo"]}\n', "a list"),
        (b'{"op": "echo", "other": 1}\n', "unknown key"),
        (b'{"op": "echo", "text": 1}\n', "a whole number"),
        (b'{"op": "echo", "number": true}\n', "true or false"),
        (b'{"op": "echo", "flag": 1}\n', "a whole number"),
        (b'{"op": "echo", "number": 1.0}\n', "a number"),
        (b'{"op": "echo", "number": NaN}\n', "NaN"),
        (b'{"op": "needs"}\n', "no key text"),
        (b"[" * 100000 + b"\n", "not JSON"),
        (b'{"op": "echo", "number": ' + b"9" * 10000 + b"x}\n", "not JSON"),
        (b'{"op": "misuse"}\n', "wrong"),
    ],
)
def test_what_is_not_understood_is_wrong_use(running: Running, raw: bytes, word: str) -> None:
    answer = answer_to(running.path, raw)
    assert answer["ok"] is False
    assert answer["code"] == 2
    assert word in answer["error"]


@pytest.mark.parametrize(
    ("op", "word"),
    [
        ("refuse", "not now"),
        ("away", "tmux"),
        ("bug", "internal error"),
        ("full", "full could not be done: [Errno 28] No space left on device"),
        ("no_json", "internal error"),
    ],
)
def test_what_could_not_be_done(running: Running, op: str, word: str) -> None:
    answer = answer_to(running.path, json.dumps({"op": op}).encode() + b"\n")
    assert (answer["ok"], answer["code"]) == (False, 1)
    assert word in answer["error"]
    assert "secret" not in answer["error"]


def test_requests_of_one_connection_are_answered_in_order(running: Running) -> None:
    with connected(running.path) as client:
        for number in range(200):
            client.sendall(b"\n" + json.dumps({"op": "echo", "number": number}).encode() + b"\r\n")
        stream = client.makefile("rb")
        assert [json.loads(stream.readline())["result"]["number"] for _line in range(200)] == list(range(200))
        stream.close()


def test_a_last_request_needs_no_newline(running: Running) -> None:
    with connected(running.path) as client:
        client.sendall(b'{"op": "echo"}')
        client.shutdown(socket.SHUT_WR)
        assert read_answer(client) == {"ok": True, "result": {}}
        assert client.recv(1) == b""


def test_a_request_in_single_bytes(running: Running) -> None:
    with connected(running.path) as client:
        for byte in b'{"op": "echo", "text": "\xc3\xa9"}\n':
            client.sendall(bytes([byte]))
        assert read_answer(client)["result"] == {"text": "é"}


def test_the_longest_request_is_taken(running: Running) -> None:
    frame = len(b'{"op": "echo", "text": ""}')
    text = "x" * (MAX_LINE - frame)
    raw = json.dumps({"op": "echo", "text": text}).encode()
    assert len(raw) == MAX_LINE
    assert answer_to(running.path, raw + b"\n")["result"] == {"text": text}


def test_a_line_that_ends_too_early_is_told_with_its_own_position(running: Running) -> None:
    answer = answer_to(running.path, b'{"op": \n')
    assert "line 1 column" in answer["error"]


@pytest.mark.parametrize("size", [MAX_LINE + 1, 5 * MAX_LINE])
def test_a_longer_one_gets_an_error_and_the_connection_ends(running: Running, size: int) -> None:
    with connected(running.path) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(b"x" * size + b"\n" + b'{"op": "echo"}\n')
        answer = read_answer(client)
        assert (answer["ok"], answer["code"]) == (False, 2)
        assert str(MAX_LINE) in answer["error"]
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass  # the rest of the line was not read


def test_an_endless_line_gets_its_error_early(running: Running) -> None:
    with connected(running.path) as client:
        client.sendall(b"x" * (MAX_LINE + 1))
        assert read_answer(client)["code"] == 2


def test_a_line_without_end_is_given_up(running: Running) -> None:
    with connected(running.path) as client, pytest.raises((BrokenPipeError, ConnectionResetError)):
        client.sendall(b"x" * (100 * MAX_LINE))


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_REQUESTS = st.fixed_dictionaries(
    {}, optional={"op": st.sampled_from([*OPS, "x"]) | _ANY, "text": _ANY, "number": _ANY, "flag": _ANY, "other": _ANY}
)


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(
        st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b""))
        | _REQUESTS.map(lambda it: json.dumps(it).encode()),
        max_size=6,
    )
)
def test_any_lines_get_one_answer_each(running: Running, lines: list[bytes]) -> None:
    asked = [line for line in lines if line.strip() and not line.startswith(b'{"op": "big"')]
    with connected(running.path) as client:
        client.sendall(b"".join(line + b"\n" for line in asked))
        client.shutdown(socket.SHUT_WR)
        stream = client.makefile("rb")
        answers = [json.loads(line) for line in stream.read().splitlines()]
        stream.close()
    assert len(answers) == len(asked)
    for answer in answers:
        assert answer.keys() == ({"ok", "result"} if answer["ok"] else {"ok", "error", "code"})
        assert answer["ok"] or answer["code"] in (1, 2)


# ---- clients that block no other -----------------------------------------------------------------------------


def test_silent_and_half_open_clients_block_no_other(running: Running) -> None:
    with contextlib.ExitStack() as stack:
        for part in (b"", b'{"op"', b'{"op": "echo"}\n') * 10:
            stack.enter_context(connected(running.path)).sendall(part)
        started = time.monotonic()
        assert request("echo", socket_path=running.path) == {}
        assert time.monotonic() - started < 2
    until(lambda: running.connections() == 0)


def test_a_client_that_takes_no_answer_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRITE_TIMEOUT", 0.3)
    with connected(running.path) as client:
        client.sendall(b'{"op": "big", "size": 20000000}\n' * 3)
        assert request("echo", socket_path=running.path) == {}
        until(lambda: running.connections() == 0)
        assert client.recv(1)  # what had been sent before stays readable


def test_a_client_that_ends_without_reading_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "WRITE_TIMEOUT", 0.3)
    with connected(running.path) as client:
        client.sendall(b'{"op": "big", "size": 900000}\n')
        client.shutdown(socket.SHUT_WR)
        until(lambda: running.connections() == 0)


def test_a_client_that_asks_nothing_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "READ_TIMEOUT", 0.2)
    with connected(running.path) as client:
        client.sendall(b'{"op": ')
        assert client.recv(1) == b""


def test_a_client_that_goes_while_it_is_served_harms_nothing(running: Running) -> None:
    for _try in range(20):
        with connected(running.path) as client:
            client.sendall(b'{"op": "big", "size": 1000000}\n')
    until(lambda: running.connections() == 0)


def test_connections_are_bounded_and_the_longest_silent_goes_first(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 5)
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(8):
            client = stack.enter_context(connected(running.path))
            client.sendall(b'{"op": "echo"}\n')
            assert read_answer(client)["ok"], number
            clients.append(client)
        assert [client.recv(1) for client in clients[:3]] == [b""] * 3
        assert running.connections() <= 5
        clients[-1].sendall(b'{"op": "echo"}\n')
        assert read_answer(clients[-1])["ok"]


@pytest.mark.parametrize(("silent", "ended"), [(0.0, False), (1.0, True)])
def test_a_client_is_not_ended_before_its_request_can_be_read(silent: float, ended: bool) -> None:
    """The others may be about to go, and then it is the only one that waits."""

    async def scenario() -> bool:
        loop = asyncio.get_running_loop()
        server = ControlServer("/nowhere", {}, group=None, owner_uid=os.getuid())
        ours, theirs = socket.socketpair()
        with ours, theirs:
            client = ClientConnection(ours, UnfinishedRequests(), 0.0)
            client.task = loop.create_task(asyncio.sleep(60))  # type: ignore[assignment]
            client.waiting_since = loop.time() - silent
            server._connections.add(client)
            server._end_longest_waiting()
            await asyncio.wait({client.task}, timeout=0)
            kept = client in server._connections
            client.task.cancel()
            return not kept

    assert asyncio.run(scenario()) is ended


def test_many_clients_at_once(running: Running) -> None:
    results: list[Any] = []

    def ask(number: int) -> None:
        results.append(request("echo", {"number": number}, socket_path=running.path, timeout=DEADLINE)["number"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(results) == list(range(60))


def test_clients_that_wait_together_are_served_as_they_are_accepted(folder: str) -> None:
    """The hooks of all sessions come at once when an account is limited; each open connection takes memory."""
    path, count, opened = os.path.join(folder, "burst.sock"), 100, []

    async def scenario() -> None:
        all_served = asyncio.Event()

        async def see(_options: dict[str, Any]) -> Any:
            opened.append(len(server._connections))
            if len(opened) == count:
                all_served.set()

        server = ControlServer(path, {"see": Operation(see, {})}, group=None, owner_uid=os.geteuid())
        await server.start()
        with contextlib.ExitStack() as stack:
            for _number in range(count):
                client = stack.enter_context(connected(path))
                client.sendall(b'{"op": "see"}\n')
                client.shutdown(socket.SHUT_WR)
            await asyncio.wait_for(all_served.wait(), DEADLINE)
        await server.stop()

    asyncio.run(scenario())
    assert max(opened) <= 10


# ---- who may ask -------------------------------------------------------------------------------------------

_ASK = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as error:
    print(json.dumps({"connect": error.strerror})); sys.exit()
s.sendall(b'{"op": "echo"}\\n')
print(s.makefile().readline())
"""


def ask_as(path: str, *credentials: str) -> dict[str, Any]:
    """Ask as another user, by setpriv."""
    # The system's Python: another user may not enter the folder of the one that runs the tests.
    command = ["setpriv", *credentials, "/usr/bin/python3", "-I", "-c", _ASK, path]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=DEADLINE)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: only root can become another user to be refused")
NOBODY = pwd.getpwnam("nobody")


@needs_root
def test_another_user_is_refused_even_where_the_mode_would_let_him(folder: str) -> None:
    os.chmod(folder, 0o755)
    server = Running(os.path.join(folder, "foreign.sock"))
    try:
        server.do(server.server.start())
        nobody = ("--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups")
        assert ask_as(server.path, *nobody) == {"connect": "Permission denied"}
        os.chmod(server.path, 0o666)
        answer = ask_as(server.path, *nobody)
        assert (answer["ok"], answer["code"]) == (False, 1)
        assert f"uid {NOBODY.pw_uid}" in answer["error"]
    finally:
        server.end()


@needs_root
def test_members_of_the_group_may_ask(folder: str) -> None:
    os.chmod(folder, 0o755)
    group = grp.getgrgid(NOBODY.pw_gid).gr_name
    server = Running(os.path.join(folder, "group.sock"), group=group)
    try:
        server.do(server.server.start())
        status = os.stat(server.path)
        assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o660, NOBODY.pw_gid)
        first = ("--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups")
        assert ask_as(server.path, *first)["ok"] is True
        # By the user database, though this process has another group: let in by the mode alone it would not be.
        os.chmod(server.path, 0o666)
        daemon = pwd.getpwnam("daemon")
        by_database = ("--reuid", str(NOBODY.pw_uid), "--regid", str(daemon.pw_gid), "--clear-groups")
        assert ask_as(server.path, *by_database)["ok"] is True
        other = ("--reuid", str(daemon.pw_uid), "--regid", str(daemon.pw_gid), "--clear-groups")
        answer = ask_as(server.path, *other)
        assert answer["ok"] is False
        assert group in answer["error"]
    finally:
        server.end()


@needs_root
def test_the_daemons_user_and_root_may_ask(folder: str) -> None:
    os.chmod(folder, 0o755)
    server = Running(os.path.join(folder, "owner.sock"))
    server.server._owner_uid = NOBODY.pw_uid
    try:
        server.do(server.server.start())
        os.chown(server.path, NOBODY.pw_uid, -1)
        owner = ("--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups")
        assert ask_as(server.path, *owner)["ok"] is True
        assert request("echo", socket_path=server.path) == {}
    finally:
        server.end()


def test_membership_by_the_first_group_by_further_ones_and_by_none() -> None:
    user = pwd.getpwuid(os.geteuid())
    for gid in os.getgrouplist(user.pw_name, user.pw_gid):
        assert is_member(user.pw_uid, 65533, grp.getgrgid(gid).gr_name)
    name = grp.getgrgid(NOBODY.pw_gid).gr_name
    assert is_member(4_000_000_000, NOBODY.pw_gid, name)
    assert not is_member(4_000_000_000, 65533, name)
    assert not is_member(user.pw_uid, user.pw_gid, "no-such-group")


@pytest.mark.parametrize(("group", "helps"), [(None, "have control_group set"), ("staff", "become a member of staff")])
def test_a_refusal_says_what_would_help(monkeypatch: pytest.MonkeyPatch, group: str | None, helps: str) -> None:
    monkeypatch.setattr(access, "credentials_of", lambda _peer: (1, 4_000_000_000, 65533))
    with socket.socket() as peer:
        why = asyncio.run(access.access_problem(peer, os.geteuid(), group))
    assert why is not None
    assert "sudo claude-failover" in why
    assert helps in why


# ---- the socket itself -------------------------------------------------------------------------------------


def test_nobody_else_may_connect_where_there_is_no_group(running: Running) -> None:
    assert stat.S_IMODE(os.stat(running.path).st_mode) == 0o600


def test_a_stale_socket_is_removed_a_live_one_and_other_files_are_not(folder: str, running: Running) -> None:
    def server(path: str) -> ControlServer:
        return ControlServer(path, OPS, group=None, owner_uid=os.geteuid())

    stale, plain, dangling = (os.path.join(folder, name) for name in ("stale", "plain", "dangling"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(stale)
    server(stale).remove_stale()
    assert not os.path.lexists(stale)
    server(stale).remove_stale()
    with open(plain, "w") as stream:
        stream.write("kept")
    os.symlink("nowhere", dangling)
    for path in (plain, dangling):
        with pytest.raises(FailoverError, match="not a socket"):
            server(path).remove_stale()
        assert os.path.lexists(path)
    with pytest.raises(FailoverError, match="another process"):
        server(running.path).remove_stale()
    assert request("echo", socket_path=running.path) == {}


@pytest.mark.parametrize("case", ["taken", "folder", "group", "long"])
def test_a_socket_that_cannot_be_made_is_a_clear_error(folder: str, running: Running, case: str) -> None:
    path, group, word = {
        "taken": (running.path, None, "at that path already"),
        "folder": (os.path.join(folder, "none", "s"), None, "does not exist"),
        "group": (os.path.join(folder, "g"), "no-such-group", "no-such-group"),
        "long": ("/tmp/" + "x" * 120, None, "too long"),
    }[case]
    server = ControlServer(path, OPS, group=group, owner_uid=os.geteuid())

    async def start() -> None:
        await server.start()

    with pytest.raises(FailoverError, match=word):
        running.do(start())
    assert request("echo", socket_path=running.path) == {}


def test_a_stop_lets_requests_under_way_end_and_leaves_a_newer_socket(folder: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    async def slow(_options: dict[str, Any]) -> str:
        begun.set()
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait, DEADLINE)
        return "done"

    path = os.path.join(folder, "stop.sock")
    server = Running(path, ops={"slow": Operation(slow, {})})
    server.do(server.server.start())
    with connected(path) as client, connected(path) as idle:
        client.sendall(b'{"op": "slow"}\n')
        assert begun.wait(DEADLINE)
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as newer:
            newer.bind(path)
        stopping = asyncio.run_coroutine_threadsafe(server.server.stop(), server.loop)
        assert idle.recv(1) == b""
        go_on.set()
        assert read_answer(client) == {"ok": True, "result": "done"}
        stopping.result(DEADLINE)
    assert os.path.lexists(path)
    server.end()


def test_a_request_that_does_not_end_does_not_hold_up_the_stop(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "STOP_TIMEOUT", 0.2)
    begun = threading.Event()

    async def endless(_options: dict[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    server = Running(os.path.join(folder, "endless.sock"), ops={"endless": Operation(endless, {})})
    server.do(server.server.start())
    with connected(server.path) as client:
        client.sendall(b'{"op": "endless"}\n')
        assert begun.wait(DEADLINE)
        server.end()
        assert client.recv(1) == b""


def test_the_client_and_the_server_agree_on_errors(running: Running) -> None:
    with pytest.raises(ControlError) as caught:
        request("misuse", socket_path=running.path)
    assert caught.value.code == 2


# ---- memory and descriptors ----------------------------------------------------------------------------------

_SERVER = """
import asyncio, os, resource, sys
from claude_failover.control.requests import Operation
from claude_failover.control.server import ControlServer
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
async def echo(options):
    return options
async def main():
    operations = {"echo": Operation(echo, {"text": (str,)})}
    await ControlServer(sys.argv[1], operations, group=None, owner_uid=os.geteuid()).start()
    print("listening", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@contextlib.contextmanager
def server_process(path: str, python_path: str, descriptors: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process of its own; its log goes to a pipe."""
    command = [sys.executable, "-c", _SERVER, path, str(descriptors)]
    environment = {"PYTHONPATH": python_path}
    with (
        open(path + ".log", "wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment) as child,
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == b"listening\n"
        yield child
        assert child.poll() is None
        child.kill()


def memory(process: subprocess.Popen[bytes], field: str) -> int:
    """Return a value of /proc/PID/status in MiB."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith(field + ":")) // 1024


@pytest.mark.parametrize("size", [4 << 20, MAX_LINE - 1])
def test_unfinished_lines_of_many_clients_are_bounded_in_all(folder: str, python_path: str, size: int) -> None:
    path = os.path.join(folder, f"memory-{size}.sock")
    with server_process(path, python_path, 1024) as server, contextlib.ExitStack() as stack:
        before = memory(server, "VmRSS")
        clients = [stack.enter_context(connected(path)) for _number in range(150)]

        def flood(client: socket.socket) -> None:
            with contextlib.suppress(OSError):
                client.sendall(b"x" * size)

        threads = [threading.Thread(target=flood, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert request("echo", {"text": "y" * 1000}, socket_path=path) == {"text": "y" * 1000}
        assert memory(server, "VmHWM") - before < 40
    with open(path + ".log", encoding="utf-8") as log:
        told = log.read()
    # Lines that are too long by themselves never add up where they are read one after the other.
    assert "unfinished requests" in told or (size > MAX_LINE and "malformed requests" in told)


def test_a_small_request_is_complete_while_others_take_all_the_memory(running: Running) -> None:
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(connected(running.path))
        slow.sendall(b'{"op": "echo", ')
        for _number in range(20):
            with contextlib.suppress(OSError):
                stack.enter_context(connected(running.path)).sendall(b"x" * (MAX_LINE - 1))
        slow.sendall(b'"text": "a"}\n')
        assert read_answer(slow)["result"] == {"text": "a"}


def test_three_hundred_idle_clients_at_64_descriptors_keep_nobody_out(folder: str, python_path: str) -> None:
    path = os.path.join(folder, "descriptors.sock")
    with server_process(path, python_path, 64) as server, contextlib.ExitStack() as stack:
        for number in range(300):
            stack.enter_context(connected(path))
            if number % 50 == 0:
                assert request("echo", {"text": str(number)}, socket_path=path) == {"text": str(number)}
        started = time.monotonic()
        assert request("echo", {"text": "in"}, socket_path=path) == {"text": "in"}
        assert time.monotonic() - started < 5
        assert len(os.listdir(f"/proc/{server.pid}/fd")) < 40
    assert os.path.getsize(path + ".log") < 2000


def test_a_server_without_descriptors_pauses_and_goes_on(
    folder: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(server_module, "ACCEPT_PAUSE", 0.05)
    server = Running(os.path.join(folder, "pause.sock"))
    accept, failing = server.loop.sock_accept, [True]

    async def sock_accept(listener: socket.socket) -> Any:
        if failing[0]:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return await accept(listener)

    monkeypatch.setattr(server.loop, "sock_accept", sock_accept)
    try:
        server.do(server.server.start())
        time.sleep(0.3)
        failing[0] = False
        assert request("echo", socket_path=server.path) == {}
    finally:
        server.end()
    assert caplog.text.count("no client can be accepted for now") == 1
    assert caplog.text.count("accepted again") == 1


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b'{"op": "echo", "op": "echo"}\n', "a key twice"),
        (b'{"op": "echo", "number": ' + b"9" * 5000 + b"}\n", "beyond 64 bits"),
        (b'{"op": "echo", "number": 1e999}\n', "beyond 64 bits"),
        (b'{"op": "echo", "map": {"a":' + b"[" * 200 + b"]" * 200 + b"}}\n", "deep"),
    ],
)
def test_values_that_could_not_be_passed_on_are_wrong_use_and_logged(
    running: Running, caplog: pytest.LogCaptureFixture, raw: bytes, word: str
) -> None:
    running.server._malformed_logged_at = float("-inf")
    answer = answer_to(running.path, raw)
    assert (answer["ok"], answer["code"]) == (False, 2)
    assert word in answer["error"]
    assert caplog.text.count("malformed requests") == 1
    answer_to(running.path, raw)
    assert caplog.text.count("malformed requests") == 1


def test_a_lone_surrogate_is_replaced_where_it_comes_in(running: Running) -> None:
    answer = answer_to(running.path, rb'{"op": "echo", "text": "/\ud800", "map": {"\udfff": 1}}' + b"\n")
    assert answer["result"] == {"text": "/\ufffd", "map": {"\ufffd": 1}}
