# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a failover that the tests share: begin with the daemon, refuse a turn, see it go on elsewhere."""

from __future__ import annotations

import os
import time
from typing import Any

from . import cli
from .daemon import ROOT, Daemon
from .session import KEY_WAIT, Session
from .wait import until
from .world import World

RESUME = "continue"
JOB = "the big job"
READER = "2.1.260"  # the first version whose look for screen readers was seen to have a prompt
HOURS = {"five_hour": 2, "seven_day": 3 * 24}


class Driven(Session):
    """A session of the daemon's: its hooks go to the daemon, so its turns are seen at the stub."""

    def prompt(self, text: str) -> None:
        """Type a prompt once no turn runs, see it in the box, press Enter, and see it go out."""
        self.turn_over()
        before = len(self.asked(text))
        self.text(text)
        until(lambda: text[:60] in (self.box() or ""), f"{text!r} in the prompt box", show=self.screen)
        self.keys("Enter")
        self.until(lambda: len(self.asked(text)) > before, f"the prompt {text!r} to be sent")

    def asked(self, text: str) -> list[dict[str, object]]:
        """Return the requests that were begun with this prompt."""
        return [turn for turn in self.world.turns(self.ids, began=True) if turn["prompt"] == text]

    def answered(self, text: str, tag: str, timeout: float = 30) -> dict[str, object]:
        """Wait until a prompt is answered under an account; return the stub's record."""
        return self.until(
            lambda: turns_of(self.world, self.ids, text, tag),
            f"{text!r} answered under {tag}",
            timeout=timeout,
            show=self._seen,
        )[0]

    def refused(self, claim: str = "five_hour", text: str = JOB) -> None:
        """Let A refuse everything from now on, and type a prompt."""
        self.world.set("A", "limit", claim=claim, resets_at=int(time.time()) + HOURS[claim] * 3600)
        self.prompt(text)

    def _seen(self) -> str:
        with open(self.world.path("daemon.log"), encoding="utf-8") as log:
            return self.screen() + "\n" + log.read()[-6000:]


def begin(
    world: World,
    *options: str,
    session: type[Driven] = Driven,
    env: dict[str, str] | None = None,
    greet: bool = True,
    extra: dict[str, object] | None = None,
    checkout: str = ROOT,
    **failover: object,
) -> tuple[Daemon, Driven]:
    """Start the daemon with the one session main, in which a first turn was answered under A if it is to ``greet``.

    ``options`` are for claude, ``env`` is added to the session's environment, ``extra`` to the configuration;
    the daemon is that of the ``checkout``.
    """
    daemon = Daemon(world, [{"name": "main", "command": [world.claude, *options]}], checkout=checkout, **failover)
    daemon.config.update(extra or {})
    daemon.config["sessions"][0]["env"].update(env or {})  # type: ignore[index]
    daemon.start()
    main = session(world, "main", identity=daemon.row("main")["uuid"])
    main.wait_ready()
    if greet:
        main.prompt("hello")
        main.answered("hello", "A")
    return daemon, main


def turns_of(world: World, session: str | list[str], text: str, tag: str, mode: str = "ok") -> list[dict[str, object]]:
    """Return the finished requests of a session with this prompt."""
    return [
        turn
        for turn in world.turns(session)
        if turn["prompt"] == text and turn["tag"] == tag and (turn["status"] == 200) == (mode == "ok")
    ]


def one_switch(daemon: Daemon) -> dict[str, Any]:
    """Wait for the record of the one switch that there was."""
    records = until(daemon.switches, "the record of the switch", show=daemon.log)
    assert [record["outcome"] for record in records] == ["switched"], records
    return records[0]


def was_asked(world: World, row: dict[str, str]) -> bool:
    """Return whether a switch's record was closed while a person had to say first whose the conversation is."""
    return world.guard and "whose this conversation is" in row["result"]


def went_on(world: World, row: dict[str, str]) -> bool:
    """Return whether a session went on, by the result of a switch's record: by itself, or once a person was asked."""
    return row["result"] == "continued" or was_asked(world, row)


def went_on_hot(daemon: Daemon) -> dict[str, object]:
    """Wait for the record of the one switch, and check that it moved the one session with no restart."""
    record = one_switch(daemon)
    (row,) = record["sessions"]
    assert row["method"] == "hot", record
    assert went_on(daemon.world, row), record
    return record


def whole(world: World, session: Session, *texts: str) -> None:
    """Check that the transcript holds every prompt, each once and in this order, and an answer to the last."""

    def conversation() -> bool:
        records = world.records(session.id)
        typed = [
            r["message"]["content"]
            for r in records
            if r.get("type") == "user"
            and not r.get("isMeta")
            and isinstance(r["message"]["content"], str)
            and not r["message"]["content"].startswith("<")
        ]
        answers = [r for r in records if r.get("type") == "assistant" and not r.get("isApiErrorMessage")]
        return (
            typed == list(texts)
            and bool(answers)
            and records.index(answers[-1]) > max(index for index, r in enumerate(records) if r.get("type") == "user")
        )

    until(conversation, f"a whole transcript with {texts}", show=lambda: str(world.records(session.id))[-3000:])


def no_token_told(world: World, daemon: Daemon) -> None:
    """Check that no made-up token stands in what the daemon wrote."""

    def found() -> list[list[str]] | None:
        walk = os.walk(world.path("state"))
        paths = [os.path.join(folder, name) for folder, _folders, names in walk for name in names]
        try:
            return [world.tokens_in([world.path("daemon.log"), *paths])]
        except FileNotFoundError:  # a temporary file, which has its own name by now
            return None

    assert until(found, "a look at every file of the daemon's") == [[]]


class Look(Session):
    """The look for screen readers: the prompt is the last line, after ``$``."""

    def box(self) -> str | None:
        """Return the text after the last line's ``$``, or None where the last line has none."""
        lines = [line.replace("\xa0", " ") for line in self.lines()]
        return lines[-1][1:].strip() if lines and lines[-1].startswith("$") else None

    def choose(self, option: str, key: str) -> None:
        """Type what an option is marked with (2.1.332: a number, or y and n), and press Enter once it is seen."""
        time.sleep(KEY_WAIT)
        mark = until(
            lambda: next((line[0] for line in self.lines() if line[1:].startswith(f". {option}")), None),
            f"the option {option!r}",
            show=self.screen,
        )
        self.text(mark)
        until(lambda: any(line.endswith(f": {mark}") for line in self.lines()), f"{mark!r} typed", show=self.screen)
        self.keys("Enter")


class DrivenReader(Look, Driven):
    """A session of the daemon's with ``--ax-screen-reader``."""


def vim(world: World, version: str = cli.NEW) -> None:
    """Switch vim mode on, in every account: in its settings, before 2.1.150 in its state file."""
    for tag in world.accounts:
        name = "settings.json" if cli.numbers(version) >= (2, 1, 150) else ".claude.json"
        world.settings(tag, {"editorMode": "vim"}, name)
