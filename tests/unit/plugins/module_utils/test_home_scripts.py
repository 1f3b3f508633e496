# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a home are named by commands of settings and of ``.claude.json``."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils._home_scripts import called_files

LINK = "/home/u/.claude"


def named(command: Any, link: str = LINK) -> list[str]:
    found = called_files({"statusLine": {"type": "command", "command": command}}, link)
    assert set(found.values()) <= {False}
    return list(found)


@pytest.mark.parametrize(
    "command",
    [
        "~/.claude/x.sh",
        "$HOME/.claude/x.sh --flag",
        '"${HOME}"/.claude/x.sh',
        '"$CLAUDE_CONFIG_DIR/x.sh"',
        "${CLAUDE_CONFIG_DIR}/x.sh",
        '"${CLAUDE_CONFIG_DIR:-$HOME/.claude}/x.sh"',
        "/home/u/.claude/x.sh",
        "/home/u/.claude/hooks/..//x.sh",
        "python3 -u ~/.claude/x.sh one two",
        "bash -lc '~/.claude/x.sh one'",
        """bash -c "sh -c '~/.claude/x.sh one'" """,
        "cd /srv && ~/.claude/x.sh|cat",
        "(~/.claude/x.sh;true)",
        "one=$(~/.claude/x.sh)",
        "first\n~/.claude/x.sh\n",
        "one \\\n  ~/.claude/x.sh",
        "~/.claude/x.sh>>~/.claude/log 2>&1",
        "[ -f ~/.claude/x.sh ] && ~/.claude/x.sh > ~/.claude/log",
        "~/.claude/x.sh | tee -a ~/.claude/log",
        "LC_ALL=C tee ~/.claude/log; ~/.claude/x.sh",
        "mkdir -p ~/.claude/state\n~/.claude/x.sh",
        "cat <~/.claude/x.sh",
        "cat ~/.claude/x.sh >(tee ~/.claude/log)",
    ],
)
def test_a_file_that_a_command_names(command: str) -> None:
    assert named(command) == ["x.sh"]


@pytest.mark.parametrize(
    "command",
    [
        "/usr/local/bin/x.sh",
        "x.sh",
        "./.claude/x.sh",
        "~/.claude",
        "~/.claude/",
        "~/.claude/../x.sh",
        "~other/.claude/x.sh",
        "/home/u/.claude-compte1/x.sh",
        "/home/u/.claudex/x.sh",
        "$HOMES/.claude/x.sh",
        "~/.claude/$NAME.sh",
        "~/.claude/*.sh",
        "cat ~/.claude/.credentials.json",
        "echo done >> ~/.claude/x.sh",
        "echo done &> ~/.claude/x.sh",
        "echo 'no end ~/.claude/x.sh",
        "~/.claude/x\x00.sh",
        "~/.claude/x\ud800.sh",
        "true ~/.claude/x.sh " + "x" * (1 << 16),
        ["~/.claude/x.sh"],
        None,
        7,
    ],
)
def test_what_names_no_file_of_the_active_home(command: Any) -> None:
    assert named(command) == []


def test_the_persons_folder_is_known_only_by_its_link() -> None:
    """Elsewhere ``~/.claude`` is a folder that no switch changes."""
    assert named("~/.claude/x.sh", "/srv/active") == []
    assert named("$CLAUDE_CONFIG_DIR/x.sh /srv/active/y.sh", "/srv/active") == ["x.sh", "y.sh"]


def test_every_kind_of_command_is_looked_at() -> None:
    def hooks(name: str) -> list[Any]:
        return [7, {"matcher": "Bash", "hooks": [None, {"type": "command", "command": f"~/.claude/{name}"}]}]

    settings = {
        "hooks": {
            "Stop": [*hooks("stop"), *hooks("both")],
            "PreToolUse": [*hooks("guard"), *hooks("both")],
            "PermissionRequest": [{"hooks": [{"command": "python3", "args": ["~/.claude/request", 7]}]}],
            "Notification": "no list",
        },
        "statusLine": {"command": "~/.claude/line"},
        "subagentStatusLine": {"command": "~/.claude/subline"},
        "fileSuggestion": {"command": "~/.claude/files"},
        **{key: f"~/.claude/{key}" for key in ("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport")},
        **{key: f"~/.claude/{key}" for key in ("gcpAuthRefresh", "otelHeadersHelper", "proxyAuthHelper")},
        "env": {"X": "~/.claude/variable"},
        "model": "~/.claude/model",
    }
    found = called_files(settings, LINK)
    assert {name for name, guards in found.items() if guards} == {"guard", "both", "request"}
    others = {"stop", "line", "subline", "files", "apiKeyHelper", "awsAuthRefresh", "awsCredentialExport"}
    assert {name for name, guards in found.items() if not guards} == others | {
        "gcpAuthRefresh",
        "otelHeadersHelper",
        "proxyAuthHelper",
    }


def test_servers_of_the_person_and_of_a_project_are_looked_at() -> None:
    state = {
        "mcpServers": {
            "one": {"command": "node", "args": ["/home/u/.claude/one.js", 7]},
            "two": {"url": "x"},
            "three": 7,
        },
        "projects": {"/srv": {"mcpServers": {"four": {"command": "${HOME}/.claude/four"}}}, "/x": 7},
    }
    assert called_files(state, LINK) == {"one.js": False, "four": False}


@pytest.mark.parametrize("document", [{}, {"hooks": []}, {"hooks": {"Stop": [{"hooks": {}}]}}, {"mcpServers": []}])
def test_a_document_of_another_form_names_nothing(document: dict[str, Any]) -> None:
    assert called_files(document, LINK) == {}
