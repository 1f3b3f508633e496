# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks from outside: what reaches which session, whole and once, whatever happens in between."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from ..daemon.conftest import wait_for

LINES = "\n".join(
    [
        "Do this, please:",
        "",
        "\tfirst 'quotes' and \"these\"; $HOME `id` #{pane_id} \\ %if {}",
        "!not a shell command",
        "héllo wörld 漢字 🎉",
        *[f"line {number}" for number in range(40)],
        "the end",
    ]
)


def plain(prompt: str) -> str:
    """A prompt as it was dispatched: without the marks around what was pasted. A tab arrives as blanks."""
    return "".join(re.sub(r"</?pasted_content[^>]*>", "", prompt).split())


def test_a_task_is_handed_to_an_idle_session_and_followed_to_its_end(pool):
    pool.session("main", dedicated=True)
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("main", "worker")

    result = pool.command("dispatch", "--wait", "say hello")

    assert result.returncode == 0, result.stderr
    assert re.search(r"^task [0-9a-f]{8}: done by worker$", result.stdout, re.MULTILINE), result.stdout
    wait_for(lambda: pool.prompts() == ["say hello"], "the transcript, which follows a little later")
    assert pool.status()["queue"] == {
        "queued": 0,
        "sent": 0,
        "accepted": 0,
        "done": 1,
        "failed": 0,
        "cancelled": 0,
    }


@pytest.mark.parametrize("text", [LINES, "x" * 3000, "漢" * 87000], ids=["lines", "3000", "256 KiB"])
def test_a_long_prompt_arrives_whole(pool, text):
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("worker")

    task = pool.dispatch(text=text)

    assert pool.until(task["id"], "done", "failed")["state"] == "done", pool.daemon_log()
    assert [plain(prompt) for prompt in pool.prompts()] == ["".join(text.split())]


def test_a_dedicated_session_never_gets_a_task(pool):
    pool.session("main", dedicated=True)
    pool.start_tmux()
    pool.start()
    pool.tmux(
        "new-session",
        "-d",
        "-s",
        "mine",
        "-c",
        pool.path("work"),
        "-e",
        f"CLAUDE_CONFIG_DIR={pool.config['active_link']}",
        pool.claude,
    )
    pool.ready("main", "mine")

    for name, code, why in (("main", 1, "is dedicated"), ("mine", 1, "by hand"), ("other", 2, "does not exist")):
        result = pool.command("dispatch", "--session", name, "do it")
        assert (result.returncode, why in result.stderr) == (code, True), result.stderr
    result = pool.command("dispatch", "do it")
    assert result.returncode == 0, result.stderr
    assert re.search(r"^task \w+: queued: waits for .*main is dedicated, mine was started by hand", result.stdout)

    # The flag is taken away: the task goes; and it is set again, under another one that waits.
    task = pool.tasks()[0]["id"]
    pool.config["sessions"][0]["dedicated"] = False
    pool.write_config()
    pool.daemon.send_signal(signal.SIGHUP)
    pool.until(task, "done")
    pool.config["sessions"][0]["dedicated"] = True
    pool.write_config()
    pool.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: pool.row("main")["dedicated"], "the flag")
    waiting = pool.dispatch("not for main")
    assert waiting["state"] == "queued" and waiting["session"] is None
    assert pool.command("queue", "--cancel", waiting["id"]).returncode == 0
    assert pool.task(waiting["id"])["state"] == "cancelled"
    result = pool.command("queue", "--cancel", task)
    assert result.returncode == 1 and "is done" in result.stderr
    assert pool.prompts() == ["do it"]


def test_swapped_names_do_not_lead_to_a_dedicated_session(pool):
    pool.session("main", dedicated=True)
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("main", "worker")
    for old, new in (("main", "x"), ("worker", "main"), ("x", "worker")):
        pool.tmux("rename-session", "-t", f"={old}", new)

    task = pool.dispatch("not for main")

    # The table is looked at again and again, and the names stay swapped.
    for _look in range(10):
        row = pool.task(task["id"])
        assert row["state"] == "queued", row
        time.sleep(0.2)  # several checks of the sessions, each 0.2 s apart, have to find nothing
    assert pool.prompts() == []


def test_tasks_survive_a_killed_daemon_none_lost_none_twice(pool):
    """Killed at moments all over a hand-over; folded text left in the box is taken back, and sent once."""
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("worker")
    given = [f"task {number}\n{LINES}" for number in range(6)]
    for number, text in enumerate(given):
        client = pool.dispatch_in_background(text)
        wait_for(lambda: pool.tasks()[number:], "the task to be taken")  # noqa: B023 - called in this very round
        time.sleep(number * 0.12)  # the moment of the kill, on purpose
        pool.stop(signal.SIGKILL)
        client.wait(30)
        pool.start()
    rows = wait_for(
        lambda: (
            [row for row in pool.tasks() if row["state"] == "done"]
            if all(row["state"] in ("done", "failed") for row in pool.tasks())
            else None
        ),
        "every task to be over",
        deadline=60,
    )
    assert len(rows) == 6, (pool.tasks(), pool.daemon_log())
    assert [plain(prompt) for prompt in pool.prompts()] == ["".join(text.split()) for text in given]


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.2, 0.6])
def test_a_request_during_a_kill_is_one_task(pool, delay):
    """Killed while the answer is awaited: the client asks again under its id, and a person may do so too."""
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("worker")
    command = [sys.executable, "-m", "claude_failover", "dispatch", "--json", "--request-id", "once", f"task\n{LINES}"]
    environment = {**pool.environment, "CLAUDE_FAILOVER_CONFIG": pool.path("config.yml")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as client:
        wait_for(pool.tasks, "the task to be taken")
        time.sleep(delay)
        pool.stop(signal.SIGKILL)
        pool.start()
        out, errors = client.communicate(timeout=60)
    assert client.returncode == 0, errors
    row = json.loads(out)
    again = pool.dispatch("--request-id", "once", text=f"task\n{LINES}")
    assert again["id"] == row["id"]
    pool.until(row["id"], "done")
    assert pool.dispatch("--request-id", "once", text=f"task\n{LINES}")["state"] == "done"
    assert [each["id"] for each in pool.tasks()] == [row["id"]]
    assert len(pool.prompts()) == 1
    other = pool.command("dispatch", "--request-id", "once", "another")
    assert other.returncode == 1
    assert row["id"] in other.stderr


def test_a_task_goes_on_after_a_failover(pool):
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    pool.ready("worker")
    pool.limit("one")

    result = pool.command("dispatch", "--wait", "work hard")

    assert result.returncode == 0, result.stderr + result.stdout + pool.daemon_log()
    assert pool.prompts() == ["work hard", "continue"]
    assert pool.status()["active_account"] == "two"


def test_what_cannot_be_a_task_is_refused(pool):
    pool.session("worker")
    pool.start_tmux()
    pool.start()
    for text, code, why in (("", 2, "empty"), (" \n\t\x07", 2, "empty"), ("x" * (256 * 1024 + 1), 1, "too long")):
        result = pool.command("dispatch", "-", input=text)
        assert (result.returncode, why in result.stderr) == (code, True), result.stderr
    result = pool.command("dispatch", "--cwd", pool.path("nowhere"), "do it")
    assert (result.returncode, "works in" in result.stderr) == (1, True), result.stderr
    assert pool.tasks() == []
