# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, panes, screens, keys and quoting on a real tmux server."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_failover.tmux.client import Pane, Tmux, TmuxError, TmuxNotFound
from claude_failover.tmux.quoting import QuotingError, name_expected, tmux_name, window_target

from .conftest import Driver, Server, wait_for

# Writes its arguments, folder and environment, then keeps running.
REPORT = """
import json, os, sys, time
with open(sys.argv[1] + ".new", "w") as stream:
    json.dump({"argv": sys.argv[2:], "cwd": os.getcwd(), "env": dict(os.environ)}, stream)
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)
"""

# Requests bracketed paste and writes every byte received to a file.
TYPEWRITER = """
import os, sys, tty
tty.setraw(0)
with open(sys.argv[1], "ab", buffering=0) as stream:
    os.write(1, b"\\x1b[?2004h" + b"ready")
    while True:
        stream.write(os.read(0, 65536))
"""

ODD_TEXTS = [
    "",
    "plain",
    "two words",
    "$HOME ~ `id` $(id)",
    "a;b",
    ";",
    "\\;",
    "{ } #{pid} ##{pid} #[bold]",
    "it's",
    '"',
    "\\",
    "tab\there",
    "%if 1",
    "-x",
    "--",
    "é 日本 😀",
    "esc \x1b[31m",
    "cr\rhere",
    "\x01\x7f",
]


def script(folder: str, text: str) -> str:
    """Write a program to a file; return its path. Line breaks are refused in an argument."""
    path = os.path.join(folder, f"program{len(os.listdir(folder))}.py")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    return path


def read_json(path: str) -> dict[str, object]:
    with open(path, encoding="utf-8") as stream:
        found: dict[str, object] = json.load(stream)
    return found


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"])))
def test_quoting_round_trip(server: Server, driver: Driver, text: str) -> None:
    if not driver.clients:
        driver.client(server.socket)
    (tmux,) = driver.clients
    path = os.path.join(server.folder, "buffer")
    # tmux does not create an empty buffer, hence the letter.
    driver.run(tmux.command("set-buffer", "-b", "it", "--", "x" + text))
    driver.run(tmux.command("save-buffer", "-b", "it", path))
    with open(path, "rb") as stream:
        assert stream.read() == b"x" + text.encode()


def test_arguments_folder_and_environment_arrive_unchanged(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    program = script(server.folder, REPORT)
    folders = ["plain", "a b", "a#{pid}", "a##{pid}", "a#[b", "a##[b", "a#,b#}", "a%H", "é'\"$x"]
    for number, folder in enumerate(folders):
        cwd = os.path.join(server.folder, folder)
        os.mkdir(cwd)
        out = os.path.join(server.folder, f"out{number}")
        environment = {f"ODD_{i}": text for i, text in enumerate(ODD_TEXTS)}
        pane = driver.run(
            tmux.new_session(
                f"s{number}", cwd, [sys.executable, program, out, *ODD_TEXTS], environment, width=123, height=45
            )
        )

        wait_for(functools.partial(os.path.exists, out), "the report")
        found = read_json(out)
        assert found["argv"] == ODD_TEXTS
        assert found["cwd"] == cwd
        env = found["env"]
        assert isinstance(env, dict)
        assert {name: env.get(name) for name in environment} == environment
        now = driver.run(tmux.pane(pane.pane_id))
        assert (now.session, now.cwd, now.dead, now.width, now.height, now.active) == (
            f"s{number}",
            cwd,
            False,
            123,
            45,
            True,
        )
        assert now.pid == pane.pid
        with open(f"/proc/{now.pid}/cmdline", encoding="utf-8") as stream:
            assert stream.read().split("\0")[0] == sys.executable, "another process is between tmux and the program"


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "a b",
        "a#{pid}",
        "#",
        "=eq",
        "@5",
        "%3",
        "é",
        "it's",
        "-x",
        "*",
        "$1",
        "no\u00a0break",
        "\U0001f469\u200d\U0001f4bb",
    ],
)
def test_session_names_and_exact_targets(server: Server, driver: Driver, name: str) -> None:
    tmux = driver.client(server.socket)
    pane = driver.run(tmux.new_session(name, "/", ["sleep", "1000"], {}))
    assert pane.session == name
    assert driver.run(tmux.command("display-message", "-p", "-t", window_target(name), "#{pane_id}")) == [pane.pane_id]
    assert driver.run(tmux.command("show-options", "-wv", "-t", pane.pane_id, "remain-on-exit")) == ["on"]
    with pytest.raises(TmuxError, match="duplicate session"):
        driver.run(tmux.new_session(name, "/", ["sleep", "1000"], {}))


@pytest.mark.parametrize(
    "name", ["a.b", "a:b", "a\\b", "a$b", "a$_", "a${b}", "$a$b", "a$$b", "a\\$b", "a$1", "a$", "$ a"]
)
def test_session_names_changed_by_tmux(server: Server, driver: Driver, name: str) -> None:
    tmux = driver.client(server.socket)
    assert driver.run(tmux.command("new-session", "-d", "-P", "-F", "#{session_name}", "-s", name)) == [tmux_name(name)]
    assert (name_expected(name) is None) == (tmux_name(name) == name)


def test_a_target_matches_no_other_session(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    driver.run(tmux.new_session("main-2", "/", ["sleep", "1000"], {}))
    for near in ("main", "main-", "m*", "main-?"):
        with pytest.raises(TmuxNotFound):
            driver.run(tmux.command("list-panes", "-t", window_target(near)))
    assert driver.run(tmux.command("list-panes", "-t", window_target("main-2")))


@pytest.mark.parametrize(
    ("name", "cwd", "command", "env", "error"),
    [
        ("a.b", "/", ["true"], {}, QuotingError),
        ("", "/", ["true"], {}, QuotingError),
        ("a", "/a\nb", ["true"], {}, QuotingError),
        ("a", "/", ["echo", "a\nb"], {}, QuotingError),
        ("a", "/", ["echo", "a\0b"], {}, QuotingError),
        ("a", "/", ["true"], {"A": "x\ny"}, QuotingError),
        ("a", "/", ["true"], {"A=B": "x"}, TmuxError),
        ("a", "/", [], {}, TmuxError),
        ("a", "/", [""], {}, TmuxError),
        ("a", "/", ["A=B"], {}, TmuxError),
    ],
)
def test_an_invalid_session_is_refused_before_anything_is_sent(
    server: Server, driver: Driver, name: str, cwd: str, command: list[str], env: dict[str, str], error: type[Exception]
) -> None:
    tmux = driver.client(server.socket)
    with pytest.raises(error):
        driver.run(tmux.new_session(name, cwd, command, env))
    assert driver.run(tmux.panes()) == []


def dead_pane(driver: Driver, tmux: Tmux, pane_id: str) -> Pane:
    async def dead() -> bool:
        pane = await tmux.pane(pane_id)
        if pane.dead and pane.exit_status is None and pane.exit_signal is None and tmux.server_pid is not None:
            # tmux 3.3a can miss a child's exit; the signal makes it check, as the lifecycle does.
            os.kill(tmux.server_pid, signal.SIGCHLD)
            return False
        return pane.dead

    driver.until(dead, "the program's end")
    return driver.run(tmux.pane(pane_id))


def test_a_program_that_exits_at_once_leaves_its_pane(plain_server: Server, driver: Driver) -> None:
    """On a server without remain-on-exit: the option is set before tmux checks for exited children."""
    tmux = driver.client(plain_server.socket)
    for number in range(100):
        driver.run(tmux.new_session(f"s{number}", "/", ["true"], {}))
    panes = [pane for pane in driver.run(tmux.panes()) if pane.session != "mine"]
    assert len(panes) == 100


def test_exit_status_and_signal(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    ended = {
        "status": (["sh", "-c", "exit 7"], (7, None)),
        "signal": (["sh", "-c", "kill -9 $$"], (None, 9)),
        "absent": (["/nonexistent/claude"], (127, None)),
    }
    for name, (command, how) in ended.items():
        pane = dead_pane(driver, tmux, driver.run(tmux.new_session(name, "/", command, {})).pane_id)
        assert (pane.exit_status, pane.exit_signal) == how, name
    # A missing folder: the program is not started in another one.
    pane = dead_pane(driver, tmux, driver.run(tmux.new_session("nowhere", "/nonexistent", ["sleep", "9"], {})).pane_id)
    assert pane.exit_status == 125


def test_respawn_needs_a_dead_pane(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    pane = driver.run(tmux.new_session("s", "/", ["sh", "-c", "exit 1"], {"OLD": "old"}))
    dead_pane(driver, tmux, pane.pane_id)
    out = os.path.join(server.folder, "out")
    program = [sys.executable, script(server.folder, REPORT), out]
    driver.run(tmux.respawn(pane.pane_id, server.folder, program, {"NEW": "it's"}))
    wait_for(lambda: os.path.exists(out), "the report")
    found = read_json(out)
    env = found["env"]
    assert isinstance(env, dict)
    assert (found["cwd"], env["NEW"], env["OLD"]) == (server.folder, "it's", "old")
    with pytest.raises(TmuxError, match="still active"):
        driver.run(tmux.respawn(pane.pane_id, "/", ["true"], {}))
    with pytest.raises(TmuxNotFound):
        driver.run(tmux.respawn("%999", "/", ["true"], {}))


def test_a_folder_name_cannot_forge_a_pane(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    cwd = os.path.join(server.folder, "a\n%99,1,0,1,1,1,0,1,1")
    os.mkdir(cwd)
    program = f"import os, time; os.chdir({cwd!r}); time.sleep(999)"
    pane = driver.run(tmux.new_session("s", "/", [sys.executable, "-c", program], {}))

    async def there() -> bool:
        return (await tmux.pane(pane.pane_id)).cwd == cwd

    driver.until(there, "the program to change its folder")
    assert [item.pane_id for item in driver.run(tmux.panes())] == [pane.pane_id]


def test_a_quiet_pane_is_listed_as_it_was_and_anew_after_output(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    go = os.path.join(server.folder, "go")
    program = (
        "import os, time\n"
        f"while not os.path.exists({go!r}): time.sleep(0.05)\n"
        f"os.chdir({server.folder!r}); print('here', flush=True); time.sleep(999)"
    )
    driver.run(tmux.new_session("s", "/", [sys.executable, script(server.folder, program)], {}))
    driver.run(tmux.new_session("t", "/", ["sleep", "999"], {}))

    async def is_left_out() -> bool:
        await tmux.panes()
        return all(record.endswith("\0") for record, _pane in tmux._listing._known.values())

    async def are_executed() -> bool:
        tmux._listing = type(tmux._listing)()  # a program may have been executed after its pane was listed first
        return all(pane.command != "env" for pane in await tmux.panes())

    driver.until(is_left_out, "a listing without programs")
    driver.until(are_executed, "the programs in the place of env")
    quiet = driver.run(tmux.panes())
    assert quiet == driver.run(driver.client(server.socket).panes())
    assert [pane.cwd for pane in quiet] == ["/", "/"]
    with open(go, "w", encoding="ascii"):
        pass

    async def is_there() -> bool:
        return {pane.session: pane.cwd for pane in await tmux.panes()} == {"s": server.folder, "t": "/"}

    driver.until(is_there, "the other folder")
    pane = next(pane for pane in quiet if pane.session == "t")
    os.kill(pane.pid, signal.SIGKILL)
    ended = dead_pane(driver, tmux, pane.pane_id)
    listed = [item for item in driver.run(tmux.panes()) if item.pane_id == pane.pane_id]
    assert [(item.dead, item.cwd) for item in listed] == [(True, ended.cwd)]


def typewriter(driver: Driver, tmux: Tmux, folder: str) -> tuple[str, str]:
    """Start a program that records its input; return its pane and its file."""
    path = os.path.join(folder, "typed")
    pane = driver.run(tmux.new_session("typewriter", "/", [sys.executable, script(folder, TYPEWRITER), path], {}))

    async def ready() -> bool:
        return (await tmux.screen(pane.pane_id))[0] == "ready"

    driver.until(ready, "the typewriter")
    return pane.pane_id, path


def arrives(path: str, expected: bytes) -> None:
    wait_for(lambda: os.path.getsize(path) >= len(expected), f"{len(expected)} bytes")
    with open(path, "rb") as stream:
        assert stream.read() == expected
    os.truncate(path, 0)


def test_keys_and_pastes_arrive_unchanged(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    pane, path = typewriter(driver, tmux, server.folder)
    for text in ("continue", "it's; $HOME #{pid} -- é 😀", "-x", ";", "Enter", "C-c", "~", "\\"):
        driver.run(tmux.paste(pane, text))
        arrives(path, b"\x1b[200~" + text.encode() + b"\x1b[201~")
    sent = ((["Enter"], b"\r"), (["C-u"], b"\x15"), (["Escape"], b"\x1b"), (["C-u", "Enter"], b"\x15\r"))
    for keys, received in sent:
        driver.run(tmux.keys(pane, *keys))
        arrives(path, received)
    driver.run(tmux.paste(pane, "one\ntwo\tthree\n\n'four';\x1b[201~\x00\x03 #{pid}"))
    arrives(path, b"\x1b[200~one\rtwo\tthree\r\r'four';[201~ #{pid}\x1b[201~")
    long = "".join(f"line {i} of a long prompt, it's $HOME\n" for i in range(5000))
    driver.run(tmux.paste(pane, long))
    arrives(path, b"\x1b[200~" + long.replace("\n", "\r").encode() + b"\x1b[201~")
    assert driver.run(tmux.command("list-buffers")) == []


def test_a_mark_stays_with_its_pane(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    pane, _path = typewriter(driver, tmux, server.folder)
    assert not driver.run(tmux.marked(pane, "resuming"))
    driver.run(tmux.mark(pane, "resuming"))
    other = driver.client(server.socket)
    assert driver.run(other.marked(pane, "resuming"))
    assert not driver.run(other.marked(pane, "other"))
    driver.run(other.unmark(pane, "resuming"))
    assert not driver.run(tmux.marked(pane, "resuming"))
    driver.run(tmux.unmark(pane, "resuming"))
    with pytest.raises(TmuxError):
        driver.run(tmux.mark("%999", "resuming"))


def test_only_known_keys_are_sent(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    for names in (["1"], ["y"], ["Enter", "1"], ["-X"], []):
        with pytest.raises(TmuxError):
            driver.run(tmux.keys("%0", *names))
    for target in ("main", "=main", "%", "%1x", "", "0"):
        with pytest.raises(TmuxError, match="is no pane"):
            driver.run(tmux.keys(target, "Enter"))
        with pytest.raises(TmuxError, match="is no pane"):
            driver.run(tmux.paste(target, "text"))


def test_a_failed_paste_leaves_no_buffer(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    with pytest.raises(TmuxNotFound):
        driver.run(tmux.paste("%999", "secret"))
    assert driver.run(tmux.command("list-buffers")) == []


def test_a_paste_that_made_no_buffer_tells_why(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)

    def refuse() -> None:
        raise TmuxError("not now")

    with pytest.raises(TmuxError, match="not now"):
        driver.run(tmux.paste("%0", "text", before=refuse))


def shown(driver: Driver, tmux: Tmux, name: str, text: str, *, width: int = 80) -> Pane:
    """Start a session that prints a text; return its pane once the text is shown."""
    program = "import sys, time; print(sys.argv[1]); print('END', flush=True); time.sleep(999)"
    pane = driver.run(tmux.new_session(name, "/", [sys.executable, "-c", program, text], {}, width=width, height=20))

    async def there() -> bool:
        return "END" in await tmux.screen(pane.pane_id)

    driver.until(there, "the text")
    return pane


def test_captures(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    text = "word " * 30 + "end"
    pane = shown(driver, tmux, "narrow", text, width=40).pane_id
    assert driver.run(tmux.capture(pane))[:2] == [text, "END"]
    assert driver.run(tmux.capture(pane, join=False))[0] == ("word " * 8).rstrip()
    assert len(driver.run(tmux.screen(pane))) == 20
    coloured = shown(driver, tmux, "coloured", "\x1b[2mdim\x1b[0m no-break\xa0").pane_id
    assert driver.run(tmux.screen(coloured))[0] == "dim no-break\xa0"
    assert "\x1b[2m" in driver.run(tmux.screen(coloured, escapes=True))[0]
    assert "\x1b[2m" in driver.run(tmux.capture(coloured, escapes=True))[0]
    assert driver.run(tmux.capture(coloured, lines=5)) == [""] * 5
    with pytest.raises(TmuxNotFound):
        driver.run(tmux.capture("%999"))


def test_search(server: Server, driver: Driver) -> None:
    tmux = driver.client(server.socket)
    limited = shown(driver, tmux, "limited", "  ⎿  You\u2019ve hit your 5-hour limit · resets 9:36pm (UTC)")
    odd = shown(driver, tmux, "odd", "a,b}c{d#e|f:g/h'i\\j\"k$l")
    run = driver.run
    assert run(tmux.search("You've hit your")) == [limited.pane_id]
    assert run(tmux.search("a,b}c{d#e|f:g/h'i\\j\"k$l")) == [odd.pane_id]
    assert run(tmux.search(["You've hit your", "a,b}c{d#e|"])) == [limited.pane_id, odd.pane_id]
    assert run(tmux.search("you've HIT")) == []
    assert run(tmux.search(["no such", "text"])) == []
    now = int(time.time())
    assert run(tmux.search("You've hit your", since=now - 60)) == [limited.pane_id]
    assert run(tmux.search("You've hit your", since=now + 60)) == []
    # Copy mode does not affect the search.
    run(tmux.command("copy-mode", "-t", limited.pane_id))
    assert run(tmux.pane(limited.pane_id)).in_mode
    assert run(tmux.search("You've hit your")) == [limited.pane_id]
    assert "You\u2019ve hit" in run(tmux.screen(limited.pane_id))[0]
    run(tmux.leave_mode(limited.pane_id))
    assert not run(tmux.pane(limited.pane_id)).in_mode


def children(pid: int) -> list[str]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
        return stream.read().split()


def test_a_hundred_sessions_need_one_client_process(server: Server, driver: Driver) -> None:
    before = set(children(os.getpid()))
    tmux = driver.client(server.socket)
    names = [f"s{i}" for i in range(100)]

    async def start() -> None:
        await asyncio.gather(*(tmux.new_session(name, "/", ["sleep", "1000"], {}) for name in names))

    driver.run(start())
    panes = driver.run(tmux.panes())
    assert sorted(pane.session for pane in panes) == sorted(names)
    for pane in panes:
        driver.run(tmux.paste(pane.pane_id, "continue"))
        driver.run(tmux.screen(pane.pane_id))

    async def all_show_it() -> bool:
        return await tmux.search("continue") == [pane.pane_id for pane in panes]

    driver.until(all_show_it, "the echo of what was pasted into each of 100 panes")
    assert len(set(children(os.getpid())) - before) == 1
    # No window was resized.
    assert {(pane.width, pane.height) for pane in panes} == {(200, 50)}
    assert subprocess.run(["tmux", "-N", "-S", server.socket, "kill-server"], timeout=20, check=False).returncode == 0
