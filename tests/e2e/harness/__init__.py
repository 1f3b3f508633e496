# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world of the end-to-end tests: the real Claude Code CLI, a stub of its API, a namespace with only loopback.

Prerequisites, all of Debian: root (for the namespaces), ``iproute2``, ``util-linux``, ``tmux``, ``openssl``,
``python3`` with ``python3-yaml``, and ``npm`` to fetch the CLI. The CLI is a native program: **no Node is
needed to run it**, only npm to download it, and any npm will do (the package wants node >= 22 and Debian 12
has 18: npm only warns, because the version is pinned; seen with npm 11.19 under Node 20.20, on 2.1.330 and
2.1.197). npm 11.16 and later do not run its install script, so the program is taken from the platform's
package (``@anthropic-ai/claude-code-linux-x64/claude``) and not from ``node_modules/.bin``.
"""

from __future__ import annotations
