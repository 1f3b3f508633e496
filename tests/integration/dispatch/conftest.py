# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of the pool, and others, in a folder: real tmux, the real daemon, and the fake Claude."""

from __future__ import annotations

import glob
import json
import subprocess
import sys

import pytest

from ..daemon.conftest import wait_for
from ..failover.conftest import World


class Pool(World):
    """A world whose tasks can be followed."""

    def dispatch(self, *arguments: str, text: str | None = None) -> dict:
        result = self.command("dispatch", "--json", *arguments, *(["-"] if text is not None else []), input=text)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def tasks(self) -> list[dict]:
        result = self.command("queue", "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def task(self, identity: str) -> dict:
        return next(row for row in self.tasks() if row["id"] == identity)

    def until(self, identity: str, *states: str) -> dict:
        def reached():
            row = self.task(identity)
            return row if row["state"] in states else None

        return wait_for(reached, f"task {identity} to be {states}; now {self.task(identity)}", deadline=40)

    def prompts(self) -> list[str]:
        """Every prompt in the transcripts that somebody entered, oldest first."""
        found = []
        for path in glob.glob(self.path("root/.claude-projects-shared/*/*.jsonl")):
            with open(path, encoding="utf-8") as stream:
                records = [json.loads(line) for line in stream]
            found += [record for record in records if record["type"] == "user" and not record.get("isMeta")]
        return [record["message"]["content"] for record in sorted(found, key=lambda record: record["timestamp"])]

    def dispatch_in_background(self, text: str) -> subprocess.Popen[bytes]:
        """Dispatch without waiting for an answer, which may never come."""
        return subprocess.Popen(
            [sys.executable, "-m", "claude_failover", "dispatch", text],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**self.environment, "CLAUDE_FAILOVER_CONFIG": self.path("config.yml")},
        )


@pytest.fixture
def pool(short_folder, python_path):
    world = Pool(short_folder, python_path)
    yield world
    world.close()
