# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the homes that prepare.yml has made into those of a user who has used Claude Code for a year.

``python3 year_of_use.py USER_FOLDER``. Whatever nobody may see in any output begins with PLANTED.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Union

PLANTED = "PLANTED"
MARKET = "/home/claude/market"
PLUGIN = "/home/claude/.claude/plugins/cache/market/tool/1.0.0"


def conversation(version: str, *lines: str) -> str:
    """Return a transcript as a version writes it."""
    records = [{"type": "user", "version": version, "cwd": "/srv/work", "message": {"content": line}} for line in lines]
    return "".join(json.dumps(record) + "\n" for record in records)


FILES: dict[str, Union[str, dict[str, Any]]] = {
    ".claude.json": {
        "hasCompletedOnboarding": True,
        "numStartups": 371,
        "primaryApiKey": f"{PLANTED}-key",
        "oauthAccount": {"emailAddress": f"{PLANTED}-address@example.org", "accountUuid": "one"},
        "mcpServers": {
            "stdio": {"type": "stdio", "command": "true", "env": {"TOKEN": f"{PLANTED}-stdio"}},
            "http": {"type": "http", "url": "http://localhost:9", "headers": {"Authorization": f"{PLANTED}-http"}},
        },
        "projects": {
            "/srv/work": {
                "hasTrustDialogAccepted": True,
                "enabledMcpjsonServers": ["project"],
                "mcpServers": {"local": {"command": "true", "env": {"TOKEN": f"{PLANTED}-local"}}},
            }
        },
    },
    ".claude/settings.json": {
        "permissions": {"allow": ["Bash(ls:*)"], "deny": [f"Read({PLANTED}-rule)"]},
        "env": {"KEY": f"{PLANTED}-variable"},
        "extraKnownMarketplaces": {"market": {"source": {"source": "directory", "path": MARKET}}},
        "enabledPlugins": {"tool@market": True},
        "hooks": {
            "PreToolUse": [
                {"hooks": [{"type": "command", "command": f"sh ~/.claude/guard.sh {PLANTED}-argument"}]},
                {"hooks": [{"type": "command", "command": "sh ~/.claude/hooks/guard.sh"}]},
            ]
        },
    },
    ".claude/guard.sh": "true\n",
    ".claude/hooks/guard.sh": "true\n",
    ".claude/CLAUDE.md": f"{PLANTED}-memory\n",
    ".claude/keybindings.json": {"bindings": []},
    ".claude/history.jsonl": json.dumps({"display": f"{PLANTED}-prompt"}) + "\n",
    ".claude/agents/reviewer.md": "review\n",
    ".claude/commands/deploy.md": "deploy\n",
    ".claude/skills/own/SKILL.md": "own\n",
    ".claude/plans/plan.md": "plan\n",
    ".claude/todos/list.json": [],  # type: ignore[dict-item]  # as the CLI writes it
    ".claude/shell-snapshots/snapshot-bash-1.sh": "true\n",
    ".claude/sessions/999999.json": {"pid": 999999, "procStart": "1"},
    ".claude/plugins/known_marketplaces.json": {"market": {"installLocation": MARKET}},
    ".claude/plugins/installed_plugins.json": {"plugins": {"tool@market": [{"installPath": PLUGIN}]}},
    ".claude/plugins/cache/market/tool/1.0.0/commands/hello.md": "hello\n",
    ".claude/projects/-srv-work/oldest.jsonl": conversation("2.0.14", "first", "second"),
    ".claude/projects/-srv-work/older.jsonl": conversation("2.1.81", "third"),
    ".claude/projects/-srv-work/old.jsonl": conversation("2.1.197", "fourth"),
    ".claude/projects/-srv-work/memory/MEMORY.md": "remembered\n",
    ".claude/file-history/oldest/0123456789abcdef@v1": "before\n",
    ".claude/debug/latest.txt": "left where it is\n",
    "market/.claude-plugin/marketplace.json": {"name": "market", "plugins": []},
    "dotfiles/skill/SKILL.md": "from dotfiles\n",
    ".claude-compte2/settings.json": {"permissions": {"deny": [f"Bash({PLANTED}-other-rule)"]}},
    ".claude-compte2/.claude.json": {
        "hasCompletedOnboarding": True,
        "oauthAccount": {"emailAddress": f"{PLANTED}-other@example.org", "accountUuid": "two"},
        "mcpServers": {"other": {"command": "true", "env": {"TOKEN": f"{PLANTED}-other"}}},
    },
    ".claude-compte2/agents/tester.md": "test\n",
    ".claude-compte2/projects/-srv-work/oldest.jsonl": conversation("2.0.14", "first", "second", "continued"),
    ".claude-compte2/projects/-srv-work/older.jsonl": conversation("2.1.81", "another one of that name"),
}


def main(user_folder: str) -> None:
    """Fill the homes."""
    os.chdir(user_folder)
    os.rename(".claude-compte1", ".claude")
    os.unlink(".claude/.claude.json")
    for path, content in FILES.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(content if isinstance(content, str) else json.dumps(content))
    os.symlink("../../dotfiles/skill", ".claude/skills/dot")


if __name__ == "__main__":
    main(sys.argv[1])
