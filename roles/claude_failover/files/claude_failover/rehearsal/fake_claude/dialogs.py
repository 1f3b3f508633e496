# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dialogs shown in place of the prompt box (pure). Texts seen on Claude Code 2.1.330."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from . import texts


@dataclass
class FakeDialog:
    """``kind`` is ``limit_menu``, ``permission``, ``trust``, ``bypass``, ``login`` or ``theme``.

    ``top`` is the character of the rule above the dialog, ``indent`` the blanks before the marker.
    """

    kind: str
    before: list[str]
    options: list[str]
    after: list[str]
    top: str = "─"
    indent: str = " "
    numbered: bool = False
    title: str = ""
    selected: int = field(default=0)

    def move(self, step: int) -> None:
        """Move the marker."""
        self.selected = min(max(self.selected + step, 0), len(self.options) - 1)

    def lines(self, width: int, toast: str = "") -> list[str]:
        """Return the dialog's lines with escape sequences."""
        rule = self.top * width
        if toast:
            rule = self.top * (width - len(toast) - 3) + f" {toast} {self.top}"
        shown = [f"\x1b[38;5;153m{rule}\x1b[39m"]
        if self.title:
            shown += [f"{self.indent}\x1b[1m\x1b[38;5;153m{self.title}\x1b[0m", ""]
        shown += [line[:width] for line in self.before]
        for number, option in enumerate(self.options, 1):
            label = f"\x1b[38;5;246m{number}. \x1b[39m{option}" if self.numbered else option
            mark = "\x1b[38;5;153m❯\x1b[39m " if number - 1 == self.selected else "  "
            shown.append(f"{self.indent}{mark}{label}")
        return [*shown, "", *self.after]

    def spoken(self) -> list[str]:
        """Return the dialog's lines in the look for screen readers."""
        shown = [line.strip() for line in (self.title, *self.before) if line.strip(" ╌")]
        shown += [f"{number}. {option}" for number, option in enumerate(self.options, 1)]
        plain = [re.sub("\x1b\\[[0-9;]*m", "", line).strip() for line in self.after]
        return [*shown, f"Select with numbers [1-{len(self.options)}]. Then Enter to submit:", *plain]


CONFIRM = "Enter to confirm · Esc to cancel"


def limit_menu(when: str, version: str) -> FakeDialog:
    """Return the menu shown at a usage limit."""
    return FakeDialog(
        "limit_menu",
        [],
        texts.menu_options(when, version),
        [f"  \x1b[3m\x1b[38;5;246m{CONFIRM}\x1b[0m"],
        top="─" if version == texts.OLD else "▔",
        indent="  ",
        numbered=True,
        title=texts.MENU_TITLE,
    )


def trust(cwd: str) -> FakeDialog:
    """Return the question whether to trust the folder; the first option is No."""
    return FakeDialog(
        "trust",
        [
            " Accessing workspace:",
            "",
            f" {cwd}",
            "",
            " Quick safety check: Is this a project you created or one you trust? (Like your own code, a",
            " well-known open source project, or work from your team). If not, take a moment to review it first.",
            "",
            " Claude Code'll be able to read, edit, and execute files here.",
            "",
            " Security guide",
            "",
        ],
        ["No, exit", "Yes, I trust this folder"],
        [f" {CONFIRM}"],
    )


def bypass() -> FakeDialog:
    """Return the warning of bypass mode; the first option is No."""
    return FakeDialog(
        "bypass",
        [
            "  WARNING: Claude Code running in Bypass Permissions mode",
            "",
            "  In Bypass Permissions mode, Claude Code will not ask for your approval before running",
            "  potentially dangerous commands.",
            "",
            "  By proceeding, you accept all responsibility for actions taken in Bypass Permissions mode.",
            "",
            "  https://code.claude.com/docs/en/security",
            "",
        ],
        ["No, exit", "Yes, I accept"],
        [f"  {CONFIRM}"],
        indent="  ",
    )


def login() -> FakeDialog:
    """Return the dialog of ``/login``."""
    return FakeDialog(
        "login",
        [
            "  Claude Code can be used with your Claude subscription or billed based on API usage.",
            "",
            "  Select login method:",
            "",
        ],
        [
            "Claude account with subscription · Individual, Team, or Enterprise",
            "Anthropic Console account · API usage billing",
            "3rd-party platform · Bedrock, Microsoft Foundry, Google Vertex AI",
        ],
        ["  Esc to cancel"],
        top="▔",
        indent="  ",
        numbered=True,
        title="Login",
    )


def theme() -> FakeDialog:
    """Return the first question in a new home."""
    return FakeDialog(
        "theme",
        [
            " Let's get started.",
            "",
            " Choose the text style that looks best with your terminal",
            " To change this later, run /theme",
            "",
        ],
        ["✔ Auto (match terminal)", "  Dark mode", "  Light mode"],
        [],
        top=".",
    )


def permission(command: str, description: str) -> FakeDialog:
    """Return the permission question for a command."""
    line = "╌" * 60
    return FakeDialog(
        "permission",
        [" Bash command", "", f" {description}", line, f" {command}", line, " Do you want to proceed?"],
        ["Yes", "Yes, and don't ask again for this command", "No"],
        [" Esc to cancel · Tab to amend"],
        numbered=True,
    )
