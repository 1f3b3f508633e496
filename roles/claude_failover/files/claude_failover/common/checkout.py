# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import path of the files shared with the collection's modules, where the program runs from a checkout."""

from __future__ import annotations

import importlib.util
import os
import sys
import types

LIBRARY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The folder that holds this package."""

_COLLECTION = "ansible_collections.secuaas.claude"
_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(LIBRARY)))
_SHARED_FILE = os.path.join("plugins", "module_utils", "shared_symlinks.py")


def is_installed() -> bool:
    """Return whether this is an installed release, which holds the shared files below their import path."""
    return os.path.isdir(os.path.join(LIBRARY, "ansible_collections"))


def make_importable() -> None:
    """Make this checkout importable as ``ansible_collections.secuaas.claude``, unless there is such a package."""
    if is_installed() or _is_importable() or not os.path.isfile(os.path.join(_CHECKOUT, _SHARED_FILE)):
        return
    namespace = _COLLECTION.partition(".")[0]
    for name, path in ((namespace, []), (f"{namespace}.secuaas", []), (_COLLECTION, [_CHECKOUT])):
        package = types.ModuleType(name)
        package.__path__ = path
        sys.modules.setdefault(name, package)


def incomplete() -> str:
    """Return what to tell where the shared files are missing."""
    return (
        f"this copy of the program is not complete: found no {_SHARED_FILE} in {_CHECKOUT}; expected a whole clone of "
        "the collection, or an installed release: clone it again and run `make demo` there"
    )


def is_shared(module: str | None) -> bool:
    """Return whether a module's name is that of a shared file, or of a package above it."""
    return module is not None and f"{_COLLECTION}.plugins.module_utils.".startswith(f"{module}.")


def _is_importable() -> bool:
    try:
        return importlib.util.find_spec(f"{_COLLECTION}.plugins.module_utils.shared_symlinks") is not None
    except ModuleNotFoundError:
        return False
