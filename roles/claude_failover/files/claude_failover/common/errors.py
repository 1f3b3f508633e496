# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a way that an operator can act on.

Every message says what was found, what was expected, and what to do. Anything raised that is not a
``FailoverError`` is a bug, and the command line says so (exit code 70).
"""

from __future__ import annotations


class FailoverError(Exception):
    """Something could not be done; the text is written for the operator."""

    exit_code = 1


class Refused(FailoverError):
    """The request is understood and will not be carried out."""


class UsageError(FailoverError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class NotRunning(FailoverError):
    """The daemon does not answer on its control socket."""

    exit_code = 3
