#!/bin/sh
# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs the tests of the boundaries between users as root of a container of Debian 13, with Debian's Python and packages:
# the users of the tests can reach those, and need nothing of the machine's.
#
#   in_container.sh [argument of pytest…]     in the folder of a checkout
set -eu

# The checkout may be read-only.
export PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis LC_ALL=C.UTF-8
playbooks/provision/apt.sh ansible-core python3-hypothesis python3-pytest python3-pytest-xdist python3-yaml tmux
python3 -m pytest -q -p no:cacheprovider "$@" tests/security
