# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test what the table of changes does not show of the filter claude_failover_changes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter import claude_failover_changes as plugin
from ansible_collections.secuaas.claude.plugins.plugin_utils._live_notices import _STARTED_WITH

from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions.launch import launch_of

describe = plugin.FilterModule().filters()["claude_failover_changes"]
NOTHING = {"refused": [], "told": [], "new_link_home": "", "places": []}
ONE, TWO = ({"name": name, "home": f"/h/{name}"} for name in ("one", "two"))
INSTALLED: dict[str, Any] = {
    "accounts": [ONE, TWO],
    "active_link": "/h/link",
    "shared_root": "/h",
    "shared_links": ["projects"],
    "sessions": [{"name": "a b", "cwd": "/"}, {"name": "old", "cwd": "/"}],
    "removed_sessions": "keep",
}


def changes(facts: tuple[str, ...] = (), **changed: Any) -> Any:
    return describe(yaml.safe_dump(INSTALLED), {**INSTALLED, **changed}, "claude", "claude", facts)


@pytest.mark.parametrize(
    "text",
    [
        *("", "- a list", "}: [", "null", "accounts: 3"),
        *("x: 2026-13-45", "x: !!int ''", "x: !!bool maybe", "x: !!timestamp soon", "x: 0o9", "x: " + 5000 * "9"),
    ],
)
def test_a_host_without_a_configuration_changes_nothing(text: str) -> None:
    assert describe(text, INSTALLED, "claude", "claude")["places"] == []
    assert describe(text, INSTALLED, "claude", "claude")["refused"] == []
    if not text.startswith(("accounts", "x: 0o9", "x: 9")):
        assert describe(text, INSTALLED, "claude", "claude") == NOTHING


@pytest.mark.parametrize("links", [5, 1.5, True, [5], [[]], {"a": 1}])
def test_a_configuration_that_was_edited_into_nonsense_is_compared_as_far_as_it_goes(links: Any) -> None:
    installed = yaml.safe_dump({**INSTALLED, "shared_links": links})
    found = describe(installed, {**INSTALLED, "accounts": [TWO]}, "claude", "claude", ["active=/h/one"])
    assert len(found["refused"]) == 1 and "it is active" in found["refused"][0]


def test_a_configuration_that_is_none_is_an_error() -> None:
    with pytest.raises(AnsibleFilterError, match="expected the wanted configuration"):
        describe("", "text", "claude", "claude")


def test_the_places_are_those_that_the_script_looks_at() -> None:
    assert changes()["places"] == ["/h/link", "2", "/h/one", "/h/two", "/h/one/projects", "/h/two/projects"]


def test_a_path_is_compared_in_any_spelling() -> None:
    found = changes(("active=/h/one",), accounts=[{**ONE, "home": "/h//./one/"}, TWO], active_link="//h/link/")
    assert (found["refused"], found["told"]) == ([], [])


def test_an_active_account_may_go_where_the_new_link_leads_to_another() -> None:
    assert changes(("active=/h/one", "free"), accounts=[TWO], active_link="/h/other")["refused"] != []
    assert changes(("active=/h/one",), accounts=[TWO], active_link="/h/other")["refused"] == []


def test_a_new_link_is_made_only_where_none_is() -> None:
    assert changes(("active=/h/two", "free"), active_link="/h/other")["new_link_home"] == "/h/two"
    assert changes(("active=/h/two",), active_link="/h/other")["new_link_home"] == ""
    assert changes(("free",), active_link="/h/other")["new_link_home"] == "", "the old link leads to no account"


def test_links_that_were_moved_by_hand_are_no_reason_to_refuse() -> None:
    assert changes(("link=/h/one/projects=/h/.claude-projects-shared",), shared_root="/srv")["refused"] != []
    assert changes(("link=/h/one/projects=/srv/.claude-projects-shared",), shared_root="/srv")["refused"] == []


def test_sentences_have_the_order_of_the_configuration() -> None:
    names = ["e", "b", "d", "a", "c"]
    installed = {**INSTALLED, "shared_links": names}
    facts = [f"link=/h/one/{name}=/h/.claude-{name}-shared" for name in names]
    found = describe(yaml.safe_dump(installed), {**installed, "shared_root": "/srv"}, "claude", "claude", facts)
    assert [sentence.split()[3] for sentence in found["refused"]] == names


def test_a_shared_file_is_moved_as_a_folder_is_and_keeps_its_kind() -> None:
    link = {"name": "settings.json", "kind": "file"}
    installed = yaml.safe_dump({**INSTALLED, "shared_links": [link]})
    facts = ["link=/h/one/settings.json=/h/.claude-settings.json-shared"]
    moved = {**INSTALLED, "shared_links": [{**link, "target": "/srv/s"}]}
    (told,) = describe(installed, moved, "claude", "claude", facts)["refused"]
    assert told.startswith("The shared file settings.json is /srv/s by")
    assert "{name: settings.json, target: /h/.claude-settings.json-shared, kind: file}" in told
    assert "mv -T /h/.claude-settings.json-shared /srv/s" in told


def test_a_tmux_server_that_has_ended_is_no_reason_to_refuse() -> None:
    installed = yaml.safe_dump({**INSTALLED, "tmux": {"socket": "/run/a"}})
    wanted = {**INSTALLED, "tmux": {"socket": "/run/b"}}
    assert describe(installed, wanted, "claude", "claude", ["tmux"])["refused"] != []
    assert describe(installed, wanted, "claude", "claude", [])["refused"] == []


@pytest.mark.parametrize(
    ("facts", "refused"),
    [(["tmux"], True), ([], False), (["tmux", "ingroup"], False)],
    ids=["outside", "ended", "inside"],
)
def test_another_group_is_refused_only_where_the_tmux_server_is_not_in_it(facts: list[str], refused: bool) -> None:
    found = describe(yaml.safe_dump(INSTALLED), INSTALLED, "claude", "staff", ["group=claude", *facts])
    assert bool(found["refused"]) is refused


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"removed_sessions": "keep"}, "The session old is no longer configured: it goes on"),
        ({"removed_sessions": "stop"}, "The session old is no longer configured: it is ended once it is idle."),
    ],
)
def test_a_removed_session_is_told_as_it_will_be(changed: dict[str, Any], sentence: str) -> None:
    found = changes(sessions=[{"name": "a b", "cwd": "/"}], **changed)
    assert len(found["told"]) == 1 and found["told"][0].startswith(sentence)


def test_a_renamed_session_is_neither_new_nor_removed() -> None:
    sessions = [{"name": "a b", "cwd": "/"}, {"name": "new", "cwd": "/", "renamed_from": "old"}]
    assert changes(sessions=sessions)["told"] == ["The session old is called new, and keeps its conversation."]


def test_a_default_that_is_written_out_is_no_change() -> None:
    sessions = [{"name": "a b", "cwd": "/", "command": ["claude"], "env": {}}, {"name": "old", "cwd": "/"}]
    assert changes(sessions=sessions)["told"] == []


def test_a_command_can_be_copied_from_a_sentence() -> None:
    sessions = [{"name": "a b", "cwd": "/x"}, {"name": "old", "cwd": "/"}]
    assert changes(sessions=sessions)["told"][0].endswith("claude-failover restart 'a b'.")
    idle = changes(sessions=sessions, restart_sessions="idle")["told"][0]
    assert idle.endswith("it is restarted in its conversation once it is idle.")


def test_what_a_renamed_session_runs_without_is_told_too() -> None:
    rows = [INSTALLED["sessions"][0], {"name": "new", "cwd": "/srv", "renamed_from": "old"}]
    assert changes(sessions=rows)["told"] == [
        "The session old is called new, and keeps its conversation.",
        (
            "The session new goes on as it was started, without the change of cwd; "
            "to apply it: claude-failover restart new."
        ),
    ]


def test_the_keys_that_take_effect_at_a_start_are_those_of_the_daemon() -> None:
    config = Config("/etc/x.yml", (Account("a", "/home/a"),))
    spec = SessionConfig("main", "/srv")
    assert {"cwd", *launch_of(spec, config).digests} == {*_STARTED_WITH, "detection.hooks", "telemetry"}
    assert {key: default for key, default in _STARTED_WITH.items() if key != "cwd"} == {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in ((key, getattr(spec, key)) for key in _STARTED_WITH if key != "cwd")
    }
