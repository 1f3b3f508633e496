# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts get_pip.py into a home folder, where ansible-test looks for its download.

python ansible_test_home.py HOME
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

# The versions that ansible-test asks for, from ansible-core 2.16 to 2.21; they are part of the file's name.
PIP_VERSIONS = ("23.1.2", "24.2", "25.2")


def main() -> None:
    """Copy the script once for each version."""
    cache = Path(sys.argv[1], ".ansible", "test", "cache")
    cache.mkdir(parents=True, exist_ok=True)
    for version in PIP_VERSIONS:
        shutil.copyfile(Path(__file__).with_name("get_pip.py"), cache / f"get_pip_{version.replace('.', '_')}.py")


if __name__ == "__main__":
    main()
