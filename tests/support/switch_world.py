# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""World for the tests of switches and failovers: real account homes, links and credentials, and a made-up clock."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import time
from datetime import datetime, timedelta, timezone

from ansible_collections.secuaas.claude.plugins.module_utils.shared_symlinks import (
    FILE,
    required_shared,
    shared_symlink,
    validate_all,
)

from claude_failover.accounts.exhaustion import Exhaustion
from claude_failover.accounts.logins import Logins
from claude_failover.accounts.usage import Usage
from claude_failover.claude.identity import named_identity
from claude_failover.common import clock
from claude_failover.common.steady_clock import SteadyClock
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import Account, Config, FailoverConfig
from claude_failover.failover.controller import FailoverController
from claude_failover.limits import Verdict
from claude_failover.limits.evidence import Evidence
from claude_failover.storage.clock_document import ClockDocument
from claude_failover.storage.store import Store
from claude_failover.switching.switcher import Switcher

T0 = datetime(2026, 11, 22, 20, 0, tzinfo=timezone.utc)
NOW = timedelta(0)
AN_HOUR_AND_A_HALF = timedelta(minutes=90)
TOKEN = "sk-ant-oat01-must-not-be-seen-anywhere"


def minutes(number):
    return timedelta(minutes=number)


async def turns(number=100):
    """Give the event loop turns, of a millisecond each."""
    for _turn in range(number):
        await asyncio.sleep(0.001)


async def wait_until(condition, seconds=30):
    """Wait until the condition holds; fail after that many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        await asyncio.sleep(0.001)


def account_entry(name):
    """Return the whole ``oauthAccount`` of an account."""
    return {
        "accountUuid": f"account-{name}",
        "emailAddress": f"{name}@example.invalid",
        "organizationUuid": "organization",
        "organizationName": "Acme",
        "displayName": f"\u00e9 {name}",
        "roles": [{"of": name}],
    }


def verdict(limit="five_hour", resets_at=None, rule="usage-limit-reached"):
    return Verdict(True, limit, resets_at, rule, "You've hit your limit", "seen in a test")


class World:
    """Accounts named by letters, in a folder; ``now`` changes only when a test sets it."""

    def __init__(self, folder, names="ab", **failover):
        self.folder = str(folder)
        self.now = T0
        self.link = os.path.join(self.folder, ".claude")
        accounts = tuple(Account(name, os.path.join(self.folder, f".claude-{name}")) for name in names)
        self.state_link = shared_symlink(self.folder, ".claude.json", FILE)
        shared = (self.state_link,) if os.path.exists(self.state_link.target) else ()
        config = Config(
            path=os.path.join(self.folder, "config.yml"),
            accounts=accounts,
            active_link=self.link,
            shared_root=self.folder,
            shared_links=(*required_shared(self.folder), *shared),
            failover=FailoverConfig(**failover),
            state_dir=os.path.join(self.folder, "state"),
        )
        self.config_holder = ConfigHolder(config)
        if not os.path.lexists(self.link):
            validate_all(self.config.homes, self.config.shared_links)
            for name in names:
                self.log_in(name)
            os.symlink(self.home(names[0]), self.link)
        self.start()

    @property
    def config(self):
        return self.config_holder.current

    def configure(self, **changes):
        """Replace the configuration, as a reload does."""
        self.config_holder.replace(dataclasses.replace(self.config, **changes))

    def start(self):
        """Create the parts anew, as a start of the daemon does."""
        self.config_holder = ConfigHolder(self.config)
        self.store = Store(self.config.state_dir)
        self.exhaustion = Exhaustion(self.store)
        self.logins = Logins(self.store)
        self.usage = Usage(self.store)
        self.switcher = Switcher(
            self.config_holder,
            self.store,
            self.exhaustion,
            self.logins,
            self.usage,
            now=lambda: self.now,
            lock_bound=0.2,
            reread_delay=0.001,
        )
        last_change = self.switcher.link_monitor.last_change
        # The link's ctime is the kernel's clock, not the test's.
        self.switcher.link_monitor.last_change = lambda: (self.now, last_change()[1])
        return self.switcher

    def home(self, name):
        return os.path.join(self.folder, f".claude-{name}")

    def credentials(self, name):
        return os.path.join(self.home(name), ".credentials.json")

    def log_in(self, name, token=TOKEN, ends_at=None):
        """Log an account in, until the wall time ``ends_at`` (None: the file does not tell)."""
        oauth = {"accessToken": token, "refreshToken": token, "expiresAt": 1}
        if ends_at is not None:
            oauth["refreshTokenExpiresAt"] = int(ends_at.timestamp() * 1000)
        with open(self.credentials(name), "w") as stream:
            json.dump({"claudeAiOauth": oauth}, stream)

    def share_state_file(self, **document):
        """Let the homes share one ``.claude.json``, which names the active account; every account is recorded."""
        with open(self.state_link.target, "w") as stream:
            json.dump({"numStartups": 7, "oauthAccount": account_entry(self.active), **document}, stream)
        os.chmod(self.state_link.target, 0o640)
        self.configure(shared_links=(*self.config.shared_links, self.state_link))
        validate_all(self.config.homes, self.config.shared_links)
        self.start()
        for account in self.config.accounts:
            self.record_identity(account.name)

    def record_identity(self, name, who=None):
        """Record who an account is, as its login does."""
        identity = named_identity({"oauthAccount": account_entry(who or name)})
        self.switcher.availability.identities.record(name, identity)

    @property
    def state_document(self):
        """The content of the shared ``.claude.json``."""
        with open(self.state_link.target) as stream:
            return json.load(stream)

    def write_state(self, **changes):
        """Change keys of the shared ``.claude.json`` as Claude Code does; None removes one."""
        document = {**self.state_document, **changes}
        with open(self.state_link.target + ".new", "w") as stream:
            json.dump({key: value for key, value in document.items() if value is not None}, stream)
        os.rename(self.state_link.target + ".new", self.state_link.target)

    @property
    def named(self):
        """The account that the shared ``.claude.json`` names, None for none."""
        entry = self.state_document.get("oauthAccount")
        return entry["accountUuid"].partition("-")[2] if entry is not None else None

    def flip_by_hand(self, name):
        """Flip the link by hand."""
        os.symlink(self.home(name), self.link + ".by-hand")
        os.rename(self.link + ".by-hand", self.link)

    @property
    def active(self):
        return os.path.basename(os.readlink(self.link))[len(".claude-") :]

    def lock_refresh(self, name, age=0.0):
        """Create the lock of a token refresh."""
        path = os.path.join(self.home(name), ".oauth_refresh.lock")
        os.mkdir(path)
        times = os.stat(path).st_mtime - age
        os.utime(path, (times, times))
        return path

    def break_link(self, name, link="projects"):
        path = os.path.join(self.home(name), link)
        os.unlink(path)
        os.symlink(self.folder, path)

    def repair_link(self, name, link="projects"):
        path = os.path.join(self.home(name), link)
        os.unlink(path)
        os.symlink(os.path.join(self.folder, f".claude-{link}-shared"), path)

    def log(self):
        """The records in switches.jsonl, oldest first."""
        return self.store.newest_records("switches", 1000)[::-1]

    def evidence(self, session="main", limit="five_hour", reset=AN_HOUR_AND_A_HALF, begun=NOW, **values):
        """Return evidence of a request begun ``begun`` ago and refused now, with a reset in ``reset``."""
        values.setdefault("config_dir", self.link)
        resets_at = None if reset is None else self.now + reset
        return Evidence(
            session=session,
            uuid=f"00000000-0000-4000-8000-{abs(hash(session)) % 10**12:012d}",
            source="hook",
            verdict=verdict(limit, resets_at),
            at=self.now,
            request_at=None if begun is None else self.now - begun,
            **values,
        )


class JumpingClock:
    """The clock of a host: ``passed`` seconds since `T0`, which a wall clock shows that is ``off`` by some seconds."""

    def __init__(self):
        self.passed, self.off = 0.0, 0.0
        self.install()

    def install(self):
        """Give this process a steady clock anew, as a start of the daemon does."""
        clock.install(
            SteadyClock(lambda: T0.timestamp() + self.passed + self.off, lambda: 1000.0 + self.passed, lambda: "a boot")
        )

    @property
    def wall(self):
        return T0 + timedelta(seconds=self.passed + self.off)

    def jump(self, seconds):
        self.off += seconds


class JumpingWorld(World):
    """A world in the steady time of a `JumpingClock`."""

    def __init__(self, folder, names="abc", **failover):
        self.clock = JumpingClock()
        super().__init__(folder, names, **failover)

    @property
    def now(self):
        return clock.now()

    @now.setter
    def now(self, _moment):
        """The clock is the only one to set the time."""

    def start(self):
        self.clock.install()
        ClockDocument(Store(self.config.state_dir))
        return super().start()


class FakeResumer:
    """Resumes every session at once, or after ``gate`` is set; ``resumed`` are their names."""

    def __init__(self):
        self.limited = []
        self.set_aside = {}
        self.resumed = []
        self.gate = None

    def mark_limited(self, evidence):
        self.limited.append(evidence.session)

    def mark_set_aside(self, session, why):
        self.set_aside[session] = why

    async def resume(self, name):
        if self.gate is not None:
            await self.gate.wait()
        self.resumed.append(name)
        return {"name": name, "uuid": None, "method": "hot", "result": "sent", "seconds": 0.5}


class Harness:
    """A `FailoverController` over a `World`."""

    def __init__(self, world, **options):
        self.world = world
        self.resumer = FakeResumer()
        self.newest = {}
        self.idle = False
        self.notified = []
        self.options = options
        self.start()

    def start(self):
        """Create the parts anew, as a start of the daemon does."""
        self.failover = FailoverController(
            self.world.config_holder,
            self.world.store,
            self.resumer,
            newest_turn=self.newest.get,
            not_idle=lambda: [] if self.idle else ["main (busy)"],
            now=lambda: self.world.now,
            switcher=self.world.switcher,
            **self.options,
        )

    def restart(self):
        self.world.start()
        self.start()

    async def settle(self, rounds=6):
        """Run rounds until nothing changes any more."""
        for _round in range(rounds):
            await self.failover.run_round()
            for _turn in range(4):
                await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def running(self):
        """Run the loop of the failover, as the daemon does, and stop it at the end."""
        loop = asyncio.ensure_future(self.failover.run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            await self.failover.stop()

    def record_evidence(self, *evidence):
        for item in evidence:
            self.failover.record_evidence(item)

    def configure(self, **failover):
        self.world.configure(failover=dataclasses.replace(self.world.config.failover, **failover))


def settle(harness, *evidence, after=NOW):
    """Record evidence, a time later, and run rounds until nothing changes any more."""
    harness.world.now += after

    async def go_on():
        harness.record_evidence(*evidence)
        await harness.settle()

    asyncio.run(go_on())


def use(world, **used):
    """Record the per cent used of each account."""
    for name, percent in used.items():
        row = {"used_percentage": percent, "resets_at": (T0 + minutes(600)).timestamp()}
        world.usage.record(name, {"five_hour": row})
