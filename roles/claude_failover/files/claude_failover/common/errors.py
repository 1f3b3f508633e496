# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that an operator can act on, and the classification of those of the system.

Each message states what was found, what was expected, and what to do. Any exception that is not a ``FailoverError``
is a bug; the command line reports it as one (exit code 70).
"""

from __future__ import annotations

import errno


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


class NoAnswer(FailoverError):
    """The daemon may have got a request, and its answer is lost."""


class PassingFault(FailoverError):
    """Something is missing, full, read-only or used up; the same can succeed later, with nothing to mend here."""

    exit_code = 75


# Something is there and wrong: its kind, its owner, its rights, its name. Every other number passes: what is missing
# can be mounted, what is full or used up is given back.
_WRONG = frozenset(
    {
        errno.EACCES,
        errno.EADDRINUSE,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.ENOTEMPTY,
        errno.EPERM,
    }
)


def is_passing(number: int | None) -> bool:
    """Return whether an error number of the system says that the same call can succeed later."""
    return number not in _WRONG


def failure_of(error: OSError, message: str | None = None) -> FailoverError:
    """Return the failure that an error of the system means, with its text or another ``message``."""
    kind = PassingFault if is_passing(error.errno) else Refused
    return kind(str(error) if message is None else message)
