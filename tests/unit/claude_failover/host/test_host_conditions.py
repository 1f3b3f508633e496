# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a start depends on is found beforehand, and told with what mends it."""

from __future__ import annotations

import json
import os
import socket

import pytest
import yaml

from claude_failover.cli import main as cli
from claude_failover.common.errors import PassingFault, Refused
from claude_failover.config.loader import load
from claude_failover.host import access, conditions, programs
from claude_failover.host.finding import ERROR, LEVELS, OK, WARNING, Finding, from_json


class Place:
    """A configuration with every path in a scratch folder, and a Claude Code that says its version."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.path = str(folder / "config.yml")
        self.link = folder / "home" / ".claude"
        self.homes = [folder / "home" / f".claude-{name}" for name in ("one", "two")]
        (folder / "home").mkdir()
        (folder / "bin").mkdir()
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        self.document = {
            "accounts": [{"name": name, "home": str(home)} for name, home in zip(("one", "two"), self.homes)],
            "active_link": str(self.link),
            "shared_root": str(folder / "home"),
            "sessions": [{"name": "main", "cwd": str(folder), "command": [self.program("claude", "2.1.332")]}],
            "tmux": {"socket": str(folder / "tmux.sock")},
            "state_dir": str(folder / "state"),
            "control_socket": str(folder / "control.sock"),
        }

    def program(self, name, version):
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\ntest "$*" = --version && echo "{version} (Claude Code)"\n')
        path.chmod(0o755)
        return str(path)

    def write(self, **more):
        self.document.update(more)
        with open(self.path, "w", encoding="utf-8") as stream:
            yaml.safe_dump(self.document, stream)

    def look(self, **more):
        """Return what ``check-config --host --json`` prints, and its exit code."""
        self.write(**more)
        return conditions.look(load(self.path), conditions.WITH_PROGRAMS)

    def wrong(self, **more):
        return [row for row in self.look(**more) if row.level != OK]

    def command(self, capsys, *words):
        capsys.readouterr()
        code = cli.main(["--config", self.path, *words])
        return code, capsys.readouterr()


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


def only(rows):
    assert len(rows) == 1, rows
    row = rows[0]
    assert row.level in LEVELS and row.found and row.expected and row.mend
    return row


def test_nothing_is_wrong_on_a_host_that_is_ready_and_nothing_is_made(place):
    rows = place.look()
    assert [row for row in rows if row.level != OK] == []
    assert {row.name for row in rows} == {
        "active_link",
        "claude",
        "claude_version",
        "homes",
        "session_cwd",
        "shared_links",
        "state_dir",
        "tmux_program",
        "tmux_socket",
    }
    assert sorted(os.listdir(place.folder)) == ["bin", "config.yml", "home"]
    assert os.listdir(place.folder / "home") == []


@pytest.mark.parametrize("first", [{"enabled": False}, {"standby": True}])
def test_a_missing_active_link_is_foreseen_for_the_account_that_it_is_made_for(place, first):
    one, two = place.document["accounts"]
    (row,) = [row for row in place.look(accounts=[{**one, **first}, two]) if row.name == "active_link"]
    assert row.found.endswith("the first start makes it, to two")


def test_an_active_link_that_is_a_real_folder(place):
    place.link.mkdir()
    (place.folder / "home" / ".claude.json").write_text("{}")
    row = only(place.wrong())
    assert (row.name, row.level) == ("active_link", ERROR)
    assert "is not a symlink, and was left as it is" in row.found
    assert row.mend.startswith(
        f"mv -nT {place.link} {place.homes[0]} && cp -np {place.link}.json {place.homes[0]}/.claude.json; "
    )
    for home in place.homes:
        home.mkdir()
    assert only(place.wrong()).mend.startswith(f"mv -nT {place.link} {place.link}-before && ")


@pytest.mark.parametrize("target", ["/nowhere", "home/.claude-three"])
def test_an_active_link_to_no_configured_account(place, target):
    os.symlink(place.folder / target, place.link)
    row = only(place.wrong())
    assert (row.name, row.level) == ("active_link", ERROR)
    assert "which is the home of no configured account" in row.found
    assert f"ln -sfn {place.homes[0]} {place.link}" in row.mend


def test_the_active_account_that_was_taken_out_of_the_list(place):
    for home in place.homes:
        home.mkdir()
    os.symlink(place.homes[1], place.link)
    assert place.wrong() == []
    row = only(place.wrong(accounts=place.document["accounts"][:1]))
    assert (row.name, row.level) == ("active_link", ERROR)
    assert str(place.homes[1]) in row.found
    assert row.mend.startswith("claude-failover switch one ")


def test_a_folder_of_the_active_link_that_is_missing(place):
    row = only(place.wrong(active_link=str(place.folder / "gone" / ".claude")))
    assert (row.name, row.level, row.passing) == ("active_link", ERROR, True)
    assert str(place.folder / "gone") in row.mend


def test_a_folder_of_the_active_link_that_is_made_with_the_homes_is_no_error(place):
    (place.folder / "home").rmdir()
    assert place.wrong() == []


def test_a_divergent_link_and_a_folder_in_its_place(place):
    place.homes[0].mkdir()
    place.homes[1].mkdir()
    os.symlink("/elsewhere", place.homes[0] / "projects")
    (place.homes[1] / "projects").mkdir()
    first, second = place.wrong()
    shared = place.folder / "home" / ".claude-projects-shared"
    assert "divergent link" in first.found and "rm " in first.mend and str(shared) in first.mend
    assert "is not a symlink" in second.found and f"rmdir {place.homes[1]}/projects" in second.mend
    assert os.readlink(place.homes[0] / "projects") == "/elsewhere"


def test_a_file_in_the_place_of_a_link_to_a_file(place):
    place.homes[0].mkdir()
    (place.homes[0] / "settings.json").write_text("mine")
    row = only(place.wrong(shared_links=["projects", {"name": "settings.json", "kind": "file"}]))
    target = place.folder / "home" / ".claude-settings.json-shared"
    assert "is not a symlink: found a regular file" in row.found
    assert f"what is to be kept of it into '{target}', then: rm {place.homes[0]}/settings.json" in row.mend


def test_a_home_that_is_a_file(place):
    place.homes[0].write_text("mine")
    row = only(place.wrong())
    assert (row.name, row.level, row.passing) == ("shared_links", ERROR, False)


def test_a_state_folder_that_is_a_file_or_cannot_be_made(place):
    (place.folder / "state").write_text("mine")
    row = only(place.wrong())
    assert (row.name, row.level, row.path) == ("state_dir", ERROR, "")
    row = only(place.wrong(state_dir="/proc/state")) if os.geteuid() != 0 else None
    assert row is None or (row.name, row.path) == ("state_dir", "/proc/state")


def test_a_metrics_folder_that_does_not_exist(place):
    row = only(place.wrong(metrics={"textfile": str(place.folder / "gone" / "x.prom")}))
    assert (row.name, row.level, row.path) == ("metrics", WARNING, str(place.folder / "gone"))
    assert row.mend.startswith("sudo install -d ")
    (place.folder / "gone").mkdir()
    assert place.wrong() == []


def test_headers_of_the_telemetry_that_others_can_read_or_that_are_none(place):
    headers = place.folder / "headers.json"
    row = only(place.wrong(telemetry={"endpoint": "https://collector.example", "headers_file": str(headers)}))
    assert (row.name, row.level) == ("telemetry", WARNING) and "No such file" in row.found
    headers.mkdir()
    assert "no regular file" in only(place.wrong()).found
    headers.rmdir()
    for text in ("a secret", '["a secret"]', '{"Authorization": 5}', '"a secret"'):
        headers.write_text(text)
        headers.chmod(0o600)
        row = only(place.wrong())
        assert "no JSON object" in row.found and "secret" not in str(row)
    headers.write_text('{"Authorization": "Bearer secret"}')
    for mode in (0o640, 0o644, 0o620, 0o604, 0o610):
        headers.chmod(mode)
        row = only(place.wrong())
        assert (row.name, row.level) == ("telemetry", WARNING)
        assert f"{mode:04o}" in row.found and "chmod 0600" in row.mend
    for mode in (0o600, 0o400):
        headers.chmod(mode)
        assert place.wrong() == []


def test_a_notify_command_that_does_not_exist(place):
    row = only(place.wrong(notify={"command": [str(place.folder / "tell"), "secret"]}))
    assert (row.name, row.level) == ("notify", WARNING)
    assert "secret" not in str(row)
    (place.folder / "tell").write_text("#!/bin/sh\n")
    assert only(place.wrong()).name == "notify"  # it is not executable
    (place.folder / "tell").chmod(0o755)
    assert place.wrong() == []


def test_a_folder_of_a_session_that_does_not_exist(place):
    place.document["sessions"][0]["cwd"] = str(place.folder / "work")
    row = only(place.wrong())
    assert (row.name, row.level, row.path) == ("session_cwd", WARNING, str(place.folder / "work"))
    assert "main" in row.found
    (place.folder / "work").mkdir()
    assert place.wrong() == []


def test_a_tmux_program_that_does_not_exist(place):
    row = only(place.wrong(tmux={**place.document["tmux"], "binary": "/nowhere/tmux"}))
    assert (row.name, row.level) == ("tmux_program", ERROR)


def test_a_tmux_socket_that_is_none(place):
    (place.folder / "tmux.sock").write_text("")
    row = only(place.wrong())
    assert (row.name, row.level) == ("tmux_socket", ERROR)
    os.unlink(place.folder / "tmux.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place.folder / "tmux.sock"))
        assert place.wrong() == []


def test_a_claude_that_is_not_there_and_one_that_is_too_old(place):
    old = place.program("claude", "2.1.80")
    row = only(place.wrong())
    assert (row.name, row.level) == ("claude_version", ERROR)
    assert f"{old} is Claude Code 2.1.80" in row.found and row.expected == "2.1.81 or newer"
    os.unlink(old)
    row = only(place.wrong())
    assert (row.name, row.level) == ("claude", WARNING)
    assert "npm" in row.mend


def test_claude_is_looked_for_in_the_path_of_the_sessions(place, monkeypatch):
    monkeypatch.setattr(programs, "home_folder", lambda: str(place.folder))
    assert [row.name for row in place.wrong(sessions=[])] == ["claude"]
    (place.folder / ".local" / "bin").mkdir(parents=True)
    os.symlink(place.program("claude", "2.1.332"), place.folder / ".local" / "bin" / "claude")
    assert place.wrong() == []
    session = {"name": "main", "cwd": str(place.folder), "env": {"PATH": "/nowhere"}}
    assert [row.name for row in place.wrong(sessions=[session])] == ["claude"]


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", "printf '\\033]0;x\\a2.1.332 (Claude Code)'", "yes"])
def test_a_claude_that_says_no_version_is_a_warning(place, script):
    (place.folder / "bin" / "claude").write_text(f"#!/bin/sh\n{script}\n")
    found = place.wrong()
    assert [(row.name, row.level) for row in found] in ([("claude_version", WARNING)], [])
    assert "\x1b" not in str(found)


def test_a_read_only_file_system_is_a_fault_that_passes(place, monkeypatch):
    monkeypatch.setattr(access, "is_allowed", lambda _path, _rights: False)
    monkeypatch.setattr(access, "is_read_only", lambda _path: True)
    place.write()
    (place.folder / "state").mkdir()
    found = conditions.errors(conditions.look(load(place.path)))
    assert {row.name for row in found} == {"active_link", "state_dir"}
    assert all(row.passing and "read-only" in row.found and row.mend for row in found)
    with pytest.raises(PassingFault):
        conditions.require(load(place.path))


# -- who looks -------------------------------------------------------------------------------------------------------


def test_the_daemon_refuses_to_start_with_every_error_at_once(place, caplog):
    place.link.mkdir()
    place.homes[0].write_text("mine")
    place.write(notify={"command": ["/nowhere/notify"]})
    with pytest.raises(Refused) as refused:
        conditions.require(load(place.path))
    assert "is not a symlink" in str(refused.value) and "is not a directory" in str(refused.value)
    assert "To mend it: mv -nT" in str(refused.value)
    assert "/nowhere/notify" in caplog.text


def test_what_can_be_over_by_itself_is_tried_again(place):
    place.write(active_link=str(place.folder / "gone" / ".claude"))
    with pytest.raises(PassingFault):
        conditions.require(load(place.path))
    (place.folder / "state").write_text("mine")
    with pytest.raises(Refused):
        conditions.require(load(place.path))


def test_the_daemon_starts_no_program_to_look(place):
    (place.folder / "bin" / "claude").write_text(f"#!/bin/sh\ntouch {place.folder}/started\n")
    place.write()
    conditions.require(load(place.path))
    assert not (place.folder / "started").exists()


def test_check_config_looks_at_the_host_only_when_asked(place, capsys):
    place.link.mkdir()
    place.write()
    assert place.command(capsys, "check-config")[0] == 0
    code, said = place.command(capsys, "check-config", "--host")
    assert (code, said.err) == (1, "")
    assert "error     active_link" in said.out and "mend: mv -nT " in said.out
    code, said = place.command(capsys, "check-config", "--host", "--json")
    document = json.loads(said.out)
    assert (code, document["ok"], document["errors"]) == (1, False, 1)
    found = [from_json(row) for row in document["checks"]]
    assert [row.name for row in found if row.level == ERROR] == ["active_link"]


def test_check_config_starts_no_program_where_that_is_asked(place, capsys):
    (place.folder / "bin" / "claude").write_text(f"#!/bin/sh\ntouch {place.folder}/started\n")
    place.write()
    assert place.command(capsys, "check-config", "--host", "--no-programs")[0] == 0
    assert not (place.folder / "started").exists()


def test_a_fault_of_one_check_is_its_error_and_the_others_are_made(place):
    def broken(config):
        if config is not None:
            raise OSError(5, "Input/output error")
        yield

    place.write()
    found = conditions.look(load(place.path), [broken, *conditions.CONDITIONS])
    assert (found[0].level, found[0].passing) == (ERROR, True)
    assert len(found) > 5


@pytest.mark.parametrize("document", [{}, {"level": "bad"}, {"name": 1, "level": "ok", "found": "x"}])
def test_a_document_of_something_else_is_no_finding(document):
    with pytest.raises((ValueError, TypeError)):
        from_json(document)


def test_a_finding_comes_back_from_its_document():
    finding = Finding("a", ERROR, "b", "c", "d", "/e", True)
    assert from_json(json.loads(json.dumps(finding.to_json()))) == finding
