# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the Claude Code CLI: it behaves as the real one does towards a terminal, its files and its hooks.

``claude-failover rehearse`` runs sessions of it on a host, and so do the fast tests and the molecule scenario. It
asks no API: a *world* file says what each account gets (`world`), and the account is known by a made-up token
(`credentials`). It opens no network connection, and it refuses a token that is not made up.

What it imitates was seen on Claude Code 2.1.330 (2.1.197 where said); ``tests/e2e/test_standin_conformance.py``
runs one scenario on both and compares.
"""

from __future__ import annotations

SEEN_ON = "2.1.330"
