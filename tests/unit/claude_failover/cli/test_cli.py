# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the command line as a process: exit codes, standard output and standard error."""

from __future__ import annotations

import argparse
import json
import os
import pty
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import control_client
from terminals import read_to_end

from claude_failover import VERSION
from claude_failover.accounts.login_lock import login_lock
from claude_failover.cli import commands, common, main, other_user
from claude_failover.cli.commands import attach, login
from claude_failover.common.errors import Refused
from claude_failover.config import defaults
from claude_failover.config.loader import load
from claude_failover.tmux.quoting import HOLDER, command_line, literal_format

DEADLINE = 30.0
COMMANDS = [
    "run",
    "check-config",
    "reload",
    "version",
    "validate",
    "doctor",
    "login",
    "status",
    "sessions",
    "attach",
    "restart",
    "stop",
    "switch",
    "dispatch",
    "queue",
    "history",
    "classify",
    "rehearse",
]
HIDDEN = ["complete"]  # no help lists it
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: only root can become another user")
STATUS = {
    "version": VERSION,
    "pid": 7,
    "started_at": "2026-11-22T20:00:00.000Z",
    "active_account": "a",
    "accounts": [
        {"name": "a", "home": "/h/a", "active": True, "links": "ok", "login": "ok", "exhausted": [], "used_percent": {}}
    ],
    "sessions": [
        {
            "name": "main",
            "uuid": None,
            "uuid_source": None,
            "state": "down",
            "reason": "gone\x1b[2J\x9b1m",
            "dedicated": False,
            "cwd": "/srv",
            "account": None,
            "pid": None,
            "last_event_at": None,
        }
    ],
    "cooldown_until": None,
    "switching": False,
    "suspended": None,
    "queue": {},
    "last_switch": None,
}


class World:
    """A scratch folder with a configuration in which every path is inside of it."""

    def __init__(self, folder: str, python_path: str) -> None:
        self.folder = folder
        self.config = self.path("config.yml")
        self.control = self.path("control.sock")
        self.tmux = self.path("tmux.sock")
        self.environment = {
            "PATH": f"{self.path('bin')}:{os.environ['PATH']}",
            "HOME": self.path("home"),
            "PYTHONPATH": python_path,
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }
        for name in ("home", "bin"):
            os.mkdir(self.path(name))
        self.write()

    def path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def write(self, **more: Any) -> None:
        document = {
            "accounts": [{"name": name, "home": self.path("home", f".claude-{name}")} for name in ("a", "b")],
            "active_link": self.path("home", ".claude"),
            "shared_root": self.path("home"),
            "control_socket": self.control,
            "tmux": {"socket": self.tmux},
            "state_dir": self.path("state"),
            **more,
        }
        with open(self.config, "w") as stream:
            json.dump(document, stream)  # JSON is YAML

    def program(self, name: str, text: str) -> str:
        path = self.path("bin", name)
        with open(path, "w") as stream:
            stream.write(text)
        os.chmod(path, 0o755)
        return path

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("stdin", subprocess.DEVNULL)
        environment = {**self.environment, "CLAUDE_FAILOVER_CONFIG": self.config, **options.pop("env", {})}
        command = [*options.pop("before", []), sys.executable, "-m", "claude_failover", *arguments]
        if "input" in options:
            del options["stdin"]
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            cwd=self.folder,
            **options,
        )


@pytest.fixture
def world(short_folder: str, python_path: str) -> World:
    return World(short_folder, python_path)


class FakeDaemon:
    """Answers every request from a table, and remembers what was asked."""

    def __init__(self, path: str, answers: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers = answers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _address = self._listener.accept()
            with connection, connection.makefile("rb") as stream:
                line = stream.readline()
                if not line:
                    return
                asked = json.loads(line)
                self.asked.append(asked)
                answer = self.answers[asked["op"]]
                connection.sendall(json.dumps(answer).encode() + b"\n")

    def end(self) -> None:
        with socket.socket(socket.AF_UNIX) as stop:
            stop.connect(self._listener.getsockname())
        self._thread.join(DEADLINE)
        self._listener.close()


@pytest.fixture
def daemon(world: World) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(
        world.control,
        {
            "status": {"ok": True, "result": STATUS},
            "sessions": {"ok": True, "result": STATUS["sessions"]},
            "reload": {"ok": True, "result": {"reloaded": world.config}},
        },
    )
    yield fake
    fake.end()


def in_terminal(command: list[str], environment: dict[str, str], seen: bytes, then: Callable[[int], None]) -> bytes:
    """Run a command on a terminal of its own; once it shows ``seen`` do ``then`` with its pid. Returns all of it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    done = False

    def on_shown(shown: bytes) -> None:
        nonlocal done
        if not done and seen in shown:
            done = True
            then(pid)

    shown = read_to_end(pid, terminal, DEADLINE, on_shown)
    _pid, status = os.waitpid(pid, 0)
    assert done, shown
    return shown + b"\nstatus %d" % status


# ---- help and wrong use ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(world: World, command: str) -> None:
    done = world.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("usage: claude-failover " + command, "example", "exit codes:", "  70  a bug", "--config FILE"):
        assert part in done.stdout


def test_the_help_names_every_command_in_order(world: World) -> None:
    done = world.run("--help")
    assert done.returncode == 0
    assert re.findall(r"^ {4}([a-z-]+)", done.stdout, re.MULTILINE) == [*COMMANDS, "hook"]


def test_a_file_is_named_as_its_command() -> None:
    added = argparse.ArgumentParser().add_subparsers()
    for command in commands.COMMANDS:
        command.register(added)
    modules = [command.__name__.rpartition(".")[2].replace("_", "-") for command in commands.COMMANDS]
    assert modules == list(added.choices) == [*COMMANDS, *HIDDEN]
    folder = os.path.dirname(commands.__file__)
    files = [name[: -len(".py")] for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py"]
    assert sorted(name.replace("_", "-") for name in files) == sorted([*COMMANDS, *HIDDEN])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frob"],
        ["status", "--frob"],
        ["login"],
        ["attach"],
        ["status", "x"],
        ["version", "--json"],
        ["stat"],
        ["validate", "--str"],
    ],
)
def test_wrong_use(world: World, arguments: list[str]) -> None:
    done = world.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: claude-failover" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["histry"], "found no command 'histry'; claude-failover --help lists them; did you mean history?"),
        (["hook-events"], "found no command 'hook-events'; claude-failover --help lists them\n"),
        (["status", "--wach"], "unrecognized arguments: --wach; did you mean --watch?"),
        (["login", "xyz"], "expected one of: a, b\n"),
        (["login", "A"], "expected one of: a, b; did you mean a?"),
    ],
)
def test_a_mistyped_word_gets_a_hint_at_what_may_be_meant(world: World, arguments: list[str], said: str) -> None:
    done = world.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_version(world: World) -> None:
    done = world.run("version")
    assert done.returncode == 0
    assert done.stdout.startswith(f"claude-failover {VERSION} (")
    assert world.run("--version").stdout == f"claude-failover {VERSION}\n"


def test_the_version_names_the_release(world: World) -> None:
    library = world.path("releases", "0.4.0-0123abc", "lib")
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(main.__file__))))
    shutil.copytree(os.path.join(source, "claude_failover"), os.path.join(library, "claude_failover"))
    done = world.run("version", env={"PYTHONPATH": library})
    assert done.stdout == f"claude-failover {VERSION} (release 0.4.0-0123abc)\n"


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["status", "--help"], ["status"], ["attach", "x"]])
def test_the_command_line_starts_without_what_only_the_daemon_needs(world: World, arguments: list[str]) -> None:
    code = (
        "import sys; from claude_failover.cli import main; main.main(sys.argv[1:]);"
        "sys.stderr.write('LOADED ' + ' '.join(m for m in ('asyncio', 'yaml', 'logging') if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    loaded = done.stderr.rpartition("LOADED ")[2].split()
    assert "asyncio" not in loaded
    if arguments[0] == "version" or "--help" in arguments:
        assert loaded == []


# ---- answers of a daemon that are none -------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "op", "found"),
    [
        (["status"], "status", 5),
        (["status"], "status", [1]),
        (["status"], "status", {"accounts": 7, "sessions": []}),
        (["sessions"], "sessions", None),
        (["sessions"], "sessions", [7]),
        (["sessions"], "sessions", {"a": 1}),
        (["history"], "history", ["x"]),
        (["history"], "history", "x"),
        (["queue"], "queue", [{}]),
        (["queue"], "queue", [{"id": 1, "state": {}, "session": [], "detail": 2, "created_at": "x", "prompt": 7}]),
        (["queue", "--cancel", "x"], "queue", []),
        (["switch"], "switch", True),
        (["dispatch", "x"], "dispatch", [[]]),
        (["dispatch", "x", "--wait"], "dispatch", {"id": "x", "state": ["done"]}),
    ],
)
def test_an_answer_of_wrong_types_is_told_and_no_bug(
    world: World, daemon: FakeDaemon, arguments: list[str], op: str, found: Any, form: list[str]
) -> None:
    daemon.answers[op] = {"ok": True, "result": found}
    done = world.run(*arguments, *form)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(rf"claude-failover: the daemon's answer to {op}: found .*, expected .*\n", done.stderr), done


@pytest.mark.parametrize("found", [None, [1], {"reloaded": []}])
def test_a_reload_with_an_answer_of_wrong_types(world: World, daemon: FakeDaemon, found: Any) -> None:
    daemon.answers["reload"] = {"ok": True, "result": found}
    done = world.run("reload")
    assert (done.returncode, done.stdout) == (1, ""), done


# ---- configuration -----------------------------------------------------------------------------------------


def test_check_config(world: World) -> None:
    done = world.run("check-config")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{world.config}: valid: 2 accounts, 0 sessions\n", "")
    with open(world.config) as stream:
        text = stream.read()
    done = world.run("check-config", "-", input=text)
    assert (done.returncode, done.stdout) == (0, "standard input: valid: 2 accounts, 0 sessions\n")


def test_check_config_tells_every_error_at_once(world: World) -> None:
    bad, text = world.path("bad.yml"), "accounts: []\nfailover: {cooldown: -1}\nsesions: []\n"
    with open(bad, "w") as stream:
        stream.write(text)
    for done, name in (
        (world.run("check-config", bad), bad),
        (world.run("--config", bad, "check-config"), bad),
        (world.run("check-config", "--config", bad), bad),
        (world.run("check-config", "-", input=text), "standard input"),
    ):
        assert (done.returncode, done.stdout) == (2, "")
        lines = done.stderr.splitlines()
        assert [line.split(": found")[0] for line in lines] == [
            f"{name}:1: accounts",
            f"{name}:2: failover.cooldown",
            f"{name}:3: sesions",
        ]


def test_the_option_comes_before_the_environment_and_that_before_the_default(world: World) -> None:
    done = world.run("check-config", "--config", "/nonexistent/x.yml")
    assert "/nonexistent/x.yml" in done.stderr
    done = world.run("check-config", env={"CLAUDE_FAILOVER_CONFIG": "/nonexistent/y.yml"})
    assert "/nonexistent/y.yml" in done.stderr


@pytest.mark.parametrize("command", [["run"], ["validate"], ["login", "a"], ["status"], ["attach", "x"]])
def test_a_wrong_configuration_ends_a_command_with_2(world: World, command: list[str]) -> None:
    with open(world.config, "w") as stream:
        stream.write("accounts: 5\n")
    done = world.run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "accounts: found" in done.stderr


# ---- what the daemon says ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["sessions"], ["reload"], ["status", "--watch"]])
def test_no_daemon(world: World, command: list[str]) -> None:
    done = world.run(*command)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"nobody listens on {world.control}" in done.stderr
    assert "systemctl start claude-failover" in done.stderr


def test_the_status_page_and_the_sessions_page(world: World, daemon: FakeDaemon) -> None:
    done = world.run("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Active account: a\n")
    assert "main: gone[2J1m\n" in done.stdout
    done = world.run("sessions")
    assert done.stdout.startswith("SESSION  STATE")
    assert [request["op"] for request in daemon.asked] == ["status", "sessions"]


def test_json_is_the_daemons_result_and_safe_for_a_terminal(world: World, daemon: FakeDaemon) -> None:
    done = world.run("status", "--json")
    assert json.loads(done.stdout) == STATUS
    assert done.stdout.startswith('{\n  "version"')
    assert not [c for c in done.stdout if (c < " " and c != "\n") or "\x7f" <= c < "\xa0"]
    assert json.loads(world.run("sessions", "--json").stdout) == STATUS["sessions"]


def test_reload(world: World, daemon: FakeDaemon) -> None:
    done = world.run("reload")
    assert (done.returncode, done.stdout) == (0, f"The daemon has reloaded {world.config}.\n")
    daemon.answers["reload"] = {"ok": False, "error": "state_dir cannot\x1b change", "code": 1}
    done = world.run("reload")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "claude-failover: state_dir cannot change\n")
    daemon.answers["reload"] = {"ok": False, "error": "wrong", "code": 2}
    assert world.run("reload").returncode == 2


@needs_root
def test_who_may_not_read_the_configuration_gets_the_default_socket(world: World, daemon: FakeDaemon) -> None:
    """The default socket is the host's, which may have a daemon: another name for it is tried, and nothing is there."""
    absent = os.path.join(world.folder, "default.sock")
    os.chmod(world.folder, 0o755)
    os.chmod(world.config, 0o600)
    # The other user may not enter the folders of Python and of this checkout: all is imported before, by use.
    code = (
        "import os, sys; from claude_failover.cli import main; from claude_failover.config import defaults;"
        "defaults.CONTROL_SOCKET = sys.argv.pop(1);"
        "main.main(['--config', sys.argv[2], 'status']); main.main(['--config', '/nonexistent', 'status']);"
        "sys.stdout.flush(); os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.stderr.write('---');"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, absent, "--config", world.config, "status"],
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    said = done.stderr.rpartition("---")[2]
    assert absent in said
    assert f"{world.config} could not be read" in said
    assert len(daemon.asked) == 1


def test_a_page_on_a_terminal_has_colour_unless_told_otherwise(world: World, daemon: FakeDaemon) -> None:
    command = [sys.executable, "-m", "claude_failover", "status"]
    environment = {**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config}
    assert b"\x1b[" in in_terminal(command, environment, b"FOLDER", lambda pid: None)
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = in_terminal(command, {**environment, **more}, b"FOLDER", lambda pid: None)
        assert b"\x1b" not in shown
        assert shown.endswith(b"status 0")


def test_watch_without_rich_draws_again_and_ends_with_ctrl_c(world: World, daemon: FakeDaemon) -> None:
    code = (
        "import sys; sys.modules['rich'] = None;"
        "import claude_failover.cli.commands.status as status; status.WATCH_INTERVAL = 0.05;"
        "from claude_failover.cli import main; sys.exit(main.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "status", "--watch"]
    environment = {**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config}

    def then(pid: int) -> None:
        end = time.monotonic() + DEADLINE
        while len(daemon.asked) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(pid, signal.SIGINT)

    shown = in_terminal(command, environment, b"FOLDER", then)
    assert shown.endswith(b"status 0")
    assert shown.count(b"Active account") >= 2
    assert len(daemon.asked) >= 4


# ---- what goes wrong ---------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_complaint(world: World, daemon: FakeDaemon) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "claude_failover", "status"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config},
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(DEADLINE) == main.EXIT_BROKEN_PIPE


def test_a_full_disk_and_closed_streams(world: World) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "claude_failover", "version"],
            env=world.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "claude-failover: [Errno 28] No space left on device\n")
    done = world.run("version", before=["sh", "-c", 'exec "$@" >&- 2>&-', "sh"])
    assert done.returncode == 0


def test_a_bug_is_one_line_and_a_traceback_only_where_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: Any, **_keywords: Any) -> None:
        raise ZeroDivisionError("by\x1b zero")

    monkeypatch.setattr(control_client, "request", broken)
    monkeypatch.setenv("CLAUDE_FAILOVER_CONFIG", world.config)
    monkeypatch.delenv("CLAUDE_FAILOVER_DEBUG", raising=False)
    assert main.main(["status"]) == 70
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "ZeroDivisionError: by zero; please report it" in error
    monkeypatch.setenv("CLAUDE_FAILOVER_DEBUG", "1")
    assert main.main(["status"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_args: Any, **_keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(control_client, "request", interrupted)
    monkeypatch.setenv("CLAUDE_FAILOVER_CONFIG", world.config)
    assert main.main(["status"]) == 130
    assert capsys.readouterr().err == ""


def log_in(world: World, name: str, who: str, until: int | None = None) -> None:
    """Log an account in as ``who``, until that time in seconds."""
    home = world.path("home", f".claude-{name}")
    os.makedirs(home, exist_ok=True)
    oauth: dict[str, Any] = {"accessToken": "made-up", "refreshToken": "made-up"}
    if until is not None:
        oauth["refreshTokenExpiresAt"] = until * 1000
    account = {"accountUuid": who, "emailAddress": f"{who}@example.invalid", "organizationName": "Acme"}
    for file, document in (
        (".credentials.json", {"claudeAiOauth": oauth}),
        (".claude.json", {"oauthAccount": account}),
    ):
        with open(os.path.join(home, file), "w", encoding="utf-8") as stream:
            json.dump(document, stream)


# ---- validate ----------------------------------------------------------------------------------------------


def entries(folder: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(at, name), folder) for at, dirs, files in os.walk(folder) for name in dirs + files
    )


def test_validate_strict_creates_nothing(world: World) -> None:
    before = entries(world.folder)
    done = world.run("validate", "--strict")
    assert done.returncode == 1
    assert f"missing: {world.path('home', '.claude-a', 'projects')}" in done.stderr
    assert entries(world.folder) == before
    document = json.loads(world.run("validate", "--strict", "--json").stdout)
    assert document["ok"] is False
    assert document["created"] == []
    assert {link["status"] for link in document["links"]} == {"missing"}


def test_validate_creates_what_is_missing_once(world: World) -> None:
    done = world.run("validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("All links of 2 accounts are valid.\n")
    link = world.path("home", ".claude-b", "projects")
    assert f"created {link}\n" in done.stdout
    assert os.readlink(link) == world.path("home", ".claude-projects-shared")
    done = world.run("validate", "--strict", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert (document["ok"], document["failures"], len(document["links"])) == (True, [], 6)
    assert "created" not in world.run("validate").stdout


def test_validate_tells_a_divergence_and_makes_the_others(world: World) -> None:
    os.mkdir(world.path("home", ".claude-a"))
    os.symlink("/elsewhere", world.path("home", ".claude-a", "projects"))
    done = world.run("validate")
    assert done.returncode == 1
    assert "/elsewhere" in done.stderr
    assert os.readlink(world.path("home", ".claude-a", "projects")) == "/elsewhere"
    assert os.path.islink(world.path("home", ".claude-b", "projects"))


def test_validate_tells_who_is_logged_in_and_refuses_one_login_in_two_homes(world: World) -> None:
    for name, who in (("a", "ann"), ("b", "bob")):
        log_in(world, name, who, until=4102444800)
    done = world.run("validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "a: ann@example.invalid, Acme; logged in until 2100-01-01 00:00Z (in " in done.stdout
    log_in(world, "b", "ann")
    done = world.run("validate")
    assert done.returncode == 1
    assert "b: ann@example.invalid, Acme; logged in, until when is not known" in done.stdout
    assert "a, b: found one login in 2 homes; expected one of its own in each" in done.stderr
    assert "`claude-failover login b` or `claude-failover login a`" in done.stderr
    document = json.loads(world.run("validate", "--json").stdout)
    assert (document["ok"], len(document["failures"])) == (False, 1)
    assert document["logins"][0] == {
        "name": "a",
        "login": "ok",
        "login_expires_at": "2100-01-01T00:00:00.000Z",
        "identity": {"address": "ann@example.invalid", "organisation": "Acme", "plan": None},
    }


@needs_root
def test_root_reads_the_logins_as_the_user_whose_they_are(world: World) -> None:
    log_in(world, "a", "ann")
    log_in(world, "b", "ann")
    world.run("validate")
    for path in ["", *entries(world.path("home"))]:
        os.chown(world.path("home", path), 65534, 65534, follow_symlinks=False)
    os.chmod(world.folder, 0o755)
    done = world.run("validate", "--strict")
    assert "a, b: found one login in 2 homes" in done.stderr
    secret = world.path("secret")
    with open(secret, "w", encoding="utf-8") as stream:
        json.dump({"oauthAccount": {"accountUuid": "U", "emailAddress": "root@example.invalid"}}, stream)
    os.chmod(secret, 0o600)
    os.unlink(world.path("home", ".claude-a", ".claude.json"))
    os.symlink(secret, world.path("home", ".claude-a", ".claude.json"))
    done = world.run("validate", "--strict")
    assert "a: who it is is not known; logged in" in done.stdout and "root@" not in done.stdout


@needs_root
def test_root_creates_nothing_in_anothers_folder(world: World) -> None:
    os.chown(world.path("home"), 65534, 65534)
    done = world.run("validate")
    assert done.returncode == 1
    assert f"-u nobody -- /usr/local/bin/claude-failover --config {world.config} validate\n" in done.stderr
    assert os.listdir(world.path("home")) == []


# ---- login -------------------------------------------------------------------------------------------------

SHOW = '#!/bin/sh\necho "$# $CLAUDE_CONFIG_DIR $HOME $(pwd)"\nexit 5\n'


def provide_claude(world: World, text: str) -> None:
    """Make this program the only one of this machine that the sessions, and so the login, find."""
    world.program("claude", text)
    path = f"{world.path('bin')}:/usr/local/bin:/usr/bin:/bin"
    world.write(sessions=[{"name": "x", "cwd": "/", "env": {"PATH": path}}])


def test_login_becomes_the_claude_cli_of_the_sessions(world: World) -> None:
    home = world.path("home", ".claude-b")
    os.mkdir(home)
    provide_claude(world, SHOW)
    done = world.run("login", "b")
    assert (done.returncode, done.stdout) == (5, f"0 {home} {world.path('home')} {world.path('home')}\n")
    os.mkdir(world.path("opt"))
    other = shutil.copy(world.program("claude", SHOW.replace("echo", "echo other")), world.path("opt", "claude"))
    world.write(
        sessions=[
            {"name": "x", "cwd": "/", "command": ["sh"], "claude_args": False},
            {"name": "y", "cwd": "/", "command": [other, "--model", "opus"]},
        ]
    )
    assert world.run("login", "b").stdout.startswith("other 0 ")


LOG_IN = """#!/bin/sh
cd "$CLAUDE_CONFIG_DIR"
printf '{"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up", "refreshTokenExpiresAt": %s}}' \\
    "${END:-null}" >.credentials.json
printf '{"oauthAccount": {"accountUuid": "%s", "emailAddress": "%s@example.invalid", "organizationName": "Acme"}}' \\
    "$WHO" "$WHO" >.claude.json
"""


def test_login_records_who_the_account_is(world: World) -> None:
    os.mkdir(world.path("home", ".claude-b"))
    provide_claude(world, LOG_IN)
    done = world.run("login", "b", env={"WHO": "ann"})
    assert done.returncode == 0
    assert "there is no" in done.stderr and "records who it is at its first start" in done.stderr
    os.mkdir(world.path("state"), 0o700)
    done = world.run("login", "b", env={"WHO": "ann"})
    assert (
        "claude-failover: b: ann@example.invalid, Acme; logged in, until when is not known (Claude Code " in done.stderr
    )
    assert done.stderr.endswith("\nclaude-failover: b: recorded\n")
    done = world.run("login", "b", env={"WHO": "bob", "END": "4102444800000"})
    line = "b: bob@example.invalid, Acme; logged in until 2100-01-01 00:00Z (in "
    assert f"claude-failover: {line}" in done.stderr
    assert done.stderr.endswith("claude-failover: b: recorded; it was ann@example.invalid\n")
    with open(world.path("state", "identities.json"), encoding="utf-8") as stream:
        assert json.load(stream)["data"]["b"]["account_uuid"] == "bob"
    provide_claude(world, "#!/bin/sh\nrm $CLAUDE_CONFIG_DIR/.credentials.json\n")
    done = world.run("login", "b")
    assert (done.returncode, "nothing is recorded" in done.stderr) == (1, True)
    assert done.stderr.endswith("b is not logged in; run `claude-failover login b` again\n")


def test_a_login_that_another_account_has_is_an_error(world: World) -> None:
    os.mkdir(world.path("state"), 0o700)
    log_in(world, "a", "ann")
    os.mkdir(world.path("home", ".claude-b"))
    provide_claude(world, LOG_IN)
    done = world.run("login", "b", env={"WHO": "ann"})
    assert done.returncode == 1
    assert "b, a: found one login in 2 homes; expected one of its own in each" in done.stderr
    assert world.run("login", "b", env={"WHO": "bob"}).returncode == 0
    provide_claude(world, LOG_IN + "exit 3\n")
    done = world.run("login", "b", env={"WHO": "ann"})
    assert (done.returncode, "found one login in 2 homes" in done.stderr) == (3, True)


def share_state_files(world: World) -> str:
    """Give both homes one ``.claude.json``, and make a active; returns the file's path."""
    shared = world.path("home", ".claude-shared.json")
    log_in(world, "a", "ann")
    os.mkdir(world.path("home", ".claude-b"))
    os.rename(world.path("home", ".claude-a", ".claude.json"), shared)
    for name in "ab":
        os.symlink(shared, world.path("home", f".claude-{name}", ".claude.json"))
    os.symlink(world.path("home", ".claude-a"), world.path("home", ".claude"))
    with open(shared, encoding="utf-8") as stream:
        document = json.load(stream)
    with open(shared, "w", encoding="utf-8") as stream:
        json.dump({"projects": {"/srv": {"lone": "\ud83d", "number": 1.5}}, **document}, stream)
    os.chmod(shared, 0o640)
    return shared


LOG_IN_SHARED = """#!/usr/bin/env python3
import json, os
home = os.environ["CLAUDE_CONFIG_DIR"]
with open(home + "/.credentials.json", "w") as stream:
    json.dump({"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up"}}, stream)
with open(home + "/.claude.json") as stream:
    document = json.load(stream)
document["oauthAccount"] = {"accountUuid": "bob", "emailAddress": "bob@example.invalid"}
document["numStartups"] = 2
with open(home + "/.claude.json", "w") as stream:
    json.dump(document, stream)
"""


def test_the_active_accounts_name_is_put_back_where_the_login_of_another_replaced_it(world: World) -> None:
    shared = share_state_files(world)
    os.mkdir(world.path("state"), 0o700)
    provide_claude(world, LOG_IN_SHARED)
    done = world.run("login", "b")
    assert done.returncode == 0, done.stderr
    assert "a: its home names it again, where this login had put its own name\n" in done.stderr
    with open(shared, encoding="utf-8") as stream:
        document = json.load(stream)
    assert document == {
        "projects": {"/srv": {"lone": "\ud83d", "number": 1.5}},
        "oauthAccount": {"accountUuid": "ann", "emailAddress": "ann@example.invalid", "organizationName": "Acme"},
        "numStartups": 2,
    }
    assert os.stat(shared).st_mode & 0o777 == 0o640
    assert os.path.islink(world.path("home", ".claude-a", ".claude.json"))
    assert not os.path.exists(world.path("home", ".claude-a", ".claude.json.lock"))
    with open(world.path("state", "identities.json"), encoding="utf-8") as stream:
        assert json.load(stream)["data"]["b"]["account_uuid"] == "bob"


def test_a_login_that_is_left_as_it_is_records_nobody_elses_name(world: World) -> None:
    """The shared file names the active account all the while."""
    share_state_files(world)
    os.mkdir(world.path("state"), 0o700)
    provide_claude(world, "#!/bin/sh\nexit 0\n")
    log_in_to = world.path("home", ".claude-b", ".credentials.json")
    with open(log_in_to, "w", encoding="utf-8") as stream:
        json.dump({"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up"}}, stream)
    done = world.run("login", "b")
    assert "b: who it is is not known; logged in" in done.stderr
    assert "b: nothing is recorded of who it is: the .claude.json that the homes share can name another" in done.stderr
    assert not os.path.exists(world.path("state", "identities.json"))


def test_a_login_with_the_active_accounts_login_is_found_in_a_shared_file_too(world: World) -> None:
    share_state_files(world)
    os.mkdir(world.path("state"), 0o700)
    document = {"version": 1, "data": {"a": {"account_uuid": "ann"}}}
    with open(world.path("state", "identities.json"), "w", encoding="utf-8") as stream:
        json.dump(document, stream)
    end = '"refreshToken": "made-up", "refreshTokenExpiresAt": 4102444800000'
    provide_claude(world, LOG_IN_SHARED.replace("bob", "ann").replace('"refreshToken": "made-up"', end))
    done = world.run("login", "b")
    assert done.returncode == 1
    assert "b, a: found one login in 2 homes; expected one of its own in each" in done.stderr


def test_two_logins_at_one_time_are_refused_where_the_homes_share_the_file(world: World) -> None:
    share_state_files(world)
    os.mkdir(world.path("state"), 0o700)
    with login_lock(world.path("state")):
        provide_claude(world, "#!/bin/sh\ntouch $CLAUDE_CONFIG_DIR/started\n")
        done = world.run("login", "b")
    assert (done.returncode, "another `claude-failover login` runs" in done.stderr) == (1, True)
    assert not os.path.exists(world.path("home", ".claude-b", "started"))


def test_a_name_that_cannot_be_put_back_is_told(world: World) -> None:
    shared = share_state_files(world)
    lock = world.path("home", ".claude-a", ".claude.json.lock")
    os.mkdir(lock)
    provide_claude(world, LOG_IN_SHARED)
    done = world.run("login", "b")
    assert done.returncode == 0
    assert "a: its home names b now, which its sessions send with their requests, and that could not" in done.stderr
    assert f" be undone: {lock} is held by another process; start `claude-failover login a` and" in done.stderr
    assert os.path.isdir(lock)
    with open(shared, encoding="utf-8") as stream:
        assert json.load(stream)["oauthAccount"]["accountUuid"] == "bob"


def test_the_login_of_the_active_account_keeps_its_new_name(world: World) -> None:
    share_state_files(world)
    provide_claude(world, LOG_IN_SHARED)
    done = world.run("login", "a")
    assert done.returncode == 0
    assert "again" not in done.stderr
    with open(world.path("home", ".claude-shared.json"), encoding="utf-8") as stream:
        assert json.load(stream)["oauthAccount"]["accountUuid"] == "bob"


def test_login_finds_the_program_in_the_path_of_the_sessions(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    local = tmp_path / ".local" / "bin"
    local.mkdir(parents=True)
    shutil.copy(world.program("claude", SHOW), local / "claude")
    monkeypatch.setattr(login, "home_folder", lambda: str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    program, environment = login._program(load(world.config))
    assert program == str(local / "claude")
    assert environment["PATH"].split(":")[0] == str(local)
    assert environment["PATH"].endswith(":/nonexistent")


def test_an_interrupt_during_login_is_the_claude_clis(world: World) -> None:
    os.mkdir(world.path("home", ".claude-b"))
    provide_claude(world, "#!/bin/sh\ntrap 'exit 7' TERM\nkill -INT $PPID; kill -TERM $PPID; sleep 1\n")
    assert world.run("login", "b").returncode == 7


def test_login_of_an_unknown_account_lists_the_known_ones(world: World) -> None:
    done = world.run("login", "c")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'c'" in done.stderr
    assert "expected one of: a, b" in done.stderr


def test_login_before_the_home_exists_and_without_the_cli(world: World) -> None:
    done = world.run("login", "a")
    assert done.returncode == 1
    assert "does not exist yet" in done.stderr
    os.mkdir(world.path("home", ".claude-a"))
    world.write(sessions=[{"name": "x", "cwd": "/", "env": {"PATH": "/nonexistent"}}])
    done = world.run("login", "a", env={"PATH": "/nonexistent"})
    assert done.returncode == 1
    assert "found no claude" in done.stderr


@needs_root
def test_login_is_for_the_owner_of_the_home(world: World) -> None:
    os.mkdir(world.path("home", ".claude-a"))
    os.chown(world.path("home", ".claude-a"), 65534, 65534)
    provide_claude(world, SHOW)
    done = world.run("login", "a")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"-u nobody -- /usr/local/bin/claude-failover --config {world.config} login a\n" in done.stderr


@pytest.mark.parametrize(("uid", "before"), [(0, ""), (1000, "sudo ")])
def test_the_line_for_another_user_gives_a_terminal_and_nothing_of_roots(
    monkeypatch: pytest.MonkeyPatch, uid: int, before: str
) -> None:
    monkeypatch.delenv("CLAUDE_FAILOVER_CONFIG", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    arguments = main.parser().parse_args(["login", "a b"])
    line = "/usr/sbin/runuser --pty -u nobody -- /usr/local/bin/claude-failover login 'a b'"
    nobody = pwd.getpwnam("nobody").pw_uid
    assert other_user.run_instead(nobody, arguments, "login", "a b") == f'run {before}env -i TERM="$TERM" {line}'
    monkeypatch.setenv("SUDO_UID", "1000")
    assert other_user.run_instead(nobody, arguments, "run").startswith("run sudo env -i ")
    assert "no name" in other_user.run_instead(4294967294, arguments, "login", "a b")


@pytest.mark.parametrize("arguments", [["check-config", ""], ["--config", "", "status"], ["status", "--config="]])
def test_an_empty_path_does_not_mean_the_default_configuration(world: World, arguments: list[str]) -> None:
    done = world.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "claude-failover: the configuration: found an empty path; expected the path of a file\n"


@pytest.mark.parametrize("arguments", [["status"], [], ["history", "-n"]])
def test_a_wrong_command_line_is_told_without_control_characters(world: World, arguments: list[str]) -> None:
    done = world.run(*arguments, "\x1b[31m\x9b1m")
    assert done.returncode == 2
    assert "31m" in done.stderr
    assert not {"\x1b", "\x9b"} & set(done.stderr)


# ---- attach ------------------------------------------------------------------------------------------------


@pytest.fixture
def tmux(world: World) -> Iterator[Callable[..., str]]:
    def run(*arguments: str) -> str:
        command = ["tmux", "-S", world.tmux, "-f", "/dev/null", *arguments]
        return subprocess.run(command, env=world.environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    run("new-session", "-d", "-s", HOLDER, "sleep 1000")
    run("new-session", "-d", "-s", "main-2", "sleep 1000")
    yield run
    run("kill-server")


def test_attach_takes_exactly_the_session_that_is_named(world: World, tmux: Callable[..., str]) -> None:
    done = world.run("attach", "main")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "claude-failover: found no session 'main'; there are: main-2; did you mean main-2?\n"
    tmux("new-session", "-d", "-s", "main", "echo THE-ONE; sleep 1000")
    command = [sys.executable, "-m", "claude_failover", "attach", "main"]
    environment = {**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config, "TMUX": "/another/server,1,0"}

    def detach(_pid: int) -> None:
        tmux("detach-client", "-s", "=main")

    shown = in_terminal(command, environment, b"THE-ONE", detach)
    assert b"detached (from session main)" in shown
    assert shown.endswith(b"status 0")


@pytest.mark.parametrize("name", ["a;", ";", "50%", "a%b", "a b", "é漢", "*", "~", "a#b", "a$1", "{x}", "it's"])
def test_attach_finds_every_name_that_is_accepted(world: World, tmux: Callable[..., str], name: str) -> None:
    commands = os.path.join(os.path.dirname(world.tmux), "commands")
    line = command_line(["new-session", "-d", "-s", literal_format(name), "echo THE-ONE; sleep 1000"])
    Path(commands).write_text(line, encoding="utf-8")
    tmux("source-file", commands)
    environment = {**world.environment, "CLAUDE_FAILOVER_CONFIG": world.config}

    def detach(_pid: int) -> None:
        tmux("detach-client", "-a")
        tmux("detach-client")

    command = [sys.executable, "-m", "claude_failover", "attach", "--", name]
    assert in_terminal(command, environment, b"THE-ONE", detach).endswith(b"status 0")


def test_attach_names_sessions_as_people_count(world: World, tmux: Callable[..., str]) -> None:
    for number in (10, 9):
        tmux("new-session", "-d", "-s", f"main-{number}", "sleep 1000")
    assert world.run("attach", "x").stderr.endswith("there are: main-2, main-9, main-10\n")


def test_attach_starts_no_server(world: World) -> None:
    done = world.run("attach", "main")
    assert done.returncode == 1
    assert "systemctl start claude-failover-tmux" in done.stderr
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(world.tmux)
    done = world.run("attach", "main")
    assert done.returncode == 1
    assert "no tmux server answers" in done.stderr


def test_attach_waits_a_while_only_for_a_server_that_is_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "LIST_TIMEOUT", 0.01)
    program = world.program("tmux", "#!/bin/sh\nexec sleep 1000\n")
    with pytest.raises(Refused, match="does not answer"):
        attach._check_exists(program, world.tmux, "main")


@needs_root
def test_attach_names_the_line_to_run(world: World) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(world.tmux)
    os.chown(world.tmux, 65534, 65534)
    done = world.run("attach", "main")
    assert done.returncode == 1
    assert f"-u nobody -- /usr/local/bin/claude-failover --config {world.config} attach main\n" in done.stderr


# ---- small things ------------------------------------------------------------------------------------------


def test_json_has_no_character_that_a_terminal_could_obey() -> None:
    document = {"a": "é漢\x1b\x7f\x9b\u2028\ud800\n"}
    text = common.format_json(document, indent=None)
    assert text == '{"a": "é漢\\u001b\\u007f\\u009b\\u2028\\ud800\\n"}'
    assert json.loads(text) == document


def test_defaults_are_one() -> None:
    assert control_client.DEFAULT_SOCKET == defaults.CONTROL_SOCKET
