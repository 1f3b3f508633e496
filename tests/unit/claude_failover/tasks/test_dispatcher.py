# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one task in each single thing that can happen to it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from datetime import timedelta
from unittest import mock

import pytest
from dispatch_world import TIMING, Crash, World, proc

from claude_failover.claude.prompt_delivery import deliver
from claude_failover.claude.turns import TurnEvent
from claude_failover.common.errors import Refused, UsageError
from claude_failover.sessions import ownership
from claude_failover.sessions.launch import launch_of
from claude_failover.sessions.prompt_budget import PromptBudget
from claude_failover.storage.store import Store
from claude_failover.tasks import dispatcher, pool

TALL = "first\nsecond\nthird\nfourth\nfifth"


@pytest.fixture
def world():
    world = World(("w1",), ("main",))
    with mock.patch.multiple(ownership, **proc(world)):
        yield world


def run(awaitable):
    return asyncio.run(awaitable)


def task(world):
    (found,) = world.dispatcher.tasks
    return found


def at(world, number, action):
    """Do something at the number-th chance that the world gives."""
    left = [number]

    def disturb():
        left[0] -= 1
        if left[0] == 0:
            action()

    world.disturb = disturb


def kill(world):
    def killed():
        world.life += 1
        raise Crash

    return killed


@pytest.mark.parametrize("text", ["do it", TALL, "!ls", "x" * 900])
def test_a_task_goes_to_an_idle_session_and_is_done_when_the_turn_is(world, text):
    row = run(world.dispatcher.dispatch(text))
    assert (row["state"], row["session"], row["detail"]) == ("accepted", "w1", "")
    world.place("w1").claude.finish()
    assert task(world).state == "done"
    assert world.times_sent(text) == 1


@pytest.mark.parametrize(
    "text", ["/exit", " \t/clear", "/srv/work is broken", "\n/compact", "\ufeff/exit", " \u200b\x1b/exit"]
)
def test_a_command_of_claude_code_is_refused_unless_one_is_meant(world, text):
    with pytest.raises(Refused, match="--command"):
        run(world.dispatcher.dispatch(text))
    assert world.disk.documents == {}
    assert world.truth == []
    with pytest.raises(UsageError, match="is no command"):
        run(world.dispatcher.dispatch("go on", command=True))


@pytest.mark.parametrize(
    ("text", "deaf"),
    [*itertools.product(["/cost", "/exit", "  /usage now", "\ufeff /usage now"], [False, True]), ("/clear", False)],
)
def test_a_command_is_done_once_it_has_left_its_trace(world, text, deaf):
    world.place("w1").claude.deaf = deaf

    async def history():
        await world.dispatcher.dispatch(text, command=True)
        for _step in range(12):
            await world.step(1)

    run(history())
    assert (task(world).state, task(world).detail) == ("done", "")
    assert world.times_sent(text.strip("\ufeff ")) == 1


def test_a_command_that_is_a_prompt_is_done_when_its_turn_is(world):
    row = run(world.dispatcher.dispatch("/review it", command=True))
    assert (row["state"], row["session"]) == ("accepted", "w1")
    world.place("w1").claude.finish()
    assert task(world).state == "done"


@pytest.mark.parametrize("before", [False, True])
def test_a_delivery_that_is_told_of_its_turn_does_not_wait_any_longer(world, monkeypatch, before):
    claude = world.place("w1").claude
    monkeypatch.setattr(claude, "begin", lambda _text: None)  # the turn begins once the prompt is waited for
    pauses = []

    async def send_and_tell(*arguments, wait_begun, **options):
        async def wait(_seconds):
            if before:  # after the last question whether the turn has begun
                claude.tell("prompt", "do it")
            waiting = asyncio.ensure_future(wait_begun(3600))
            await asyncio.sleep(0)  # until it waits
            if not before:
                claude.tell("prompt", "do it")
            await asyncio.wait_for(waiting, 20)
            pauses.append("ended")

        timing = {"timing": TIMING, "clock": world.monotonic, "sleep": world.sleep}
        return await deliver(*arguments, wait_begun=wait, **timing, **options)

    monkeypatch.setattr(world.dispatcher._delivery, "_send", send_and_tell)
    row = run(world.dispatcher.dispatch("do it"))
    assert (row["state"], row["session"]) == ("accepted", "w1")
    assert pauses == ["ended"]


def test_tasks_are_handed_over_in_their_order(world):
    for number in range(4):
        run(world.dispatcher.dispatch(f"task {number}"))
    for number in range(4):
        run(world.step())
        assert [each.state for each in world.dispatcher.tasks] == (
            ["done"] * number + ["accepted"] + ["queued"] * (3 - number)
        )
        world.place("w1").claude.finish()


def test_two_sessions_work_at_once_and_a_folder_is_kept_to():
    world = World(("w1", "w2"))
    with mock.patch.multiple(ownership, **proc(world)):
        world.replan("w2", cwd="/srv/other")
        rows = [
            run(world.dispatcher.dispatch("a", cwd="/srv/other")),
            run(world.dispatcher.dispatch("b")),
            run(world.dispatcher.dispatch("c")),
        ]
    assert [(row["session"], row["state"]) for row in rows] == [
        ("w2", "accepted"),
        ("w1", "accepted"),
        (None, "queued"),
    ]
    assert rows[2]["detail"] == "waits for a session of the pool: main is dedicated, w1 is busy, w2 is busy"


def test_a_session_that_was_started_as_a_command_of_its_own_gets_nothing_until_it_is_restarted(world):
    before = world.spec("w1", claude_args=False)
    world.tracked["w1"].launch = launch_of(before, world.config)
    row = run(world.dispatcher.dispatch("do it", session="w1"))
    assert (row["state"], row["session"]) == ("queued", None)
    assert "w1 runs a command of its own" in row["detail"]
    world.tracked["w1"].launch = launch_of(world.spec("w1"), world.config)
    run(world.step(1))
    assert task(world).session == "w1"


@pytest.mark.parametrize("name", ["main", "hand", "nobody"])
def test_a_session_that_is_not_of_the_pool_is_refused_by_name(world, name):
    world.start_session("hand", None)
    world.observe()
    with pytest.raises(UsageError if name == "nobody" else Refused):
        run(world.dispatcher.dispatch("do it", session=name))
    assert world.disk.documents == {}


@pytest.mark.parametrize("asked", [{"prompt": " "}, {"prompt": "\udcff"}, {"prompt": "do it", "cwd": "work"}])
def test_what_can_be_no_task_is_wrong_use(world, asked):
    with pytest.raises(UsageError):
        run(world.dispatcher.dispatch(**asked))
    assert world.disk.documents == {}


def test_the_same_request_is_the_same_task_as_long_as_it_is_kept(world):
    asked = {"prompt": "do it\n", "session": "w1", "request_id": "nightly-2026-11-26"}
    first = run(world.dispatcher.dispatch(**asked))
    assert first["request_id"] == "nightly-2026-11-26"
    assert run(world.dispatcher.dispatch(**asked))["id"] == first["id"]
    world.start()
    again = run(world.dispatcher.dispatch(**asked))
    assert (again["id"], again["session"]) == (first["id"], "w1")
    world.place("w1").claude.finish()
    run(world.step())
    assert run(world.dispatcher.dispatch(**asked))["state"] == "done"
    assert world.times_sent("do it") == 1
    assert len(list(world.dispatcher.tasks)) == 1
    assert run(world.dispatcher.dispatch(**{**asked, "request_id": "another"}))["id"] != first["id"]


def test_a_row_says_whether_its_request_was_known(world):
    asked = {"prompt": "do it", "request_id": "x"}
    assert [run(world.dispatcher.dispatch(**asked))["known"] for _time in range(2)] == [False, True]
    assert run(world.dispatcher.dispatch("do it"))["known"] is False


def test_a_dry_run_tells_the_session_and_takes_no_task(world):
    row = run(world.dispatcher.dispatch("do it", request_id="x", dry_run=True))
    assert (row["id"], row["state"], row["session"], row["known"]) == (None, "queued", "w1", False)
    assert (world.disk.documents, world.times_sent("do it")) == ({}, 0)
    task_id = run(world.dispatcher.dispatch("do it", request_id="x"))["id"]
    again = run(world.dispatcher.dispatch("do it", request_id="x", dry_run=True))
    assert (again["id"], again["known"]) == (task_id, True)
    waits = run(world.dispatcher.dispatch("another", dry_run=True))
    assert waits["session"] is None and "w1 is busy" in waits["detail"]
    assert len(list(world.dispatcher.tasks)) == 1


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"prompt": "do it", "session": "main"}, Refused),
        ({"prompt": "do it", "session": "nobody"}, UsageError),
        ({"prompt": "do it", "cwd": "/srv/other"}, Refused),
        ({"prompt": "/exit"}, Refused),
        ({"prompt": " "}, UsageError),
        ({"prompt": "do it", "request_id": "a b"}, UsageError),
    ],
)
def test_a_dry_run_refuses_as_the_request_would(world, asked, error):
    with pytest.raises(error) as meant:
        run(world.dispatcher.dispatch(**asked))
    with pytest.raises(error) as foreseen:
        run(world.dispatcher.dispatch(**asked, dry_run=True))
    assert str(foreseen.value) == str(meant.value)


def test_the_pool_holds_what_may_get_a_task_in_some_state(world):
    world.place("w1").claude.state = "busy"
    world.observe()
    assert {name: world.dispatcher.in_pool(tracked) for name, tracked in world.tracked.items()} == {
        "main": False,
        "w1": True,
    }
    world.replan("w1", claude_args=False)
    assert not world.dispatcher.in_pool(world.get("w1"))


def test_a_request_repeated_at_once_is_one_task(world):
    async def both():
        asked = {"prompt": "do it", "request_id": "x"}
        return await asyncio.gather(world.dispatcher.dispatch(**asked), world.dispatcher.dispatch(**asked))

    one, two = run(both())
    assert one["id"] == two["id"]
    assert world.times_sent("do it") == 1


def test_a_repeated_request_needs_no_session_any_more(world):
    first = run(world.dispatcher.dispatch("do it", session="w1", request_id="x"))
    world.place("w1").claude.finish()
    world.replan("w1", dedicated=True)
    assert run(world.dispatcher.dispatch("do it", session="w1", request_id="x"))["id"] == first["id"]


@pytest.mark.parametrize("other", [{"prompt": "do that"}, {"session": "w1"}, {"cwd": "/srv/work"}])
def test_another_task_under_the_same_request_id_is_refused(world, other):
    first = run(world.dispatcher.dispatch("do it", request_id="x"))
    with pytest.raises(Refused, match=first["id"]):
        run(world.dispatcher.dispatch(**{"prompt": "do it", "request_id": "x", **other}))
    assert len(list(world.dispatcher.tasks)) == 1


@pytest.mark.parametrize("identity", ["", "a b", "x" * 129, "é", "a\n", "\ud800", "\x1b[2J"])
def test_a_request_id_is_bounded_printable_ascii(world, identity):
    with pytest.raises(UsageError, match="request_id") as caught:
        run(world.dispatcher.dispatch("do it", request_id=identity))
    assert "\x1b" not in str(caught.value)
    assert world.disk.documents == {}
    assert run(world.dispatcher.dispatch("do it", request_id="!~" * 64))["state"] == "accepted"


def test_requests_without_an_id_are_tasks_of_their_own(world):
    rows = [run(world.dispatcher.dispatch("do it")) for _time in range(2)]
    assert rows[0]["id"] != rows[1]["id"]
    assert all("request_id" not in document for document in world.disk.documents.values())


@pytest.mark.parametrize("chance", range(1, 9))
def test_a_reload_at_any_moment_before_enter_keeps_the_task_away(world, chance):
    at(world, chance, lambda: world.replan("w1", dedicated=True))
    row = run(world.dispatcher.dispatch("do it"))
    assert all(allowed for _text, _by, _made_for, allowed in world.truth)
    if not world.truth:
        assert row["state"] == "queued" and "w1 is dedicated" in row["detail"]
        assert world.place("w1").claude.box == ""  # what was typed has been taken back


def test_what_a_person_typed_stays_and_the_task_waits(world):
    world.place("w1").claude.key("mine", "person")
    row = run(world.dispatcher.dispatch("do it"))
    assert row["state"] == "queued" and "somebody typed" in row["detail"]
    assert world.place("w1").claude.box == "mine"
    world.place("w1").claude.key("C-u", "person")
    run(world.step(5))
    assert task(world).state == "accepted"


@pytest.mark.parametrize("text", ["do it", TALL])
@pytest.mark.parametrize("chance", range(1, 14))
def test_a_daemon_killed_at_any_moment_sends_it_once(world, text, chance):
    async def history():
        at(world, chance, kill(world))
        try:
            await world.dispatcher.dispatch(text)
        except (Crash, asyncio.CancelledError):
            pass
        world.disturb = lambda: None
        await world.crash()
        for _step in range(10):
            await world.step(3)
            world.place("w1").claude.finish()

    run(history())
    assert task(world).state == "done"
    assert world.times_sent(text) == 1


@pytest.mark.parametrize("text", ["do it", "do it\nand more\nand all", TALL])
@pytest.mark.parametrize("later", range(1, 25))
def test_a_daemon_killed_before_enter_and_again_while_it_takes_the_text_back_sends_it_once(world, text, later):
    async def killed_at(number, coroutine):
        at(world, number, kill(world))
        try:
            await coroutine
        except (Crash, asyncio.CancelledError):
            pass
        world.disturb = lambda: None
        await world.crash()

    async def recover(steps):
        for _step in range(steps):
            await world.step(3)
            world.place("w1").claude.finish()

    async def history():
        claude = world.place("w1").claude
        with mock.patch.object(claude, "enter"):  # killed right before it was sent
            await killed_at(12, world.dispatcher.dispatch(text))
        assert (task(world).state, claude.box) == ("sent", text)
        await killed_at(later, recover(4))
        await recover(10)

    run(history())
    assert task(world).state == "done", task(world).detail
    assert world.times_sent(text) == 1


class LaggingEnter:
    """Claude Code on a busy host, which reads Enter only with the ``wake``-th key after it.

    Its traces come four seconds later, when `show` is called. With ``killed`` the daemon is killed by that key.
    """

    def __init__(self, world, wake, killed):
        self.world, self.claude, self.left, self.killed = world, world.place("w1").claude, wake, killed
        self.key, self.begin = self.claude.key, self.claude.begin
        self.text = self.taken_at = None
        self.claude.key, self.claude.begin = self.on_key, self.take

    def on_key(self, name, by):
        if name == "Enter" and self.text is None:
            self.claude.lags = True
        elif name == "C-u":
            self.left -= 1
            if self.left == 0 and self.killed:
                self.world.life += 1
            self.claude.lags = self.left > 0
        self.key(name, by)

    def take(self, text):
        self.text, self.taken_at = text, self.world.now

    def show(self):
        """Show the turn, once it is time for it."""
        if self.taken_at is not None and (self.world.now - self.taken_at).total_seconds() >= 4:
            self.taken_at = None
            self.begin(self.text)
            self.claude.finish()


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("wake", range(1, 16))
def test_an_enter_that_is_read_while_the_text_is_taken_back_is_not_repeated(world, wake, killed):
    async def history():
        lagging = LaggingEnter(world, wake, killed)
        await world.dispatcher.dispatch("do it")
        for _step in range(60):
            try:
                await world.step(1)
            except Crash:
                await world.crash()
            lagging.show()
        assert lagging.text == "do it"

    run(history())
    assert world.times_sent("do it") == 1
    assert task(world).state == "done", task(world).detail


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("wake", range(1, 16))
def test_a_command_that_leaves_no_trace_is_not_repeated(world, wake, killed):
    async def history():
        lagging = LaggingEnter(world, wake, killed)
        await world.dispatcher.dispatch("/clear", command=True)
        for _step in range(60):
            try:
                await world.step(1)
            except Crash:
                await world.crash()
        assert lagging.text == "/clear"

    run(history())
    assert (task(world).state, world.times_sent("/clear")) == ("failed", 1)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_an_enter_that_is_read_after_a_text_could_not_be_taken_back_is_not_repeated(world, looks, killed):
    async def history():
        lagging = LaggingEnter(world, 10**6, killed=False)
        await world.dispatcher.dispatch("do it")
        for _look in range(looks):
            await world.step(2.1)
        assert (task(world).state, world.place("w1").claude.box) == ("sent", "do it")
        if killed:
            await world.crash()
        lagging.claude.lags = False
        lagging.claude.catch_up()
        assert lagging.text == "do it"
        for _step in range(30):
            await world.step(1)

    run(history())
    assert (task(world).state, world.times_sent("do it")) == ("failed", 1)
    assert task(world).sent_at is not None


@pytest.mark.parametrize("gap", [1, 3, 5])
def test_a_prompt_that_waits_behind_a_turn_of_claudes_own_is_not_repeated(world, gap):
    """A background job's end began the turn, on a busy host, before Enter was read."""

    async def history():
        lagging = LaggingEnter(world, 1, killed=False)
        claude = lagging.claude
        take, claude.begin = claude.begin, lagging.begin
        on_key = claude.key

        def key(name, by):
            if name == "C-u" and claude.state == "idle":
                claude.begin("<task-notification>")
            on_key(name, by)

        claude.key = key
        await world.dispatcher.dispatch("do it")
        for second in range(60):
            await world.step(1)
            world.observe()
            if second == 25:
                claude.begin = take
                claude.finish()
                lagging.taken_at = world.now + timedelta(seconds=gap - 4)
            if second > 25:
                lagging.show()

    run(history())
    assert (task(world).state, world.times_sent("do it")) == ("done", 1)


def test_a_text_that_may_be_a_persons_is_left_where_it_is_after_a_kill(world, caplog):
    async def history():
        claude = world.place("w1").claude
        at(world, 6, kill(world))
        try:
            await world.dispatcher.dispatch(TALL)
        except (Crash, asyncio.CancelledError):
            pass
        world.disturb = lambda: None
        assert claude.box == TALL
        world.place("w1").activity = int(world.now.timestamp()) + 1  # somebody pressed a key since
        await world.crash()
        for _step in range(6):
            await world.step(3)
        assert claude.box == TALL and world.truth == []
        assert task(world).state == "queued" and "that somebody typed" in task(world).detail
        assert "its text may still stand in the prompt box of w1, not sent" in caplog.text

    run(history())


def test_an_enter_that_leaves_no_trace_is_told_and_never_repeated(world):
    async def history():
        claude = world.place("w1").claude
        claude.begin = lambda text: None  # taken, and nothing is seen of it: as a command such as /clear
        await world.dispatcher.dispatch("/clear", command=True)
        for _step in range(15):
            await world.step(2)
        assert task(world).state == "failed"
        assert "whether it was taken is not known, and it is not sent again" in task(world).detail
        assert world.times_sent("/clear") == 1

    run(history())


def test_a_process_that_ends_right_after_enter_is_told(world):
    async def history():
        claude = world.place("w1").claude
        claude.begin = lambda text: claude.end()
        await world.dispatcher.dispatch("do it")
        for _step in range(5):
            await world.step(3)
        assert task(world).state == "failed" and "Claude Code ended right then" in task(world).detail

    run(history())


def test_hands_in_vain_are_bounded(world):
    async def history():
        claude = world.place("w1").claude
        claude.key = lambda key, by: None  # whatever is typed is lost
        await world.dispatcher.dispatch("do it")
        for _step in range(10):
            await world.step(70)
        assert (task(world).state, task(world).attempts) == ("failed", 5)
        assert "the text was not seen in the prompt box; given up after 5 attempts" in task(world).detail

    run(history())


def test_a_task_whose_session_hits_a_limit_goes_on_after_the_failover(world):
    async def history():
        claude, tracked = world.place("w1").claude, world.get("w1")
        await world.dispatcher.dispatch("do it")
        claude.fail("You've hit your session limit · resets 9pm", limited=True)
        tracked.resume_state = "limited"
        for _step in range(20):
            await world.step(3600)
        assert task(world).state == "accepted"
        await world.crash()
        tracked.resume_state = None
        claude.begin("continue")
        await world.step()
        claude.finish()
        assert task(world).state == "done"

    run(history())


@pytest.mark.parametrize(
    ("ending", "detail"),
    [
        (lambda claude: claude.fail("API Error: 500", limited=False), "the turn ended with an error: API Error: 500"),
        (lambda claude: claude.interrupt(), "somebody interrupted the turn"),
        (lambda claude: claude.end(), "the session is down, and the end of the turn was not seen"),
    ],
)
def test_a_turn_without_an_answer_is_told(world, ending, detail):
    async def history():
        await world.dispatcher.dispatch("do it")
        ending(world.place("w1").claude)
        world.observe()
        for _step in range(30):
            await world.step(3)
        assert (task(world).state, task(world).detail) == ("failed", detail)

    run(history())


def test_a_turn_that_ended_while_no_daemon_ran_is_found_in_the_transcript(world):
    async def history():
        await world.dispatcher.dispatch("do it")
        claude = world.place("w1").claude
        claude.deaf = True
        claude.finish()
        await world.crash()
        for _step in range(4):
            await world.step(3)
        assert task(world).state == "done"

    run(history())


def test_a_queued_task_can_be_cancelled_and_a_sent_one_not(world):
    world.replan("w1", dedicated=True)
    row = run(world.dispatcher.dispatch("do it"))
    assert world.dispatcher.cancel(row["id"])["state"] == "cancelled"
    with pytest.raises(Refused, match="is cancelled: only a task that is queued"):
        world.dispatcher.cancel(row["id"])
    with pytest.raises(Refused, match="found no task"):
        world.dispatcher.cancel("nothing")
    world.replan("w1", dedicated=False)
    sent = run(world.dispatcher.dispatch("do that"))
    with pytest.raises(Refused, match=r"is accepted \(session w1\)"):
        world.dispatcher.cancel(sent["id"])
    assert world.times_sent("do it") == 0


def test_a_task_cancelled_while_it_is_typed_is_taken_back(world):
    at(world, 5, lambda: world.dispatcher.cancel(task(world).id))
    assert run(world.dispatcher.dispatch("do it"))["state"] == "cancelled"
    assert world.truth == [] and world.place("w1").claude.box == ""


def test_a_disk_that_is_full_sends_nothing(world):
    async def history():
        saves = [0]

        def fault(moment):
            saves[0] += moment == "before"
            if saves[0] == 3:  # taken, handed, and now: sent
                raise OSError(28, "No space left on device")

        world.disk.fault = fault
        row = await world.dispatcher.dispatch("do it")
        assert row["state"] == "queued" and "No space left" in row["detail"] and world.truth == []
        assert world.place("w1").claude.box == ""
        await world.step(5)
        assert task(world).state == "accepted"

    run(history())


def test_somebody_elses_prompt_does_not_count_as_the_tasks(world):
    async def history():
        claude = world.place("w1").claude
        claude.begin = lambda text: world.dispatcher.on_turn(
            TurnEvent("w1", claude.uuid, "prompt", world.now, "something else")
        )
        row = await world.dispatcher.dispatch("do it")
        assert row["state"] == "sent"

    run(history())


def test_a_bug_in_a_delivery_is_an_attempt_and_ends_nothing(world, caplog):
    async def broken(*_arguments, **_more):
        raise RuntimeError("made up")

    async def history():
        world.dispatcher._delivery._send = broken
        await world.dispatcher.dispatch("do it")
        for _step in range(10):
            await world.step(70)
        assert (task(world).state, task(world).attempts) == ("failed", 5)
        assert caplog.text.count("Traceback") == 5

    run(history())


def test_the_counts_are_those_of_the_status(world):
    run(world.dispatcher.dispatch("do it"))
    run(world.dispatcher.dispatch("and that"))
    assert world.dispatcher.counts() == {
        "queued": 1,
        "sent": 0,
        "accepted": 1,
        "done": 0,
        "failed": 0,
        "cancelled": 0,
    }


def test_a_session_taken_out_of_the_configuration_gets_nothing(world):
    specs = tuple(spec for spec in world.config.sessions if spec.name != "w1")
    world.configure(dataclasses.replace(world.config, sessions=specs))
    left = run(world.dispatcher.dispatch("now"))
    assert left["state"] == "queued" and "w1 was started by hand" in left["detail"]


def test_tasks_that_are_never_answered_reach_the_bound_of_prompts(world, tmp_path):
    """Every turn ends with an error: four tasks are three prompts, and the fourth stays queued until a person types."""
    world.budget = PromptBudget(Store(str(tmp_path)), lambda _session: "one", now=lambda: world.now)
    world.start()
    claude = world.place("w1").claude
    for number in range(4):
        run(world.dispatcher.dispatch(f"task {number}"))
        claude.fail("API Error: 500", limited=False)
        for _step in range(10):
            world.observe()
            run(world.step(7))
    assert [each.state for each in world.dispatcher.tasks] == ["failed"] * 3 + ["queued"]
    assert len(world.truth) == 3
    assert list(world.budget.spent()) == ["w1"]
    world.budget.on_turn(TurnEvent("w1", claude.uuid, "prompt", world.now, "are you there?"))
    for _step in range(10):
        run(world.step(7))
    assert world.times_sent("task 3") == 1


def test_an_answer_that_only_the_transcript_shows_begins_the_count_anew(world, tmp_path):
    world.budget = PromptBudget(Store(str(tmp_path)), lambda _session: "one", now=lambda: world.now)
    world.start()
    claude = world.place("w1").claude
    claude.deaf = True
    for number in range(6):
        run(world.dispatcher.dispatch(f"task {number}"))
        claude.finish()
        for _step in range(10):
            world.observe()
            run(world.step(7))
    assert [each.state for each in world.dispatcher.tasks] == ["done"] * 6


def test_a_task_goes_on_in_the_copy_of_its_conversation(world):
    """The owner's question holds the prompt back, and the copy sends it under another id."""
    run(world.dispatcher.dispatch("do it"))
    claude = world.place("w1").claude
    old, claude.uuid = claude.uuid, "44444444-4444-4444-8444-444444444444"
    world.dispatcher.on_turn(TurnEvent("w1", claude.uuid, "start", world.now, copied_from="no conversation of it"))
    claude.finish()
    assert task(world).state == "accepted", "a turn of another conversation is none of the task's"
    world.dispatcher.on_turn(TurnEvent("w1", claude.uuid, "start", world.now, copied_from=old))
    world.dispatcher.on_turn(TurnEvent("w1", claude.uuid, "stop", world.now))
    assert task(world).state == "done"
    assert world.times_sent("do it") == 1


@pytest.fixture
def looping(world, monkeypatch):
    """Return a function that runs the dispatcher's loop beside a story, which gets the list of its steps."""
    monkeypatch.setattr(dispatcher, "INTERVAL", 0.001)
    monkeypatch.setattr(dispatcher, "IDLE_INTERVAL", 3600)
    steps, step = [], world.dispatcher.step

    async def step_and_count():
        steps.append(len(steps))
        await step()

    monkeypatch.setattr(world.dispatcher, "step", step_and_count)

    async def both(story):
        loop = asyncio.ensure_future(world.dispatcher.run())
        try:
            await story(steps)
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    return lambda story: run(both(story))


async def some_time():
    """Let a hundred of the short pauses pass."""
    for _turn in range(100):
        await asyncio.sleep(0.001)  # so that steps that are made all the time would be


async def reach(condition):
    """Wait until a condition is met."""
    end = asyncio.get_running_loop().time() + 20
    while not condition():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.001)


def test_no_step_is_made_without_an_unfinished_task_and_the_next_task_is_delivered(world, looping):
    async def story(steps):
        await some_time()
        assert steps == [0]
        await world.dispatcher.dispatch("do it")
        assert task(world).state == "accepted"
        world.place("w1").claude.finish()
        await some_time()
        assert task(world).state == "done"
        assert len(steps) <= 4

    looping(story)


def test_no_step_is_made_while_a_task_waits_until_its_session_may_be_free(world, looping):
    async def story(steps):
        world.place("w1").claude.state = "busy"
        world.observe()
        await world.dispatcher.dispatch("do it")
        await some_time()
        assert len(steps) <= 4
        world.place("w1").claude.state = "idle"
        world.observe()
        world.dispatcher.wake_up()
        await reach(lambda: task(world).state == "accepted")

    looping(story)


def test_no_step_is_made_in_the_course_of_a_turn_and_its_end_is_looked_for_once_the_session_is_idle(world, looping):
    async def story(steps):
        await world.dispatcher.dispatch("do it")
        await some_time()
        assert len(steps) <= 4
        world.place("w1").claude.deaf = True
        world.place("w1").claude.finish()
        world.observe()
        world.dispatcher.wake_up()
        before = len(steps)
        await reach(lambda: len(steps) > before + 3)
        world.now += timedelta(seconds=10)
        await reach(lambda: task(world).state == "done")

    looping(story)


def test_a_turn_that_was_over_when_it_was_found_to_have_begun_is_looked_at_all_the_time(world, looping):
    """As after a restart of the daemon; nobody tells of its end."""

    async def sent():
        await world.dispatcher.dispatch("do it")

    run(sent())
    transitions = world.dispatcher._tracker._transitions
    begun = dataclasses.replace(task(world), state="sent")
    world.dispatcher.tasks.put(begun)
    world.place("w1").claude.deaf = True
    world.place("w1").claude.finish()
    world.observe()
    transitions._timers.make_due(begun)

    async def story(_steps):
        await reach(lambda: task(world).state == "accepted")
        assert world.dispatcher._pause() == dispatcher.INTERVAL

    looping(story)


def test_a_session_that_backs_off_gets_its_task_when_that_is_over(world, looping, monkeypatch):
    monkeypatch.setattr(pool, "BACKOFF", (0.05, 0.05))

    async def story(_steps):
        world.place("w1").claude.box = "a draft"
        await world.dispatcher.dispatch("do it")
        await some_time()
        assert task(world).state == "queued"
        world.place("w1").claude.box = ""
        world.now += timedelta(seconds=1)  # nobody tells
        await reach(lambda: task(world).state == "accepted")

    looping(story)


def test_a_step_that_the_disk_refused_is_made_again_soon(world, looping):
    async def story(steps):
        def full(_moment):
            raise OSError(28, "No space left on device")

        await world.dispatcher.dispatch("do it")
        world.disk.fault = full
        world.place("w1").claude.finish()
        before = len(steps)
        await reach(lambda: len(steps) > before + 3)
        world.disk.fault = lambda _moment: None
        await reach(lambda: not world.dispatcher.tasks.has_unsaved)

    looping(story)
