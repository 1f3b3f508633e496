# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the fake Claude as a program on a pseudo-terminal: no tmux, no network, no root."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claude_failover.rehearsal.fake_claude.credentials import LOCK, Credentials, made_up
from claude_failover.rehearsal.fake_claude.launcher import install

UUID = "22222222-2222-4222-8222-222222222222"
DEADLINE = 20.0


class Place:
    """A home with two accounts, the link, a world, and a session on a pseudo-terminal."""

    def __init__(self, folder: Path, python_path: str) -> None:
        self.folder, self.python_path = folder, python_path
        self.cwd = folder / "work"
        self.cwd.mkdir()
        for tag in ("A", "B"):
            home = folder / tag
            home.mkdir()
            (home / ".claude.json").write_text(
                json.dumps(
                    {"hasCompletedOnboarding": True, "projects": {str(folder): {"hasTrustDialogAccepted": True}}}
                )
            )
            (home / ".credentials.json").write_text(json.dumps(made_up(tag)))
            (home / "projects").symlink_to(folder / "projects")
        (folder / "projects").mkdir()
        self.link = folder / "link"
        self.link.symlink_to(folder / "A")
        self.world({})
        self.master, self.output = -1, b""
        self.process: subprocess.Popen[bytes] | None = None

    def world(self, accounts: dict[str, Any]) -> None:
        (self.folder / "new").write_text(json.dumps({"accounts": accounts}))
        (self.folder / "new").rename(self.folder / "world.json")

    def flip(self, tag: str) -> None:
        (self.folder / "link.new").symlink_to(self.folder / tag)
        (self.folder / "link.new").rename(self.link)
        os.utime(self.folder / tag / ".credentials.json")

    def env(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "CLAUDE_CONFIG_DIR": str(self.link),
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "CLAUDE_FAKE_WORLD": str(self.folder / "world.json"),
            "CLAUDE_FAKE_START": "0",
            "CLAUDE_FAKE_RETRY_UNIT": "0.01",
            "PYTHONPATH": self.python_path,
            "TERM": "xterm",
        }

    def start(self, *arguments: str, **env: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.output = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "claude_failover.rehearsal.fake_claude", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=self.cwd,
            env={**self.env(), **env},
            start_new_session=True,
        )
        os.close(slave)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "claude_failover.rehearsal.fake_claude", *arguments],
            cwd=self.cwd,
            env=self.env(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE,
            check=False,
        )

    def wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, (
                f"waited for {what}; seen: {self.output[-3000:].decode(errors='replace')}"
            )
            if select.select([self.master], [], [], 0.02)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:
                    time.sleep(0.02)  # the terminal's other end is closed: only the process's end is awaited then

    def seen(self, text: str) -> None:
        self.wait(lambda: text.encode() in self.output, repr(text))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ask(self, prompt: str, answer: str) -> None:
        """Type a prompt, see it in the box, press Enter, see what comes of it."""
        self.output = b""
        self.type(prompt)
        self.seen(f"❯\xa0{prompt}")
        self.type("\r")
        self.seen(answer)

    def records(self) -> list[dict[str, Any]]:
        paths = list((self.folder / "projects").glob("*/*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        self.wait(lambda: self.process is None or self.process.poll() is not None, "the end")
        status = self.process.wait()
        os.close(self.master)
        self.master = -1
        return status


@pytest.fixture
def place(tmp_path: Path, python_path: str) -> Iterator[Place]:
    made = Place(tmp_path, python_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    if made.master >= 0:
        os.close(made.master)


def test_a_flip_moves_it_and_the_transcript_goes_on(place: Place) -> None:
    place.start("--session-id", UUID)
    place.seen("❯\xa0")
    place.ask("one", "tag=A last=[one]")
    place.flip("B")
    place.ask("two", "tag=B last=[two]")
    assert place.stop() == 143
    assert f"claude --resume {UUID}".encode() in place.output
    place.start("--resume", UUID)
    place.ask("three", "tag=B last=[three]")
    place.stop()
    assert [r["message"]["content"] for r in place.records() if r["type"] == "user"] == ["one", "two", "three"]
    requests = [json.loads(line) for line in (place.folder / "requests.jsonl").read_text().splitlines()]
    assert [r["tag"] for r in requests if r.get("phase") != "began"] == ["A", "B", "B"]
    assert "sk-ant" not in (place.folder / "requests.jsonl").read_text()


def test_the_menu_swallows_text_and_escape_closes_it(place: Place) -> None:
    place.world({"A": {"mode": "limit", "claim": "seven_day", "resets_at": int(time.time()) + 3 * 86400}})
    place.start()
    place.seen("❯\xa0")
    place.ask("one", "What do you want to do?")
    place.output = b""
    place.type("continue")
    place.flip("B")
    place.type("\x1b")
    place.seen("❯\xa0\x1b[7m ")
    place.ask("continue", "tag=B last=[continue]")
    place.stop()  # what is kept back is written at the latest now
    limit = next(record for record in place.records() if record.get("isApiErrorMessage"))
    assert (limit["apiError"], limit["quotaLimits"]["rateLimitType"]) == ("usage_limit_reached", "seven_day")


def test_it_waits_for_a_near_reset_and_goes_on_by_itself(place: Place) -> None:
    place.world({"A": {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time())}})
    place.start(CLAUDE_FAKE_AUTO_CONTINUE="0.3")
    place.seen("❯\xa0")
    place.output = b""
    place.type("one")
    place.seen("❯\xa0one")
    place.world({"A": {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time())}})
    place.type("\r")
    place.seen("Continuing automatically at")
    place.world({})
    place.seen("tag=A last=[Your claude.ai usage limit has reset.")


def test_retries_end_in_an_error(place: Place) -> None:
    place.world({"A": {"mode": "overloaded"}})
    place.start(CLAUDE_FAKE_RETRY_UNIT="0.0005")
    place.seen("❯\xa0")
    place.ask("one", "API Error: 529 Overloaded")
    requests = (place.folder / "requests.jsonl").read_text().splitlines()
    assert len([line for line in requests if '"began", ' not in line and '"phase"' not in line]) == 11


def test_clear_begins_another_conversation_in_the_same_process(place: Place) -> None:
    log = place.folder / "events"
    command = f"{{ cat; echo; }} >> {log}"
    events = ("SessionStart", "SessionEnd", "Stop")
    hooks = {event: [{"hooks": [{"type": "command", "command": command}]}] for event in events}
    place.start("--session-id", UUID, "--settings", json.dumps({"hooks": hooks}))
    place.seen("❯\xa0")
    place.ask("one", "Cooked for")
    place.ask("/clear", "❯\xa0\x1b[7m ")
    place.wait(lambda: log.read_text().count("\n") == 4, "the hooks")
    place.ask("two", "Cooked for")
    payloads = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(p["hook_event_name"], p.get("source") or p.get("reason"), p["session_id"] == UUID) for p in payloads]
    assert told == [
        ("SessionStart", "startup", True),
        ("Stop", None, True),
        ("SessionEnd", "clear", True),
        ("SessionStart", "clear", False),
        ("Stop", None, False),
    ]


def test_a_command_that_needs_permission_waits_for_it(place: Place) -> None:
    place.start("--permission-mode", "default")
    place.seen("❯\xa0")
    place.ask("[[tool touch made]]", "Do you want to proceed?")
    (status,) = (place.folder / "A" / "sessions").glob("*.json")
    assert json.loads(status.read_text())["waitingFor"] == "permission prompt"
    place.type("\x1b")
    place.seen("Interrupted")
    assert not (place.cwd / "made").exists()
    place.ask("[[tool touch made]] again", "Do you want to proceed?")
    place.type("\r")
    place.seen("tag=A last=[tool done]")
    assert (place.cwd / "made").exists()


def test_a_session_that_is_killed_leaves_its_status_and_can_be_resumed(place: Place) -> None:
    place.start("--session-id", UUID)
    place.seen("❯\xa0")
    place.ask("one", "Cooked for")
    place.wait(lambda: any(record["type"] == "assistant" for record in place.records()), "the transcript")
    place.stop(signal.SIGKILL)
    assert len(list((place.folder / "A" / "sessions").glob("*.json"))) == 1
    place.start("--resume", UUID)
    place.seen("tag=A last=[one]")
    place.ask("two", "tag=A last=[two]")
    assert place.stop() == 143
    assert len(list((place.folder / "A" / "sessions").glob("*.json"))) == 1


def test_the_trust_dialog_refuses_by_default(place: Place) -> None:
    (place.folder / "A" / ".claude.json").write_text(json.dumps({"hasCompletedOnboarding": True}))
    place.start()
    place.seen("❯\x1b[39m No, exit")
    place.type("\r")
    place.seen("Claude Code didn't start because this folder isn't trusted.")
    place.wait(lambda: place.process is not None and place.process.poll() is not None, "the end")
    assert place.process is not None
    assert place.process.returncode == 1


def test_hooks_of_both_settings_run_with_payload_and_environment(place: Place) -> None:
    record = "{ echo $CLAUDE_CODE_SESSION_ID $CLAUDE_PID; cat; echo; } >> "
    (place.folder / "A" / "settings.json").write_text(
        json.dumps(
            {"hooks": {"Stop": [{"hooks": [{"type": "command", "command": record + str(place.folder / "own")}]}]}}
        )
    )
    place.start(
        "--session-id",
        UUID,
        "--settings",
        json.dumps(
            {
                "statusLine": {"type": "command", "command": "echo STATUS"},
                "hooks": {"Stop": [{"hooks": [{"type": "command", "command": record + str(place.folder / "ours")}]}]},
            }
        ),
    )
    place.seen("STATUS")
    place.ask("one", "Cooked for")
    for name in ("own", "ours"):
        environment, payload = (place.folder / name).read_text().splitlines()
        assert environment == f"{UUID} {place.process.pid if place.process else 0}"
        assert json.loads(payload)["last_assistant_message"].endswith("last=[one]")


def test_it_waits_for_its_last_hook_without_work_when_the_terminal_is_gone(place: Place) -> None:
    mark = place.folder / "mark"
    hook = {"type": "command", "command": f"touch {mark}; sleep 2"}
    place.start("--settings", json.dumps({"hooks": {"SessionEnd": [{"hooks": [hook]}]}}))
    place.ask("one", "last=[one]")
    assert place.process is not None
    os.close(place.master)
    place.master = -1
    deadline = time.monotonic() + DEADLINE
    while not mark.exists():
        assert time.monotonic() < deadline and place.process.poll() is None
        time.sleep(0.02)
    pid = place.process.pid

    def ticks() -> int:
        return sum(int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])

    before = ticks()
    time.sleep(1.5)  # of the hook's two seconds
    assert place.process.poll() is None
    assert ticks() - before < 0.2 * os.sysconf("SC_CLK_TCK")
    place.process.wait()


def test_a_refresh_holds_the_lock_and_a_flip_in_the_middle_tears_it(place: Place) -> None:
    (place.folder / "A" / ".credentials.json").write_text(json.dumps(made_up("A", expires_in=-60)))
    place.world({"A": {"refresh": "hold"}})
    place.start()
    place.seen("❯\xa0")
    place.ask("one", "esc to interrupt")
    place.wait((place.folder / "A" / LOCK).is_dir, "the lock")
    place.flip("B")
    place.world({})
    place.seen("Could not refresh your login")
    assert (place.folder / "A" / LOCK).is_dir()


def test_an_invalid_grant_blanks_the_tokens(place: Place) -> None:
    (place.folder / "A" / ".credentials.json").write_text(json.dumps(made_up("A", expires_in=-60)))
    place.world({"A": {"refresh": "invalid_grant"}})
    place.start()
    place.seen("❯\xa0")
    place.ask("one", "Login expired · Please run /login")
    found = json.loads((place.folder / "A" / ".credentials.json").read_text())["claudeAiOauth"]
    assert (found["accessToken"], found["refreshToken"], found["expiresAt"]) == ("", "", 0)
    assert not (place.folder / "A" / LOCK).exists()


def test_a_token_that_is_not_made_up_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".credentials.json").write_text('{"claudeAiOauth": {"accessToken": "sk-other", "expiresAt": 9e15}}')
    credentials = Credentials(str(tmp_path))
    credentials.look()
    assert (credentials.state, credentials.tag) == ("ok", "?")


def test_credentials_are_read_again_only_when_their_time_differs(tmp_path: Path) -> None:
    path = tmp_path / ".credentials.json"
    path.write_text(json.dumps(made_up("A")))
    os.utime(path, (1000, 1000))
    credentials = Credentials(str(tmp_path))
    credentials.look()
    path.write_text(json.dumps(made_up("B")))
    os.utime(path, (1000, 1000))
    credentials.look()
    assert credentials.tag == "A"
    os.utime(path)
    credentials.look()
    assert credentials.tag == "B"


def test_ids_that_cannot_be_used(place: Place) -> None:
    unknown = place.run("--resume", UUID)
    assert (unknown.returncode, unknown.stderr) == (1, f"No conversation found with session ID: {UUID}\n")
    folder = place.folder / "projects" / "-somewhere"
    folder.mkdir()
    (folder / f"{UUID}.jsonl").write_text("")
    used = place.run("--session-id", UUID)
    assert (used.returncode, used.stderr) == (1, f"Error: Session ID {UUID} is already in use.\n")


def test_print_mode(place: Place) -> None:
    done = place.run("-p", "hello")
    assert (done.returncode, done.stdout) == (0, "STUB-OK #1 tag=A last=[hello]\n")
    place.world({"A": {"mode": "limit", "claim": "five_hour", "resets_at": int(time.time()) + 3600}})
    limited = place.run("-p", "--output-format", "json", "hello")
    assert limited.returncode == 1
    assert json.loads(limited.stdout)["api_error"] == "usage_limit_reached"


def test_the_launcher(tmp_path: Path, python_path: str) -> None:
    path = install(str(tmp_path), [sys.executable, "-m", "claude_failover.rehearsal.fake_claude"])
    done = subprocess.run(
        [path, "--version"],
        env={"PYTHONPATH": python_path, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2.1.330 (Claude Code)\n"
