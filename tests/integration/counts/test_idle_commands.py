# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon sends to tmux while its sessions do nothing, by all of its loops and in its own pauses."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from import_path import SUPPORT

from ..daemon.conftest import wait_for
from ..daemon.idle_host import IdleHost

FEW, MANY = 3, 30
BOUND = 120.0  # seconds for a condition, on a machine that others keep busy
LOOKS = 7  # pauses of ten seconds, so that what is done once a minute is in them
#: Commands in such a pause: the lifecycle lists the panes.
MOST = 1
#: Commands for one blind pane in such a pause: each second its output is asked for, by one for all that search it.
MOST_BLIND = 10


class RestingHost(IdleHost):
    """A host of idle sessions whose time passes at once."""

    def program(self) -> list[str]:
        return [sys.executable, os.path.join(SUPPORT, "resting_daemon.py"), self.path("commands.txt"), str(LOOKS)]

    def begin(self, count: int, blind: int) -> None:
        """Start so many sessions, the first ``blind`` of which are blind, and the daemon."""
        self.start_tmux()
        self.make_sessions(count)
        self.write_session_files(blind)
        self.start()
        self.send_hooks(blind)
        wait_for(lambda: self._idle() == count - blind, "the sessions to be idle", BOUND)

    def _idle(self) -> int:
        return sum(row["state"] == "idle" for row in self.status()["sessions"])

    def rest(self) -> list[tuple[str, str]]:
        """Let time pass, twice; return the commands of the second time with their panes: each was read in the first."""
        for number in (1, 2):
            self.daemon.send_signal(signal.SIGUSR2)
            wait_for(lambda number=number: self._notes().count("over") == number, "the end of the rest", BOUND)
        notes = self._notes()
        last = len(notes) - notes[::-1].index("begin")
        return [
            (name, pane)
            for name, _space, pane in (note.partition(" ") for note in notes[last : notes.index("over", last)])
        ]

    def _notes(self) -> list[str]:
        with open(self.path("commands.txt"), encoding="utf-8") as stream:
            return stream.read().splitlines()


@pytest.fixture
def at_rest(short_folder: str, python_path: str):
    """Returns what a host at rest sends to tmux, and its blind panes."""

    def commands(count: int, blind: int = 0, **lifecycle: float) -> tuple[list[tuple[str, str]], set[str]]:
        folder = os.path.join(short_folder, str(count))
        os.mkdir(folder)
        host = RestingHost(folder, python_path)
        host.config["lifecycle"] = lifecycle
        try:
            host.begin(count, blind)
            return host.rest(), {pane for pane, _pid in host.panes()[:blind]}
        finally:
            print(host.daemon_log())  # shown when the test failed
            host.close()

    return commands


def test_the_commands_at_rest_do_not_grow_with_the_sessions(at_rest) -> None:
    few, many = at_rest(FEW)[0], at_rest(MANY)[0]
    assert 0 < len(few) <= MOST * LOOKS, few
    assert 0 < len(many) <= MOST * LOOKS, many


def test_where_the_panes_are_listed_seldom_the_server_is_asked_no_oftener_than_they_were(at_rest) -> None:
    found, _blind = at_rest(FEW, check_interval=60)
    assert {name for name, _pane in found} == {"list-panes", "display-message"}
    assert len(found) <= MOST * LOOKS, found


def test_of_a_blind_pane_and_of_no_other_tmux_is_asked_more(at_rest) -> None:
    for count in (FEW, MANY):
        found, blind = at_rest(count, blind=1)
        more = [command for command in found if command[1] != "-"]
        assert set(more) == {("list-panes", pane) for pane in blind}, "it shows nothing new, and is not captured"
        assert len(found) - len(more) <= MOST * LOOKS, found
        assert len(more) <= MOST_BLIND * LOOKS, found
