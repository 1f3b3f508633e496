# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One test's world: a scratch HOME with the accounts A, B and C, shared folders, the active link, hooks, a stub.

Everything is made up, and below one short folder in /tmp: a unix socket's path has at most 107 bytes.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from . import certificates, cli
from .namespace import SYSTEM_PATH, Namespace
from .wait import until

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HERE)  # the stub runs as a script of this folder; the tests read its vocabulary
from stub_api import profile  # noqa: E402  the path has to be set first
from stub_world import access_token, refresh_token  # noqa: E402  the path has to be set first

SHARED = ("session-env", "file-history", "projects")
EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "Notification", "SessionEnd")
PORT = 8787
FAKE_CLAUDE = "fake-claude"
#: The server's flag under which Claude Code minds whose conversation it is.
OWNER_GUARD = "tengu_ticklish_moon"
#: The first version that was seen to mind it (not 2.1.300).
GUARDED = "2.1.330"
DAEMON_LIB = os.path.join(os.path.dirname(os.path.dirname(HERE)), "roles", "claude_failover", "files")


class World:
    """The world, from `__init__` to `close`."""

    def __init__(
        self,
        namespace: Namespace,
        program: str,
        *,
        accounts: str = "ABC",
        gateway: bool = False,
        imitate: str = "",
        guard: bool = False,
        flags_known: bool = False,
        company: bool = True,
    ) -> None:
        """``program`` is the claude to run (or `FAKE_CLAUDE`, which can ``imitate`` an old version).

        With ``gateway`` it gets ANTHROPIC_BASE_URL; without, it calls the names that it calls on any machine. With
        ``guard`` Claude Code asks whose conversation it is after a flip (2.1.330 and newer): the stub serves the flag,
        and the environment does not keep the CLI from asking for it. With ``flags_known`` the homes have it from an
        earlier session. Without ``company`` each account is of an organization of its own.
        """
        self.namespace, self.accounts, self.gateway, self.imitate = namespace, accounts, gateway, imitate
        self.guard, self.flags_known, self.company = guard, flags_known, company
        self.person = guard  # one who answers what the guard asks; see `Session`
        self.folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.home, self.cwd = self.path("home"), self.path("work")
        self.link = os.path.join(self.home, ".claude")
        self.stub_folder, self.hooks_folder = self.path("stub"), self.path("hooks")
        for folder in (self.home, self.cwd, self.hooks_folder, self.path("bin"), self.path("tmp")):
            os.mkdir(folder)
        os.mkdir(self.stub_folder, 0o755)
        self.claude = self._install(program)
        self._make_homes()
        self._make_hooks()
        self._own(self.folder)
        self.behaviour: dict[str, dict[str, Any]] = {tag: {"mode": "ok"} for tag in accounts}
        self._write_world()
        with open(os.path.join(self.stub_folder, "requests.jsonl"), "w", encoding="ascii"):
            pass
        # The fake Claude writes it as the ordinary user.
        os.chmod(os.path.join(self.stub_folder, "requests.jsonl"), 0o666)
        self.authority, self.certificate, self.key = certificates.make(self.stub_folder)
        self.stub: subprocess.Popen[bytes] | None = None
        self.children: list[subprocess.Popen[bytes]] = []  # others that `close` has to wait for
        self.socket = self.path("tmux.sock")

    def path(self, *names: str) -> str:
        """Return a path below the world's folder."""
        return os.path.join(self.folder, *names)

    # -- what the CLI finds ---------------------------------------------------------------------------------

    def _install(self, program: str) -> str:
        place = self.path("bin", "claude")
        if program == FAKE_CLAUDE:
            return self._install_fake_claude()
        cli.install(program, place)
        return place

    def _install_fake_claude(self) -> str:
        """Install the fake Claude, from a copy that the ordinary user reaches, as the executable ``claude``."""
        lib = self.path("fake-claude-lib")
        shutil.copytree(
            os.path.join(DAEMON_LIB, "claude_failover"),
            os.path.join(lib, "claude_failover"),
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        with open(os.path.join(lib, "__main__.py"), "w", encoding="ascii") as stream:
            stream.write(
                "import sys\n"
                "from claude_failover.rehearsal.fake_claude.program import main\n"
                "sys.exit(main(sys.argv[1:]))\n"
            )
        install = (
            "import sys; sys.path.insert(0, sys.argv[1]); "
            "from claude_failover.rehearsal.fake_claude.launcher import install; "
            "install(sys.argv[2], ['/usr/bin/python3', '-I', sys.argv[1]])"
        )
        subprocess.run([sys.executable, "-c", install, lib, self.path("bin")], check=True)
        return self.path("bin", "claude")

    def account_home(self, tag: str) -> str:
        """Return the home folder of an account."""
        return os.path.join(self.home, f".claude-{tag.lower()}")

    def shared(self, name: str) -> str:
        """Return the shared target of a name."""
        return os.path.join(self.home, f".claude-{name}-shared")

    def _make_homes(self) -> None:
        for name in SHARED:
            os.mkdir(self.shared(name), 0o700)
        for tag in self.accounts:
            home = self.account_home(tag)
            os.mkdir(home, 0o700)
            for name in SHARED:
                os.symlink(self.shared(name), os.path.join(home, name))
            self.write_json(
                os.path.join(home, ".claude.json"),
                # A page of 2.1.80 and 2.1.81 asks for the effort, once.
                {
                    "hasCompletedOnboarding": True,
                    "effortCalloutV2Dismissed": True,
                    "projects": {self.folder: {"hasTrustDialogAccepted": True}},
                    "oauthAccount": self.identity(tag),
                    **self._known_flags(),
                },
            )
            self.write_json(os.path.join(home, "settings.json"), {"skipDangerousModePermissionPrompt": True})
            self.login(tag)
        os.symlink(self.account_home(self.accounts[0]), self.link)

    def _known_flags(self) -> dict[str, Any]:
        """Return the server's flags as a home in use keeps them.

        A session that is resumed in a home without them asks nothing where the answer comes after its first screen, in
        one that has them seldom (2.1.332).
        """
        if not self.flags_known:
            return {}
        flags, now = {OWNER_GUARD: True}, int(time.time() * 1000)
        return {
            "cachedFeatureFlags": flags,
            "cachedFeatureFlagsAt": now,
            "cachedGrowthBookFeatures": flags,
            "cachedGrowthBookFeaturesAt": now,
        }

    def identity(self, tag: str) -> dict[str, Any]:
        """Return the ``oauthAccount`` of an account, by the keys that Claude Code writes there (2.1.330)."""
        found = profile(tag, self.accounts[0] if self.company else tag)
        account, organization = found["account"], found["organization"]
        return {
            "accountUuid": account["uuid"],
            "emailAddress": account["email"],
            "displayName": account["display_name"],
            "organizationUuid": organization["uuid"],
            "organizationName": organization["name"],
            "organizationType": organization["organization_type"],
            "organizationRateLimitTier": organization["rate_limit_tier"],
            "billingType": organization["billing_type"],
            "hasExtraUsageEnabled": organization["has_extra_usage_enabled"],
        }

    def login(self, tag: str, *, expires_in: float = 8 * 3600) -> None:
        """Give an account made-up credentials; their times differ from every other account's."""
        self.write_json(
            os.path.join(self.account_home(tag), ".credentials.json"),
            {
                "claudeAiOauth": {
                    "accessToken": access_token(tag),
                    "refreshToken": refresh_token(tag),
                    "expiresAt": int((time.time() + expires_in) * 1000),
                    "scopes": ["user:inference", "user:profile"],
                    "subscriptionType": "max",
                    "rateLimitTier": "default_claude_max_5x",
                }
            },
            mode=0o600,
        )

    def write_json(self, path: str, data: Any, mode: int = 0o644) -> None:
        """Write a file as the ordinary user would have it."""
        temporary = f"{path}.new"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        os.chmod(temporary, mode)
        os.chown(temporary, self.namespace.uid, self.namespace.gid)
        os.rename(temporary, path)

    def settings(self, tag: str, changes: dict[str, Any], name: str = "settings.json") -> None:
        """Add keys to a file of an account's home."""
        path = os.path.join(self.account_home(tag), name)
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
        self.write_json(path, {**data, **changes})

    def _own(self, folder: str) -> None:
        for parent, folders, files in os.walk(folder):
            for path in [parent, *(os.path.join(parent, name) for name in (*folders, *files))]:
                # The program is a hard link of the one in the cache: it stays whose it is.
                if path not in (self.stub_folder, self.path("bin", "claude")):
                    os.lchown(path, self.namespace.uid, self.namespace.gid)

    # -- hooks ----------------------------------------------------------------------------------------------

    def _make_hooks(self) -> None:
        """A recorder of hook payloads: one file each, renamed into place when it is whole."""
        self.recorder = self.path("bin", "record")
        with open(self.recorder, "w", encoding="ascii") as stream:
            stream.write(
                '#!/bin/sh\nt="$0.$$"\nt=' + self.hooks_folder + "/.$$\n"
                '{ env | grep ^CLAUDE | tr "\\n" " "; echo; cat; } >"$t"\n'
                'mv "$t" "' + self.hooks_folder + '/$(date +%s%N).$$.$1"\n'
            )
        os.chmod(self.recorder, 0o755)
        self.session_settings = self.path("session-settings.json")
        with open(self.session_settings, "w", encoding="utf-8") as stream:
            json.dump(
                {
                    "hooks": {
                        event: [{"hooks": [{"type": "command", "command": f"{self.recorder} {event}"}]}]
                        for event in EVENTS
                    }
                },
                stream,
            )

    def hooks(self, event: str | None = None, session: str | None = None) -> list[dict[str, Any]]:
        """Return the recorded payloads, oldest first; the environment is under the key ``_env``."""
        payloads = []
        for name in sorted(os.listdir(self.hooks_folder)):
            if name.startswith("."):
                continue
            with open(os.path.join(self.hooks_folder, name), encoding="utf-8") as stream:
                env, _break, raw = stream.read().partition("\n")
            payload = json.loads(raw)
            payload["_env"] = dict(word.split("=", 1) for word in env.split() if "=" in word)
            payload["_time"] = int(name.split(".")[0]) / 1e9
            if event in (None, payload["hook_event_name"]) and session in (None, payload["session_id"]):
                payloads.append(payload)
        return payloads

    # -- the stub -------------------------------------------------------------------------------------------

    def _world(self) -> dict[str, Any]:
        organizations = dict.fromkeys(self.accounts, self.accounts[0]) if self.company else {}
        features = [OWNER_GUARD] if self.guard else []
        return {"accounts": self.behaviour, "organizations": organizations, "features": features}

    def _write_world(self) -> None:
        path = os.path.join(self.stub_folder, "world.json")
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(self._world(), stream)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def set(self, tag: str, mode: str, **more: Any) -> None:
        """Say what the account gets from now on (see `stub_world`)."""
        if mode == "limit":
            more.setdefault("claim", "five_hour")
            more.setdefault("resets_at", int(time.time()) + 3 * 3600)
        self.behaviour[tag] = {"mode": mode, **more}
        self._write_world()

    def start_stub(self) -> None:
        """Start the stub and wait until it listens."""
        self.stub = self.namespace.start(
            [
                "/usr/bin/python3",
                "-B",
                os.path.join(HERE, "stub_api.py"),
                self.stub_folder,
                str(PORT),
                "443",
                self.certificate,
                self.key,
            ],
            {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
            root=True,
        )
        until(lambda: any(record.get("phase") == "ready" for record in self.log()), "the stub to listen")

    def log(self) -> list[dict[str, Any]]:
        """Return every record of the stub's log."""
        with open(os.path.join(self.stub_folder, "requests.jsonl"), encoding="utf-8") as stream:
            text = stream.read()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def turns(self, session: str | list[str] | None = None, *, began: bool = False) -> list[dict[str, Any]]:
        """Return the conversation requests, in the order of their ends, or those that have ``began``.

        ``session`` is a conversation's id, or those of one and its copies.
        """
        wanted = [session] if isinstance(session, str) else session
        return [
            record
            for record in self.log()
            if record.get("kind") == "turn"
            and (record.get("phase") == "began") is began
            and (wanted is None or record["session"] in wanted)
        ]

    # -- running things -------------------------------------------------------------------------------------

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of a session, whole: nothing is inherited."""
        found = {
            "HOME": self.home,
            "PATH": f"{self.path('bin')}:{SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TERM": "xterm-256color",
            "SHELL": "/bin/bash",
            "USER": "nobody",
            "LOGNAME": "nobody",
            "PWD": self.cwd,
            "TMPDIR": self.path("tmp"),
            "CLAUDE_CONFIG_DIR": self.link,
            "DISABLE_AUTOUPDATER": "1",
            "NODE_EXTRA_CA_CERTS": self.authority,
            "CLAUDE_FAKE_WORLD": os.path.join(self.stub_folder, "world.json"),
        }
        if not self.guard:
            # It keeps the CLI quiet, and from every flag of the server's.
            found["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
        if self.gateway:
            found["ANTHROPIC_BASE_URL"] = f"http://127.0.0.1:{PORT}"
        if self.imitate:
            found["CLAUDE_FAKE_VERSION"] = self.imitate
        return {**found, **more}

    def tmux(self, *arguments: str, check: bool = True) -> str:
        """Run one tmux command on the world's private server and return what it printed."""
        done = self.namespace.run(["tmux", "-f", "/dev/null", "-S", self.socket, *arguments], self.env())
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def start_tmux(self) -> None:
        """Start the private server, with a session that only holds it."""
        self.tmux(
            "new-session",
            "-d",
            "-s",
            "holder",
            "-x",
            "120",
            "-y",
            "50",
            "cat",
            ";",
            "set-option",
            "-g",
            "remain-on-exit",
            "on",
            ";",
            "set-option",
            "-g",
            "default-shell",
            "/bin/sh",
            ";",
            "set-option",
            "-g",
            "escape-time",
            "0",
            ";",
            "set-option",
            "-g",
            "history-limit",
            "5000",
        )

    def flip(self, tag: str, *, touch: bool = True) -> float:
        """Point the active link at an account, as one atomic replacement; return the moment."""
        temporary = self.link + ".flip"
        os.symlink(self.account_home(tag), temporary)
        os.lchown(temporary, self.namespace.uid, self.namespace.gid)
        os.rename(temporary, self.link)
        moment = time.time()
        if touch:
            os.utime(os.path.join(self.account_home(tag), ".credentials.json"))
        return moment

    def records(self, session: str) -> list[dict[str, Any]]:
        """Return the transcript of a session, oldest record first; every line has to be whole JSON."""
        paths = self.transcripts(session)
        if not paths:
            return []
        with open(paths[0], encoding="utf-8") as stream:
            text = stream.read()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def transcripts(self, session: str) -> list[str]:
        """Return the paths of the session's transcripts in the shared projects: one, or none yet."""
        projects = self.shared("projects")
        return [
            os.path.join(projects, folder, f"{session}.jsonl")
            for folder in sorted(os.listdir(projects))
            if os.path.exists(os.path.join(projects, folder, f"{session}.jsonl"))
        ]

    def conversations(self) -> list[str]:
        """Return the ids of all conversations that have a transcript."""
        found = glob.glob(os.path.join(self.shared("projects"), "*", "*.jsonl"))
        return [os.path.basename(path)[: -len(".jsonl")] for path in found]

    def tokens_in(self, paths: Iterable[str]) -> list[str]:
        """Return which of the paths hold one of the made-up tokens: none may, but the credentials."""
        found = []
        for path in paths:
            with open(path, "rb") as stream:
                if b"sk-ant-o" in stream.read():
                    found.append(path)
        return found

    def close(self) -> None:
        """End every process of the namespace and remove the folder."""
        self.namespace.clear()
        for child in [*self.children, *([self.stub] if self.stub else [])]:
            child.wait(timeout=10)
        shutil.rmtree(self.folder)
