# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's own things in a home: memory, rule, style, agent, command, skill, plugin, MCP servers, key, hooks.

Each bears a mark that the stub finds in a request. What a command's file says has the stub use a tool, so that one turn
shows the command and what becomes of the tool.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from typing import Any

from .session import Session
from .wait import until
from .world import HERE, PORT, World

#: Marks that every request of a conversation bears (2.1.197, 2.1.332).
ALWAYS = {"MARK-MEMORY", "MARK-RULE", "MARK-STYLE", "MARK-AGENT-LISTED", "MARK-SKILL-LISTED"}
DENIED = "Permission to use Bash with command touch forbidden has been denied."
OLD_PROMPT = "typed long ago"
MARKETPLACE, PLUGIN = "bazaar", "marked@bazaar"
SERVER, HTTP_SERVER, PROJECT_SERVER = "notes", "web-notes", "project-notes"
REFUSED = "refused by the guard"
GUARDED = '[[use Bash {"command": "printenv GUARDED", "description": "A guarded step"}]]'
ALLOWED = '[[use Bash {"command": "printenv OWN_VARIABLE", "description": "An allowed step"}]]'
#: What a person types, and what the tool that is used then answers in it.
USES = {
    "/marked-command": DENIED,
    "/marked-skill": "noted for me",
    "/marked:plugin-command": "MARK-AGENT",
    f"say {ALLOWED}": "of the settings",
    f"say {GUARDED}": REFUSED,
}
TEXTS = {
    "hooks/guard.sh": f"#!/bin/sh\nif grep -q 'printenv GUARDED'; then echo {REFUSED} >&2; exit 2; fi\n",
    "CLAUDE.md": "MARK-MEMORY\n",
    "rules/marked.md": "MARK-RULE\n",
    "output-styles/marked.md": "---\nname: Marked\ndescription: A style\n---\nMARK-STYLE\n",
    "agents/marked.md": "---\nname: marked\ndescription: MARK-AGENT-LISTED\n---\nMARK-AGENT\n",
    "commands/marked-command.md": "---\ndescription: A command\n---\nMARK-COMMAND\n"
    '[[use Bash {"command": "touch forbidden", "description": "A denied step"}]]\n',
    "skills/marked-skill/SKILL.md": "---\nname: marked-skill\ndescription: MARK-SKILL-LISTED\n---\nMARK-SKILL\n"
    f'[[use mcp__{SERVER}__note {{"text": "for me"}}]]\n',
}
SETTINGS = {
    "permissions": {
        "deny": ["Bash(touch *)"],
        "allow": ["Bash(printenv *)", f"mcp__{SERVER}"],
    },
    "env": {"OWN_VARIABLE": "of the settings"},
    "outputStyle": "Marked",
    # 2.1.332 asks about a project's server, also where the state file has the answer of an older version.
    "enabledMcpjsonServers": [PROJECT_SERVER],
}
KEY = "C-y"
KEYS = {"bindings": [{"context": "Global", "bindings": {"ctrl+y": "app:toggleTranscript"}}]}
MARKET = {
    ".claude-plugin/marketplace.json": json.dumps(
        {
            "name": MARKETPLACE,
            "owner": {"name": "e2e"},
            "plugins": [{"name": "marked", "source": "./marked", "description": "A plugin"}],
        }
    ),
    "marked/.claude-plugin/plugin.json": '{"name": "marked", "version": "1.0.0", "description": "A plugin"}',
    "marked/commands/plugin-command.md": "---\ndescription: A command\n---\nMARK-PLUGIN\n"
    '[[use Agent {"description": "An errand", "prompt": "run it", "subagent_type": "marked"}]]\n',
}


def move_in(world: World) -> None:
    """Write what a person keeps by editing files, through the active link, and have the CLI write the rest."""
    for name, text in TEXTS.items():
        _write(world, os.path.join(world.link, name), text)
    os.chmod(os.path.join(world.link, "hooks", "guard.sh"), 0o755)
    for name, text in MARKET.items():
        _write(world, world.path("market", name), text)
    path = os.path.join(world.link, "settings.json")
    with open(path, encoding="utf-8") as stream:
        settings = json.load(stream)
    _write(world, path, json.dumps({**settings, **SETTINGS, "hooks": own_hooks(world)}))
    old = {"display": OLD_PROMPT, "pastedContents": {}, "timestamp": 1, "project": world.cwd}
    _write(world, os.path.join(world.link, "history.jsonl"), json.dumps({**old, "sessionId": str(uuid.uuid4())}) + "\n")
    _write(world, os.path.join(world.link, "keybindings.json"), json.dumps(KEYS))
    claude(world, "plugin", "marketplace", "add", world.path("market"))
    claude(world, "plugin", "install", PLUGIN)
    program = shutil.copy(os.path.join(HERE, "stub_mcp.py"), world.path("bin", "notes.py"))
    for scope, name in (("user", SERVER), ("project", PROJECT_SERVER)):
        claude(world, "mcp", "add", "--scope", scope, name, "/usr/bin/python3", program)
    claude(world, "mcp", "add", "--scope", "user", "--transport", "http", HTTP_SERVER, f"http://127.0.0.1:{PORT}/mcp")


def say(session: Session, text: str) -> float:
    """Type a line into the prompt box, and press Enter once it is seen there; return the moment."""
    session.until(lambda: session.status() in ("idle", None), "an idle session")  # 2.1.112 and older tell no status
    session.wait_ready()
    session.text(text)
    until(lambda: text[:60] in (session.box() or ""), f"{text!r} in the prompt box", show=session.screen)
    session.keys("Enter")
    return time.time()


def use(session: Session, tag: str, text: str) -> dict[str, Any]:
    """Type what has a tool used; return the request that shows what became of it."""
    before = len(session.world.turns(session.ids))
    say(session, text)

    def seen() -> dict[str, Any] | None:
        turns = session.world.turns(session.ids)[before:]
        return next((turn for turn in turns if USES[text] in turn["results"] + str(turn["marks"])), None)

    turn = session.until(seen, f"{USES[text]!r} in a request after {text!r}", show=lambda: _shown(session, before))
    assert turn["tag"] == tag
    session.until(lambda: len(session.world.turns(session.ids)) >= before + 2, "the end of the turn")
    return turn


def _shown(session: Session, before: int) -> str:
    return session.screen() + json.dumps(session.world.turns(session.ids)[before:], indent=1)


def servers(world: World) -> dict[str, bool]:
    """Return the MCP servers that the CLI knows in the world's folder, and whether each one answers."""
    rows = [row.partition(": ") for row in claude(world, "mcp", "list").splitlines() if ": " in row]
    return {name: "Connected" in rest for name, _colon, rest in rows}


def own_hooks(world: World) -> dict[str, Any]:
    """Return the hooks of the person's settings: those that the world records, and a guard in the home."""
    with open(world.session_settings, encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)["hooks"]
    guard = {"type": "command", "command": '"${CLAUDE_CONFIG_DIR:-$HOME/.claude}/hooks/guard.sh"'}
    return {**found, "PreToolUse": [{"matcher": "Bash", "hooks": [guard]}]}


def claude(world: World, *arguments: str) -> str:
    """Run the CLI to its end; return what it printed."""
    done = world.namespace.run([world.claude, *arguments], world.env(), timeout=120)
    assert done.returncode == 0, (arguments, done)
    return done.stdout


def _write(world: World, path: str, text: str) -> None:
    """Write a file as the ordinary user would: over what is there, with its folder."""
    folder = os.path.dirname(path)
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chown(folder, world.namespace.uid, world.namespace.gid)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chown(path, world.namespace.uid, world.namespace.gid)
