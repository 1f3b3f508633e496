# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of files that bind root as well, for tests that take one away."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

# From linux/capability.h: the version of the interface, and the capabilities that pass over permissions.
_VERSION_3 = 0x20080522
_DAC_OVERRIDE = 1
_DAC_READ_SEARCH = 2


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@contextlib.contextmanager
def permissions_bind_root() -> Iterator[None]:
    """Bind this thread, and those that it starts, by the permissions of files inside, also where it is root's.

    Root keeps its user id: another user may not read root's Python, so that whatever is imported inside would fail,
    and a codec that could not be imported once is unknown to the process for good.
    """
    header, kept = _Header(_VERSION_3, 0), (_Sets * 2)()
    _call("capget", header, kept)
    bound = (_Sets * 2).from_buffer_copy(kept)
    bound[0].effective &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    _call("capset", header, bound)
    try:
        yield
    finally:
        _call("capset", header, kept)


def _call(name: str, header: _Header, sets: ctypes.Array[_Sets]) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(ctypes.byref(header), sets) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
