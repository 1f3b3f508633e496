# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world of the end-to-end tests: the real Claude Code CLI, a stub of its API, a namespace with only loopback.

Run by ``python -m pytest tests/e2e`` as root. With ``CI=true`` a missing prerequisite is a failure, elsewhere a skip
that says what is missing.

Prerequisites, all of Debian: root (for the namespaces), ``iproute2``, ``util-linux``, ``tmux``, ``openssl``,
``python3`` with ``python3-yaml``, and ``npm`` to fetch the CLI (once, into ``.cache/claude-cli`` of the checkout).
A test that boots systemd in a `container` is skipped, and says so, where no Docker Engine answers.

The CLI is a native program: **no Node is needed to run it**, only npm to download it, and the npm of Debian 12 will do:
npm 9.2.0 under Node 18.20.4 installs the pinned 2.1.330 with a warning (the package wants Node >= 22), as does npm
11.19.1 under Node 20.20.2, which however does not run the package's install script any more. So the program is taken
from the platform's package (``@anthropic-ai/claude-code-linux-x64/claude``) and not from ``node_modules/.bin``.
"""

from __future__ import annotations
