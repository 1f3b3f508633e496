# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_trust: arguments, result, the user it works as, and secrets it never shows."""

from __future__ import annotations

import json
import os
import pwd
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.secuaas.claude.plugins.modules import claude_failover_trust as module
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import needs_root, picture, some_user

SECRET = "an-identity-that-nobody-is-to-see"


class Runner:
    """Runs the module in this process, with the arguments that a controller would send it."""

    def __init__(self, base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.homes = [f"{base}/one", f"{base}/two"]
        self._base, self._monkeypatch, self._capsys = base, monkeypatch, capsys
        self.folders = [f"{base}/work"]
        for folder in [*self.homes, *self.folders]:
            os.mkdir(folder)

    def __call__(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        sent = {
            "account_homes": self.homes,
            "active_link": f"{self._base}/active",
            "folders": self.folders,
            "owner": pwd.getpwuid(os.geteuid()).pw_name,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **arguments,
        }
        self._monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": sent}).encode())
        self._monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ended:
            module.main()
        text = self._capsys.readouterr().out
        assert SECRET not in text
        result: dict[str, Any] = json.loads(text)
        assert bool(result.get("failed")) == (ended.value.code != 0)
        return result


@pytest.fixture
def run(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(base, monkeypatch, capsys)


def put(home: str, content: str) -> str:
    path = f"{home}/.claude.json"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(content)
    return path


def trusted(home: str, folder: str) -> bool:
    with open(f"{home}/.claude.json", encoding="utf-8") as stream:
        return bool(json.load(stream)["projects"][folder]["hasTrustDialogAccepted"])


def test_names_do_not_reach_the_terminal_of_the_controller_as_they_are(run: Runner, base: str) -> None:
    """Ansible prints a message as it is; the folder is behind a link that its user can lead anywhere."""
    folder = f"{base}/\x1b[31m\x9b2J\u202e\nok: [forged]"
    os.mkdir(folder)
    os.symlink(folder, f"{base}/link")
    put(run.homes[0], json.dumps({"projects": {folder: 5}}))
    put(run.homes[1], json.dumps({"projects": {folder: {"hasTrustDialogAccepted": False}}}))
    result = run(folders=[f"{base}/link"])
    assert result["failed"]
    assert result["homes"][1]["declined"] == [f"{base}/\\x1b[31m\\x9b2J\\u202e\\nok: [forged]"]
    shown = [json.dumps(result[key], ensure_ascii=False) for key in ("homes", "failures")]
    assert all(text.isprintable() for text in [*shown, *result["msg"].splitlines()])
    assert not any(line.startswith("ok:") for line in result["msg"].splitlines())


def test_it_adds_then_finds_nothing_to_do(run: Runner, base: str) -> None:
    put(run.homes[0], json.dumps({"oauthAccount": SECRET}))
    first = run()
    assert first["changed"] is True
    assert first["failures"] == []
    assert first["homes"] == [
        {"home": home, "status": "added", "folders": run.folders, "declined": [], "detail": ""} for home in run.homes
    ]
    assert all(trusted(home, run.folders[0]) for home in run.homes)
    assert "diff" not in first
    before = picture(base)
    second = run()
    assert second["changed"] is False
    assert picture(base) == before


def test_check_mode_predicts_and_touches_nothing(run: Runner, base: str) -> None:
    before = picture(base)
    predicted = run(check=True)
    assert predicted["changed"] is True
    assert {row["status"] for row in predicted["homes"]} == {"missing"}
    assert picture(base) == before


def test_what_is_wrong_with_one_home_keeps_nobody_from_the_next(run: Runner) -> None:
    put(run.homes[0], f'{{"x": "{SECRET}"')
    result = run()
    assert result["changed"] is True
    assert [row["status"] for row in result["homes"]] == ["error", "added"]
    assert len(result["failures"]) == 1
    assert run.homes[0] in result["msg"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("account_homes", ["relative"]),
        ("account_homes", ["/a\0b"]),
        ("folders", ["~/work"]),
        ("active_link", "x"),
        ("owner", "nobody-of-that-name"),
        ("owner", "4294967296"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_touched(
    run: Runner, base: str, option: str, value: Any
) -> None:
    before = picture(base)
    result = run(**{option: value})
    assert result["failed"] is True
    shown = value[0] if isinstance(value, list) else value
    assert repr(shown) in result["msg"]
    assert picture(base) == before


def test_an_empty_list_of_homes_is_refused(run: Runner) -> None:
    assert "account_homes: found an empty list" in run(account_homes=[])["msg"]


def test_a_user_to_come_is_foreseen_in_check_mode(run: Runner) -> None:
    assert run(check=True, owner="nobody-of-that-name")["changed"] is True


@needs_root
def test_root_works_in_the_name_of_the_owner(run: Runner, base: str) -> None:
    user = some_user()
    os.chown(run.homes[0], user.pw_uid, user.pw_gid)
    os.chmod(run.homes[0], 0o700)
    # The other one is still root's: check mode foresees that.
    foreseen = run(check=True, owner=user.pw_name)
    assert [row["status"] for row in foreseen["homes"]] == ["missing", "error"]
    private = f"{base}/private"
    os.mkdir(private, 0o700)
    put(private, "{}")
    before = picture(private)
    # A planted link of a folder leads where the owner may not write.
    os.rmdir(run.homes[1])
    os.symlink(private, run.homes[1])
    result = run(owner=user.pw_name)
    assert [row["status"] for row in result["homes"]] == ["added", "error"]
    status = os.stat(f"{run.homes[0]}/.claude.json")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (user.pw_uid, user.pw_gid, 0o600)
    assert picture(private) == before


def test_the_documentation_names_the_options_and_results(run: Runner) -> None:
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(options) == {"account_homes", "active_link", "folders", "shared_file", "owner"}
    returned = yaml.safe_load(module.RETURN)
    result = run()
    # Old versions of ansible-core add warnings about the Python that they run on.
    assert set(returned) == {"homes", "failures"} == set(result) - {"changed", "invocation", "warnings"}
    assert set(returned["homes"]["contains"]) == set(result["homes"][0])
