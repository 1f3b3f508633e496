# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``doctor``: with and without a daemon, and with a configuration that cannot be used."""

from __future__ import annotations

import json
import os
import socket

import pytest
import yaml
from ansible_collections.secuaas.claude.plugins.module_utils import control_client

from claude_failover import VERSION
from claude_failover.cli import main
from claude_failover.doctor import units
from claude_failover.host.finding import LEVELS

STATUS = {
    "version": VERSION,
    "pid": 7,
    "active_account": "a",
    "suspended": None,
    "accounts": [{"name": "a", "links": "ok", "login": "ok", "exhausted": []}],
    "sessions": [],
    "blind": [],
    "unsaved": [],
    "background_jobs": [],
}
TOKENS = {"claudeAiOauth": {"accessToken": "made-up", "refreshToken": "made-up-too"}}


class Doctor:
    """A host on which everything is right, but for what a test changes."""

    def __init__(self, folder, monkeypatch, capsys):
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        self.path = str(folder / "config.yml")
        self.home = folder / ".claude-a"
        self.home.mkdir()
        (self.home / ".credentials.json").write_text(json.dumps(TOKENS))
        claude = folder / "claude"
        claude.write_text('#!/bin/sh\necho "2.1.332 (Claude Code)"\n')
        claude.chmod(0o755)
        self.document = {
            "accounts": [{"name": "a", "home": str(self.home)}],
            "active_link": str(folder / ".claude"),
            "shared_root": str(folder),
            "sessions": [{"name": "main", "cwd": str(folder), "command": [str(claude)]}],
            "tmux": {"socket": str(folder / "tmux.sock")},
            "state_dir": str(folder / "state"),
            "control_socket": str(folder / "control.sock"),
        }
        self.write()
        self.answer(STATUS)
        monkeypatch.setattr(units, "_BOOTED", str(folder / "nothing"))

    def write(self):
        with open(self.path, "w", encoding="utf-8") as stream:
            yaml.safe_dump(self.document, stream)

    def answer(self, answer):
        def request(_op, _options=None, *, socket_path, timeout):
            if isinstance(answer, Exception):
                raise answer
            return answer

        self._monkeypatch.setattr(control_client, "request", request)

    def run(self, *words):
        self._capsys.readouterr()
        code = main.main(["--config", self.path, "doctor", *words])
        return code, self._capsys.readouterr()

    def rows(self):
        code, said = self.run("--json")
        document = json.loads(said.out)
        assert set(document) == {"version", "ok", "errors", "warnings", "checks"}
        assert code == (0 if document["ok"] else 1) == (1 if document["errors"] else 0)
        for row in document["checks"]:
            assert row["level"] in LEVELS and row["found"]
            assert row["level"] == "ok" or (row["expected"] and row["mend"])
        return document["checks"]

    def wrong(self):
        return [(row["name"], row["level"]) for row in self.rows() if row["level"] != "ok"]


@pytest.fixture
def doctor(short_folder, monkeypatch, capsys, tmp_path):
    import pathlib

    made = Doctor(pathlib.Path(short_folder), monkeypatch, capsys)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(made.document["tmux"]["socket"])
        server.listen()
        yield made


def test_a_host_on_which_everything_is_right(doctor):
    assert doctor.wrong() == []
    code, said = doctor.run()
    assert (code, said.err) == (0, "")
    assert said.out.endswith("\n0 errors, 0 warnings\n")
    assert {row["name"] for row in doctor.rows()} >= {
        "configuration",
        "active_link",
        "shared_links",
        "claude_version",
        "tmux_server",
        "login",
        "daemon",
        "blind",
        "units",
    }


def test_it_changes_nothing(doctor):
    before = sorted(os.listdir(doctor.folder))
    doctor.run()
    assert sorted(os.listdir(doctor.folder)) == before
    assert os.listdir(doctor.home) == [".credentials.json"]


def test_no_token_is_printed(doctor):
    for words in ([], ["--json"]):
        assert "made-up" not in str(doctor.run(*words))


@pytest.mark.parametrize("state", ["missing", "blanked"])
def test_an_account_that_is_not_logged_in(doctor, state):
    blanked = json.dumps(TOKENS).replace("made-up-too", "").replace("made-up", "")
    (doctor.home / ".credentials.json").write_text("{}" if state == "missing" else blanked)
    assert doctor.wrong() == [("login", "error")]
    assert "mend: claude-failover login a\n" in doctor.run()[1].out


def test_a_login_that_is_dead_is_one_error_where_the_daemon_tells_it_too(doctor):
    blanked = json.dumps(TOKENS).replace("made-up-too", "").replace("made-up", "")
    (doctor.home / ".credentials.json").write_text(blanked)
    doctor.answer({**STATUS, "accounts": [{"name": "a", "links": "ok", "login": "expired", "exhausted": []}]})
    assert doctor.wrong() == [("login", "error")]
    (doctor.home / ".credentials.json").write_text(json.dumps(TOKENS))
    assert doctor.wrong() == [("login", "error")], "which only the daemon knows: the server rejects it"


def test_a_daemon_that_does_not_run(doctor):
    doctor.answer(control_client.NotRunning("the daemon is not running: nobody listens on x"))
    assert doctor.wrong() == [("daemon", "error")]
    assert "mend: sudo systemctl start claude-failover" in doctor.run()[1].out


def test_a_daemon_that_refuses_or_says_something_else(doctor):
    doctor.answer(control_client.ControlError("this user may not use the control socket"))
    assert doctor.wrong() == [("daemon", "error")]
    doctor.answer({"accounts": 7})
    assert doctor.wrong() == [("daemon", "error")]


def test_a_tmux_server_that_does_not_run(doctor):
    doctor.document["tmux"]["socket"] = str(doctor.folder / "other.sock")
    doctor.write()
    assert doctor.wrong() == [("tmux_server", "error")]


@pytest.mark.parametrize("text", ["accounts: [\n", "accounts: []\nwrong: 1\n", None])
def test_a_configuration_that_cannot_be_used_is_a_finding(doctor, text):
    if text is None:
        os.unlink(doctor.path)
    else:
        with open(doctor.path, "w", encoding="utf-8") as stream:
            stream.write(f"{text}control_socket: /x.sock\n")
    found = doctor.wrong()
    assert {name for name, _level in found} == ({"configuration", "daemon"} if text is None else {"configuration"})
    assert len(found) >= (2 if text is None or "wrong" in text else 1)
    rows = {row["name"]: row for row in doctor.rows()}
    assert "check-config" in rows["configuration"]["mend"]
    assert "units" in rows
    if text is None:
        daemon = rows["daemon"]
        assert daemon["found"] == f"the daemon was not asked: {doctor.path} names no control socket"
        assert daemon["mend"] == rows["configuration"]["mend"], "the errors of the file are not told again"


def test_what_a_start_depends_on_is_in_it(doctor):
    (doctor.folder / ".claude").mkdir()
    assert doctor.wrong() == [("active_link", "error")]


def test_an_old_claude_is_an_error(doctor):
    (doctor.folder / "claude").write_text('#!/bin/sh\necho "2.1.78 (Claude Code)"\n')
    assert doctor.wrong() == [("claude_version", "error")]


def test_text_of_others_cannot_drive_the_terminal(doctor):
    session = {"name": "x\x1b[2J", "state": "down", "reason": "\x9b1m\x1b]0;t\x07", "follows_link": None}
    doctor.answer({**STATUS, "sessions": [session]})
    for words in ([], ["--json"]):
        out = doctor.run(*words)[1].out
        assert not {"\x1b", "\x9b", "\x07"} & set(out)


def test_lines_fit_on_80_columns_but_for_what_is_to_be_copied(doctor):
    (doctor.folder / ".claude").mkdir()
    for line in doctor.run()[1].out.splitlines():
        assert len(line) <= 80 or "mend: " in line or " " not in line.strip()


def test_an_empty_path_is_wrong_use(doctor):
    assert main.main(["--config", "", "doctor"]) == 2


@pytest.mark.parametrize("torn", [False, True])
def test_nothing_that_stands_in_the_homes_of_two_accounts_is_printed(doctor, torn):
    other = doctor.folder / ".claude-b"
    other.mkdir()
    doctor.document["accounts"].append({"name": "b", "home": str(other)})
    doctor.write()
    server = {"url": "https://made-up.invalid", "headers": {"made-up": "made-up"}, "env": {"made-up": "made-up"}}
    settings = {"permissions": {"deny": ["Read(/made-up)"], "allow": ["Bash(made-up)"]}, "env": {"made-up": "made-up"}}
    login = {"mcpOAuth": {"srv|0": {"accessToken": "made-up", "serverUrl": "made-up"}}}
    for name, document in (
        ("settings.json", {**settings, "hooks": {"Stop": ["made-up"]}, "model": "made-up"}),
        (".claude.json", {"mcpServers": {"srv": server}, "primaryApiKey": "made-up", "projects": {"/made-up": {}}}),
        (".credentials.json", {**TOKENS, **login}),
        ("CLAUDE.md", "made-up"),
    ):
        text = json.dumps(document)
        (doctor.home / name).write_text(text[:-1] if torn else text)
    (other / ".credentials.json").write_text(json.dumps(TOKENS))
    found = doctor.wrong()
    expected = {("home_entry", "warning"), ("mcp_login", "warning")}
    if not torn:
        expected |= {("deny_rules", "error"), ("permissions", "warning"), ("settings", "warning"), ("hooks", "warning")}
        expected.add(("mcp_servers", "warning"))
    assert set(found) == expected
    for words in ([], ["--json"]):
        assert "made-up" not in str(doctor.run(*words))
