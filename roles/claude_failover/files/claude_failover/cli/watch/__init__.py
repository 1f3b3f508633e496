# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The full screen of ``claude-failover status --watch``, drawn with python3-rich where that is installed.

`content` picks what is shown and `view` draws it, both pure; `keys` changes the view; `screen` and `loop` are the
terminal, the daemon and time.
"""
