# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover daemon of the collection ``secuaas.claude`` and its command line."""

from __future__ import annotations

VERSION = "0.4.0"
