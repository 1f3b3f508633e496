# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of an installed release: ``python3 -I <release>/lib COMMAND …``."""

from __future__ import annotations

import sys

from claude_failover.__main__ import main

sys.exit(main(sys.argv[1:]))
