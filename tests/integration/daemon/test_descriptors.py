# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon that runs out of descriptors: it goes on, and ends as it would have."""

from __future__ import annotations

import resource
import socket
import time

import pytest

from .conftest import wait_for

DESCRIPTORS = 64
CLIENTS = 300


@pytest.fixture
def crowd():
    """Clients that connect and say nothing."""
    clients = []
    yield clients
    for client in clients:
        client.close()


def connect(host, clients):
    for _number in range(CLIENTS):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(host.control_socket)
        clients.append(client)


def exhausted(host, crowd):
    host.session("main", dedicated=True)
    host.start_tmux()
    host.start()
    wait_for(host.starts, "the session")
    _soft, hard = resource.prlimit(host.daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(host.daemon.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    connect(host, crowd)
    time.sleep(3)
    return host


def test_more_clients_than_descriptors_end_nothing(host, crowd):
    exhausted(host, crowd)
    assert host.daemon.poll() is None, host.daemon_log()
    for client in crowd:
        client.close()
    crowd.clear()
    assert wait_for(lambda: host.command("status", "--json").returncode == 0, "an answer")
    host.tmux("kill-session", "-t", "=main")
    wait_for(lambda: len(host.starts()) == 2, "the session again")
    assert host.stop() == 0


def test_a_stop_without_descriptors_is_a_stop(host, crowd):
    exhausted(host, crowd)
    assert host.stop() == 0, host.daemon_log()
