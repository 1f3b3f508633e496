# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the gates keep what they make, and what they make it from."""

from __future__ import annotations

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, ".cache")
LOGS = os.path.join(CACHE, "logs")
RESULTS = os.path.join(CACHE, "results")
TOOLS = os.path.join(CACHE, "venv", "tools")
COLLECTIONS = os.path.join(CACHE, "collections")
# ansible-test insists on a real folder of this path, and works on what git knows or would add.
COPY_PARENT = os.path.join(ROOT, "build")
COPY = os.path.join(COPY_PARENT, "ansible_collections", "secuaas", "claude")
INSTALLED = os.path.join(COLLECTIONS, "ansible_collections", "secuaas", "claude")
NAME = "secuaas.claude"

# The docker driver of molecule needs these collections. They lie inside the PyPI package of ansible, so that
# Galaxy need not be reachable.
ANSIBLE_PACKAGE = "ansible==12.3.0"
DRIVER_COLLECTIONS = ("community/docker", "community/library_inventory_filtering_v1", "ansible/posix")

OLDEST_PYTHON = (3, 9)
NO_ENGINE = 75  # molecule/docker-engine.sh: there is none, and it may not be installed
# molecule/docker-engine.sh keeps here which dockerd it has launched.
ENGINE_PID = os.path.join(CACHE, "dockerd", "pid")

# What tests/e2e needs beside the tools: program and Debian package.
E2E_PACKAGES = {"ip": "iproute2", "unshare": "util-linux", "openssl": "openssl", "npm": "npm"}
