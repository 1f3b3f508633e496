# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failovers in a folder: real tmux, the real daemon, and the fake Claude."""

from __future__ import annotations

import glob
import json
import os
import sys
import time

import pytest

from claude_failover.rehearsal.fake_claude.credentials import made_up
from claude_failover.rehearsal.fake_claude.launcher import install

from ..daemon.conftest import Host, wait_for


def entry_of(name: str) -> dict:
    """Return the ``oauthAccount`` of an account."""
    return {"accountUuid": f"account-{name}", "emailAddress": f"{name}@example.invalid", "displayName": name}


class World(Host):
    """A host whose accounts are logged in (with made-up tokens) and whose sessions run the fake Claude."""

    def __init__(self, folder: str, python_path: str, accounts: tuple[str, ...] = ("one", "two")) -> None:
        super().__init__(folder, python_path)
        self.config["accounts"] = [{"name": name, "home": self.path(f"user/.claude-{name}")} for name in accounts]
        self.config["failover"] = {"cooldown": 1}
        self.modes = {}
        self.world_file = self.path("world/world.json")
        os.mkdir(self.path("world"))
        self.set_world()
        install(
            self.path("bin"),
            [
                "env",
                f"CLAUDE_FAKE_WORLD={self.world_file}",
                sys.executable,
                "-m",
                "claude_failover.rehearsal.fake_claude",
            ],
        )
        with open(self.path("bin/claude-failover"), "w", encoding="utf-8") as stream:
            stream.write(f'#!/bin/sh\nexec {sys.executable} -S -m claude_failover "$@"\n')
        os.chmod(self.path("bin/claude-failover"), 0o700)
        for name in accounts:
            home = self.path(f"user/.claude-{name}")
            os.makedirs(home)
            self.login(name)
            with open(os.path.join(home, ".claude.json"), "w", encoding="utf-8") as stream:
                trusted = {self.path("work"): {"hasTrustDialogAccepted": True}}
                json.dump({"hasCompletedOnboarding": True, "projects": trusted}, stream)

    def share_state_file(self) -> None:
        """Let the homes share one ``.claude.json``, which names the first account; every account is recorded."""
        names = [account["name"] for account in self.config["accounts"]]
        self.state_file = self.path("root/.claude-claude.json-shared")
        self.config["shared_links"] = [
            "session-env",
            "file-history",
            "projects",
            {"name": ".claude.json", "kind": "file"},
        ]
        for name in reversed(names):
            path = self.path(f"user/.claude-{name}/.claude.json")
            os.rename(path, self.state_file)
            os.symlink(self.state_file, path)
        self.change_state_file(oauthAccount=entry_of(names[0]), numStartups=7)
        rows = {name: {"account_uuid": f"account-{name}", "entry": entry_of(name)} for name in names}
        os.makedirs(self.path("state"), 0o700)
        with open(self.path("state/identities.json"), "w", encoding="utf-8") as stream:
            json.dump({"version": 1, "data": rows}, stream)

    def state_document(self) -> dict:
        with open(self.state_file, encoding="utf-8") as stream:
            return json.load(stream)

    def change_state_file(self, **changes) -> None:
        """Change keys of the shared file as Claude Code does."""
        document = {**self.state_document(), **changes}
        with open(self.state_file + ".new", "w", encoding="utf-8") as stream:
            json.dump(document, stream)
        os.chmod(self.state_file + ".new", 0o600)
        os.rename(self.state_file + ".new", self.state_file)

    def named(self) -> str:
        """Return the account that the shared file names."""
        return self.state_document()["oauthAccount"]["accountUuid"].partition("-")[2]

    def login(self, name: str) -> None:
        path = os.path.join(self.path(f"user/.claude-{name}"), ".credentials.json")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(made_up(name), stream)
        os.chmod(path, 0o600)

    def set_world(self, **modes) -> None:
        """Set the modes of accounts in the fake Claude's world file, for their next requests."""
        self.modes.update(modes)
        temporary = self.world_file + ".new"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump({"accounts": self.modes}, stream)
        os.rename(temporary, self.world_file)

    def limit(self, name: str, claim: str = "five_hour", seconds: float = 3600) -> None:
        self.set_world(**{name: {"mode": "limit", "claim": claim, "resets_at": int(time.time() + seconds)}})

    def requests(self) -> list[dict]:
        try:
            with open(self.path("world/requests.jsonl"), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []

    def refusals(self, uuid: str) -> list[str]:
        """Return the lines of the conversation's transcripts that hold an error of the API."""
        lines = []
        for transcript in glob.glob(self.path(f"root/.claude-projects-shared/*/{uuid}.jsonl")):
            with open(transcript, encoding="utf-8") as stream:
                lines += [line for line in stream if line.endswith("\n") and json.loads(line).get("isApiErrorMessage")]
        return lines

    def prompt(self, session: str, text: str) -> None:
        """Type a prompt as a person would."""
        self.tmux("send-keys", "-t", f"={session}:", "-l", text)
        # Once shown the text has been read; Enter in the same read could count as part of a paste.
        wait_for(lambda: text in self.screen(session), f"{text!r} in the prompt box of {session}")
        self.tmux("send-keys", "-t", f"={session}:", "Enter")

    def screen(self, session: str) -> str:
        return self.tmux("capture-pane", "-p", "-J", "-t", f"={session}:")

    def ready(self, *names: str) -> None:
        for name in names:
            wait_for(lambda name=name: self.row(name)["state"] == "idle", f"{name} to be idle")

    def switches(self) -> list[dict]:
        """Return the records in the log of switches, oldest first."""
        try:
            with open(self.path("state/switches.jsonl"), encoding="utf-8") as stream:
                return [json.loads(line) for line in stream]
        except FileNotFoundError:
            return []

    def turns(self, account: str, prompt: str, mode: str = "ok") -> list[dict]:
        """Return the account's requests with that prompt that ended in that mode."""
        return [
            row
            for row in self.requests()
            if row.get("tag") == account and row.get("prompt") == prompt and row.get("mode") == mode
        ]

    def answered(self, account: str, prompt: str, count: int = 1) -> None:
        wait_for(
            lambda: len(self.turns(account, prompt)) >= count,
            f"{prompt!r} answered {count} times under {account}; requests: {self.requests()[-6:]}",
        )


@pytest.fixture
def world(short_folder, python_path):
    world = World(short_folder, python_path)
    yield world
    print(world.daemon_log())  # shown when the test failed
    world.close()
