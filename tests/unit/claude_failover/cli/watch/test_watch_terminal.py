# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``status --watch`` on terminals: the picture in tmux at two sizes, and the terminal that is given back at the end."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from terminals import read_to_end

DEADLINE = 60.0
START = (
    "import claude_failover.cli.commands.status as status; status.WATCH_INTERVAL = 0.1;"
    "import sys; from claude_failover.cli import main; sys.exit(main.main(['status', '--watch']))"
)
WITHOUT_RICH = "import sys; sys.modules['rich'] = None;" + START
FOREIGN = "a\x1b]0;title\x07\x9b31m\u202e[bold]"


def session(name: str, state: str = "idle") -> dict[str, Any]:
    return {"name": name, "state": state, "account": "a", "cwd": "/srv", "last_event_at": None, "reason": None}


def status(**more: Any) -> dict[str, Any]:
    usage = {"five_hour": 50, "seven_day": 20}
    accounts = [{"name": "a", "active": True, "links": "ok", "login": "ok", "exhausted": [], "used_percent": usage}]
    rows = [session(f"s{number}") for number in range(100)] + [session("broken", "down"), session(FOREIGN, "waiting")]
    return {"active_account": "a", "accounts": accounts, "sessions": rows, "last_switch": None, **more}


class Answering:
    """A daemon that gives one status, can be ended and come back."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.asked = 0
        self.switches: list[dict[str, Any]] = []
        self.document = status()
        self._listener: socket.socket | None = None
        self.start()

    def start(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self._listener = listener
        self._thread = threading.Thread(target=self._serve, args=(listener,))
        self._thread.start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            connection, _address = listener.accept()
            with connection, connection.makefile("rb") as stream:
                line = stream.readline()
                if not line:
                    return
                self.asked += 1
                result: Any = self.document if json.loads(line)["op"] == "status" else self.switches
                with contextlib.suppress(OSError):
                    connection.sendall(json.dumps({"ok": True, "result": result}).encode() + b"\n")

    def end(self) -> None:
        if self._listener is not None:
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(self.path)
            self._thread.join(DEADLINE)
            self._listener.close()
            self._listener = None
            os.unlink(self.path)


class Watching:
    """A scratch folder with a configuration, a daemon, and a tmux server that is the terminal."""

    def __init__(self, folder: str, python_path: str) -> None:
        self.folder = folder
        self.daemon = Answering(os.path.join(folder, "control.sock"))
        config = os.path.join(folder, "config.yml")
        document = {"accounts": [{"name": "a", "home": f"{folder}/a"}], "control_socket": self.daemon.path}
        document.update(shared_root=folder, state_dir=folder, active_link=f"{folder}/active")
        pathlib.Path(config).write_text(json.dumps(document), encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "PYTHONPATH": python_path,
            "CLAUDE_FAILOVER_CONFIG": config,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-u", "-S", os.path.join(self.folder, "tmux.sock"), "-f", "/dev/null", *arguments]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def open(self, width: int, height: int, code: str = START) -> None:
        line = shlex.join([sys.executable, "-c", code])
        modes = "stty -a | tr ';' '\\n' | grep -c -- '-icanon'"
        shell = f'trap : INT; echo BEFORE; {line}; echo "ended with $?"; {modes}; exec cat'
        self.tmux("new-session", "-d", "-s", "w", "-x", str(width), "-y", str(height), "sh", "-c", shell)

    def screen(self) -> list[str]:
        return self.tmux("capture-pane", "-p", "-t", "w").split("\n")

    def type(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "w", *keys)

    def wait(self, found: Callable[[str], Any]) -> list[str]:
        """Wait until the screen is so; returns its lines."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            lines = self.screen()
            if found("\n".join(lines)):
                return lines
            time.sleep(0.05)
        pytest.fail("the screen stays so:\n" + "\n".join(self.screen()))

    def given_back(self, code: int) -> None:
        """Wait for the end, and check that the shell has its screen and its line mode again."""
        lines = self.wait(lambda screen: f"ended with {code}\n0\n" in screen)
        assert lines[0] == "BEFORE"
        assert self.tmux("display-message", "-p", "-t", "w", "#{alternate_on} #{cursor_flag}") == "0 1\n"


@pytest.fixture
def watching(short_folder: str, python_path: str) -> Iterator[Watching]:
    found = Watching(short_folder, python_path)
    yield found
    found.daemon.end()
    with contextlib.suppress(subprocess.CalledProcessError):
        found.tmux("kill-server")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_the_picture_fills_the_terminal_and_q_gives_it_back(watching: Watching, width: int, height: int) -> None:
    watching.open(width, height)
    lines = watching.wait(lambda screen: "q: end" in screen)
    assert re.match(
        r"(claude-failover  )?active: a  sessions: 1 down, 1 waiting, 100 idle .*\d\d:\d\d:\d\dZ$", lines[0]
    )
    assert lines[height - 1].startswith("q: end")
    assert "down (1)" in lines
    assert any(re.match(r"  broken ", line) for line in lines)
    assert any(line.startswith("  a]0;title31m[bold] ") for line in lines), lines
    assert re.search(r"\* a +██+░+  50%", "\n".join(lines))
    watching.type("q")
    watching.given_back(0)


def test_keys_scroll_and_filter(watching: Watching) -> None:
    watching.open(80, 24)
    watching.wait(lambda screen: "q: end" in screen)
    watching.type("End")
    watching.wait(lambda screen: "  s99 " in screen and "broken" not in screen)
    watching.type("PPage", "Home")
    watching.wait(lambda screen: "  broken " in screen)
    watching.type("/", "s9", "7")
    lines = watching.wait(lambda screen: "filter: s97▏" in screen and "s96" not in screen)
    assert any(line.startswith("  s97 ") for line in lines)
    watching.type("Enter")
    watching.wait(lambda screen: "sessions with s97" in screen and "q: end" in screen)
    watching.type("Escape")
    watching.wait(lambda screen: "  broken " in screen)
    watching.type("C-c")
    watching.given_back(0)


def test_a_new_size_is_filled_at_once(watching: Watching) -> None:
    watching.open(80, 24)
    watching.wait(lambda screen: "q: end" in screen)
    for width, height in ((200, 50), (60, 12), (80, 24)):
        watching.tmux("resize-window", "-t", "w", "-x", str(width), "-y", str(height))
        picture = rf"[^\n]*Z\n─ accounts ─{{{width - 11}}}\n(?:.*\n){{{height - 3}}}q: end"
        watching.wait(lambda screen, picture=picture: re.match(picture, screen))


def test_a_daemon_that_goes_away_is_told_in_the_picture_until_it_is_back(watching: Watching) -> None:
    watching.open(80, 24)
    watching.wait(lambda screen: "q: end" in screen)
    watching.daemon.end()
    lines = watching.wait(lambda screen: " no answer since " in screen)
    assert any("  broken " in line for line in lines)
    watching.daemon.document = status(sessions=[session("fresh", "busy")])
    watching.daemon.start()
    watching.wait(lambda screen: "  fresh " in screen and "no answer" not in screen)
    watching.type("q")
    watching.given_back(0)


def test_a_switch_is_in_the_picture_with_those_before(watching: Watching) -> None:
    watching.open(80, 24)
    watching.wait(lambda screen: "q: end" in screen and "last switches" not in screen)
    row = {"time": "2026-11-22T20:53:30.000Z", "reason": "manual", "from_account": "a", "outcome": "switched"}
    watching.daemon.switches = [{**row, "to_account": name, "sessions": []} for name in ("c", "b")]
    watching.daemon.document = status(last_switch=watching.daemon.switches[0])
    watching.wait(lambda screen: re.search("last switches.*\n.* a -> c: by hand\n.* a -> b: by hand\n", screen))
    watching.type("q")
    watching.given_back(0)


def test_it_is_stopped_and_continued_as_a_shell_does(watching: Watching) -> None:
    line = shlex.join([sys.executable, "-c", START])
    watching.tmux("new-session", "-d", "-s", "w", "-x", "80", "-y", "24", "bash", "--norc", "--noprofile")
    watching.type(f"PS1='READY$ '; {line}", "Enter")
    watching.wait(lambda screen: "q: end" in screen)
    watching.type("C-z")
    watching.wait(lambda screen: "Stopped" in screen and "q: end" not in screen)
    watching.type("fg", "Enter")
    watching.wait(lambda screen: "q: end" in screen)
    watching.type("q")
    watching.wait(lambda screen: screen.rstrip().endswith("READY$"))


def run_in_terminal(watching: Watching, code: str, number: int, **environment: str) -> tuple[bytes, int]:
    """Run it on a terminal of its own, and end it by a signal after some answers; returns what it showed, its code."""
    asked, sent = watching.daemon.asked, False
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-c", code]
        os.execvpe(command[0], command, {**watching.environment, **environment})

    def on_shown(_shown: bytes) -> None:
        nonlocal sent
        if not sent and watching.daemon.asked >= asked + 8:
            sent = True
            os.kill(pid, number)

    shown = read_to_end(pid, terminal, DEADLINE, on_shown)
    _pid, ended = os.waitpid(pid, 0)
    return shown, os.waitstatus_to_exitcode(ended)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
def test_a_signal_gives_the_terminal_back(watching: Watching, number: int, code: int) -> None:
    shown, ended = run_in_terminal(watching, START, number)
    assert ended == code
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1
    assert shown.rstrip().endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_only_what_changed_is_drawn_and_all_of_it_at_once(watching: Watching) -> None:
    shown, _ended = run_in_terminal(watching, START, signal.SIGTERM)
    assert shown.count(b"\x1b[2J") <= 2  # on the way in, and with the first picture
    pictures = re.findall(rb"\x1b\[\?2026h(.*?)\x1b\[\?2026l", shown, re.DOTALL)
    assert pictures
    assert len(re.findall(rb"\x1b\[\d+;1H", pictures[0])) >= 20
    assert all(len(re.findall(rb"\x1b\[\d+;1H", picture)) <= 2 for picture in pictures[1:])


@pytest.mark.parametrize(
    ("code", "environment"),
    [
        (WITHOUT_RICH, {}),
        (START, {"TERM": "dumb"}),
        (START, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
)
def test_the_page_is_drawn_where_the_full_screen_cannot_be(
    watching: Watching, code: str, environment: dict[str, str]
) -> None:
    shown, ended = run_in_terminal(watching, code, signal.SIGINT, **environment)
    assert ended == 0
    assert b"\x1b[?1049h" not in shown
    assert shown.count(b"Active account: ") >= 2
