# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network namespace that has only loopback, and an ordinary user in it.

Nothing that runs here can reach another machine. The names that the CLI calls whatever it is told (seen on
Claude Code 2.1.330) lead to loopback too, by a hosts file of the namespace's own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .enclosure import Enclosure

NAMES = (
    "api.anthropic.com",
    "platform.claude.com",
    "console.anthropic.com",
    "claude.ai",
    "claude.com",
    "mcp-proxy.anthropic.com",
    "statsig.anthropic.com",
    "http-intake.logs.datadoghq.com",
    "downloads.claude.ai",
)
USER = os.environ.get("CLAUDE_E2E_USER", "nobody")
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "mount", "tmux", "openssl")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def missing() -> list[str]:
    """Return what the tests need and this machine lacks, in words for the operator."""
    lacks = [
        f"the program {name}" for name in TOOLS if shutil.which(name, path=SYSTEM_PATH + ":/usr/sbin:/sbin") is None
    ]
    if os.geteuid() != 0:
        lacks.insert(0, "root, to make the namespaces")
    if not os.access("/usr/bin/python3", os.X_OK):
        lacks.append("/usr/bin/python3")
    return lacks


class Namespace(Enclosure):
    """Network and mount namespaces that live until `close`, or until this process ends."""

    def __init__(self, folder: str) -> None:
        """``folder`` (absolute) gets the hosts file."""
        hosts = os.path.join(folder, "hosts")
        with open(hosts, "w", encoding="ascii") as stream:
            stream.write("127.0.0.1 localhost " + " ".join(NAMES) + "\n")
        os.chmod(hosts, 0o644)
        script = f"ip link set lo up && mount --bind {hosts} /etc/hosts && echo ready && exec cat"
        # cat holds the namespaces until its input ends: they go even when this process is killed.
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout is not None
        if self.holder.stdout.readline() != b"ready\n":
            raise RuntimeError("the namespace could not be made: is this a container without CAP_SYS_ADMIN?")
        entry = pwd.getpwnam(USER)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        self.net = os.readlink(f"/proc/{self.holder.pid}/ns/net")

    def command(self, argv: Sequence[str], env: Mapping[str, str], *, root: bool = False) -> list[str]:
        """Return the command line that runs ``argv`` inside, with exactly ``env``, as the ordinary user or as root."""
        enter = [
            "nsenter",
            f"--net=/proc/{self.holder.pid}/ns/net",
            f"--mount=/proc/{self.holder.pid}/ns/mnt",
            "--wd=" + env.get("PWD", "/"),
        ]
        ids = [] if root else ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        return [*enter, *ids, "env", "-i", *(f"{key}={value}" for key, value in env.items()), *argv]

    def start(
        self, argv: Sequence[str], env: Mapping[str, str], *, root: bool = False, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command inside; the process's id is that of the command itself."""
        return subprocess.Popen(self.command(argv, env, root=root), **options)

    def processes(self) -> list[int]:
        """Return the ids of every process in the namespace but the holder."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != self.holder.pid:
                try:
                    if os.readlink(f"/proc/{name}/ns/net") == self.net:
                        found.append(int(name))
                except OSError:
                    continue  # it has just ended
        return found

    def clear(self) -> None:
        """End every process in the namespace, and wait until they are gone. The holder stays."""
        deadline = time.monotonic() + 20
        while True:
            left = [pid for pid in self.processes() if not _zombie(pid)]
            if not left:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes {left} of the test's namespace cannot be ended")
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.02)

    def close(self) -> None:
        """End everything in the namespace, and the namespace."""
        self.clear()
        assert self.holder.stdin is not None and self.holder.stdout is not None
        self.holder.stdin.close()
        self.holder.wait(timeout=10)
        self.holder.stdout.close()


def _zombie(pid: int) -> bool:
    """Return whether a process is dead and only not yet waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stream:
            return stream.read().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True
