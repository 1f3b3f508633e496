# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_release: a release goes back with the files that it was installed with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_record as records
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from release_host import MAIN, Host, bundle, sources, with_mark


@pytest.fixture
def host(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(base, monkeypatch, capsys)


def config(host: Host) -> str:
    return Path(host.config).read_text(encoding="utf-8")


def back(host: Host, **arguments: Any) -> dict[str, Any]:
    """Go back, foreseen in check mode first; both have to say the same."""
    before = host.tree()
    foreseen = host.run(check=True, state="rolled_back", **arguments)
    assert host.tree() == before
    result = host.run(state="rolled_back", **arguments)
    # Of runs in one process ansible-core 2.15 repeats the warnings, and newer ones show each of them once.
    apart = ("invocation", "rolled_back", "told")
    assert {key: value for key, value in foreseen.items() if key not in apart} == {
        key: result[key] for key in foreseen if key not in apart
    }
    result["told"] = foreseen["told"] + result["told"]
    return result


@pytest.fixture
def upgraded(host: Host) -> Host:
    """A host on which 2.0.0 with a configuration of its own has replaced 1.0.0 with its own."""
    host.run(config="good, of 1.0.0\n")
    host.run(version="2.0.0", config="good, of 2.0.0\n")
    return host


def test_a_release_comes_back_with_the_configuration_that_it_was_installed_with(upgraded: Host) -> None:
    left = os.path.basename(os.path.realpath(upgraded.layout.current))
    result = back(upgraded, reason="it eats tasks")
    assert result["replaced"] is True
    assert (result["changed"], result["switched"], result["restart"]) == (True, True, True)
    assert (result["previous"], result["updated"]) == (left, [upgraded.config])
    assert result["release"].startswith("1.0.0-")
    assert upgraded.start("version").startswith("1.0.0 ")
    assert config(upgraded) == "good, of 1.0.0\n"
    assert os.stat(upgraded.config).st_mode & 0o7777 == 0o640
    rollback = result["rolled_back"]
    assert (rollback["left"], rollback["release"], rollback["reason"]) == (left, result["release"], "it eats tasks")
    again = back(upgraded)
    assert (again["changed"], again["restart"], again["rolled_back"]) == (False, False, rollback)


def test_nobody_but_root_reads_the_record_which_holds_the_configuration(upgraded: Host) -> None:
    for path in Path(upgraded.layout.releases).glob("*/" + records.RECORD):
        assert path.stat().st_mode & 0o7777 == 0o600
        assert path.stat().st_uid == os.geteuid()
    assert len(list(Path(upgraded.layout.releases).glob("*/" + records.RECORD))) == 2


def test_a_comparison_explains_a_host_that_was_rolled_back(upgraded: Host) -> None:
    back(upgraded)
    result = upgraded.run(check=True, version="2.0.0", config="good, of 2.0.0\n")
    assert result["rolled_back"]["left"].startswith("2.0.0-")
    assert result["restored"] == result["updated"] == [upgraded.config]
    with open(upgraded.config, "a", encoding="utf-8") as file:
        file.write("# by hand\n")
    result = upgraded.run(check=True, version="2.0.0", config="good, of 2.0.0\n")
    assert (result["restored"], result["updated"]) == ([], [upgraded.config]), "a change by hand is not explained"


def test_an_installation_goes_forward_again_and_ends_the_rollback(upgraded: Host) -> None:
    back(upgraded)
    result = upgraded.run(version="2.0.0", config="good, of 2.0.0\n")
    assert (result["changed"], result["switched"]) == (True, True)
    assert config(upgraded) == "good, of 2.0.0\n"
    result = upgraded.run(version="2.0.0", config="good, of 2.0.0\n")
    assert (result["changed"], result["rolled_back"]) == (False, None)
    assert back(upgraded)["release"].startswith("1.0.0-")


def test_a_named_release_is_gone_back_to_and_the_one_that_was_left_first_is_remembered(upgraded: Host) -> None:
    upgraded.run(version="3.0.0", config="good, of 3.0.0\n")
    names = store.list_folders(upgraded.layout)
    assert [name.split("-")[0] for name in names] == ["3.0.0", "2.0.0", "1.0.0"]
    back(upgraded)
    assert config(upgraded) == "good, of 2.0.0\n"
    result = back(upgraded, release=names[2])
    assert config(upgraded) == "good, of 1.0.0\n"
    assert (result["rolled_back"]["left"], result["rolled_back"]["release"]) == (names[0], names[2])
    result = back(upgraded, release=names[0])
    assert (config(upgraded), result["rolled_back"]) == ("good, of 3.0.0\n", None)


def test_what_only_the_release_that_is_left_has_goes_with_it(host: Host) -> None:
    old = host.arguments(config="good\n")
    host.run(config="good\n")
    more = f"{host.folder}/etc/cf/more.conf"
    files = [*old["files"], {"path": more, "src": "x"}]
    host.run(files=files, bundle=bundle(sources("2.0.0"), {1: b"good\n", 2: b"more"}))
    assert os.path.exists(more)
    result = back(host)
    assert result["removed"] == [more]
    assert not os.path.exists(more)
    assert host.run(check=True, files=files, bundle=bundle(sources("2.0.0"), {1: b"good\n", 2: b"more"}))[
        "restored"
    ] == [more]


def test_a_release_of_an_older_collection_is_recorded_as_it_is_when_it_is_replaced(host: Host) -> None:
    old = host.run(config="good, of 1.0.0\n")
    os.unlink(f"{old['path']}/{records.RECORD}")
    os.chmod(host.config, 0o600)
    host.run(version="2.0.0", config="good, of 2.0.0\n")
    back(host)
    assert config(host) == "good, of 1.0.0\n"
    assert os.stat(host.config).st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_the_last_installation_is_taken_back(host: Host, version: str) -> None:
    """That of another release, or of another configuration of the same one."""
    host.run(config="good, old\n", restart=True)
    result = host.run(version=version, config="good, new\n", restart=True)
    assert result["replaced"] is True
    undone = host.run(state="undone", reason="it did not become ready")
    assert (config(host), undone["restart"]) == ("good, old\n", True)
    assert undone["switched"] is (version == "2.0.0")
    assert undone["rolled_back"]["left"] == result["release"]
    assert host.start("version").startswith("1.0.0 ")
    foreseen = host.run(check=True, version=version, config="good, new\n", restart=True)
    assert (foreseen["restored"], foreseen["rolled_back"]) == ([host.config], undone["rolled_back"])
    assert "replaced no other" in host.run(state="undone")["msg"]
    assert host.run(version=version, config="good, new\n")["replaced"] is True


def test_a_release_that_was_taken_back_is_not_the_one_before(upgraded: Host) -> None:
    """It is pruned first, too: releases that fail do not push out the one before."""
    for version in ("3.0.0", "4.0.0", "5.0.0"):
        upgraded.run(version=version)
        assert upgraded.run(state="undone")["release"].startswith("2.0.0-")
    result = back(upgraded)
    assert result["release"].startswith("1.0.0-")
    assert result["rolled_back"]["left"].startswith("2.0.0-")


def test_where_every_other_release_was_taken_back_there_is_none_before(host: Host) -> None:
    host.run()
    left = host.run(version="2.0.0")["release"]
    host.run(state="undone")
    assert "no other release" in host.run(state="rolled_back")["msg"]
    assert back(host, release=left)["release"] == left


def test_an_installation_that_replaces_nothing_cannot_be_taken_back(host: Host) -> None:
    assert host.run()["replaced"] is False
    assert "replaced no other" in host.run(state="undone")["msg"]
    assert host.run()["replaced"] is False


def test_a_rollback_that_fails_is_taken_back_and_leaves_no_trace(upgraded: Host) -> None:
    back(upgraded)
    undone = upgraded.run(state="undone")
    assert (config(upgraded), undone["rolled_back"]) == ("good, of 2.0.0\n", None)
    assert "not taken back before" in upgraded.run(state="rolled_back")["msg"]
    assert back(upgraded, release=undone["previous"])["release"].startswith("1.0.0-")


def test_a_release_that_refuses_its_configuration_now_changes_nothing(host: Host) -> None:
    host.run(bundle=bundle({**sources("1.0.0"), "__main__.py": MAIN.replace(b'"bad"', b'"worse"')}, {1: b"bad\n"}))
    host.run(version="2.0.0")
    path = f"{host.layout.releases}/{store.list_folders(host.layout)[1]}"
    record = Path(path, records.RECORD)
    record.write_text(record.read_text(encoding="utf-8").replace("bad", "worse"), encoding="utf-8")
    before = host.tree()
    for check in (True, False):
        assert "found 'bad', expected 'good'" in host.run(check=check, state="rolled_back")["msg"]
    assert {name: seen[-1] for name, seen in host.tree().items()} == {name: seen[-1] for name, seen in before.items()}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda path: Path(path, records.RECORD).write_text("{", encoding="utf-8"), "cannot be read"),
        (lambda path: Path(path, records.RECORD).write_text("[]", encoding="utf-8"), "is no list of the files"),
        (lambda path: Path(path, records.RECORD).unlink(), "did not record that"),
        (lambda path: os.chmod(f"{path}/lib/__main__.py", 0o666), "is not whole"),
        (shutil.rmtree, "holds no other release"),
    ],
    ids=["torn", "foreign", "unrecorded", "tampered", "gone"],
)
def test_a_release_that_cannot_come_back_is_told_and_changes_nothing(upgraded: Host, spoil: Any, expected: str) -> None:
    spoil(f"{upgraded.layout.releases}/{store.list_folders(upgraded.layout)[1]}")
    result = upgraded.run(state="rolled_back")
    assert expected in result["msg"]
    assert upgraded.start("version").startswith("2.0.0 ")
    assert config(upgraded) == "good, of 2.0.0\n"


@pytest.mark.parametrize("text", ["{", "[]", '{"files": [{}], "replaced": null}'])
def test_a_record_that_cannot_be_read_hinders_no_installation(upgraded: Host, text: str) -> None:
    back(upgraded)
    upgraded.run(version="2.0.0", config="good, of 2.0.0\n")
    for path in [*Path(upgraded.layout.releases).glob("*/" + records.RECORD), Path(upgraded.layout.rollback)]:
        path.write_text(text, encoding="utf-8")
    result = upgraded.run(version="3.0.0", config="good, of 3.0.0\n")
    assert (result["switched"], "written anew" in result["told"]) == (True, True)
    back(upgraded)
    assert config(upgraded) == "good, of 2.0.0\n"


def test_a_release_that_is_not_kept_is_told_with_those_that_are(upgraded: Host) -> None:
    message = upgraded.run(state="rolled_back", release="0.9-x")["msg"]
    assert "no release '0.9-x'" in message
    assert all(name in message for name in store.list_folders(upgraded.layout))


def test_a_host_without_a_release_is_told(host: Host) -> None:
    assert "leads to no release" in host.run(state="rolled_back")["msg"]


def test_a_copy_of_the_release_in_use_is_not_the_one_before(upgraded: Host) -> None:
    tampered = os.path.realpath(upgraded.layout.current)
    with open(f"{tampered}/lib/__main__.py", "a", encoding="utf-8") as file:
        file.write("#\n")
    assert upgraded.run(version="2.0.0", config="good, of 2.0.0\n")["path"] == tampered + ".2"
    assert back(upgraded)["release"].startswith("1.0.0-")


def test_a_rollback_is_removed_with_everything_else(upgraded: Host) -> None:
    back(upgraded)
    upgraded.run(state="absent")
    assert not os.path.exists(upgraded.layout.root)


@pytest.mark.parametrize("kept", [True, False], ids=["the release before has it", "the release before lacks it"])
def test_a_marked_file_that_somebody_else_has_replaced_stays_and_is_told(host: Host, kept: bool) -> None:
    path = f"{host.folder}/share/completions/cf"
    host.run(**with_mark(host, "# of this role, 1\n") if kept else {})
    host.run(**with_mark(host, "# of this role, 2\n", "2.0.0"))
    Path(path).write_text("somebody else's\n", encoding="utf-8")
    result = back(host)
    assert result["release"].startswith("1.0.0-")
    assert f"{path} was not written by this collection, and is left as it is" in result["told"]
    assert path not in [*result["created"], *result["updated"], *result["removed"]]
    assert Path(path).read_text(encoding="utf-8") == "somebody else's\n"


def test_a_marked_file_comes_back_and_goes_with_its_release(host: Host) -> None:
    path = f"{host.folder}/share/completions/cf"
    host.run()
    host.run(**with_mark(host, "# of this role, 2\n", "2.0.0"))
    host.run(**with_mark(host, "# of this role, 3\n", "3.0.0"))
    assert path in back(host)["updated"]
    assert Path(path).read_text(encoding="utf-8") == "# of this role, 2\n"
    assert path in back(host, release=store.list_folders(host.layout)[-1])["removed"]
    assert not os.path.exists(path)
