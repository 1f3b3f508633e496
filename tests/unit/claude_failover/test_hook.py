# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import io
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from claude_failover import hook

PAYLOAD = b'{"hook_event_name":"Stop","session_id":"x"}'


@pytest.fixture
def listener(tmp_path):
    path = str(tmp_path / "c.sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    yield path, server
    server.close()


def run(arguments, payload, python_path, environment=()):
    return subprocess.run(
        [sys.executable, "-S", "-m", "claude_failover", "hook", *arguments],
        input=payload,
        capture_output=True,
        env={"PYTHONPATH": python_path, "PATH": "/usr/bin:/bin", **dict(environment)},
        timeout=30,
        check=False,
    )


def received(server):
    connection, _address = server.accept()
    with connection, connection.makefile("rb") as stream:
        return json.loads(stream.readline())


def test_the_payload_and_the_environment_arrive(listener, python_path):
    path, server = listener
    result = run(["--socket", path], PAYLOAD, python_path, {"TMUX_PANE": "%1", "CLAUDE_PID": "7", "SECRET": "s"})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert received(server) == {
        "op": "hook",
        "payload": {"hook_event_name": "Stop", "session_id": "x"},
        "env": {"TMUX_PANE": "%1", "CLAUDE_PID": "7"},
    }


def test_no_daemon_no_failure_and_no_word(tmp_path, python_path):
    result = run(["--socket", str(tmp_path / "nothing")], PAYLOAD, python_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("arguments", [[], ["--socket"], ["--what"], ["--socket", "x" * 500]])
def test_wrong_use_fails_no_session_either(arguments, python_path):
    result = run(arguments, PAYLOAD, python_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_help_teaches(python_path):
    result = run(["--help"], b"", python_path)
    assert result.returncode == 0
    assert b"--socket PATH" in result.stdout


@pytest.mark.parametrize("payload", [b"", b"not json", b"\xff\xfe", b'{"hook_event_name": "Stop"'])
def test_a_payload_that_is_no_json_fails_no_session(listener, payload, python_path):
    path, _server = listener
    result = run(["--socket", path], payload, python_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_a_daemon_that_reads_nothing_holds_nobody_up(tmp_path, python_path):
    path = str(tmp_path / "c.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        waiting = []
        for _number in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            waiting.append(client)
            try:
                client.connect(path)
            except BlockingIOError:
                break
        result = run(["--socket", path], PAYLOAD[:-1] + b',"p":"' + b"x" * 900_000 + b'"}', python_path)
        for client in waiting:
            client.close()
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_a_full_queue_is_waited_for_and_nothing_is_lost(tmp_path, monkeypatch):
    """connect(2) refuses at once while the daemon has not let those in who came before."""
    path = str(tmp_path / "c.sock")
    accepted, pauses = [], []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)
        waiting = []
        full = False
        while not full:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            full = waiting[-1].connect_ex(path) == errno.EAGAIN

        def make_room(seconds):
            pauses.append(seconds)
            accepted.append(server.accept()[0])

        monkeypatch.setattr(hook.time, "sleep", make_room)
        hook.deliver(path, b"it\n")
        assert pauses == [hook.RETRY_PAUSE]
        accepted.extend(server.accept()[0] for _connection in waiting[1:])
        assert accepted[-1].recv(10) == b"it\n"
    for connection in waiting + accepted:
        connection.close()


def test_a_line_break_between_tokens_does_not_end_the_request():
    line = hook.request(b'{\n  "hook_event_name":\r\n "Stop"\n}\n', {})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["payload"] == {"hook_event_name": "Stop"}


def test_an_oversized_payload_is_cut_to_what_the_socket_takes():
    payload = {"hook_event_name": "UserPromptSubmit", "prompt": "é" * 2_000_000, "session_id": "x"}
    line = hook.request(json.dumps(payload).encode(), {})
    assert len(line) < hook.LINE_LIMIT
    sent = json.loads(line)["payload"]
    assert sent["session_id"] == "x"
    assert sent["prompt"] == "é" * hook.TEXT_LIMIT


def test_an_environment_that_is_no_utf8_is_still_json():
    line = hook.request(PAYLOAD, {"TMUX": os.fsdecode(b'/tmp/\xff"\\\n,1,2')})
    assert json.loads(line)["env"]["TMUX"] == os.fsdecode(b'/tmp/\xff"\\\n,1,2')


def test_the_operators_own_status_line_is_shown(listener, tmp_path, python_path):
    path, server = listener
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.json").write_text(
        json.dumps(
            {
                "statusLine": {"type": "command", "command": "printf 'mine: '; cat"},
            }
        )
    )
    payload = json.dumps({"rate_limits": {"five_hour": {"used_percentage": 9}}, "workspace": {"project_dir": "/"}})
    got = []
    reader = threading.Thread(target=lambda: got.append(received(server)))
    reader.start()
    result = run(["--socket", path], payload.encode(), python_path, {"CLAUDE_CONFIG_DIR": str(home)})
    reader.join(10)
    assert result.stdout == b"mine: " + payload.encode()
    assert got[0]["payload"]["rate_limits"]["five_hour"]["used_percentage"] == 9


def test_the_status_line_given_on_the_command_line_comes_first(tmp_path, python_path):
    (tmp_path / "settings.json").write_text('{"statusLine": {"type": "command", "command": "echo account"}}')
    result = run(
        ["--socket", "/nowhere"],
        b'{"model": {}}',
        python_path,
        {"CLAUDE_CONFIG_DIR": str(tmp_path), "CLAUDE_FAILOVER_STATUS_LINE": "echo given"},
    )
    assert result.stdout == b"given\n"


@pytest.mark.parametrize("settings", ["", "{", "[]", '{"statusLine": 7}', '{"statusLine": {"type": "command"}}'])
def test_settings_without_a_status_line_show_none(tmp_path, settings, python_path):
    (tmp_path / "settings.json").write_text(settings)
    result = run(["--socket", "/nowhere"], b'{"model": {}}', python_path, {"CLAUDE_CONFIG_DIR": str(tmp_path)})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_settings_in_a_fifo_are_not_waited_for(tmp_path, python_path):
    os.mkfifo(tmp_path / "settings.json")
    result = run(["--socket", "/nowhere"], b'{"model": {}}', python_path, {"CLAUDE_CONFIG_DIR": str(tmp_path)})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


IMPORTED = {"__future__", "_json", "_socket", "claude_failover", "claude_failover.hook", "posix", "time"}
REPORT = """\
import sys
before = set(sys.modules)
from claude_failover import hook
hook.main(["--socket", sys.argv[1]])
sys.stderr.write(" ".join(set(sys.modules) - before))
"""


def imported_by_the_hook(payload, python_path, socket_path, environment=()):
    """Return the modules that a call of the hook adds to those of the interpreter."""
    result = subprocess.run(
        [sys.executable, "-S", "-c", REPORT, socket_path],
        input=payload,
        capture_output=True,
        env={"PYTHONPATH": python_path, **dict(environment)},
        timeout=30,
        check=True,
    )
    assert result.stdout == b""
    return set(result.stderr.decode().split())


def test_the_hook_imports_next_to_nothing(listener, python_path):
    """Every module that the hook imports is paid by each of Claude Code's turns."""
    path, server = listener
    assert imported_by_the_hook(PAYLOAD, python_path, path, {"TMUX": "x"}) <= IMPORTED
    assert received(server)["env"] == {"TMUX": "x"}


def test_the_status_line_imports_next_to_nothing(tmp_path, listener, python_path):
    path, server = listener
    (tmp_path / "settings.json").write_text('{"hooks": {}, "statusLine": {"type": "command", "command": ""}}')
    payload = b'{"rate_limits": {}, "workspace": {"project_dir": "/nowhere"}}'
    environment = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    assert imported_by_the_hook(payload, python_path, path, environment) <= IMPORTED
    assert received(server)["payload"]["rate_limits"] == {}


def test_a_byte_that_is_no_utf8_costs_a_character_and_not_the_event():
    line = hook.request(b'{"hook_event_name": "Stop", "message": "a\xffb"}', {})
    assert json.loads(line)["payload"] == {"hook_event_name": "Stop", "message": "a\ufffdb"}


def test_a_payload_without_end_is_read_and_not_kept(monkeypatch):
    monkeypatch.setattr(hook, "PAYLOAD_LIMIT", 1000)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 1_000_000)))
    assert hook._payload() == b""


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2.5, -1e400, true, null, "\\u00e9\\ud800"], "b": {"c": []}}',
        " \r\n\t{}\n",
        "[NaN, -Infinity]",
        "",
        "{",
        "[1] x",
        '{"a" 1}',
        '"a\nb"',
        "[" * 100_000,
        "nul",
    ],
)
def test_json_is_read_as_json_loads_reads_it(text):
    def outcome(parse, given):
        try:
            return repr(parse(given))
        except (ValueError, RecursionError) as error:
            return ValueError if isinstance(error, ValueError) else RecursionError

    assert outcome(hook.parsed, text.encode()) == outcome(json.loads, text)


def test_a_mark_of_the_byte_order_in_settings_is_passed_over():
    assert hook.parsed(b"\xef\xbb\xbf{}") == {}


def test_a_python_without_the_c_scanner_reads_json_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "_json", None)
    assert hook.parsed(b' {"a": 1} ') == {"a": 1}


def test_a_python_without_the_c_module_of_sockets_delivers_too(listener, monkeypatch):
    path, server = listener
    monkeypatch.setitem(sys.modules, "_socket", None)
    hook.deliver(path, b"{}\n")
    assert received(server) == {}


def test_a_status_line_without_figures_is_not_sent(listener, tmp_path, python_path):
    path, server = listener
    server.setblocking(False)
    run(["--socket", path], b'{"model": {}}', python_path, {"CLAUDE_CONFIG_DIR": str(tmp_path)})
    with pytest.raises(BlockingIOError):
        server.accept()
