# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pip into a virtual environment of ansible-test, for machines that reach PyPI but not ansible-test's own host.

ansible-test makes environments without pip and fetches a script of this interface from
ci-files.testing.ansible.com. Python brings a pip of its own: ensurepip unpacks it, and it then installs what
ansible-test asked for.
"""

from __future__ import annotations

import subprocess
import sys


def main() -> int:
    """Install pip, then the requirements given as arguments; returns pip's exit code."""
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
    wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
    return subprocess.run([sys.executable, "-m", "pip", "install", *wanted], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
