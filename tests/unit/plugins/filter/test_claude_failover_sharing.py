# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the filter claude_failover_sharing: what the accounts of a host share, and what is told where they do not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.secuaas.claude.plugins.filter import claude_failover_sharing as plugin

decide = plugin.FilterModule().filters()["claude_failover_sharing"]
USUAL = ("session-env", "file-history", "projects")
LINKS = [
    {"name": name, "kind": kind, "target": f"/h/.claude-{name.lstrip('.')}-shared"}
    for name, kind in (
        ("settings.json", "file"),
        ("agents", "directory"),
        ("sessions", "directory"),
        (".claude.json", "file"),
    )
]
FRESH = ("user", "looked")
IN_USE = ("user", "own=/h/one/.claude.json", "own=/h/one/settings.json", "own=/h/two/.claude.json", "looked")
SHARING = {"shared_root": "/h", "shared_links": [*USUAL, *LINKS]}
EARLIER = {"shared_root": "/h", "shared_links": [*USUAL, "sessions"]}


def sharing(
    setting: Any = "auto",
    facts: tuple[str, ...] = FRESH,
    *,
    shared: Any = USUAL,
    root: str = "/h",
    installed: Any = None,
) -> Any:
    text = "" if installed is None else yaml.safe_dump(installed)
    return decide(setting, links=LINKS, shared_links=list(shared), shared_root=root, facts=facts, installed=text)


def told(found: Any) -> str:
    (text,) = found["told"]
    return str(text)


@pytest.mark.parametrize("facts", [FRESH, (), ("group",)], ids=["looked", "before any look", "no user yet"])
def test_auto_shares_where_no_home_has_anything_of_its_own(facts: tuple[str, ...]) -> None:
    assert sharing(facts=facts) == {"links": LINKS, "divergent": False, "told": []}


def test_auto_leaves_a_host_in_use_as_it_is_and_tells_names_and_the_way() -> None:
    found = sharing(facts=IN_USE)
    assert (found["links"], found["divergent"]) == (["sessions"], False)
    text = told(found)
    assert "/h/one has its own .claude.json, settings.json; /h/two has its own .claude.json." in text
    assert "secuaas.claude.adopt" in text


@pytest.mark.parametrize("installed", [None, EARLIER])
def test_sessions_are_shared_as_before_where_no_home_has_its_own(installed: Any) -> None:
    assert sharing(facts=IN_USE, installed=installed)["links"] == ["sessions"]
    assert sharing(facts=IN_USE, shared=["projects"], installed=installed)["links"] == []


def test_sessions_of_a_home_s_own_are_not_shared() -> None:
    found = sharing(facts=("user", "own=/h/two/sessions", "looked"))
    assert found["links"] == []
    assert "/h/two has its own sessions." in told(found)


@pytest.mark.parametrize(
    ("installed", "links"), [(None, []), (EARLIER, ["sessions"]), (SHARING, LINKS)], ids=["new", "earlier", "sharing"]
)
def test_a_look_that_did_not_end_is_not_taken_for_nothing_found(installed: Any, links: list[Any]) -> None:
    found = sharing(facts=("user",), installed=installed)
    assert found["links"] == links
    assert bool(found["told"]) == (installed is not SHARING)
    assert all("did not come to its end" in text for text in found["told"])


@pytest.mark.parametrize("facts", [IN_USE, FRESH])
def test_a_host_that_shares_them_stays_so_and_an_entry_in_a_link_s_place_is_a_divergence(
    facts: tuple[str, ...],
) -> None:
    divergent = facts is IN_USE
    assert sharing(facts=facts, installed=SHARING) == {"links": LINKS, "divergent": divergent, "told": []}


def test_the_same_host_with_another_shared_root_stays_so_too() -> None:
    """The move of the targets is then refused, link by link, instead of forgotten."""
    moved = [{**link, "target": link["target"].replace("/h/", "/srv/")} for link in LINKS]
    found = decide(
        "auto",
        links=moved,
        shared_links=list(USUAL),
        shared_root="/srv",
        facts=IN_USE,
        installed=yaml.safe_dump(SHARING),
    )
    assert found == {"links": moved, "divergent": True, "told": []}


@pytest.mark.parametrize("text", ["", "- a list", "}: [", "shared_links: 5", "shared_links: [5]", "x: 2026-13-45"])
def test_a_damaged_configuration_shares_nothing(text: str) -> None:
    found = decide("auto", links=LINKS, shared_links=list(USUAL), shared_root="/h", facts=IN_USE, installed=text)
    assert found["links"] == ["sessions"]


@pytest.mark.parametrize("setting", [True, "true", "True"])
def test_true_shares_them_whatever_the_homes_have(setting: Any) -> None:
    assert sharing(setting, IN_USE) == {"links": LINKS, "divergent": True, "told": []}
    assert sharing(setting, FRESH) == {"links": LINKS, "divergent": False, "told": []}


@pytest.mark.parametrize("setting", [False, "false", "False"])
@pytest.mark.parametrize("installed", [None, EARLIER, SHARING])
def test_false_shares_nothing_more(setting: Any, installed: Any) -> None:
    found = sharing(setting, IN_USE, installed=installed)
    assert found == {"links": [], "divergent": False, "told": []}


@pytest.mark.parametrize("setting", [None, "yes please", 2, []])
def test_any_other_setting_is_an_error_that_names_it(setting: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"shared_settings is .*; expected auto, true or false"):
        sharing(setting)


def test_an_entry_that_the_other_links_name_is_theirs() -> None:
    own = [*USUAL, "agents", {"name": "settings.json", "kind": "file", "target": "/etc/s.json"}]
    found = sharing(facts=("user", "own=/h/one/settings.json", "own=/h/one/agents", "looked"), shared=own)
    assert [link["name"] for link in found["links"]] == ["sessions", ".claude.json"]
    assert found["told"] == []


@pytest.mark.parametrize("root", ["/", "//", "/./"])
def test_auto_does_not_put_files_into_the_root_folder(root: str) -> None:
    assert "shared files would lie in /" in told(sharing(root=root))
    assert sharing(root=root)["links"] == ["sessions"]
