# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the configuration: one YAML file, read whole, with every error reported at once."""

from __future__ import annotations

import errno
import os

from ..common.errors import FailoverError, PassingFault, is_passing
from ..storage.regular_file import NotARegularFileError, read_regular
from . import rules, section, yaml_loader
from .model import Config
from .role_variables import is_rendered, variable_of
from .validators import Location, Problem


class ConfigError(FailoverError):
    """A configuration cannot be used. ``problems`` lists every reason; the text names file, line and key of each."""

    exit_code = 2

    def __init__(self, path: str, problems: list[Problem], *, passing: bool = False) -> None:
        """``passing``: the file itself may be right, and cannot be read for now."""
        self.path = path
        self.problems = problems
        if passing:
            self.exit_code = PassingFault.exit_code
        super().__init__("\n".join(self._line(problem) for problem in problems))

    def _line(self, problem: Problem) -> str:
        where = self.path if problem.line is None else f"{self.path}:{problem.line}"
        key = f"{problem.key}: " if problem.key else ""
        return f"{where}: {key}found {problem.found}; expected {problem.expected}"


def load(path: str) -> Config:
    """Read the configuration file ``path``. Raises ConfigError."""
    return parse(_read(path), path)


def parse(text: str | bytes, path: str) -> Config:
    """Read a configuration from ``text``; ``path`` only names it in messages. Raises ConfigError."""
    document = yaml_loader.read(text)
    problems = document.problems
    config = None
    if document.value is not None or not problems:
        reported = {problem.key for problem in problems}
        found: list[Problem] = []
        config = section.read(Config, document.value, Location("", found), path=path)
        if isinstance(document.value, dict):
            for rule in rules.RULES:
                rule(config, document.value, found)
        problems += [problem for problem in found if problem.key not in reported]
    if problems or config is None:
        located = [
            problem if problem.line is not None else problem._replace(line=document.line_of(problem.key))
            for problem in problems
        ]
        if is_rendered(text):
            located = [problem._replace(key=variable_of(problem.key)) for problem in located]
        raise ConfigError(path, sorted(located, key=lambda problem: problem.line or 0))
    return config


def _read(path: str) -> bytes:
    """Return the file's bytes, up to one more than a configuration may have. Raises ConfigError."""
    expected = "a regular file that can be read"
    try:
        return read_regular(path, yaml_loader.MAX_BYTES + 1)
    except NotARegularFileError as error:
        if error.kind == "a directory":
            raise ConfigError(path, [Problem("", error.kind, "a YAML file")]) from None
        found = f"{error.kind}, and no regular file"
        raise ConfigError(path, [Problem("", found, f"{expected}, or - for standard input")]) from None
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        advice = ""
        if number == errno.ENOENT:
            advice = "; write one, or name another by --config"
        elif number == errno.EACCES:
            advice = "; run this as root or as the daemon's user"
        found = (os.strerror(number) if number else str(error)).lower()
        passing = number not in (None, errno.ENOENT) and is_passing(number)
        raise ConfigError(path, [Problem("", found, expected + advice)], passing=passing) from None
