# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an adoption, without a disk: the order of the steps, the merges, and the refusals."""

from __future__ import annotations

import json
import os
from typing import Any, Union

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _adopt_types as types
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_plan import plan_adoption
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_state import StateSource, merge_sources, merge_state
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_tree import beside, merge_plan
from ansible_collections.secuaas.claude.plugins.module_utils._adopt_types import AdoptionError, AdoptionRequest, Node
from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import SharedSymlink

pytest.importorskip(
    "hypothesis", reason="SKIPPED, NOT TESTED: hypothesis is not installed (tests/unit/requirements.txt)"
)

from hypothesis import example, given
from hypothesis import strategies as st

Content = Union[bytes, str, None]
"""The content of a file, the text of a link, None for a folder."""
REQUEST = AdoptionRequest(("/u/one", "/u/two"), "/u/.claude", (SharedSymlink("/u/shared", "projects"),), "D")


class Memory:
    """A disk in memory; a View."""

    def __init__(self, entries: dict[str, Content]) -> None:
        self.entries = {"/u": None, **entries}
        self.kept: set[str] = set()
        self.mounts: set[str] = set()

    def kind(self, path: str) -> str:
        if path not in self.entries:
            return types.MISSING
        content = self.entries[path]
        if content is None:
            return types.FOLDER
        return types.LINK if isinstance(content, str) else types.FILE

    def text(self, path: str) -> str:
        text = self.entries[path]
        assert isinstance(text, str)
        return text

    def names(self, path: str) -> list[str]:
        return sorted(os.path.basename(entry) for entry in self.entries if os.path.dirname(entry) == path)

    def listing(self, path: str) -> types.Tree:
        whole = self.tree(path)
        return {name: node for name, node in whole.items() if "/" not in name}

    def tree(self, path: str, left_out: frozenset[str] = frozenset()) -> types.Tree:
        found = {}
        for entry in sorted(self.entries, key=lambda one: one.split("/")):
            if entry.startswith(f"{path}/") and entry[len(path) + 1 :].split("/")[0] not in left_out:
                kind = self.kind(entry)
                found[entry[len(path) + 1 :]] = Node(kind, entry, self.text(entry) if kind == types.LINK else "")
        return found

    def read(self, path: str) -> bytes:
        content = self.entries[path]
        assert isinstance(content, bytes)
        return content

    def relation(self, path: str, other: str) -> str:
        one, two = self.read(path), self.read(other)
        if one == two:
            return types.SAME
        if two.startswith(one):
            return types.PREFIX
        return types.EXTENSION if one.startswith(two) else types.DIFFERENT

    def is_kept(self, path: str) -> bool:
        return path in self.kept

    def can_be_renamed(self, path: str, new: str) -> bool:
        return not {path, new} & self.mounts

    def can_be_kept(self, path: str) -> bool:
        return path not in self.mounts


def state(**keys: Any) -> bytes:
    return json.dumps(keys).encode()


def steps(entries: dict[str, Content]) -> list[tuple[str, str, str]]:
    return [(step.action, step.path, step.source) for step in plan_adoption(REQUEST, Memory(entries)).steps]


def problems(entries: dict[str, Content], *mounts: str) -> list[str]:
    view = Memory(entries)
    view.mounts.update(mounts)
    with pytest.raises(AdoptionError) as refused:
        plan_adoption(REQUEST, view)
    return refused.value.problems


IN_USE: dict[str, Content] = {
    "/u/.claude": None,
    "/u/.claude/projects": None,
    "/u/.claude/projects/a": b"1",
    "/u/.claude.json": state(theme="dark"),
}


def test_the_steps_of_a_machine_in_use_are_in_the_order_that_is_safe() -> None:
    assert steps(IN_USE) == [
        ("make_folder", "/u/shared", ""),
        ("copy", "/u/shared/a", "/u/.claude/projects/a"),
        ("verify", "/u/shared", "/u/.claude/projects"),
        ("move", "/u/.claude/projects.before-adoption-D", "/u/.claude/projects"),
        ("make_link", "/u/.claude/projects", "/u/shared"),
        ("copy", "/u/.claude/.claude.json", "/u/.claude.json"),
        ("move", "/u/one", "/u/.claude"),
        ("make_link", "/u/.claude", "/u/one"),
        ("keep", "/u/.claude.json.before-adoption-D", "/u/.claude.json"),
        ("replace", "/u/.claude.json", ".claude/.claude.json"),
    ]


ADOPTED: dict[str, Content] = {
    "/u/.claude": "/u/one",
    "/u/.claude.json": ".claude/.claude.json",
    "/u/one": None,
    "/u/one/.claude.json": b"{}",
    "/u/one/projects": "/u/shared",
    "/u/shared": None,
}


def test_an_adopted_machine_has_no_steps() -> None:
    assert steps(ADOPTED) == []


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("/u/.claude", [("make_link", "/u/.claude", "/u/one")]),
        ("/u/.claude.json", [("make_link", "/u/.claude.json", ".claude/.claude.json")]),
        ("/u/one/projects", [("make_link", "/u/one/projects", "/u/shared")]),
    ],
)
def test_a_link_that_an_interrupted_run_has_not_made_is_made(missing: str, expected: list[Any]) -> None:
    assert steps({path: content for path, content in ADOPTED.items() if path != missing}) == expected


def test_what_an_interrupted_run_was_writing_is_cleared() -> None:
    name = types.TEMPORARY
    entries = {**IN_USE, f"/u/{name}": b"", f"/u/.claude/{name}": b"", "/u/shared": None, f"/u/shared/{name}": b""}
    cleared = [path for action, path, _source in steps(entries) if action == "clear"]
    assert cleared == [f"/u/.claude/{name}", f"/u/{name}", f"/u/shared/{name}"]


def test_a_login_is_only_ever_moved() -> None:
    found = steps({**IN_USE, "/u/one": None, "/u/one/.credentials.json": b"login", "/u/one/x": b"x"})
    assert [step for step in found if any(".credentials.json" in part for part in step[1:])] == [
        ("move", "/u/.claude/.credentials.json", "/u/one/.credentials.json")
    ]
    actions = [step[:2] for step in found]
    assert actions.index(("move", "/u/.claude/.credentials.json")) < actions.index(("move", "/u/one.before-adoption-D"))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"/u/.claude": "/elsewhere"}, "/u/.claude: found a link to /elsewhere"),
        ({"/u/.claude": b""}, "/u/.claude: found no folder"),
        ({"/u/one": b""}, "/u/one: found a file, expected a folder"),
        ({"/u/two": "/u/one"}, "/u/two: found a link, expected a folder"),
        ({"/u/two": None, "/u/two/projects": "/x"}, "/u/two/projects: found a link to /x"),
        ({"/u/two": None, "/u/two/projects": b""}, "/u/two/projects: found a file"),
        ({"/u/shared": "/x"}, "/u/shared: found a link, expected a folder"),
        ({"/u/.claude.json": "/x"}, "/u/.claude.json: found a link to /x"),
        ({"/u/.claude.json": None}, "/u/.claude.json: found a folder, expected a file"),
        ({"/u/.claude": None, "/u/.claude/.credentials.json": "/x"}, ".credentials.json: found a link"),
        ({"/u/.claude.json": b"{", "/u/.claude": None, "/u/.claude/.claude.json": b"{}"}, "is not valid JSON"),
        ({"/u/.claude.json": b"{}", "/u/.claude": None, "/u/.claude/.claude.json": "/x"}, "is a link; expected one"),
    ],
)
def test_what_is_not_as_expected_is_refused(entries: dict[str, Content], expected: str) -> None:
    (problem,) = problems(entries)
    assert expected in problem


@pytest.mark.parametrize("entries", [IN_USE, {"/u/.claude.json": b"{}"}])
def test_a_missing_folder_for_the_first_home_is_foreseen(entries: dict[str, Content]) -> None:
    with pytest.raises(AdoptionError) as refused:
        plan_adoption(FAR, Memory(entries))
    assert refused.value.problems == ["/srv/a: found no folder, expected one for /srv/a/one; make it first"]


def test_a_missing_folder_for_the_active_link_is_foreseen() -> None:
    view = Memory({"/u/one": None})
    request = REQUEST._replace(active_link="/srv/a/.claude")
    with pytest.raises(AdoptionError) as refused:
        plan_adoption(request, view)
    assert refused.value.problems == ["/srv/a: found no folder, expected one for /srv/a/.claude; make it first"]


def test_a_missing_folder_does_not_matter_where_nothing_is_to_be_adopted() -> None:
    assert plan_adoption(FAR._replace(active_link="/srv/a/.claude"), Memory({})).steps == []


@pytest.mark.parametrize("home", ["/u/.claude", "/u/two"])
@pytest.mark.parametrize("content", [b"{}", b"", "elsewhere", None])
def test_a_state_file_of_old_versions_is_refused(home: str, content: Content) -> None:
    (problem,) = problems({**IN_USE, "/u/two": None, f"{home}/.config.json": content})
    assert problem.startswith(f"{home}/.config.json: found what Claude Code reads instead of .claude.json")


def test_the_state_of_another_home_is_left_alone() -> None:
    entries: dict[str, Content] = {"/u/.claude": None, "/u/.claude.json": b"{}", "/u/active": None}
    request = REQUEST._replace(active_link="/u/active")
    plan = plan_adoption(request, Memory(entries))
    assert [(step.action, step.path) for step in plan.steps if ".claude" in step.path + step.source] == []
    assert ("make_link", "/u/active") in [(step.action, step.path) for step in plan.steps]


def test_a_link_that_is_right_may_be_of_another_user_and_one_to_the_same_file_gets_the_right_text() -> None:
    view = Memory(ADOPTED)
    view.mounts.update(("/u/.claude.json", "/u/one/projects"))
    assert plan_adoption(REQUEST, view).steps == []
    links = (*REQUEST.links, SharedSymlink("/u/state", ".claude.json", types.FILE))
    view = Memory({**ADOPTED, "/u/state": b"{}", "/u/one/.claude.json": "../state", "/u/.claude.json": "state"})
    replaced = [step for step in plan_adoption(REQUEST._replace(links=links), view).steps if step.action == "replace"]
    assert [(step.path, step.source) for step in replaced] == [
        ("/u/one/.claude.json", "/u/state"),
        ("/u/.claude.json", "/u/state"),
    ]
    view.mounts.add("/u/.claude.json")
    with pytest.raises(AdoptionError, match=r"/u/\.claude\.json: found a link of another user"):
        plan_adoption(REQUEST._replace(links=links), view)


FAR = REQUEST._replace(homes=("/srv/a/one", "/u/two"))


@pytest.mark.parametrize(
    ("path", "text", "breaks"),
    [
        ("CLAUDE.md", "../dotfiles/CLAUDE.md", True),
        ("agents/me.md", "../../dotfiles/me.md", True),
        ("CLAUDE.md", "../.claude/other.md", True),  # inside, by a name that it has no more
        ("CLAUDE.md", "/u/dotfiles/CLAUDE.md", False),
        ("CLAUDE.md", "other.md", False),
        ("agents/me.md", "../other.md", False),
        ("projects/link", "../../../outside", False),  # it is copied, and its text is made to fit
    ],
)
def test_a_relative_link_that_would_lead_elsewhere_from_the_first_home_is_refused(
    path: str, text: str, breaks: bool
) -> None:
    entries = {**IN_USE, "/srv": None, "/srv/a": None, "/u/.claude/agents": None, f"/u/.claude/{path}": text}
    view = Memory(entries)
    plan_adoption(REQUEST, view)  # beside it every relative link leads where it led
    if not breaks:
        plan_adoption(FAR, view)
        return
    with pytest.raises(AdoptionError) as refused:
        plan_adoption(FAR, view)
    (problem,) = refused.value.problems
    assert problem.startswith(f"/u/.claude/{path}: found a link to {text}, which leads elsewhere from /srv/a/one")


def test_a_link_of_the_persons_to_the_shared_file_itself_is_replaced_and_kept() -> None:
    links = (*REQUEST.links, SharedSymlink("/u/dotfiles/CLAUDE.md", "CLAUDE.md", types.FILE))
    entries: dict[str, Content] = {
        **IN_USE,
        "/u/dotfiles": None,
        "/u/dotfiles/CLAUDE.md": b"be brief",
        "/u/.claude/CLAUDE.md": "../dotfiles/CLAUDE.md",
    }
    view = Memory(entries)
    plan = plan_adoption(REQUEST._replace(links=links), view)
    kept = "/u/.claude/CLAUDE.md.before-adoption-D"
    assert [(step.action, step.path, step.source) for step in plan.steps if "CLAUDE.md" in step.path] == [
        ("keep", kept, "/u/.claude/CLAUDE.md"),
        ("replace", "/u/.claude/CLAUDE.md", "/u/dotfiles/CLAUDE.md"),
    ]
    view.mounts.add("/u/.claude/CLAUDE.md")
    with pytest.raises(AdoptionError, match="can get a second name"):
        plan_adoption(REQUEST._replace(links=links), view)


@pytest.mark.parametrize("mount", ["/u/.claude", "/u/.claude/projects"])
def test_what_no_rename_can_move_is_refused(mount: str) -> None:
    (problem,) = problems(IN_USE, mount)
    assert mount in problem
    assert "file system" in problem


# ---- Merges ------------------------------------------------------------------------------------------------

contents = st.sampled_from((b"", b"1", b"12", b"123", b"x", b"1x"))
paths = st.sampled_from(("a", "b", "a/a", "a/b", "b/a/a", "n" * 255))


def disk(root: str, files: dict[str, bytes]) -> dict[str, Content]:
    """Return folders and files; a file whose place is taken is left out."""
    entries: dict[str, Content] = {root: None}
    for path, content in files.items():
        parts = path.split("/")
        parents = [f"{root}/{'/'.join(parts[:number])}" for number in range(1, len(parts))]
        if f"{root}/{path}" not in entries and all(entries.get(parent) is None for parent in parents):
            entries.update(dict.fromkeys(parents))
            entries[f"{root}/{path}"] = content
    return entries


@given(st.dictionaries(paths, contents), st.dictionaries(paths, contents))
@example({"a": b"1"}, {"a/b": b"x"})
@example({"n" * 255: b"1"}, {"n" * 255: b"x"})
def test_a_merge_keeps_every_byte_and_has_nothing_left(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    view = Memory({**disk("/u/s", one), **disk("/u/t", two)})
    before = dict(view.entries)
    target = view.tree("/u/t")
    done = merge_plan(view.tree("/u/s"), "/u/t", target, "s", view.relation)
    for step in done.steps:
        assert step.path.startswith("/u/t/")
        assert step.action in ("make_folder", "copy", "extend")
        assert (step.path in view.entries) == (step.action == "extend")
        assert os.path.dirname(step.path) in view.entries
        view.entries[step.path] = None if step.action == "make_folder" else view.entries[step.source]
    kept = [content for path, content in view.entries.items() if path.startswith("/u/t/") and content is not None]
    for path, content in before.items():
        if isinstance(content, bytes):
            assert any(isinstance(other, bytes) and other.startswith(content) for other in kept), path
    assert {path: node.kind for path, node in target.items()} == {
        path: node.kind for path, node in view.tree("/u/t").items()
    }
    assert merge_plan(view.tree("/u/s"), "/u/t", view.tree("/u/t"), "s", view.relation).steps == []
    assert all(len(os.fsencode(os.path.basename(path))) <= 255 for path in view.entries)


def test_a_second_name_is_never_the_first() -> None:
    names = ["n" * 255]
    for _number in range(5):
        names.append(beside(names[-1], "one"))
    assert len(set(names)) == len(names)
    assert beside("a.jsonl", "one") == "a.jsonl.kept-one"


def test_keys_are_added_and_none_is_changed() -> None:
    base = {
        "theme": "dark",
        "mcpServers": {"a": {"type": "http"}},
        "projects": {"/p": {"allowedTools": ["x"], "mcpServers": {"m": {"command": "m"}}}},
    }
    other = {
        "theme": "light",
        "editorMode": "vim",
        "mcpServers": {"a": {"command": "a"}, "b": {"command": "b"}},
        "projects": {"/p": {"allowedTools": [], "mcpServers": {"n": {}}}, "/q": {}},
    }
    merged, left = merge_state(base, other, with_account=False)
    assert merged == {
        "theme": "dark",
        "mcpServers": {"a": {"type": "http"}, "b": {"command": "b"}},
        "projects": {"/p": {"allowedTools": ["x"], "mcpServers": {"m": {"command": "m"}, "n": {}}}, "/q": {}},
        "editorMode": "vim",
    }
    assert left == []
    assert merge_state(merged, other, with_account=False)[0] == merged


def test_a_server_that_was_refused_in_any_home_stays_refused() -> None:
    base = {"projects": {"/p": {"disabledMcpjsonServers": ["a"]}, "/q": {"disabledMcpjsonServers": []}}}
    other = {"projects": {"/p": {"disabledMcpjsonServers": ["b", "a"]}, "/q": {"disabledMcpjsonServers": ["c"]}}}
    merged, _left = merge_state(base, other, with_account=False)
    refused = {folder: row["disabledMcpjsonServers"] for folder, row in merged["projects"].items()}
    assert refused == {"/p": ["a", "b"], "/q": ["c"]}
    assert base["projects"]["/q"]["disabledMcpjsonServers"] == []
    assert merge_state(merged, other, with_account=False)[0] == merged


def test_a_server_of_the_same_name_that_is_another_one_is_told_by_name() -> None:
    sources = [
        StateSource(name, state(mcpServers={"same": {"url": "s"}, "db": {"url": name}}), has_account=False)
        for name in ("one", "two")
    ]
    content, notices = merge_sources(b"{}", sources)
    assert json.loads(content)["mcpServers"]["db"] == {"url": "one"}
    (notice,) = notices
    assert notice.startswith("two: its MCP server db is another one")


@pytest.mark.parametrize("path", ["/u/.claude/settings.json", "/u/.claude/.claude.json", "/u/.claude.json"])
def test_a_file_that_cannot_get_a_second_name_is_foreseen(path: str) -> None:
    view = Memory({**IN_USE, path: state()})
    view.mounts.add(path)
    links = (*REQUEST.links, SharedSymlink("/u/settings", "settings.json", types.FILE))
    with pytest.raises(AdoptionError) as refused:
        plan_adoption(REQUEST._replace(links=links), view)
    assert [problem.partition(": found a file of another user")[0] for problem in refused.value.problems] == [path]


@pytest.mark.parametrize("with_account", [True, False])
def test_no_api_key_goes_into_another_file(with_account: bool) -> None:
    other = {"primaryApiKey": "k", "customApiKeyResponses": {"approved": ["k"]}, "oauthAccount": {"accountUuid": "u"}}
    merged, left = merge_state({}, other, with_account=with_account)
    assert merged == ({"oauthAccount": {"accountUuid": "u"}} if with_account else {})
    assert left == ["customApiKeyResponses", "primaryApiKey"]
