# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the attributes and options that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of every module, to which each adds its own ``support``; and what those that ask the daemon share."""

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

    CONTROL_SOCKET = r"""
options:
  control_socket:
    description:
      - The control socket of the daemon on the managed host, as an absolute path.
      - The module has to run as root, as the daemon's user, or as a member of its control group.
    type: str
    default: /run/claude-failover/control.sock
attributes:
  action_group:
    description: Use C(group/secuaas.claude.claude_failover) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - secuaas.claude.claude_failover
"""
