# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module: its arguments, its result, its failure, and its documentation."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.secuaas.claude.plugins.doc_fragments.attributes import ModuleDocFragment
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.plugins.modules import claude_shared_symlinks as module
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    NAMES,
    needs_root,
    picture,
    some_user,
    texts,
)

LINK_KEYS = ["account_home", "name", "path", "target", "found", "status", "kind"]


class Runner:
    """Runs the module in this process, with the arguments that a controller would send it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        sent = {"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, "_ansible_diff": True, **arguments}}
        self._monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(sent).encode())
        self._monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as ended:
            module.main()
        result: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert bool(result.get("failed")) == (ended.value.code != 0)
        return result


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(monkeypatch, capsys)


def test_it_creates_then_finds_nothing_to_do(run: Runner, base: str) -> None:
    homes = [f"{base}/a", f"{base}/b"]
    first = run(account_homes=homes, shared_root=base)
    assert first["changed"] is True
    assert first["failures"] == []
    assert [list(link) for link in first["links"]] == [LINK_KEYS] * 6
    assert {link["status"] for link in first["links"]} == {"created"}
    assert texts(homes[0]) == texts(homes[1]) == {name: f"{base}/.claude-{name}-shared" for name in NAMES}
    before = picture(base)
    second = run(account_homes=homes, shared_root=base)
    assert picture(base) == before
    assert second["changed"] is False
    assert second["created"] == []
    assert {link["status"] for link in second["links"]} == {"ok"}
    assert second["diff"]["before"] == second["diff"]["after"]


def test_check_mode_predicts_and_touches_nothing(run: Runner, base: str) -> None:
    before = picture(base)
    predicted = run(check=True, account_homes=[f"{base}/a"], shared_root=base)
    assert picture(base) == before
    assert predicted["changed"] is True
    assert {link["status"] for link in predicted["links"]} == {"missing"}
    done = run(account_homes=[f"{base}/a"], shared_root=base)
    assert predicted["created"] == done["created"]
    assert predicted["diff"] == done["diff"]


def test_homes_in_use_are_told_entry_by_entry_with_the_way_and_without_content(run: Runner, base: str) -> None:
    homes = [f"{base}/a", f"{base}/b"]
    for home in homes:
        os.mkdir(home)
        for name in ("settings.json", ".claude.json"):
            with open(f"{home}/{name}", "w", encoding="utf-8") as stream:
                stream.write('{"a": "content-of-nobody-s-business"}')
    before = picture(base)
    links = [{"name": name, "kind": "file"} for name in ("settings.json", ".claude.json", "CLAUDE.md")]
    result = run(check=True, account_homes=homes, shared_root=base, links=links)
    assert picture(base) == before
    assert len(result["failures"]) == 4
    assert all(f"{home}/{name}" in result["msg"] for home in homes for name in ("settings.json", ".claude.json"))
    assert result["msg"].count("secuaas.claude.adopt") == 1
    assert "content-of-nobody-s-business" not in json.dumps(result)
    os.symlink("elsewhere", f"{base}/c")
    elsewhere = run(account_homes=[f"{base}/d"], shared_root=base, links=[{"name": "x", "target": f"{base}/c"}])
    assert elsewhere["failed"] and "secuaas.claude.adopt" not in elsewhere["msg"]


def test_the_diff_tells_link_by_link(run: Runner, base: str) -> None:
    run(account_homes=[f"{base}/a"], shared_root=base)
    os.unlink(f"{base}/a/projects")
    diff = run(account_homes=[f"{base}/a", f"{base}/b"], shared_root=base)["diff"]
    changed = {path for path in diff["after"] if diff["before"][path] != diff["after"][path]}
    assert changed == {f"{base}/a/projects", f"{base}/b", *(f"{base}/b/{name}" for name in NAMES)}
    assert diff["before"][f"{base}/a/projects"] == "nothing"
    assert diff["after"][f"{base}/a/projects"] == f"a link to {base}/.claude-projects-shared"
    assert diff["after"][f"{base}/b"] == "a directory"
    assert diff["before"].keys() == diff["after"].keys()


@pytest.mark.parametrize("check", [True, False])
def test_divergence_fails_and_tells_what_was_changed(run: Runner, base: str, check: bool) -> None:
    os.makedirs(f"{base}/a/session-env")
    os.symlink("elsewhere", f"{base}/a/projects")
    result = run(check=check, account_homes=[f"{base}/a", f"{base}/b"], shared_root=base)
    assert result["failed"] is True
    assert len(result["failures"]) == 2
    assert "divergent" in result["msg"]
    assert "not a symlink" in result["msg"]
    assert result["changed"] is True
    made = "missing" if check else "created"
    assert [link["status"] for link in result["links"]] == ["not_a_symlink", made, "divergent", made, made, made]
    assert [link["found"] for link in result["links"]] == ["a directory", None, "elsewhere", None, None, None]
    assert f"{base}/b/projects" in result["created"]
    assert os.path.isdir(f"{base}/b") is not check
    diff = result["diff"]
    assert diff["before"][f"{base}/a/projects"] == diff["after"][f"{base}/a/projects"] == "a link to elsewhere"
    assert diff["after"][f"{base}/a/session-env"] == "a directory"


def test_links_may_be_named_with_or_without_target(run: Runner, base: str) -> None:
    wanted = [{"name": "projects", "target": f"{base}/elsewhere"}, {"name": "sessions"}]
    run(account_homes=[f"{base}/a"], shared_root=base, links=wanted)
    assert texts(f"{base}/a") == {"projects": f"{base}/elsewhere", "sessions": f"{base}/.claude-sessions-shared"}


def test_a_link_may_lead_to_a_file(run: Runner, base: str) -> None:
    wanted = [{"name": "settings.json", "kind": "file"}, {"name": "history.jsonl", "kind": "file"}, {"name": "agents"}]
    arguments = {"account_homes": [f"{base}/a"], "shared_root": f"{base}/s", "links": wanted}
    predicted = run(check=True, **arguments)
    assert os.listdir(base) == []
    done = run(**arguments)
    for key in ("created", "diff", "changed"):
        assert predicted[key] == done[key]
    assert [(link["name"], link["kind"], link["status"]) for link in done["links"]] == [
        ("settings.json", "file", "created"),
        ("history.jsonl", "file", "created"),
        ("agents", "directory", "created"),
    ]
    kinds = {"settings.json": "a regular file", "history.jsonl": "a regular file", "agents": "a directory"}
    assert {name: done["diff"]["after"][f"{base}/s/.claude-{name}-shared"] for name in kinds} == kinds
    again = run(**arguments)
    assert (again["changed"], again["created"]) == (False, [])


@pytest.mark.parametrize("check", [True, False])
def test_a_link_to_a_file_that_became_a_file_fails_and_is_left(run: Runner, base: str, check: bool) -> None:
    arguments = {"account_homes": [f"{base}/a"], "shared_root": base}
    arguments["links"] = [{"name": "settings.json", "kind": "file"}]
    run(**arguments)
    os.unlink(f"{base}/a/settings.json")
    with open(f"{base}/a/settings.json", "w", encoding="ascii") as stream:
        stream.write('{"secret": "of mine"}')
    before = picture(base)
    result = run(check=check, **arguments)
    assert picture(base) == before
    assert (result["failed"], result["changed"]) == (True, False)
    assert [(link["status"], link["found"]) for link in result["links"]] == [("not_a_symlink", "a regular file")]
    assert "of mine" not in json.dumps(result)


def test_names_that_are_no_utf8_can_be_reported(run: Runner, base: str) -> None:
    os.makedirs(f"{base}/a")
    os.symlink(b"/\xff\xc3\xa9", os.fsencode(f"{base}/a/projects"))
    result = run(account_homes=[f"{base}/a"], shared_root=base)
    assert result["links"][2]["found"] == "/\\xffé"
    result["msg"].encode()


def test_names_do_not_reach_the_terminal_of_the_controller_as_they_are(run: Runner, base: str) -> None:
    os.makedirs(f"{base}/a")
    os.symlink("/\x1b[31m\x9b2J\u202e\nok: [forged]", f"{base}/a/projects")
    result = run(account_homes=[f"{base}/a"], shared_root=base)
    assert result["links"][2]["found"] == "/\\x1b[31m\\x9b2J\\u202e\\nok: [forged]"
    shown = [json.dumps(result[key], ensure_ascii=False) for key in ("links", "failures", "diff")]
    assert all(text.isprintable() for text in [*shown, *result["msg"].splitlines()])
    assert not any(line.startswith("ok:") for line in result["msg"].splitlines())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"account_homes": []}, "empty list"),
        ({"account_homes": [""]}, "empty path"),
        ({"account_homes": ["relative"]}, "relative path"),
        ({"account_homes": ["~/.claude"]}, "'~/.claude'"),
        ({"account_homes": ["$HOME/.claude"]}, "'$HOME/.claude'"),
        ({"account_homes": ["/a", "/a/"]}, "the same directory"),
        ({"account_homes": ["/a"], "links": []}, "no links"),
        ({"account_homes": ["/a"], "links": [{"name": "a/b"}]}, "link name 'a/b'"),
        ({"account_homes": ["/a"], "links": [{"name": "x", "target": "y"}]}, "target of link 'x'"),
        ({"account_homes": ["/a"], "links": [{"target": "/y"}]}, "name"),
        ({"account_homes": ["/a"], "links": [{"name": "x", "kind": "folder"}]}, "kind"),
        ({"account_homes": ["/a"], "links": [{"name": "x", "kind": "file", "target": "/y/"}]}, "path of a directory"),
        ({"account_homes": ["/a"], "shared_root": "relative"}, "relative path"),
        ({"account_homes": ["/a"], "mode": "rwx"}, "mode: found 'rwx'"),
        ({"account_homes": ["/a"], "mode": 700}, "mode: found 0o1274"),
        ({"account_homes": ["/a"], "owner": "no-such-user-here"}, "'no-such-user-here'"),
        ({"account_homes": ["/a"], "unknown": 1}, "unknown"),
        ({}, "account_homes"),
    ],
)
def test_bad_arguments_are_told(run: Runner, arguments: dict[str, Any], part: str) -> None:
    result = run(**arguments)
    assert result["failed"] is True
    assert part in result["msg"]
    assert not result.get("changed")


@pytest.mark.parametrize(("mode", "bits"), [("0750", 0o750), ("750", 0o750), (0o750, 0o750)])
def test_mode_is_that_of_what_is_created(run: Runner, base: str, mode: object, bits: int) -> None:
    run(account_homes=[f"{base}/a"], shared_root=base, mode=mode)
    assert os.stat(f"{base}/a").st_mode & 0o7777 == bits


@needs_root
def test_owner_is_that_of_what_is_created(run: Runner, base: str) -> None:
    os.chown(base, some_user().pw_uid, some_user().pw_gid)
    result = run(account_homes=[f"{base}/a"], shared_root=base, owner=some_user().pw_name)
    assert {os.lstat(path).st_uid for path in result["created"]} == {some_user().pw_uid}


# ---- The documentation -------------------------------------------------------------------------------------


def test_documentation_example_and_result_agree_with_the_code(run: Runner, base: str) -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert documented["shared_root"]["default"] == links.DEFAULT_SHARED_ROOT
    assert links.parse_mode(documented["mode"]["default"]) == links.DEFAULT_MODE
    for example in yaml.safe_load(module.EXAMPLES):
        assert set(example["secuaas.claude.claude_shared_symlinks"]) <= set(documented)
    returned = yaml.safe_load(module.RETURN)
    assert list(returned["links"]["contains"]) == LINK_KEYS
    result = run(account_homes=[f"{base}/a"], shared_root=base)
    # Old versions of ansible-core add warnings about the Python that they run on.
    assert set(result) - {"changed", "diff", "invocation", "warnings"} == set(returned)
    described = "\n".join(returned["links"]["contains"]["status"]["description"])
    for status in (links.OK, links.CREATED, links.MISSING, links.DIVERGENT, links.NOT_A_SYMLINK, links.ERROR):
        assert f"V({status})" in described


def test_every_attribute_is_described_by_the_fragment() -> None:
    fragment = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["attributes"]
    assert set(yaml.safe_load(module.DOCUMENTATION)["attributes"]) == set(fragment)
