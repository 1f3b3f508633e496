# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the attributes that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of every module; each module adds its own ``support``."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would change, without changing anything.
  diff_mode:
    description: Returns in diff mode the states before and after the run, predicted ones in C(check_mode).
  idempotent:
    description: Reports no change when run again with the same arguments outside C(check_mode).
  platform:
    description: The operating systems that it supports on managed hosts.
"""
