# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon after a pasted prompt is seen in the prompt box the real Claude Code CLI takes Enter for a key.

Each delivery is the daemon's own (`claude.prompt_delivery`), with the settle given, into a session that has just
ended a turn; the settles take turns, so that they meet the same load. A delivery *holds* if one paste and one Enter
begin a turn with exactly this text, by the transcript, however long that takes: a busy machine is no lost key. The
texts are of three kinds in turn: a word, lines, and a paste that is folded. ``shown_ms`` is the median from the paste
until the box shows the text. The claim of 200 of 200 is that of ``--count 200`` and ``--versions 2.1.332 2.1.197
2.1.81``. Needs what the end-to-end tests need (see tests/e2e/harness).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from typing import Any

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "support"))
import import_path  # noqa: E402,F401  # pylint: disable=unused-import  # makes the daemon importable from a checkout

sys.path.insert(0, os.path.join(TESTS, "e2e"))

import measurement  # noqa: E402  the path has to be set first
from harness import cli  # noqa: E402  the path has to be set first
from harness.namespace import Namespace  # noqa: E402  the path has to be set first
from harness.session import Session  # noqa: E402  the path has to be set first
from harness.world import World  # noqa: E402  the path has to be set first

from claude_failover.claude.prompt_box import find_prompt_box  # noqa: E402  the path has to be set first
from claude_failover.claude.prompt_delivery import Timing, deliver  # noqa: E402  the path has to be set first
from claude_failover.claude.running_turn import find_running_turn  # noqa: E402  the path has to be set first
from claude_failover.tmux.client import Tmux  # noqa: E402  the path has to be set first

TITLE = "prompts that the real Claude Code takes, by the pause between text and Enter"
SETTLES = (0, 25, 50, 75, 100, 125)
SESSIONS = 3
PATIENCE = 30.0
#: Seconds that a screen stands still before the next delivery: the turn's hooks have ended by then.
STILL = 0.25


class Prompts:
    """The prompts in a session's transcript, read on from where the last look ended."""

    def __init__(self, world: World, session: str) -> None:
        self._world, self._session = world, session
        self._offset = 0
        self._seen: set[str] = set()

    def began(self, prompt: str) -> bool:
        """Return whether a turn with exactly this prompt has begun."""
        for path in self._world.transcripts(self._session):
            with open(path, "rb") as stream:
                stream.seek(self._offset)
                raw = stream.read()
            whole = raw[: raw.rfind(b"\n") + 1]
            self._offset += len(whole)
            for record in map(json.loads, whole.splitlines()):
                if record.get("type") == "user":
                    self._seen.add(words(text_in(record["message"]["content"])))
        return words(prompt) in self._seen


class CountedKeys(Tmux):
    """A terminal that counts pastes and Enter keys, and the time from a paste until its text is seen."""

    def __init__(self, socket: str) -> None:
        super().__init__("tmux", socket)
        self.pastes: dict[str, int] = {}
        self.enters: dict[str, int] = {}
        self.pasted_at: dict[str, float] = {}

    async def keys(self, pane_id: str, *names: str, **options: Any) -> None:
        """Send keys; count Enter."""
        await super().keys(pane_id, *names, **options)
        self.enters[pane_id] = self.enters.get(pane_id, 0) + names.count("Enter")

    async def paste(self, pane_id: str, text: str, **options: Any) -> None:
        """Paste, and count it."""
        await super().paste(pane_id, text, **options)
        self.pastes[pane_id] = self.pastes.get(pane_id, 0) + 1
        self.pasted_at[pane_id] = time.perf_counter()


def text_in(content: Any) -> str:
    """Return the text of a message."""
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def words(text: str) -> str:
    """Return a text without blanks and line breaks, which the CLI may change, and without the marks of a paste."""
    return "".join(re.sub(r"</?pasted_content[^>]*>", "", text).split())


def text_of(number: int, name: str) -> str:
    """Return the text of a delivery: a word, lines, or a paste that is folded."""
    tag = f"{name}x{number}"
    kinds = (f"continue {tag}", f"first {tag}\nsecond line\n\nfourth line", f"{tag} " + "a long paste of words " * 45)
    return kinds[number % len(kinds)].rstrip()


async def wait_idle(tmux: Tmux, pane_id: str) -> None:
    """Wait until the pane shows an empty prompt box, no running turn, and stands still."""
    shown, since = [""], 0.0
    deadline = time.monotonic() + 60
    while True:
        lines = await tmux.screen(pane_id, escapes=True)
        now = time.monotonic()
        if lines != shown:
            shown, since = lines, now
        if now - since >= STILL:
            box = find_prompt_box(lines)
            if box is not None and not box.draft.strip() and find_running_turn(lines) is None:
                return
        if now > deadline:
            raise RuntimeError("the session does not become idle:\n" + "\n".join(lines))
        await asyncio.sleep(0.08)


async def one_delivery(tmux: CountedKeys, pane_id: str, text: str, settle: int, seen: Prompts) -> dict[str, Any]:
    """Deliver one text; return its row."""
    await wait_idle(tmux, pane_id)
    tmux.enters[pane_id] = tmux.pastes[pane_id] = 0
    shown: list[float] = []

    async def began() -> bool:
        return seen.began(text)

    async def sleep(seconds: float) -> None:
        if seconds == timing.settle:  # the text has just been seen
            shown.append(time.perf_counter() - tmux.pasted_at[pane_id])
        await asyncio.sleep(seconds)

    timing = dataclasses.replace(Timing(), settle=settle / 1000 + 1e-9, seen=PATIENCE, leave=PATIENCE, turn=PATIENCE)
    delivery = await deliver(tmux, pane_id, text, began=began, attempts=2, timing=timing, sleep=sleep)
    held = delivery.result == "delivered" and tmux.enters[pane_id] == 1 and tmux.pastes[pane_id] == 1
    return {
        "settle": settle,
        "held": held,
        "result": delivery.result,
        "detail": delivery.detail,
        "enters": tmux.enters[pane_id],
        "pastes": tmux.pastes[pane_id],
        "shown": 1000 * shown[0] if shown else None,
        "seconds": delivery.seconds,
    }


async def deliveries(
    world: World, sessions: dict[str, str], settles: tuple[int, ...], count: int
) -> list[dict[str, Any]]:
    """Make ``count`` deliveries for each settle, in all sessions (conversations by name) at once; return their rows."""
    tmux = CountedKeys(world.socket)
    await tmux.start()
    await asyncio.wait_for(tmux.connected_event.wait(), 20)
    plan = [(number, settle) for number in range(count) for settle in settles]
    rows: list[dict[str, Any]] = []

    async def work(name: str, pane_id: str) -> None:
        number, seen = 0, Prompts(world, sessions[name])
        await one_delivery(tmux, pane_id, f"hello {name}", 200, seen)  # the first turn of a session is its slowest
        while plan:
            kind, settle = plan.pop(0)
            number += 1
            text = text_of(kind, f"{name}n{number}s{settle}")
            try:
                rows.append(await one_delivery(tmux, pane_id, text, settle, seen))
            except RuntimeError as error:
                rows.append({"settle": settle, "held": False, "result": "lost", "detail": str(error), "shown": None})
                print(error, file=sys.stderr)
                return
            if not rows[-1]["held"]:
                print(rows[-1], text[:40], file=sys.stderr, flush=True)

    panes = {pane.session: pane.pane_id for pane in await tmux.panes() if pane.session in sessions}
    await asyncio.gather(*[work(name, pane_id) for name, pane_id in panes.items()])
    await tmux.stop()
    return rows


def measure(
    versions: tuple[str, ...] = (cli.NEW,), settles: tuple[int, ...] = SETTLES, count: int = 6
) -> list[measurement.Row]:
    """Return a row for each version and settle (milliseconds): how many deliveries held, of how many."""
    if os.geteuid() != 0 or shutil.which("npm") is None:
        raise measurement.Skip("it lacks root or npm; expected what tests/e2e needs: sudo make bench BENCH=settle")
    found: list[measurement.Row] = []
    folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
    os.chmod(folder, 0o755)
    namespace = Namespace(folder)
    try:
        for version in versions:
            world = World(namespace, cli.program(version))
            try:
                world.start_stub()
                world.start_tmux()
                sessions = {
                    name: Session(world, name).start(settings=False).id for name in map("s{}".format, range(SESSIONS))
                }
                rows = asyncio.run(deliveries(world, sessions, settles, count))
            finally:
                world.close()
            for settle in settles:
                mine = [row for row in rows if row["settle"] == settle]
                shown = [row["shown"] for row in mine if row["shown"] is not None]
                found.append(
                    {
                        "version": version,
                        "settle_ms": settle,
                        "held": sum(row["held"] for row in mine),
                        "of": len(mine),
                        "shown_ms": round(statistics.median(shown), 1) if shown else None,
                        "shown_ms_most": round(max(shown), 1) if shown else None,
                    }
                )
    finally:
        namespace.close()
        shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    measurement.main(TITLE, measure)
