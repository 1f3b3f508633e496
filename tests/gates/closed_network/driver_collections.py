# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacks the collections that molecule's docker driver needs from the PyPI package ansible, instead of from Galaxy.

    python driver_collections.py COLLECTIONS_FOLDER

Run with a Python that has pip. Does nothing where the pinned package has been unpacked already.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "ansible==12.3.0"
COLLECTIONS = ("community/docker", "community/library_inventory_filtering_v1", "ansible/posix")


def main() -> None:
    """Download the wheel and extract the three collections from it."""
    folder = Path(sys.argv[1])
    stamp = folder / ".driver"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == PACKAGE:
        return
    wanted = tuple(f"ansible_collections/{name}/" for name in COLLECTIONS)
    with tempfile.TemporaryDirectory() as download:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:", "--dest", download]
        subprocess.run([*pip, PACKAGE], check=True)
        with zipfile.ZipFile(next(Path(download).glob("*.whl"))) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(wanted)])
    stamp.write_text(PACKAGE, encoding="utf-8")


if __name__ == "__main__":
    main()
