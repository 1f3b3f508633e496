# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the real CLI through the situations that the failover knows, and write what it shows and writes as fixtures.

Usage, as root: ``python tests/e2e/capture.py [--only NAME,NAME] VERSION ...``. In
``tests/fixtures/claude-code/situations`` there are then, for each situation and version: ``NAME.vVERSION.pane.txt``
(the screen), ``NAME.vVERSION.hooks.jsonl`` (payloads of hooks) and ``NAME.vVERSION.transcript.jsonl``. Times, ids and
folders are those of `harness.normal`, so that ``diff`` of two versions shows how they differ.
For screens it is printed.
"""

from __future__ import annotations

import argparse
import difflib
import glob
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
from typing import Callable

from harness import cli, normal
from harness.namespace import Namespace, missing
from harness.session import OWNER_QUESTION, Session
from harness.wait import until
from harness.world import GUARDED, World

FOLDER = os.path.join(cli.ROOT, "tests", "fixtures", "claude-code", "situations")
HALF_AN_HOUR = 1800
MENU = "Enter to confirm"
MENU_WAIT = 10.0  # seconds for the menu, which some versions do not open for every limit


def reset_in(hours: float) -> int:
    """Return an epoch second about that far ahead, at half past an hour, so that every version shows the minutes."""
    return int(time.time() + hours * 3600) // 3600 * 3600 + HALF_AN_HOUR


class Situation:
    """One world and session on the way to a situation; ``resets_at`` is the reset that was shown, if any was."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.session = Session(world, "one", identity=str(uuid.uuid4()))
        self.resets_at = 0

    def refused(self, claim: str, hours: float) -> None:
        """Hit a limit."""
        self.resets_at = reset_in(hours)
        self.session.start()
        self.session.ask("hello")
        self.world.set("A", "limit", claim=claim, resets_at=self.resets_at)
        self.session.prompt("go on")
        until(lambda: self.world.hooks("StopFailure"), "the failed turn", show=self.session.screen)


def idle(situation: Situation) -> None:
    """An empty prompt box, after one answered turn."""
    situation.session.start()
    situation.session.ask("hello")


def five_hour(situation: Situation) -> None:
    """A five-hour limit: newer versions wait for the reset by themselves, older ones open the menu."""
    situation.refused("five_hour", 3)
    until(
        lambda: MENU in situation.session.screen() or "Continuing automatically" in situation.session.screen(),
        "the menu or the wait",
        show=situation.session.screen,
    )


def five_hour_no_wait(situation: Situation) -> None:
    """A five-hour limit with the automatic wait switched off."""
    situation.world.settings("A", {"autoContinueAtUsageLimit": False})
    situation.refused("five_hour", 3)
    situation.session.wait_screen(MENU)


def days_ahead(claim: str) -> Callable[[Situation], None]:
    """Return the situation of a limit whose reset is days ahead: with its menu, where the version has one for it."""

    def reach(situation: Situation) -> None:
        situation.refused(claim, 75)
        end = time.monotonic() + MENU_WAIT
        while MENU not in situation.session.screen() and time.monotonic() < end:
            time.sleep(0.2)

    return reach


def weekly_menu_closed(situation: Situation) -> None:
    """A weekly limit after its menu was closed."""
    days_ahead("seven_day")(situation)
    situation.session.escape()


def weekly_resumed(situation: Situation) -> None:
    """A conversation that ended at a weekly limit, resumed under another account."""
    weekly_menu_closed(situation)
    situation.world.flip("B")
    situation.session.restart()


def weekly_retried(situation: Situation) -> None:
    """A weekly limit within the CLI's own retry: the turn waits, without a hook and without a record."""
    world, session = situation.world, situation.session
    situation.resets_at = reset_in(75)
    session.start(CLAUDE_CODE_RETRY_WATCHDOG="1")
    session.ask("hello")
    world.set("A", "limit", claim="seven_day", resets_at=situation.resets_at)
    session.prompt("go on")
    until(lambda: re.search("retrying in", session.screen(), re.IGNORECASE), "a retry", show=session.screen)


def weekly_command(situation: Situation, text: str, shown: str) -> None:
    """Meet a weekly limit by a command of the CLI's, after two answered turns: 2.1.197 compacts no fewer."""
    world, session = situation.world, situation.session
    situation.resets_at = reset_in(75)
    session.start()
    for words in ("hello", "and again"):
        session.ask(words)
        session.turn_over()
    world.set("A", "limit", claim="seven_day", resets_at=situation.resets_at)
    session.text(text)
    until(lambda: text in (session.box() or ""), "the command in the prompt box", show=session.screen)
    session.keys("Enter")
    session.wait_screen(shown)


def weekly_compaction(situation: Situation) -> None:
    """A compaction that a weekly limit refused: no hook of the session's, and no error record."""
    weekly_command(situation, "/compact", "Error during compaction")


def weekly_goal(situation: Situation) -> None:
    """A goal that a weekly limit paused, with the menu."""
    weekly_command(situation, "/goal finish the parser", MENU)


def warning(situation: Situation) -> None:
    """A gauge: most of the five-hour limit is used."""
    situation.world.set("A", "warning", utilization=0.92, resets_at=reset_in(3))
    situation.resets_at = int(situation.world.behaviour["A"]["resets_at"])
    situation.session.start()
    situation.session.ask("hello")


def throttle(situation: Situation) -> None:
    """A 429 of the server's own, without the headers of a limit."""
    situation.session.start()
    situation.world.set("A", "throttle")
    situation.session.prompt("go on")
    until(
        lambda: (
            re.search("retrying in", situation.session.screen(), re.IGNORECASE) or situation.world.hooks("StopFailure")
        ),
        "a retry, or the failed turn",
        show=situation.session.screen,
        timeout=60,
    )


def overloaded(situation: Situation) -> None:
    """A 529, which is retried."""
    situation.session.start()
    situation.world.set("A", "overloaded")
    situation.session.prompt("go on")
    until(
        lambda: re.search("retrying in", situation.session.screen(), re.IGNORECASE),
        "a retry",
        show=situation.session.screen,
        timeout=60,
    )


def dead_login(situation: Situation) -> None:
    """A login that the server does not know any more."""
    situation.session.start()
    situation.world.set("A", "unauthorized", refresh="invalid_grant")
    situation.session.prompt("go on")
    until(lambda: situation.world.hooks("StopFailure"), "the failed turn", show=situation.session.screen, timeout=60)


def permission(situation: Situation) -> None:
    """The question whether a tool may run."""
    situation.session.start("--permission-mode", "default")
    situation.session.prompt("[[tool touch made]]")
    until(lambda: "Do you want" in situation.session.screen(), "the question", show=situation.session.screen)


def trust(situation: Situation) -> None:
    """The question for trust in a folder."""
    world = situation.world
    state = os.path.join(world.account_home("A"), ".claude.json")
    world.write_json(state, {"hasCompletedOnboarding": True, "projects": {}})
    situation.session.start(ready=False)
    situation.session.wait_screen("trust")
    time.sleep(1)  # the page is drawn bit by bit


def busy(situation: Situation) -> None:
    """A running tool, which ends with the world."""
    gate = situation.world.path("tmp", "gate")
    os.mkfifo(gate)
    os.chmod(gate, 0o666)
    situation.session.start("--permission-mode", "bypassPermissions")
    situation.session.prompt(f"[[tool cat {gate}]]")
    until(lambda: situation.world.turns(situation.session.id), "the tool to be asked for")
    time.sleep(3)  # nothing tells that the tool waits for its pipe


def owner(situation: Situation) -> None:
    """The question whose a conversation is, that was begun under another account."""
    world, session = situation.world, situation.session
    session.start()
    session.ask("hello")
    until(lambda: any(r["type"] == "assistant" for r in world.records(session.id)), "the answer in the transcript")
    world.tmux("kill-session", "-t", f"={session.name}")
    world.flip("B")
    session.start(resume=True, ready=False)
    session.wait_screen(OWNER_QUESTION)


SITUATIONS: dict[str, Callable[[Situation], None]] = {
    "idle": idle,
    "five_hour": five_hour,
    "five_hour_no_wait": five_hour_no_wait,
    "weekly": days_ahead("seven_day"),
    "opus": days_ahead("seven_day_opus"),
    "sonnet": days_ahead("seven_day_sonnet"),
    "fable": days_ahead("seven_day_overage_included"),
    "weekly_menu_closed": weekly_menu_closed,
    "weekly_resumed": weekly_resumed,
    "weekly_retried": weekly_retried,
    "weekly_compaction": weekly_compaction,
    "weekly_goal": weekly_goal,
    "warning": warning,
    "throttle": throttle,
    "overloaded": overloaded,
    "dead_login": dead_login,
    "permission": permission,
    "trust": trust,
    "busy": busy,
    "owner": owner,
}
#: Situations that need the guard of a conversation's owner, which older versions do not have.
WITH_GUARD = ("owner",)


def capture(namespace: Namespace, version: str, name: str) -> dict[str, str]:
    """Reach a situation in a world of its own; return the captures by their kind."""
    world = World(namespace, cli.program(version), accounts="AB", guard=name in WITH_GUARD)
    world.person = False
    try:
        world.start_stub()
        world.start_tmux()
        situation = Situation(world)
        SITUATIONS[name](situation)
        time.sleep(1)  # what is below the box is drawn a little later
        shown = situation.session.screen()
        hooks = [{key: value for key, value in hook.items() if key[0] != "_"} for hook in world.hooks()]
        return {
            "pane.txt": normal.screen(shown),
            "hooks.jsonl": normal.records(hooks, situation.resets_at),
            "transcript.jsonl": normal.records(
                normal.conversation(world.records(situation.session.id)), situation.resets_at
            ),
        }
    finally:
        world.close()


def version_before(name: str, version: str, kind: str) -> str | None:
    """Return the path of the same capture of the newest older version, or None."""
    found = {}
    for path in glob.glob(os.path.join(FOLDER, f"{name}.v*.{kind}")):
        number = tuple(map(int, os.path.basename(path)[len(name) + 2 : -len(kind) - 1].split(".")))
        if number < cli.numbers(version):
            found[number] = path
    return found[max(found)] if found else None


def write(version: str, name: str, captures: dict[str, str]) -> None:
    """Write the captures, and print how they differ from those of the version before."""
    os.makedirs(FOLDER, exist_ok=True)
    for kind, text in captures.items():
        path = os.path.join(FOLDER, f"{name}.v{version}.{kind}")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        before = version_before(name, version, kind)
        if before is not None and kind == "pane.txt":
            with open(before, encoding="utf-8") as stream:
                lines = stream.read().splitlines()
            sys.stdout.writelines(
                f"{line}\n" for line in difflib.unified_diff(lines, text.splitlines(), before, path, lineterm="", n=1)
            )


def main() -> int:
    """Capture what the command line names; returns 1 where a situation could not be reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="+", metavar="VERSION", help="a version, or latest")
    parser.add_argument("--only", default=",".join(SITUATIONS), help="situations, with commas between")
    options = parser.parse_args()
    lacks = missing()
    if lacks:
        raise SystemExit("missing: " + "; ".join(lacks))
    folder = tempfile.mkdtemp(prefix="cf-ns-", dir="/tmp")
    os.chmod(folder, 0o755)
    namespace = Namespace(folder)
    failed = []
    try:
        for version in map(cli.version_number, options.versions):
            for name in options.only.split(","):
                if name in WITH_GUARD and cli.numbers(version) < cli.numbers(GUARDED):
                    print(f"{version} {name}: not in versions before {GUARDED}", flush=True)
                    continue
                try:
                    write(version, name, capture(namespace, version, name))
                    print(f"{version} {name}: captured", flush=True)
                except (AssertionError, RuntimeError) as error:
                    failed.append(f"{version} {name}")
                    print(f"{version} {name}: NOT REACHED: {error}", file=sys.stderr, flush=True)
    finally:
        namespace.close()
        shutil.rmtree(folder)
    if failed:
        print("not reached: " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
