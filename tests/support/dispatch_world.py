# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world for the tests of the dispatcher: tmux, Claude Code and the disk are made up, the rest is real.

What cannot be seen from inside is kept apart, as the truth: which process each prompt really reached, and by whose
Enter. A process does not change its mind about who started it, whatever its session is called.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

from claude_failover.claude.prompt_delivery import Timing, deliver, withdraw
from claude_failover.claude.turns import TurnEvent
from claude_failover.common import clock
from claude_failover.common.processes import Process
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, SessionConfig
from claude_failover.sessions import ownership
from claude_failover.sessions.registry import RegistryEntry
from claude_failover.sessions.tracked_session import TrackedSession
from claude_failover.tasks.dispatcher import Dispatcher
from claude_failover.tasks.queue import TaskQueue
from claude_failover.tasks.turn_outcome import reaches_back_to
from claude_failover.tmux.client import Pane, TmuxGone, TmuxNotFound

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
RULE = "─" * 40
PERMISSION = [RULE, " Do you want to proceed?", " ❯ 1. Yes", "   2. No", " Esc to cancel · Tab to amend"]
TIMING = Timing(ready=0.4, seen=0.3, settle=0.2, leave=0.3, turn=0.6, after_escape=0.1, poll=0.1, backoff=(0.1, 0.2))


class Crash(BaseException):
    """The daemon was killed."""


class Disk:
    """The documents of the tasks. What is in them outlives a crash; ``fault`` is asked around every write."""

    def __init__(self):
        self.documents = {}
        self.fault = lambda moment: None

    def names(self):
        return list(self.documents)

    def load(self, name):
        return json.loads(self.documents[name])

    def save(self, name, data):
        self.fault("before")
        self.documents[name] = json.dumps(data)
        self.fault("after")

    def remove(self, name):
        del self.documents[name]

    def set_aside(self, name, reason):
        raise AssertionError(f"{name}: {reason}")


class Claude:
    """One Claude Code process: its prompt box, its conversation, and who started it (None: a person)."""

    def __init__(self, world, pid, made_for, uuid, records):
        self.world, self.pid, self.made_for, self.uuid, self.records = world, pid, made_for, uuid, records
        self.alive = True
        self.box = ""
        self.state = "idle"
        self.lags = False
        self.deaf = False  # its hooks reach nobody
        self.pending = []
        self.behind = []  # prompts that wait for the turn to end

    @property
    def process(self):
        return Process(self.pid, 1, self.pid * 10, "claude", "S" if self.alive else "Z")

    def key(self, key, by):
        # What counts is the moment of the key, not that at which a process that lags reads it.
        self.pending.append((key, by, self.world.is_allowed(self.made_for)))
        if not self.lags:
            self.catch_up()

    def catch_up(self):
        while self.pending and self.alive:
            key, by, allowed = self.pending.pop(0)
            if key == "Enter":
                self.enter(by, allowed)
            elif key == "C-u":
                self.box = "" if "\n" not in self.box or self.folded else self.box.rpartition("\n")[0]
            elif key not in ("Escape", "C-c") and self.state != "waiting":
                self.box += key

    @property
    def folded(self):
        return self.box.count("\n") > 2

    def enter(self, by, allowed):
        if self.state == "waiting" or not self.box.strip():
            return
        text, self.box = self.box, ""
        self.world.truth.append((text, by, self.made_for, allowed))
        if self.state == "idle":
            self.begin(text)
        else:
            self.behind.append(text)

    def begin(self, text):
        if text.startswith("/") and not text.startswith("/review"):
            self.run_command(text)
            return
        self.state = "busy"
        self.record("user", text)
        self.tell("prompt", text)

    def run_command(self, text):
        """Run one of Claude Code's own commands: a record with its output, and no hook of a prompt (2.1.332)."""
        if text == "/exit":
            self.tell("end")
            self.end()
        elif text == "/clear":
            self.tell("end")
            self.uuid, self.records = "2" * 8 + self.uuid[8:], []
            self.tell("start")
        else:
            self.record("user", f"<command-name>{text.split()[0]}</command-name>")
            self.record("user", "<local-command-stdout>all of it</local-command-stdout>")

    def record(self, kind, text, **more):
        message = {"role": kind, "content": text if kind == "user" else [{"type": "text", "text": text}]}
        if more.pop("ends", False):
            message["stop_reason"] = "end_turn"
        self.records.append({"type": kind, "message": message, "timestamp": clock.iso(self.world.now), **more})

    def tell(self, kind, prompt=None):
        if not self.deaf:
            self.world.hook(self, kind, prompt)

    def finish(self):
        if self.state == "busy":
            self.record("assistant", "done", ends=True)
            self.state = "idle"
            self.tell("stop")
            if self.behind and self.alive:
                self.begin("\n".join(self.behind))
                self.behind = []

    def interrupt(self):
        if self.state == "busy":
            self.record("user", "[Request interrupted by user]")
            self.state, self.behind = "idle", []

    def fail(self, text, limited):
        if self.state == "busy":
            more = (
                {
                    "apiError": "usage_limit_reached",
                    "quotaLimits": {
                        "status": "rejected",
                        "resetsAt": int(self.world.now.timestamp()) + 3600,
                        "rateLimitType": "five_hour",
                    },
                }
                if limited
                else {}
            )
            self.record(
                "assistant",
                text,
                isApiErrorMessage=True,
                error="rate_limit" if limited else "server_error",
                apiErrorStatus=429 if limited else 500,
                ends=False,
                **more,
            )
            self.state = "idle"
            self.tell("failure")

    def end(self):
        self.alive, self.box, self.pending, self.behind = False, "", [], []

    def screen(self):
        if self.state == "waiting":
            return PERMISSION
        text = f"[Pasted text #1 +{self.box.count(chr(10))} lines]" if self.folded else self.box
        rows = text.split("\n")
        return [RULE, f"❯\xa0{rows[0]}", *[f"  {row}" for row in rows[1:]], RULE, "  ? for shortcuts"]


@dataclasses.dataclass
class Place:
    """A tmux session with one pane."""

    name: str
    pane_id: str
    claude: Claude
    activity: int = 0


class Terminal:
    """tmux, for one life of the daemon. ``disturb`` is called wherever something can happen in between."""

    def __init__(self, world):
        self.world, self.life = world, world.life

    def _enter(self):
        if self.world.life != self.life:
            raise Crash
        if self.world.tmux_gone:
            raise TmuxGone("no server")

    def _place(self, pane_id):
        for place in self.world.places:
            if place.pane_id == pane_id:
                return place
        raise TmuxNotFound(f"there is no pane {pane_id}")

    async def pane(self, pane_id):
        self.world.disturb()
        self._enter()
        return self.world.listed(self._place(pane_id))

    async def screen(self, pane_id, escapes=False):
        self.world.disturb()
        self._enter()
        place = self._place(pane_id)
        return place.claude.screen() if place.claude.alive else ["Pane is dead"]

    async def keys(self, pane_id, *names, before=None):
        place = self._ask(pane_id, before)
        for name in names:
            place.claude.key(name, "daemon")
        self.world.disturb()

    async def paste(self, pane_id, text, *, before=None):
        self._ask(pane_id, before).claude.key(text, "daemon")
        self.world.disturb()

    async def leave_mode(self, pane_id, *, before=None):
        self._ask(pane_id, before)

    def _ask(self, pane_id, before):
        self.world.disturb()  # while another command is waited for
        self._enter()
        if before is not None:
            before()
        return self._place(pane_id)

    async def command(self, *arguments):
        self._enter()
        assert arguments[0] == "list-panes" and arguments[-1] == "#{session_activity}"
        pane_id = arguments[3].partition(",")[2].rstrip("}")
        return [str(place.activity) for place in self.world.places if place.pane_id == pane_id]


class World:
    """Everything. ``now`` moves only when told to, or when somebody sleeps; ``budget`` bounds the prompts."""

    budget = None

    def __init__(self, sessions=("w1", "w2"), dedicated=("main",)):
        self.now = T0
        self.life = 0
        self.tmux_gone = False
        self.disk = Disk()
        self.places = []
        self.pids = 100
        self.uuids = 0
        self.conversations = {}
        self.truth = []  # (text, by, made_for, allowed)
        self.disturb = lambda: None
        self.tracked = {}
        self.entries = {}
        specs = [self.spec(name, dedicated=True) for name in dedicated] + [self.spec(name) for name in sessions]
        config = Config(
            path="/c.yml",
            accounts=(Account("one", "/h/.claude-one"),),
            active_link="/h/.claude",
            shared_root="/h",
            shared_links=(),
            sessions=tuple(specs),
            state_dir="/s",
        )
        self.holder = ConfigHolder(config)
        for spec in specs:
            self.start_session(spec.name)
        self.configure(config)
        self.observe()
        self.start()

    @staticmethod
    def spec(name, dedicated=False, claude_args=True, cwd="/srv/work"):
        return SessionConfig(name, cwd, ("claude",), claude_args, dedicated, {})

    # -- the daemon ----------------------------------------------------------------------------------------

    def start(self):
        """Begin a life of the daemon."""
        self.life += 1
        self.holder = ConfigHolder(self.config)
        self.dispatcher = Dispatcher(
            self.holder,
            TaskQueue(self.disk),
            self,
            SimpleNamespace(get=self.entries.get),
            Terminal(self),
            budget=self.budget,
            records=self.records,
            send=self.send,
            withdraw=functools.partial(withdraw, timing=TIMING, sleep=self.sleep),
            alive=self.is_alive,
            now=lambda: self.now,
            monotonic=self.monotonic,
        )

    async def crash(self):
        """End it at once, and begin another. What is under way can do nothing more."""
        self.life += 1
        old, fault, disturb = self.dispatcher, self.disk.fault, self.disturb
        self.disk.fault, self.disturb = self._dead, lambda: None
        await old.stop()
        self.disk.fault, self.disturb = fault, disturb
        for tracked in self.tracked.values():
            tracked.pane = tracked.claude = None
        self.observe()
        self.start()

    @staticmethod
    def _dead(moment):
        raise Crash

    def monotonic(self):
        return (self.now - T0).total_seconds()

    async def sleep(self, seconds):
        life = self.life
        self.now += timedelta(seconds=seconds)
        self.disturb()
        await asyncio.sleep(0)
        if self.life != life:
            raise Crash

    async def send(self, *arguments, wait_begun, **options):
        """Deliver a prompt by the clock of this world, in which nobody ends a pause."""
        timing = {"timing": TIMING, "clock": self.monotonic, "sleep": self.sleep}
        return await deliver(*arguments, **{**timing, **options})

    async def step(self, seconds=1.0):
        """Let time pass, and the dispatcher look once; what it begins goes on to its end."""
        self.now += timedelta(seconds=seconds)
        await self.dispatcher.step()
        deliveries = list(self.dispatcher._delivery._deliveries.values())
        if deliveries:
            await asyncio.wait(deliveries)
        for delivery in deliveries:
            if not delivery.cancelled() and delivery.exception() is not None:
                raise delivery.exception()

    async def records(self, uuid, since):
        """Return no more records from the end than are asked for; none is changed once it is written."""
        records = self.conversations.get(uuid, [])
        begins = (at for at in range(len(records), 0, -1) if reaches_back_to(records[at:], since))
        return list(records[next(begins, 0) :])

    # -- what the daemon sees (Sessions) ------------------------------------------------------------

    def __iter__(self):
        return iter(list(self.tracked.values()))

    def get(self, name):
        """The session of that name, for the dispatcher."""
        return self.tracked.get(name)

    @property
    def config(self):
        return self.holder.current

    def configure(self, config):
        """A reload."""
        for tracked in self.tracked.values():
            tracked.spec = config.session(tracked.name)
        for spec in config.sessions:
            self.tracked.setdefault(spec.name, TrackedSession(spec.name)).spec = spec
        self.holder.replace(config)

    def replan(self, name, **changes):
        """Reload with another word on one session."""
        specs = [dataclasses.replace(spec, **changes) if spec.name == name else spec for spec in self.config.sessions]
        self.configure(dataclasses.replace(self.config, sessions=tuple(specs)))

    def listed(self, place):
        claude = place.claude
        return Pane(
            place.name,
            "$1",
            "@1",
            place.pane_id,
            claude.pid,
            not claude.alive,
            None,
            None,
            "claude",
            "/",
            0,
            80,
            24,
            False,
            True,
        )

    def observe(self):
        """A check of the sessions, which believes their names."""
        if self.tmux_gone:
            return
        for place in self.places:
            self.tracked.setdefault(place.name, TrackedSession(place.name)).spec = self.config.session(place.name)
        for name, tracked in list(self.tracked.items()):
            place = next((each for each in self.places if each.name == name), None)
            tracked.pane = self.listed(place) if place else None
            tracked.claude = None
            if place is None and tracked.spec is None:
                del self.tracked[name]
            elif place is not None and place.claude.alive:
                claude = place.claude
                tracked.claude = claude.process
                tracked.activity = claude.state
                self.offer(name, RegistryEntry(claude.uuid, "process", pid=claude.pid, started=claude.process.start))

    def offer(self, name, entry):
        held = self.entries.get(name)
        if held is None or entry.source == "hook" or held.uuid == entry.uuid or not self.is_alive(held.pid, None):
            self.entries[name] = entry

    def hook(self, claude, kind, prompt):
        """A hook of a process, which comes from its pane, and so is taken for that session's."""
        place = next((each for each in self.places if each.claude is claude), None)
        tracked = next(
            (
                each
                for each in self.tracked.values()
                if place and each.pane is not None and each.pane.pane_id == place.pane_id
            ),
            None,
        )
        if tracked is None or tracked.claude is None or tracked.claude.pid != claude.pid:
            return
        tracked.activity = {"prompt": "busy"}.get(kind, "idle")
        self.entries[tracked.name] = RegistryEntry(claude.uuid, "hook", pid=claude.pid, started=claude.process.start)
        self.dispatcher.on_turn(TurnEvent(tracked.name, claude.uuid, kind, self.now, prompt))

    def is_alive(self, pid, start):
        return any(place.claude.pid == pid and place.claude.alive for place in self.places)

    # -- what happens ------------------------------------------------------------------------------------------

    def start_session(self, name, made_for="", uuid=None, place=None):
        """Start Claude Code as the daemon does, or (``made_for`` None) as a person does."""
        self.pids += 1
        if uuid is None:
            self.uuids += 1
            uuid = f"00000000-0000-0000-0000-{self.uuids:012d}"
        records = self.conversations.setdefault(uuid, [])
        claude = Claude(self, self.pids, name if made_for == "" else made_for, uuid, records)
        if place is None:
            place = Place(name, f"%{self.pids}", claude)
            self.places.append(place)
        else:
            place.claude = claude
        return place

    def place(self, name):
        return next(place for place in self.places if place.name == name)

    def is_allowed(self, made_for):
        """Tell whether a task may go to a process that was started for that name."""
        spec = self.config.session(made_for) if made_for else None
        return spec is not None and not spec.dedicated and spec.claude_args

    def times_sent(self, prompt, by="daemon"):
        """How often an Enter of the daemon's, or of a person's, submitted a prompt."""
        squeezed = "".join(prompt.split())
        return sum("".join(text.split()) == squeezed for text, whose, _made_for, _allowed in self.truth if whose == by)


def proc(world):
    """Return the functions of `ownership` that read /proc, for this world."""

    def claude(pid):
        return next((place.claude for place in world.places if place.claude.pid == pid), None)

    def variable(pid, name):
        assert name == ownership.SESSION_VARIABLE
        found = claude(pid)
        return found.made_for if found else None

    def read(pid):
        found = claude(pid)
        return found.process if found else None

    return {"is_alive": world.is_alive, "variable": variable, "read": read}
