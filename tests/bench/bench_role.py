# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role on hosts where nothing is to be changed, by the number of hosts.

Seconds of a whole run of ansible-playbook, all hosts in it at once (``forks`` of Ansible). A host is a scratch folder
of this machine without systemd, so that what a network would add is left out, and the cores are shared by controller
and hosts. The numbers of hosts take turns. ``ratio`` is to one host, ``per_host_s`` the median by host.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import import_path
import measurement

TITLE = "the role on unchanged hosts"


def measure(hosts: tuple[int, ...] = (1, 2, 5, 10), rounds: int = 3, forks: int = 10) -> list[measurement.Row]:
    """Return a row for each number of hosts, and the growth."""
    if importlib.util.find_spec("ansible") is None:
        raise measurement.Skip("there is no ansible-core in this Python; expected one: make bench BENCH=role")
    from scratch_role import ScratchHosts

    folder = tempfile.mkdtemp(prefix="cf-bench-", dir="/tmp")
    try:
        made = ScratchHosts(folder, import_path.COLLECTIONS, max(hosts))

        def apply(count: int) -> None:
            done = made.apply(hosts=count, ANSIBLE_FORKS=str(forks))
            if done.returncode != 0:
                raise RuntimeError(f"the role failed: {done.stdout[-3000:]}{done.stderr[-1000:]}")
            outputs.append(done.stdout)

        outputs: list[str] = []
        apply(max(hosts))  # installs
        outputs.clear()
        ways = {str(count): lambda count=count: apply(count) for count in hosts}
        samples = measurement.in_turns(ways, rounds, warm_up=0)
        if not all("changed=0" in line for text in outputs for line in text.splitlines() if " ok=" in line):
            raise RuntimeError(f"expected hosts where nothing is changed, found {outputs[0][-3000:]}")
    finally:
        shutil.rmtree(folder)
    medians = [measurement.quartiles(samples[str(count)])[1] for count in hosts]
    rows: list[measurement.Row] = [
        {
            "hosts": count,
            **measurement.summary(samples[str(count)], "s"),
            "per_host_s": measurement.rounded(median / count),
            "ratio": measurement.rounded(median / medians[0]),
        }
        for count, median in zip(hosts, medians)
    ]
    if len(hosts) > 1:
        rows.append({"growth of": "the run by hosts", "exponent": measurement.exponent(hosts, medians)})
    return rows


if __name__ == "__main__":
    measurement.main(TITLE, measure)
