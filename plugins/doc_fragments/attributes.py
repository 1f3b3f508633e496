# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of this collection say of their own behaviour."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes that every module here documents; each module adds its own ``support``."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and say what it would change, without changing anything.
  diff_mode:
    description: Says in diff mode what was before and what is after, or in C(check_mode) would be.
  idempotent:
    description: Run again outside C(check_mode) with the same arguments, it reports no change.
  platform:
    description: The operating systems of the managed hosts on which it works.
"""
