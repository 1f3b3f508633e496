# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that an operator can act on.

Each message states what was found, what was expected, and what to do. Any exception that is not a ``FailoverError``
is a bug; the command line reports it as one (exit code 70).
"""

from __future__ import annotations


class FailoverError(Exception):
    """Base class; the message is written for the operator."""

    exit_code = 1


class Refused(FailoverError):
    """The request is valid, but declined."""


class UsageError(FailoverError):
    """The command line or the configuration is invalid."""

    exit_code = 2


class NotRunning(FailoverError):
    """The daemon does not answer on its control socket."""

    exit_code = 3
