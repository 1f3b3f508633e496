# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the notification of systemd."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from claude_failover.common.backoff import Backoff
from claude_failover.reporting.systemd import SystemdNotifier, watchdog_interval


def test_backoff_doubles_up_to_its_bound_and_begins_anew_after_a_good_run():
    backoff = Backoff(1, 60)
    assert [backoff.failed(ran=0.1) for _try in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.failed(ran=61) == 1
    assert backoff.failed(ran=60) == 2


def test_backoff_goes_on_for_ever():
    backoff = Backoff(0.5, 10)
    for _try in range(5000):
        delay = backoff.failed(ran=0)
    assert delay == 10


@pytest.mark.parametrize("address", ["/n.sock", "@claude-failover-test"])
def test_states_reach_systemd(tmp_path, address):
    path = str(tmp_path) + address if address[0] == "/" else address + str(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + path[1:] if path[0] == "@" else path)
        SystemdNotifier(path).send(READY=1, STATUS="3 sessions\nX=1")
        assert systemd.recv(999) == b"READY=1\nSTATUS=3 sessions X=1"
        SystemdNotifier(path).reloading()
        assert systemd.recv(999).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_ready_waits_for_a_systemd_that_is_slow_and_a_status_does_not(tmp_path):
    path = str(tmp_path / "n.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(10)
        notifier = SystemdNotifier(path)
        backlog = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 2
        for number in range(backlog):
            notifier.send(STATUS=f"starting: {number}")
        ready = threading.Thread(target=notifier.send, kwargs={"READY": 1})
        ready.start()
        ready.join(0.2)  # one that does not wait has ended by now, unheard
        assert ready.is_alive()
        heard = []
        while b"READY=1" not in heard:
            heard.append(systemd.recv(999))
        ready.join()
        assert len(heard) <= backlog


def test_no_notification_socket_is_no_error(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    SystemdNotifier().send(READY=1)
    SystemdNotifier(str(tmp_path / "gone")).send(READY=1)


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_at_half_its_bound(monkeypatch, environment, interval):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert watchdog_interval() == interval


def test_a_status_with_foreign_text_is_sent_on_one_line(tmp_path):
    path = str(tmp_path / "n.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        SystemdNotifier(path).send(STATUS="down: \ud800\u2028READY=1\x1b[2J")
        assert systemd.recv(999).decode() == "STATUS=down: \ufffd READY=1[2J"


@pytest.mark.parametrize("microseconds", ["²", "", "-1", "1e6"])
def test_a_watchdog_time_that_is_no_number_is_none(monkeypatch, microseconds):
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_interval() is None
