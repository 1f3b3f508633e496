# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that is planted where tokens are is found in nothing that the product writes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.action import claude_failover_release as action
from ansible_collections.secuaas.claude.plugins.module_utils import control_client
from ansible_collections.secuaas.claude.plugins.module_utils._proc import pids
from ansible_collections.secuaas.claude.plugins.module_utils._status_facts import status_facts

from claude_failover.rehearsal.host import FIRST, SECOND, RehearsalHost
from claude_failover.rehearsal.rehearsal import Rehearsal

MARK = "PLANTED"
SESSION_TOKEN, DAEMON_TOKEN = f"{MARK}-session", f"{MARK}-daemon"
# Those that the made-up logins of a rehearsal hold begin like this.
STUB = "sk-ant-o"
COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class PlantedHost(RehearsalHost):
    """The host of a rehearsal with tokens in the logins, the state files of Claude Code and the environments."""

    def build(self) -> None:
        self.environment["DAEMON_TOKEN"] = DAEMON_TOKEN
        super().build()
        for account in (FIRST, SECOND):
            for name, more in (
                (".credentials.json", {"mcpOAuth": {"x": {"accessToken": f"{MARK}-mcp"}}}),
                (".claude.json", {"primaryApiKey": f"{MARK}-key", "oauthAccount": {"token": f"{MARK}-account"}}),
            ):
                self._update(os.path.join(self.home(account), name), more)
        program = self.path("bin/notify")
        with open(program, "w", encoding="utf-8") as stream:
            stream.write(f"#!/bin/sh\nexec cat >>{self.path('notified')}\n")
        os.chmod(program, 0o700)
        with open(self.path("config.yml"), encoding="utf-8") as stream:
            config = json.load(stream)
        for session in config["sessions"]:
            session["env"] = {"SESSION_TOKEN": SESSION_TOKEN}
        config.update(metrics={"textfile": self.path("metrics.prom")}, notify={"command": [program]})
        self._write_json(self.path("config.yml"), config)

    def _update(self, path: str, more: dict[str, Any]) -> None:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
        self._write_json(path, {**content, **more})

    def ask(self, op: str, **options: Any) -> str:
        return json.dumps(control_client.request(op, options, socket_path=self.path("control.sock"), timeout=30))


class Arguments:
    """Collects the arguments of all processes of the machine that hold a token, until it is ended."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            for pid in pids():
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as stream:
                        line = stream.read()
                except OSError:
                    continue
                if MARK.encode() + b"-" in line or STUB.encode() in line:
                    self.seen.add(line)
            self.looks += 1

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[tuple[PlantedHost, Arguments]]:
    """Give a host on which a failover took place, its daemon still running."""
    folder = tempfile.mkdtemp(prefix="cf-token-", dir="/tmp")
    host, arguments = PlantedHost(folder, "tmux"), Arguments()
    try:
        result = asyncio.run(Rehearsal(host).run())
        assert result.ok, (result.steps, host.log())
        # Logins that cannot be parsed, which are told about.
        for name in (".credentials.json", ".claude.json"):
            with open(os.path.join(host.home(FIRST), name), "w", encoding="utf-8") as stream:
                stream.write(f'{{"claudeAiOauth": {{"accessToken": "{MARK}-torn')
        host.ask("switch", dry_run=True)
        deadline = time.monotonic() + 30
        while not os.path.exists(host.path("notified")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield host, arguments
    finally:
        arguments.end()
        host.end()
        deadline = time.monotonic() + 30
        while os.path.isdir(folder) and time.monotonic() < deadline:
            shutil.rmtree(folder, ignore_errors=True)


def holds_token(text: str | bytes) -> bool:
    if isinstance(text, str):
        text = text.encode()
    return MARK.encode() + b"-" in text or STUB.encode() in text


def written(host: PlantedHost) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the host but those with planted tokens, those of the fake Claude, and bytecode."""
    planted = {
        os.path.join(host.home(name), file)
        for name in (FIRST, SECOND)
        for file in (".credentials.json", ".claude.json")
    }
    for where, folders, names in os.walk(host.folder):
        folders[:] = [name for name in folders if os.path.join(where, name) not in map(host.path, ("world", "pycache"))]
        for name in names:
            path = os.path.join(where, name)
            if path not in planted and path != host.path("config.yml") and os.path.isfile(path):
                with open(path, "rb") as stream:
                    yield path, stream.read()


def test_no_file_holds_a_token(rehearsed: tuple[PlantedHost, Arguments]) -> None:
    host, _arguments = rehearsed
    files = dict(written(host))
    for name in (
        "log",
        "notified",
        "metrics.prom",
        "state/switches.jsonl",
        "state/events.jsonl",
        "state/registry.json",
    ):
        assert files[host.path(name)], name
    assert [name for name in files if name.startswith(host.path("state/settings/"))]
    assert [name for name, data in files.items() if holds_token(data)] == []


@pytest.mark.parametrize("op", ["status", "sessions", "history", "queue"])
def test_no_answer_holds_a_token(rehearsed: tuple[PlantedHost, Arguments], op: str) -> None:
    answer = rehearsed[0].ask(op)
    assert len(answer) > 2 or op == "queue"
    assert not holds_token(answer)


@pytest.mark.parametrize(
    "words",
    [("doctor",), ("doctor", "--json"), ("check-config", "--host", "--json"), ("validate", "--strict", "--json")],
)
def test_no_look_at_the_homes_shows_a_token(rehearsed: tuple[PlantedHost, Arguments], words: tuple[str, ...]) -> None:
    host, _arguments = rehearsed
    done = subprocess.run(
        [sys.executable, "-m", "claude_failover", "--config", host.path("config.yml"), *words],
        env=host.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done
    assert len(done.stdout) > 100, done
    assert not holds_token(done.stdout + done.stderr)


@pytest.mark.parametrize("addresses", [True, False])
def test_no_fact_of_the_status_holds_a_token(rehearsed: tuple[PlantedHost, Arguments], addresses: bool) -> None:
    facts = json.dumps(status_facts(json.loads(rehearsed[0].ask("status")), addresses))
    assert len(facts) > 100
    assert not holds_token(facts)


def test_no_arguments_of_a_process_hold_a_token(rehearsed: tuple[PlantedHost, Arguments]) -> None:
    _host, arguments = rehearsed
    assert arguments.looks > 20
    assert arguments.seen == set()


def test_the_tokens_reached_those_who_need_them(rehearsed: tuple[PlantedHost, Arguments]) -> None:
    """Shows that the tests above can fail: daemon and sessions did have them."""
    host, _arguments = rehearsed
    daemon = host.processes[-1].pid
    with open(f"/proc/{daemon}/environ", "rb") as stream:
        assert DAEMON_TOKEN.encode() in stream.read()
    found = False
    for pid in pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                found = found or SESSION_TOKEN.encode() in stream.read()
        except OSError:
            continue
    assert found


def test_no_release_holds_what_a_home_or_the_environment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f"{MARK}-environment")
    sources = action.release_sources(COLLECTION)
    assert "claude_failover/daemon.py" in sources
    assert [name for name, data in sources.items() if holds_token(data) and not name.endswith("credentials.py")] == []


@pytest.mark.parametrize("content", ["whole", "torn", "list"])
@pytest.mark.parametrize("check", [True, False])
def test_no_result_of_a_module_holds_a_token(tmp_path: Any, python_path: str, content: str, check: bool) -> None:
    token = f"{MARK}-module"
    text = {"whole": json.dumps({"oauthAccount": token}), "torn": f'{{"a": "{token}', "list": f'["{token}"]'}[content]
    (tmp_path / ".claude.json").write_text(text, encoding="utf-8")
    sent = {
        "_ansible_check_mode": check,
        "_ansible_diff": True,
        "_ansible_verbosity": 4,
        "account_homes": [str(tmp_path)],
        "active_link": str(tmp_path / "link"),
        "folders": ["/srv"],
        "owner": str(os.geteuid()),
    }
    code = (
        "import sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.stdin.buffer.read(); "
        "basic._ANSIBLE_PROFILE = 'legacy'; "
        "from ansible_collections.secuaas.claude.plugins.modules.claude_failover_trust import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": sent}),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": python_path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout)
    assert bool(result.get("failed")) == (content != "whole")
    assert not holds_token(done.stdout + done.stderr)
