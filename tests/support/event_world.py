# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""World in which each event of the table happens: the parts of a real daemon, without a tmux server, in a folder.

`STORIES` has a story for each event: an async generator, which makes it begin, yields, and makes it be over. ::

    async with EventWorld(folder) as world:
        await world.begin("session_down")
        ...
        await world.end()

What is secret is planted in the files of the world: `PLANTED` and the folder must be in nothing that leaves the host.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pathlib
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import required_shared, validate_all
from panes import pane

from claude_failover.claude.identity import named_identity
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.common.health import SourceHealth
from claude_failover.composition.parts import Parts
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import (
    Account,
    Config,
    DetectionConfig,
    FailoverConfig,
    MetricsConfig,
    NotifyConfig,
    SessionConfig,
    TmuxConfig,
)
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence

TOKEN = "sk-ant-oat01-planted-" + "t0" * 30
ADDRESS = "planted.person@example.invalid"
PROMPT = "planted prompt: rewrite the parser of the ledger"
PLANTED = (TOKEN, ADDRESS, PROMPT, "planted")
CONVERSATION = "11111111-2222-4333-8444-555555555555"
MINUTE = 60.0


class EventWorld:
    """Two accounts, ``a`` (active) and ``b``, the session ``main``, and the daemon's parts.

    ``told`` are the events in their order, as the subscribers get them.
    """

    def __init__(self, folder: Any, *, notify: tuple[str, ...] | None = None, metrics: str | None = None) -> None:
        self.folder = os.path.join(str(folder), "planted-home")
        os.makedirs(self.folder, exist_ok=True)
        self.releases = os.path.join(str(folder), "opt")
        os.makedirs(self.releases, exist_ok=True)
        self.link = self.path(".claude")
        self.config = Config(
            path=self.path("config.yml"),
            accounts=tuple(Account(name, self.path(f".claude-{name}")) for name in "ab"),
            active_link=self.link,
            shared_root=self.folder,
            shared_links=required_shared(self.folder),
            sessions=(SessionConfig("main", self.folder, command=("claude", PROMPT)),),
            state_dir=os.path.join(str(folder), "state"),
            control_socket=self.path("control.sock"),
            tmux=TmuxConfig(socket=self.path("tmux.sock"), binary="/bin/false"),
            notify=NotifyConfig(notify or ("true",), waiting_after=600),
            metrics=MetricsConfig(metrics),
        )
        if not os.path.lexists(self.link):
            validate_all(self.config.homes, self.config.shared_links)
            for account in self.config.accounts:
                self.log_in(account.name)
            os.symlink(self.home("a"), self.link)
        self.missing = os.path.join(self.releases, "missing")  # while it is there, the notify program is not
        self.seconds = 0.0
        self.told: list[dict[str, Any]] = []
        self._cleanup = AsyncExitStack()
        self._story: AsyncGenerator[None, None] | None = None

    async def __aenter__(self) -> EventWorld:
        """Start the parts, as the daemon does."""
        self.holder, self.health = ConfigHolder(self.config), SourceHealth()
        self.parts = Parts(self.holder, self.health, self._cleanup, started_at=clock.wall(), is_ready=lambda: True)
        events = self.parts.events
        events.root, events.monotonic = self.releases, lambda: self.seconds
        events.which = lambda program: None if os.path.exists(self.missing) else program
        events.subscribe(self.told.append)
        await self.parts.failover.recover()
        await self.parts.failover.switcher.observe()  # the link as it is found
        self.parts.source_events.start()
        if self.main is not None:
            self.show()
        self.round()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._cleanup.aclose()

    # -- stories -----------------------------------------------------------------------------------------------

    async def begin(self, name: str) -> None:
        """Make the event of that name begin."""
        self._story = STORIES[name](self)
        await self._story.__anext__()

    async def end(self) -> None:
        """Make the event that was made to begin be over."""
        assert self._story is not None
        async for _moment in self._story:
            raise AssertionError("a story yields once")
        self._story = None

    def round(self, seconds: float = 0.0) -> None:
        """Let so many seconds pass, and run a round."""
        self.seconds += seconds
        self.parts.events.run_round()

    @property
    def status(self) -> dict[str, Any]:
        """The document of ``status --json``."""
        return self.parts.status.document()

    def logged(self) -> list[dict[str, Any]]:
        """Return what is in ``events.jsonl``."""
        path = os.path.join(self.config.state_dir, "events.jsonl")
        text = pathlib.Path(path).read_text(encoding="utf-8") if os.path.exists(path) else ""
        return [json.loads(line) for line in text.splitlines()]

    # -- the host ----------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def home(self, name: str) -> str:
        return self.path(f".claude-{name}")

    @property
    def main(self) -> Any:
        """The session, as it is tracked."""
        return self.parts.sessions.get("main")

    def log_in(self, name: str, days: float = 20, who: str | None = None) -> None:
        """Log an account in for so many days; its file names ``who``."""
        end = clock.wall() + timedelta(days=days)
        oauth = {
            "accessToken": TOKEN,
            "refreshToken": TOKEN,
            "refreshTokenExpiresAt": int(end.timestamp() * 1000),
        }
        write(os.path.join(self.home(name), ".credentials.json"), {"claudeAiOauth": oauth})
        write(os.path.join(self.home(name), ".claude.json"), {"oauthAccount": entry(who or name)})

    def show(self, activity: str = "idle") -> None:
        """Show the session as one that runs."""
        self.main.pane = pane("%7", session="main")
        self.main.reason = None
        self.main.activity, self.main.activity_at = activity, clock.now()

    def configure(self, **changes: Any) -> None:
        """Replace the configuration, as a reload does."""
        self.config = dataclasses.replace(self.config, **changes)
        self.holder.replace(self.config)

    def turn(self, kind: str) -> TurnEvent:
        return TurnEvent("main", CONVERSATION, kind, clock.now(), prompt=PROMPT if kind == "prompt" else None)


def write(path: str, document: Any) -> None:
    with open(path + ".new", "w", encoding="utf-8") as stream:
        json.dump(document, stream)
    os.rename(path + ".new", path)


def entry(who: str) -> dict[str, str]:
    return {"accountUuid": f"account-{who}", "emailAddress": ADDRESS, "organizationUuid": "organization"}


# -- a story for each event --------------------------------------------------------------------------------------------

Story = AsyncGenerator[None, None]


async def switch(world: EventWorld) -> Story:
    await world.parts.failover.switch("b", reason=f"by {ADDRESS}")
    yield


async def login_ends(world: EventWorld) -> Story:
    world.parts.login_watch.check()
    world.log_in("b", days=2.5)
    world.parts.login_watch.check()
    yield
    world.log_in("b", days=27)
    world.parts.login_watch.check()


async def accounts_exhausted(world: EventWorld) -> Story:
    exhaustion = world.parts.failover.switcher.availability.exhaustion
    for minutes, name in enumerate("ab", start=60):
        exhaustion.record(name, "five_hour", clock.now() + timedelta(minutes=minutes), now=clock.now())
    world.round()
    yield
    exhaustion.clear("a", now=clock.now())
    world.round()


async def session_down(world: EventWorld) -> Story:
    world.main.pane, world.main.reason = None, "exited with status 1"
    world.main.last_words = PROMPT
    world.round()
    world.round(40)
    yield
    world.show()
    world.round(10)
    world.round(40)


async def session_waiting(world: EventWorld) -> Story:
    world.show("waiting")
    world.round()
    world.round(9 * MINUTE)
    world.round(2 * MINUTE)
    yield
    world.show("busy")
    world.round()


async def session_set_aside(world: EventWorld) -> Story:
    world.main.version = "2.1.50"
    world.parts.sessions._tell_set_aside()
    yield
    world.main.version = "2.1.332"
    world.parts.sessions._tell_set_aside()


async def session_owner(world: EventWorld) -> Story:
    watch = world.parts.monitor.owner_watch
    watch._tell(world.main, "Claude Code asks whose this conversation is")
    yield
    watch._tell(world.main, None)


async def session_not_resumed(world: EventWorld) -> Story:
    verdict = Verdict(True, "five_hour", None, "usage-limit-reached", PROMPT, "seen in a story")
    evidence = Evidence("main", CONVERSATION, "hook", verdict, clock.now(), config_dir=world.link)
    queue = world.parts.failover.resume_queue
    queue.add(evidence, "a")
    while "main" in queue.limited():
        queue._record_result("main", "draft: the prompt box is not empty")
    yield
    world.parts._on_turn(world.turn("prompt"))


async def context_lost(world: EventWorld) -> Story:
    contexts = world.parts.monitor.lost_contexts
    contexts.on_records(world.main, CONVERSATION, [summary("You've hit your weekly limit · resets 10:30pm (UTC)")])
    yield
    contexts.on_records(world.main, CONVERSATION, [summary("1. Primary request: the parser")])


async def prompts_spent(world: EventWorld) -> Story:
    permit = world.parts.remote_control._budget.permit("main", PROMPT)
    while permit.take() is None:
        pass
    yield
    world.parts._on_turn(world.turn("stop"))


async def identity_changed(world: EventWorld) -> Story:
    world.parts.failover.switcher.availability.identities.record("b", named_identity({"oauthAccount": entry("b")}))
    world.log_in("b", who="somebody-else")
    world.parts.failover.observe_identities()
    yield
    world.log_in("b")
    world.parts.failover.observe_identities()


async def links_divergent(world: EventWorld) -> Story:
    path, target = os.path.join(world.home("b"), "projects"), world.path(".claude-projects-shared")
    os.unlink(path)
    os.symlink(world.folder, path)
    world.parts.link_watch.check()
    yield
    os.unlink(path)
    os.symlink(target, path)
    world.parts.link_watch.check()


async def switching_suspended(world: EventWorld) -> Story:
    os.unlink(world.link)
    os.symlink(world.path("elsewhere"), world.link)
    await world.parts.failover.switcher.observe()
    world.round()
    yield
    os.unlink(world.link)
    os.symlink(world.home("a"), world.link)
    await world.parts.failover.switcher.observe()
    world.round()


async def switch_advised(world: EventWorld) -> Story:
    one, other = world.config.accounts
    held_out = dataclasses.replace(one, enabled=False)
    world.configure(accounts=(held_out, other), failover=FailoverConfig(automatic=False))
    await world.parts.failover.run_round()
    yield
    world.configure(accounts=(one, other))
    await world.parts.failover.run_round()


async def source_blind(world: EventWorld) -> Story:
    world.health.failed("transcripts", f"[Errno 13] Permission denied: '{world.home('a')}/projects'")
    yield
    world.health.works("transcripts")


async def unknown_wording(world: EventWorld) -> Story:
    text = f"You have used up every planted limit of yours · it resets never, {ADDRESS}"
    world.parts.monitor.classifier.classify_hook({"hook_event_name": "StopFailure", "last_assistant_message": text})
    yield
    world.configure(detection=DetectionConfig(extra_patterns=(re.compile("used up every .* limit"),)))


async def disk_full(world: EventWorld) -> Story:
    def refuse() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), world.path("state/registry.json"))

    unsaved = world.parts.store.unsaved
    unsaved.attempt("registry", refuse)
    world.round()
    yield
    unsaved.attempt("registry", lambda: None)
    world.round()


async def notify_missing(world: EventWorld) -> Story:
    write(world.missing, None)
    world.round()
    yield
    os.unlink(world.missing)
    world.round()


async def release_not_ready(world: EventWorld) -> Story:
    path = os.path.join(world.releases, "rollback.json")
    took_back = {"left": "0.4.0-0123456789ab", "release": "0.3.0-ba9876543210", "time": "2026-11-26T20:00:00Z"}
    write(path, {**took_back, "reason": "the daemon did not become ready", "state": "undone"})
    world.round()
    yield
    os.unlink(path)
    world.round()


def summary(text: str) -> dict[str, Any]:
    """Return a summary of a compaction, as Claude Code 2.1.81 to 2.1.332 write it."""
    path = os.path.join(
        os.path.dirname(__file__), "..", "fixtures", "claude-code/transcripts", "compaction_refused.v2.1.81.jsonl"
    )
    with open(path, encoding="utf-8") as stream:
        records = [json.loads(line) for line in stream]
    (record,) = [record for record in records if record.get("isCompactSummary")]
    first, _refusal, last = record["message"]["content"].split("\n\n")
    return {**record, "message": {"role": "user", "content": f"{first}\n\n{text}\n\n{last}"}}


STORIES = {
    story.__name__: story
    for story in (
        switch,
        login_ends,
        accounts_exhausted,
        session_down,
        session_waiting,
        session_set_aside,
        session_owner,
        session_not_resumed,
        context_lost,
        prompts_spent,
        identity_changed,
        links_divergent,
        switching_suspended,
        switch_advised,
        source_blind,
        unknown_wording,
        disk_full,
        notify_missing,
        release_not_ready,
    )
}
