# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action ``evaluate_cases``: evaluates expressions, each with variables of its own, and runs no module for it."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Write the value of each case of the variable ``evaluated_cases`` to the case's file."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Evaluate as a task of a play would, in which the case's variables are those of a file read last."""
        for case in task_vars["evaluated_cases"]:
            own = {**case["variables"]}
            if case["file"]:
                own.update(self._loader.load_from_file(case["file"]))
            self._templar.available_variables = {**task_vars, **own}
            value = self._templar.template(case["expression"])
            with open(case["dest"], "w", encoding="utf-8") as file:
                # An ansible-core before 2.19 may have made a document of the text.
                file.write(value if isinstance(value, str) else json.dumps(value))
        return {"changed": False}
