# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events sent by apprise: by a stand-in that tells what it gets, and by the program, to a server of the test's own."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Config, NotifyConfig
from claude_failover.reporting import apprise
from claude_failover.reporting.apprise import AppriseNotifier, run_for, without_urls

URLS = ("ntfys://tk_secret1234@example.org/my-topic", "mailto://user:pass%40word@example.net:587?to=me@example.net")
EVENT = {
    "event": "session_down",
    "severity": "error",
    "state": "begins",
    "summary": "session geheim: é <b> does not run",
    "host": "vm-7",
    "session": "geheim",
}
STAND_IN = """#!{python}
import json, os, sys
(config,) = [word.partition("=")[2] for word in sys.argv if word.startswith("--config=")]
with open(config) as stream:
    urls = stream.read()
with open("/proc/self/environ", "rb") as stream:
    environment = stream.read().decode()
row = dict(argv=sys.argv[1:], urls=urls, text=sys.stdin.read(), environment=environment)
with open({told!r}, "a") as stream:
    stream.write(json.dumps(row) + "\\n")
print("Unparseable URL " + urls.split()[0], flush=True)
print("sent to example.net as user:pass@word", file=sys.stderr)
sys.exit({code})
"""


def holder(*urls: str) -> ConfigHolder:
    config: Any = SimpleNamespace(notify=NotifyConfig(urls=urls))
    assert "notify" in Config.__dataclass_fields__
    return ConfigHolder(config)


def send(event: dict[str, Any], *urls: str, timeout: float = 30.0) -> None:
    async def run() -> None:
        notifier = AppriseNotifier(holder(*urls), timeout=timeout)
        notifier.send(event)
        await notifier.stop()

    asyncio.run(run())


class StandIn:
    """A program called apprise in PATH, that tells what it was given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._told = folder / "told"
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        self.write(STAND_IN, code=0)

    def write(self, text: str, code: int = 0) -> None:
        program = self._folder / "apprise"
        program.write_text(text.format(python=sys.executable, told=str(self._told), code=code), encoding="utf-8")
        program.chmod(0o700)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._told.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(tmp_path, monkeypatch)


def test_an_event_goes_to_apprise_and_no_secret_is_seen_by_others(stand_in: StandIn) -> None:
    send(EVENT, *URLS)
    (row,) = stand_in.told()
    assert row["urls"].split() == list(URLS)
    assert row["text"] == "session geheim: é <b> does not run\n"
    words = row["argv"]
    assert "--title=claude-failover vm-7: session_down" in words
    assert "--notification-type=failure" in words
    for shown in ("\n".join(words), row["environment"]):
        assert "secret1234" not in shown
        assert "example" not in shown
        assert "geheim" not in shown


@pytest.mark.parametrize(
    ("severity", "state", "kind", "title"),
    [
        ("info", "over", "info", "vm-7: session_down is over"),
        ("info", "begins", "info", "vm-7: session_down"),
        ("warning", "begins", "warning", "vm-7: session_down"),
        ("error", "begins", "failure", "vm-7: session_down"),
    ],
)
def test_the_type_is_that_of_the_severity(severity: str, state: str, kind: str, title: str) -> None:
    words = run_for({**EVENT, "severity": severity, "state": state}, URLS).command
    assert f"--notification-type={kind}" in words
    assert f"--title=claude-failover {title}" in words


def test_without_urls_nothing_is_run(stand_in: StandIn, tmp_path: Path) -> None:
    send(EVENT)
    assert not (tmp_path / "told").exists()


def test_what_a_failing_run_says_is_logged_without_the_urls(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.write(STAND_IN, code=1)
    send(EVENT, *URLS)
    assert "notify: apprise exited with status 1; it says: Unparseable URL <not shown>" in caplog.text
    assert "sent to <not shown>" in caplog.text
    for part in ("tk_secret1234", "example", "my-topic", "user:", "pass@word", "pass%40word"):
        assert part not in caplog.text


def test_a_secret_is_not_shown_where_the_output_is_cut(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    """The 2000 bytes that are kept begin within the URL, which cannot be recognised any more."""
    first = 'print("Unparseable URL " + urls.split()[0], flush=True)'
    stand_in.write(STAND_IN.replace(first, 'print(urls.strip() + " ok" * 300)'), code=1)
    send(EVENT, "json://example.org/" + "ab1" * 600)
    assert "it says: … " in caplog.text
    assert "ok ok" in caplog.text
    assert "ab1ab1" not in caplog.text


def test_a_run_that_takes_too_long_is_killed(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    stand_in.write("#!/bin/sh\nexec sleep 60\n")
    send(EVENT, *URLS, timeout=0.5)
    assert "apprise took more than 0.5 s and was killed" in caplog.text


def test_a_missing_program_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    send(EVENT, *URLS)
    assert "notify: cannot run apprise: " in caplog.text


def test_a_text_keeps_what_is_no_part_of_a_url() -> None:
    text = "error 401 for https://other.example/x: user tk_secret1234, my-topic; no right"
    assert without_urls(text, ("ntfys://tk_secret1234@example.org/my-topic",)) == (
        "error 401 for <not shown> user <not shown>, <not shown>; no right"
    )


class Server:
    """An HTTP server on loopback that keeps what is posted."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, Any]]] = []
        posts = self.posts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append((self.path, json.loads(content)))
                self.send_response(404 if "refused" in self.path else 200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def url(self, name: str) -> str:
        return f"json://127.0.0.1:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


PROGRAM = shutil.which("apprise", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
real = pytest.mark.skipif(PROGRAM is None, reason="SKIPPED, NOT TESTED: apprise is not installed")


@pytest.fixture
def _in_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{os.path.dirname(str(PROGRAM))}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@real
@pytest.mark.usefixtures("_in_path")
def test_apprise_sends_to_every_url(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    send(EVENT, server.url("one?a=b,c"), server.url("two"))
    assert caplog.text == ""
    assert sorted(path for path, _post in server.posts) == ["/one", "/two"]
    for _path, post in server.posts:
        assert post["title"] == "claude-failover vm-7: session_down"
        assert post["message"].strip() == "session geheim: é <b> does not run"
        assert post["type"] == "failure"


@real
@pytest.mark.usefixtures("_in_path")
def test_what_apprise_says_of_a_failure_is_logged_without_the_urls(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    send(EVENT, server.url("refused-planted"), server.url("taken"), "nosuch://planted.example/planted")
    assert {path for path, _post in server.posts} == {"/refused-planted", "/taken"}
    assert "notify: apprise exited with status 1; it says: " in caplog.text
    assert "404" in caplog.text
    assert "planted" not in caplog.text
    assert apprise.TIMEOUT > 10
