# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in small for the tests of boundaries: a home of another user's, and folders of root's beside it.

Only for root, who can become the users. The folder can be reached by everybody, as ``/home`` can.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import import_path
import pytest
import yaml

DEADLINE = 60.0
SESSIONS_USER = "nobody"
OTHER_USER = "daemon"
USERS_PYTHON = "/usr/bin/python3"  # that of the tests may lie where only root may look

needs_root = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="SKIPPED, NOT TESTED: boundaries between users can only be tested by root, who can become the users",
)


class UserHost:
    """Folders, a configuration of root's and a home of the sessions' user; programs run as any of the users."""

    def __init__(self, python_path: str) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="cf-users-", dir="/tmp"))
        os.chmod(self.folder, 0o755)
        self.user = pwd.getpwnam(SESSIONS_USER)
        self.other = pwd.getpwnam(OTHER_USER)
        self.home = self.make("home", self.user)
        self.state = self.make("state", self.user, 0o700)
        self.run_folder = self.make("run", self.user)
        self.tmux_folder = self.make("run-tmux", self.user, 0o700)
        self.roots = self.make("cron.daily")
        self.config = self.path("config.yml")
        self.control = self.path("run", "control.sock")
        self.tmux = self.path("run-tmux", "tmux.sock")
        self.links = ("session-env", "file-history", "projects")
        self.homes = [self.path("home", f".claude-{name}") for name in ("a", "b")]
        self.code = self._copy_code(python_path)
        self.daemon_pid = 0
        self.write_config()

    def path(self, *names: str) -> str:
        """Return a path in the folder."""
        return os.path.join(self.folder, *names)

    def make(self, name: str, user: pwd.struct_passwd | None = None, mode: int = 0o755) -> str:
        """Make a folder of root's or of a user's; return its path."""
        path = self.path(name)
        os.mkdir(path)
        os.chmod(path, mode)
        if user is not None:
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def write_config(self, **more: Any) -> None:
        """Write the configuration, updated by ``more``."""
        document = {
            "accounts": [{"name": name, "home": home} for name, home in zip("ab", self.homes)],
            "active_link": self.path("home", ".claude"),
            "shared_root": self.home,
            "control_socket": self.control,
            "tmux": {"socket": self.tmux},
            "state_dir": self.state,
            **more,
        }
        with open(self.config, "w", encoding="utf-8") as stream:
            json.dump(document, stream)  # JSON is YAML
        os.chmod(self.config, 0o644)

    def command(self, *arguments: str, python: str = sys.executable) -> list[str]:
        """Return the command that runs ``claude-failover`` with this configuration."""
        return [python, "-B", "-m", "claude_failover", "--config", self.config, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Return a fixed environment in which the code is found."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.path("home"),
            "PYTHONPATH": self.code,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            **more,
        }

    def run(self, *arguments: str, user: pwd.struct_passwd | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of ``claude-failover``, as root or as a user."""
        return subprocess.run(
            self.command(*arguments, python=sys.executable if user is None else USERS_PYTHON),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
            check=False,
            cwd="/",
            preexec_fn=become(user) if user is not None else None,
        )

    def as_user(self, work: Callable[[], Any], user: pwd.struct_passwd | None = None) -> int:
        """Do ``work`` in a process of the sessions' user, or another one; return its exit code, 0 for success.

        That user may not read root's Python: what ``work`` needs has been imported, its codecs as well (UTF-8 has).
        """
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                become(user or self.user)()
                work()
                code = 0
            except OSError as error:
                code = error.errno or 1
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def end(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def _copy_code(self, python_path: str) -> str:
        """Copy what is imported to a folder that every user can read: a checkout may lie in a private one."""
        library = self.make("code")
        daemon, collections = python_path.split(os.pathsep)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copy(os.path.join(daemon, "__main__.py"), library)
        shutil.copytree(os.path.join(daemon, "claude_failover"), f"{library}/claude_failover", ignore=ignore)
        below = os.path.join("ansible_collections", "secuaas", "claude", "plugins", "module_utils")
        shutil.copytree(os.path.join(collections, below), os.path.join(library, below), ignore=ignore)
        pure = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(os.path.dirname(yaml.__file__), f"{library}/yaml", ignore=pure)
        for where, folders, files in os.walk(library):
            for name in folders:
                os.chmod(os.path.join(where, name), 0o755)
            for name in files:
                os.chmod(os.path.join(where, name), 0o644)
        return library


def script_of(name: str) -> str:
    """Return a script of the role's, by the name of its variable."""
    with open(
        os.path.join(import_path.ROOT, "roles", "claude_failover", "vars", "main.yml"), encoding="utf-8"
    ) as stream:
        return str(yaml.safe_load(stream)[name])


def become(user: pwd.struct_passwd) -> Callable[[], None]:
    """Return a function that gives this process the ids and groups of a user."""

    def change() -> None:
        os.setgroups(os.getgrouplist(user.pw_name, user.pw_gid))
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)

    return change
