# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake Claude Code CLI with the terminal, files and hooks of the real one.

``claude-failover rehearse``, the integration tests and the molecule scenario run it in their sessions. It calls no
API: a *world* file defines the response for each account (`world`), and a made-up token identifies the account
(`credentials`). It opens no network connection and refuses a token that is not made up.

The behaviour was seen on Claude Code 2.1.330 (2.1.197 where said); ``tests/e2e/test_fake_claude_conformance.py``
runs one scenario on both and compares.
"""

from __future__ import annotations

SEEN_ON = "2.1.330"
