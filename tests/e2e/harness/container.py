# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that boots systemd and has only loopback: a `World` lives in it as it does in a `Namespace`."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from .enclosure import Enclosure
from .namespace import NAMES

IMAGE = os.environ.get("MOLECULE_IMAGE_BOOKWORM", "claude-failover-molecule:bookworm")
#: As in .config/molecule/config.yml.
BOOT = (
    "if [ -e /sys/fs/cgroup/cgroup.procs ]; then mount -o remount,rw /sys/fs/cgroup; "
    "else mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi && exec /lib/systemd/systemd"
)
OPTIONS = (
    *("--cgroupns=private", "--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined"),
    *("--security-opt=apparmor=unconfined", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"),
)
USER = "claude"
#: 1: a unit of the image failed to start.
BOOTED = (
    "until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done; systemctl is-system-running --wait || [ $? -eq 1 ]"
)
#: Of the role too: a container without a network can install nothing.
PACKAGES = "tmux python3-yaml python3-systemd python3-rich"
INSTALL = f"apt-get -qq update && apt-get -qq -y install --no-install-recommends {PACKAGES}"
ADD_USER = (
    "groupadd --gid {0.gid} {user} && "
    "useradd --uid {0.uid} --gid {0.gid} --shell /bin/bash --no-create-home --home-dir {home} {user}"
)


def lacking_engine() -> str | None:
    """Return what keeps a container from being booted here, None where nothing does."""
    if shutil.which("docker") is None:
        return "docker is missing"
    for command, mends in (
        (["docker", "info"], "molecule/docker-engine.sh start"),
        (["docker", "image", "inspect", IMAGE], "molecule/build-images.sh bookworm"),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{' '.join(command)}: {done.stderr.strip()} ({mends})"
    return None


class Container(Enclosure):
    """A machine with systemd and a user, from `boot` to `clear`."""

    def __init__(self) -> None:
        self.name = f"cf-e2e-{uuid.uuid4().hex[:8]}"
        self.uid = self.gid = 1000

    def boot(self, folder: str, read_only: Mapping[str, str]) -> None:
        """Boot it, with ``folder`` at the same path, install what the user has, and cut it off from every network.

        ``read_only`` are mounts: the path inside by that outside.
        """
        mounts = [f"--volume={folder}:{folder}", *(f"--volume={here}:{there}:ro" for here, there in read_only.items())]
        hosts = [f"--add-host={name}:127.0.0.1" for name in NAMES]
        self._docker("run", "--detach", f"--name={self.name}", *OPTIONS, *mounts, *hosts, IMAGE, "sh", "-c", BOOT)
        for script in (BOOTED, INSTALL, ADD_USER.format(self, user=USER, home=f"{folder}/home")):
            self._docker("exec", self.name, "sh", "-ec", script)
        self._docker("network", "disconnect", "bridge", self.name)

    def _docker(self, *arguments: str) -> str:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"docker {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def command(self, argv: Sequence[str], env: Mapping[str, str], *, root: bool = False) -> list[str]:
        """Return the command line that runs ``argv`` inside, with exactly ``env``, as the user or as root."""
        user = "0:0" if root else f"{self.uid}:{self.gid}"
        enter = ["docker", "exec", "--interactive", f"--user={user}", "--workdir=" + env.get("PWD", "/"), self.name]
        return [*enter, "env", "-i", *(f"{key}={value}" for key, value in env.items()), *argv]

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], *, root: bool = False, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command inside; the process here is docker's, which ends with it."""
        return subprocess.Popen(self.command(argv, env, root=root), stdin=subprocess.DEVNULL, **options)

    def restart(self) -> None:
        """Have it shut down and boot again."""
        self._docker("restart", "--time=30", self.name)

    def clear(self) -> None:
        """Remove the container, and every process in it."""
        subprocess.run(["docker", "rm", "--force", "--volumes", self.name], capture_output=True, check=False)
