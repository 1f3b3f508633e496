# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the control socket's client against servers that behave well and badly."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import control_client
from ansible_collections.secuaas.claude.plugins.module_utils.control_client import ControlError, NotRunning, request

Behave = Callable[[socket.socket], None]


@pytest.fixture
def serve(short_folder: str) -> Iterator[Callable[[Behave], str]]:
    """Serve one connection as told, in a thread; returns the socket's path."""
    threads = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = os.path.join(short_folder, "s")

    def begin(behave: Behave) -> str:
        listener.bind(path)
        listener.listen()

        def one() -> None:
            connection, _address = listener.accept()
            with connection:
                behave(connection)

        threads.append(threading.Thread(target=one))
        threads[-1].start()
        return path

    yield begin
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    listener.close()


def read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(65536)
    return line


def answering(raw: bytes) -> Behave:
    def behave(connection: socket.socket) -> None:
        read_line(connection)
        connection.sendall(raw)

    return behave


def test_a_request_is_one_line_and_its_result_comes_back(serve: Callable[[Behave], str]) -> None:
    heard = []

    def behave(connection: socket.socket) -> None:
        heard.append(read_line(connection))
        for part in (b'{"ok": true, ', b'"result": [1, "\xc3\xa9"]}', b"\n"):
            connection.sendall(part)

    assert request("switch", {"account": "é\n", "dry_run": True}, socket_path=serve(behave)) == [1, "é"]
    assert heard[0].count(b"\n") == 1
    assert json.loads(heard[0]) == {"op": "switch", "account": "é\n", "dry_run": True}


def test_the_daemons_error_is_told_with_its_code(serve: Callable[[Behave], str]) -> None:
    path = serve(answering(b'{"ok": false, "error": "no such account", "code": 2}\n'))
    with pytest.raises(ControlError, match="no such account") as caught:
        request("switch", socket_path=path)
    assert caught.value.code == 2


@pytest.mark.parametrize("raw", [b"\n", b"{}\n", b"[]\n", b'{"ok": 1}\n', b'{"ok": false}\n', b"no json\n", b"\xff\n"])
def test_what_is_no_answer(serve: Callable[[Behave], str], raw: bytes) -> None:
    with pytest.raises(ControlError, match="none of the daemon's") as caught:
        request("status", socket_path=serve(answering(raw)))
    assert caught.value.code == 1


@pytest.mark.parametrize(
    "value", ["9" * 400, "9" * 5000, "-9223372036854775809", "18446744073709551616", "1e999", "NaN", "-Infinity"]
)
def test_a_number_that_could_not_be_shown_or_written_again_is_none(value: str) -> None:
    raw = f'{{"ok": true, "result": [{value}, {{"used": {value}}}]}}'.encode()
    assert control_client._parse_answer("/run/x.sock", raw) == [None, {"used": None}]


def test_numbers_are_those_of_the_daemon() -> None:
    values = [0, -1, 2**64 - 1, -(2**63), 0.5, -1e300, 1e-320, {"a": [[1]]}]
    assert control_client._parse_answer("/run/x.sock", json.dumps({"ok": True, "result": values}).encode()) == values


@pytest.mark.parametrize("code", ["x", 70, None, True])
def test_a_strange_code_counts_as_one(serve: Callable[[Behave], str], code: Any) -> None:
    raw = json.dumps({"ok": False, "error": "e", "code": code}).encode() + b"\n"
    with pytest.raises(ControlError) as caught:
        request("status", socket_path=serve(answering(raw)))
    assert caught.value.code == 1


def test_a_daemon_that_closes_without_an_answer(serve: Callable[[Behave], str]) -> None:
    with pytest.raises(ControlError, match="closed"):
        request("status", socket_path=serve(answering(b'{"ok"')))


def test_an_answer_given_before_the_request_was_read_is_heard(serve: Callable[[Behave], str]) -> None:
    def behave(connection: socket.socket) -> None:
        connection.sendall(b'{"ok": false, "error": "not allowed", "code": 1}\n')

    with pytest.raises(ControlError, match="not allowed"):
        request("dispatch", {"prompt": "x" * 5_000_000}, socket_path=serve(behave))


def test_a_daemon_that_does_not_answer_is_waited_for_no_longer_than_asked(serve: Callable[[Behave], str]) -> None:
    over = threading.Event()

    def behave(connection: socket.socket) -> None:
        # One byte now and then must not prolong the wait.
        while not over.wait(0.02):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    path = serve(behave)
    try:
        with pytest.raises(ControlError, match="did not answer within 1 s"):
            request("status", socket_path=path, timeout=1)
    finally:
        over.set()


def test_a_refusal_by_the_file_system_says_what_helps(short_folder: str) -> None:
    path = os.path.join(short_folder, "none", "socket")
    error = control_client._connection_error(path, PermissionError(errno.EACCES, "Permission denied"))
    assert "sudo claude-failover" in str(error)
    assert "have control_group set" in str(error)


def test_nobody_there(short_folder: str) -> None:
    stale = os.path.join(short_folder, "stale")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(stale)
    for path in (os.path.join(short_folder, "none"), os.path.join(short_folder, "none", "x"), stale):
        with pytest.raises(NotRunning) as caught:
            request("status", socket_path=path)
        assert caught.value.code == 3


def test_no_socket_and_a_path_that_is_too_long(short_folder: str) -> None:
    plain = os.path.join(short_folder, "plain")
    with open(plain, "w"):
        pass
    with pytest.raises(NotRunning):  # connect(2) refuses it in the same words as a stale socket
        request("status", socket_path=plain)
    with pytest.raises(ControlError, match="at most 107") as caught:
        request("status", socket_path="/" + "x" * 107)
    assert caught.value.code == 2


def test_an_endless_answer_is_given_up(serve: Callable[[Behave], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "MAX_ANSWER", 1 << 20)

    def behave(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            pass

    with pytest.raises(ControlError, match="more than"):
        request("status", socket_path=serve(behave))


def test_an_answer_that_is_nested_too_deep_is_no_answer() -> None:
    with pytest.raises(control_client.ControlError, match="none of the daemon's"):
        control_client._parse_answer("/run/x.sock", b"[" * 200_000)
    for beginning, end in ((b"[", b"]"), (b'{"a": ', b"}")):
        raw = b'{"ok": true, "result": ' + beginning * 250 + b"1" + end * 250 + b"}"
        with pytest.raises(control_client.ControlError, match="none of the daemon's"):
            control_client._parse_answer("/run/x.sock", raw)
