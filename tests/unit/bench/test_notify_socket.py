# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket that takes what a daemon tells systemd."""

from __future__ import annotations

import os
import socket
import sys

from import_path import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))

from notify_socket import NotifySocket

LONGEST_QUEUE = 512  # datagrams, of net.unix.max_dgram_qlen as systemd sets it


def test_more_messages_than_the_queue_holds_are_taken(short_folder: str) -> None:
    path = os.path.join(short_folder, "notify.sock")
    taken = NotifySocket(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.settimeout(20)  # for room in the queue
        for _message in range(2 * LONGEST_QUEUE):
            daemon.sendto(b"WATCHDOG=1", path)
    taken.close()


def test_a_socket_takes_the_place_of_the_one_before(short_folder: str) -> None:
    path = os.path.join(short_folder, "notify.sock")
    NotifySocket(path).close()
    NotifySocket(path).close()
    assert os.path.exists(path)
