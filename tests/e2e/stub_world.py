# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stub's world: made-up tokens, what each account gets, and the log of requests.

``world.json``::

    {"accounts": {"A": {"mode": "limit", "claim": "five_hour", "resets_at": 1795383393, "refresh": "ok"}},
     "organizations": {"B": "A"}, "features": ["tengu_ticklish_moon"]}

``mode`` is ``ok``, ``limit`` (with ``claim`` and ``resets_at``, epoch seconds), ``throttle`` (429 without the
unified headers), ``overloaded`` (529), ``unauthorized`` (401), ``warning`` (200 with a gauge: ``claim``,
``utilization``), ``tool`` (with ``command``), ``slow`` (with ``seconds``) or ``hold`` (the answer waits until
the mode is another one). ``hold`` names a prompt whose answer waits until it names another one. ``refresh`` is
``ok``, ``invalid_grant`` or ``hold``. A prompt can ask for one thing under ``ok``: ``[[tool COMMAND]]``,
``[[slow SECONDS]]``, ``[[steps NUMBER SECONDS]]`` (as many uses of a tool, each answered after the
seconds), ``[[agent PROMPT]]`` (a sub-agent in the background), ``[[use TOOL {...}]]`` (a tool by its name,
with its input). ``organizations``: by the tag of an account that of its organization, where it is not its own.
``features`` are the server-side flags that are on. ``meter`` counts an account's windows; see `Meters`.

The fake Claude reads the same file, so that one scenario runs on both.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any

TOKEN = re.compile(r"sk-ant-oat01-STUB-([A-Za-z0-9_]+)-[0-9]+")
REFRESH = re.compile(r"sk-ant-ort01-STUB-([A-Za-z0-9_]+)-[0-9]+")


def access_token(tag: str, number: int = 1) -> str:
    """Return a made-up access token of the account ``tag`` (letters, digits and ``_``)."""
    return f"sk-ant-oat01-STUB-{tag}-{number:08d}"


def refresh_token(tag: str, number: int = 1) -> str:
    """Return a made-up refresh token of the account ``tag``."""
    return f"sk-ant-ort01-STUB-{tag}-{number:08d}"


class Meters:
    """The windows of metered accounts: ``"meter": {"five_hour": {"step": 0.1, "seconds": 20}}``.

    Each answer uses the step, a fraction of 1, of a window, which ends so many seconds after its first request. A
    request is refused where its step does not fit; those that are under way at that time are answered all the same.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], tuple[float, int]] = {}  # by account and name: used, and the reset

    def _window(self, tag: str, name: str, row: dict[str, float]) -> tuple[float, int]:
        used, reset = self._windows.get((tag, name), (0.0, 0))
        return (used, reset) if time.time() < reset else (0.0, int(time.time() + row["seconds"]))

    def full(self, tag: str, meter: dict[str, dict[str, float]]) -> tuple[str, int] | None:
        """Return the window that an answer more does not fit into, and its reset; None if one fits into all."""
        with self._lock:
            for name, row in meter.items():
                used, reset = self._windows[tag, name] = self._window(tag, name, row)
                if used + row["step"] > 1 + 1e-9:
                    return name, reset
        return None

    def charge(self, tag: str, meter: dict[str, dict[str, float]]) -> dict[str, tuple[float, int]]:
        """Use a step of every window; returns what is used of each now, and its reset."""
        with self._lock:
            for name, row in meter.items():
                used, reset = self._window(tag, name, row)
                self._windows[tag, name] = min(used + row["step"], 1.0), reset
            return {name: self._windows[tag, name] for name in meter}


class World:
    """What the folder's ``world.json`` says, and its ``requests.jsonl``."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "world.json")
        self.requests = os.path.join(folder, "requests.jsonl")
        self.lock = threading.Lock()
        self.counter = 0
        self.meters = Meters()
        self.renewals = 1

    def count(self) -> int:
        """Return the next number."""
        with self.lock:
            self.counter += 1
            return self.counter

    def tag(self, authorization: str, key: str) -> str:
        """Return the tag of the account whose token a request bears, ``-`` for none, ``?`` for a strange one."""
        if not authorization and not key:
            return "-"
        found = TOKEN.fullmatch(authorization.replace("Bearer ", ""))
        return found.group(1) if found else "?"

    def refresh_tag(self, token: str) -> str:
        """Return the tag of the account that a refresh token belongs to, or ``?``."""
        found = REFRESH.fullmatch(token)
        return found.group(1) if found else "?"

    def renew(self, tag: str) -> tuple[str, str]:
        """Return new tokens of an account."""
        with self.lock:
            self.renewals += 1
            return access_token(tag, self.renewals), refresh_token(tag, self.renewals)

    def read(self) -> dict[str, Any]:
        """Return ``world.json``."""
        with open(self.path, encoding="utf-8") as stream:
            found: dict[str, Any] = json.load(stream)
        return found

    def account(self, tag: str) -> dict[str, Any]:
        """Return what the account gets now."""
        return dict(self.read()["accounts"].get(tag, {"mode": "ok"}))

    def with_room(self) -> list[str]:
        """Return the tags of the metered accounts into which an answer more fits."""
        accounts = self.read()["accounts"]
        return [tag for tag, row in accounts.items() if "meter" in row and self.meters.full(tag, row["meter"]) is None]

    def organization(self, tag: str) -> str:
        """Return the tag that an account's organization is made of."""
        return str(self.read()["organizations"].get(tag, tag))

    def features(self) -> list[str]:
        """Return the names of the server-side flags that are on."""
        return list(self.read()["features"])

    def wait_while(self, tag: str, key: str, value: str) -> str:
        """Wait as long as the account's ``key`` is ``value``; return the one it has then."""
        while True:
            found = str(self.account(tag).get(key, "ok"))
            if found != value:
                return found
            time.sleep(0.02)

    def log(self, record: dict[str, Any]) -> None:
        """Append a record, in one write."""
        raw = (json.dumps({"time": time.time(), **record}) + "\n").encode()
        with self.lock:
            descriptor = os.open(self.requests, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(descriptor, raw)
            finally:
                os.close(descriptor)
