# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``claude-failover complete``, and the completions driven in the shells themselves."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

MADE = pathlib.Path(__file__).parents[4] / "roles" / "claude_failover" / "files" / "terminal"
DEADLINE = 60.0
SESSIONS = ["s10", "s2", "main", "two words", "é漢", "it's;", "bad\nname", "bad\x1bname"]
PRINTED = ["it's;", "main", "s2", "s10", "two words", "é漢"]


class Completing:
    """A folder with a configuration, a daemon that knows sessions, and a ``claude-failover`` in PATH."""

    def __init__(self, folder: str, python_path: str) -> None:
        self.folder = folder
        self.config = os.path.join(folder, "config.yml")
        self.socket = os.path.join(folder, "control.sock")
        accounts = [{"name": name, "home": f"{folder}/home-{name}"} for name in ("compte1", "compte2")]
        document = {"accounts": accounts, "control_socket": self.socket, "shared_root": folder, "state_dir": folder}
        document["active_link"] = f"{folder}/active"
        pathlib.Path(self.config).write_text(json.dumps(document), encoding="utf-8")
        program = pathlib.Path(folder, "bin", "claude-failover")
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m claude_failover "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        self.environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": folder,
            "PYTHONPATH": python_path,
            "CLAUDE_FAILOVER_CONFIG": self.config,
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environment, **environment},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def names(self, kind: str, **environment: str) -> list[str]:
        done = self.run("claude-failover", "complete", kind, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def bash(self, line: str) -> list[str]:
        """Return what bash offers at the end of a line: its words are split as bash splits them."""
        words = line.replace("=", " = ").split(" ")
        words = [word for index, word in enumerate(words) if word or index == len(words) - 1]
        script = (
            f"source {shlex.quote(str(MADE / 'claude-failover.bash'))};"
            f"COMP_WORDS=({' '.join(map(shlex.quote, words))});"
            f"COMP_CWORD={len(words) - 1}; _claude_failover; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        done = self.run("bash", "--norc", "-c", script)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.rstrip("\n").splitlines()


@pytest.fixture
def completing(short_folder: str, python_path: str) -> Completing:
    return Completing(short_folder, python_path)


@pytest.fixture
def daemon(completing: Completing) -> Iterator[None]:
    answers = {
        "sessions": [{"name": name, "state": "idle"} for name in SESSIONS],
        "status": {"accounts": [{"name": "compte2"}, {"name": "compte10"}], "sessions": []},
    }
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(completing.socket)
        listener.listen()

        def serve() -> None:
            while True:
                connection, _address = listener.accept()
                with connection, connection.makefile("rb") as stream:
                    line = stream.readline()
                    if not line:
                        return
                    answer = {"ok": True, "result": answers[json.loads(line)["op"]]}
                    connection.sendall(json.dumps(answer).encode() + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(completing.socket)
        thread.join(DEADLINE)


# ---- the names -----------------------------------------------------------------------------------------------


def test_names_are_those_of_the_daemon_as_people_count(completing: Completing, daemon: None) -> None:
    assert completing.names("sessions") == PRINTED
    assert completing.names("accounts") == ["compte2", "compte10"]


def test_without_a_daemon_the_accounts_are_those_of_the_configuration(completing: Completing) -> None:
    assert completing.names("sessions") == []
    assert completing.names("accounts") == ["compte1", "compte2"]


def test_an_account_that_is_called_by_an_address_is_offered_by_its_label_too(completing: Completing) -> None:
    text = pathlib.Path(completing.config).read_text(encoding="utf-8").replace('"compte2"', '"two@example.invalid"')
    pathlib.Path(completing.config).write_text(text, encoding="utf-8")
    assert completing.names("accounts") == ["account-2", "compte1", "two@example.invalid"]


@pytest.mark.parametrize("text", ["accounts: 5\n", "{", ""])
def test_whatever_fails_is_silent(completing: Completing, text: str) -> None:
    pathlib.Path(completing.config).write_text(text, encoding="utf-8")
    for kind in ("sessions", "accounts"):
        assert completing.names(kind) == []
        assert completing.names(kind, CLAUDE_FAILOVER_CONFIG="/nonexistent/x.yml") == []


def test_no_help_lists_it(completing: Completing) -> None:
    assert "complete" not in completing.run("claude-failover", "--help").stdout
    assert "did you mean" not in completing.run("claude-failover", "complet").stderr


def test_it_starts_without_what_takes_long(completing: Completing) -> None:
    code = (
        "import sys; from claude_failover.cli import main; from claude_failover.config import defaults;"
        "defaults.CONTROL_SOCKET = sys.argv.pop(1); main.main(sys.argv[1:]);"
        "sys.stderr.write(' '.join(m for m in ('asyncio', 'yaml', 'logging', 'rich') if m in sys.modules))"
    )
    # With the default configuration, so that none is read.
    command = [sys.executable, "-c", code, completing.socket, "complete", "sessions"]
    assert completing.run(*command, CLAUDE_FAILOVER_CONFIG="").stderr == ""


# ---- bash ----------------------------------------------------------------------------------------------------


def test_bash_completes_commands_and_options(completing: Completing) -> None:
    assert completing.bash("claude-failover sta") == ["status"]
    assert completing.bash("claude-failover st") == ["status", "stop"]
    assert {"run", "history", "rehearse"} <= set(completing.bash("claude-failover "))
    assert "complete" not in completing.bash("claude-failover ")
    assert completing.bash("claude-failover history --s") == ["--session"]
    assert completing.bash("claude-failover --config x.yml status --w") == ["--watch"]
    assert completing.bash("claude-failover classify --source ") == ["pane", "hook", "transcript"]
    assert completing.bash("claude-failover queue --cancel ") == []


def test_bash_completes_names_of_the_running_daemon(completing: Completing, daemon: None) -> None:
    assert completing.bash("claude-failover attach s") == ["s2", "s10"]
    assert completing.bash("claude-failover history --session=m") == ["main"]
    assert completing.bash("claude-failover dispatch --session m") == ["main"]
    assert completing.bash("claude-failover switch ") == ["compte2", "compte10"]
    assert completing.bash("claude-failover stop t") == ["two\\ words"]
    assert completing.bash("claude-failover stop i") == ["it\\'s\\;"]


def test_bash_asks_the_daemon_of_the_configuration_that_is_named(completing: Completing, daemon: None) -> None:
    completing.environment["CLAUDE_FAILOVER_CONFIG"] = "/nonexistent/x.yml"
    assert completing.bash("claude-failover attach m") == []
    for option in (f"--config {completing.config}", f"--config={completing.config}"):
        assert completing.bash(f"claude-failover {option} attach m") == ["main"]


def test_bash_completes_files_and_folders(completing: Completing) -> None:
    os.mkdir(os.path.join(completing.folder, "config.d"))
    assert sorted(completing.bash("claude-failover check-config conf")) == ["config.d", "config.yml"]
    assert completing.bash("claude-failover dispatch --cwd=conf") == ["config.d"]
    assert sorted(completing.bash("claude-failover --config conf")) == ["config.d", "config.yml"]


# ---- the others, where they are installed ---------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("fish") is None, reason="SKIPPED: there is no fish")
def test_fish_completes_commands_options_and_names(completing: Completing, daemon: None) -> None:
    def offered(line: str) -> list[str]:
        script = f"source {shlex.quote(str(MADE / 'claude-failover.fish'))}; complete -C {shlex.quote(line)}"
        done = completing.run("fish", "--no-config", "-c", script)
        assert done.returncode == 0, done
        return [row.partition("\t")[0] for row in done.stdout.splitlines()]

    assert offered("claude-failover stat") == ["status"]
    assert offered("claude-failover history --se") == ["--session"]
    assert offered("claude-failover history --session m") == ["main"]
    assert set(offered("claude-failover attach s")) == {"s2", "s10"}
    assert set(offered("claude-failover login compte")) == {"compte2", "compte10"}
    assert set(offered("claude-failover classify --source ")) == {"pane", "hook", "transcript"}
    completing.environment["CLAUDE_FAILOVER_CONFIG"] = "/nonexistent/x.yml"
    assert offered("claude-failover attach m") == []
    for option in (f"--config {completing.config}", f"--config={completing.config}"):
        assert offered(f"claude-failover {option} attach m") == ["main"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="SKIPPED: there is no zsh")
def test_zsh_completes_commands_options_and_names(completing: Completing, daemon: None) -> None:
    folder = os.path.join(completing.folder, "functions")
    os.mkdir(folder)
    shutil.copy(MADE / "claude-failover.zsh", os.path.join(folder, "_claude-failover"))
    driver = os.path.join(completing.folder, "driver.zsh")
    pathlib.Path(driver).write_text(
        """\
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT=; stty columns 200; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell "zstyle ':completion:*' list-grouped false; zstyle ':completion:*' insert-tab false"
zpty -w shell "setopt no_beep; LISTMAX=1000; print -r -- REA''DY"
zpty -r shell shown '*READY*'
zpty -w -n shell "$2"$'\\t\\t'
zpty -r -m shell shown "*$3*" && print -r -- "$shown"
zpty -d shell
""",
        encoding="utf-8",
    )
    for line, seen in (
        ("claude-failover stat", "status "),
        ("claude-failover history --se", "--session"),
        ("claude-failover attach ma", "main"),
        ("claude-failover switch compte1", "compte10"),
        ("claude-failover classify --source tr", "transcript"),
    ):
        done = completing.run("timeout", "30", "zsh", "-f", driver, folder, line, seen)
        assert (done.returncode, seen in done.stdout) == (0, True), (line, done)
    completing.environment["CLAUDE_FAILOVER_CONFIG"] = "/nonexistent/x.yml"
    for option in (f"--config {completing.config}", f"--config={completing.config}"):
        line = f"claude-failover {option} switch compte1"
        done = completing.run("timeout", "30", "zsh", "-f", driver, folder, line, "compte10")
        assert (done.returncode, "compte10" in done.stdout) == (0, True), (line, done)
