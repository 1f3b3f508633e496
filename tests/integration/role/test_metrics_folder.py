# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test how the role finds the node exporter's textfile folder, and hands the metrics to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from import_path import COLLECTIONS
from playbook_run import on_a_controller, run_playbook
from role_evaluation import HOST_FACTS, ROLE, evaluate

pytestmark = [on_a_controller, pytest.mark.xdist_group("role")]

DEFAULT = "var/lib/prometheus/node-exporter"
UNIT = "usr/lib/systemd/system/prometheus-node-exporter.service"
ARGUMENTS = "etc/default/prometheus-node-exporter"
OWN = "/var/lib/claude-failover-metrics"


# -- the look at the host ------------------------------------------------------------------------------------------


def looked(root: Path) -> list[str]:
    """Return what the probe says of a node exporter, with ``root`` in the place of the folders that it looks at."""
    with open(os.path.join(ROLE, "vars", "main.yml"), encoding="utf-8") as file:
        script = str(yaml.safe_load(file)["__claude_failover_probe_script"])
    for folder in ("/usr/lib/systemd", "/etc/systemd", "/etc/default", "/var/lib/prometheus"):
        assert folder in script
        script = script.replace(folder, f"{root}{folder}")
    words = ["no-such-user-cf", "", "/no/such", "/no/such", "", "", "", "", "no-such-package-cf"]
    done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [fact for fact in done.stdout.splitlines() if not fact.startswith("systemd")]


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_no_exporter_is_no_fact(tmp_path: Path) -> None:
    assert looked(tmp_path) == []


def test_debians_folder_is_found_where_no_other_is_named(tmp_path: Path) -> None:
    (tmp_path / DEFAULT).mkdir(parents=True)
    write(tmp_path, UNIT, "[Service]\nExecStart=/usr/bin/prometheus-node-exporter $ARGS\n")
    write(tmp_path, ARGUMENTS, '#  --collector.textfile.directory="/srv/an-example"\nARGS=""\n')
    assert looked(tmp_path) == [f"textfile_dir={tmp_path / DEFAULT}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (ARGUMENTS, 'ARGS="--web.listen-address=:1 --collector.textfile.directory={} --no-collector.zfs"\n'),
        (ARGUMENTS, "ARGS='--collector.textfile.directory {}'\n"),
        ("etc/default/node_exporter", 'OPTIONS="--collector.textfile.directory={}"\n'),
        (UNIT, "[Service]\nExecStart=/usr/bin/node --collector.textfile.directory={}\n"),
        ("etc/systemd/system/node_exporter.service", '[Service]\nExecStart=/x "--collector.textfile.directory={}"\n'),
        (f"etc/systemd/system/{os.path.basename(UNIT)}.d/x.conf", "ExecStart=x --collector.textfile.directory='{}'\n"),
    ],
)
def test_the_folder_of_the_command_line_is_found(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / DEFAULT).mkdir(parents=True)
    (tmp_path / "named").mkdir()
    write(tmp_path, name, text.format(tmp_path / "named"))
    assert looked(tmp_path) == [f"textfile_dir={tmp_path / 'named'}"]


def test_the_file_of_the_arguments_wins_over_the_unit(tmp_path: Path) -> None:
    for name in ("unit", "arguments"):
        (tmp_path / name).mkdir()
    write(tmp_path, UNIT, f"ExecStart=/x --collector.textfile.directory={tmp_path}/unit $ARGS\n")
    write(tmp_path, ARGUMENTS, f'ARGS="--collector.textfile.directory={tmp_path}/arguments"\n')
    assert looked(tmp_path) == [f"textfile_dir={tmp_path}/arguments"]


def test_a_folder_that_is_not_there_is_no_fact(tmp_path: Path) -> None:
    write(tmp_path, ARGUMENTS, f'ARGS="--collector.textfile.directory={tmp_path}/gone"\n')
    assert looked(tmp_path) == []


def test_only_the_roles_own_link_is_a_fact(tmp_path: Path) -> None:
    folder = tmp_path / DEFAULT
    folder.mkdir(parents=True)
    (folder / "claude_failover.prom").write_text("# HELP claude_failover_info The daemon\n")
    assert looked(tmp_path) == [f"textfile_dir={folder}"]
    for foreign in ("", "other_metric 1\n"):
        (folder / "claude_failover.prom").write_text(foreign)
        assert looked(tmp_path) == [f"textfile_dir={folder}", f"textfile_foreign={folder}/claude_failover.prom"]
    (folder / "claude_failover.prom").unlink()
    (folder / "claude_failover.prom").symlink_to(f"{OWN}/claude_failover.prom")
    assert looked(tmp_path) == [f"textfile_dir={folder}", f"textfile_link={folder}/claude_failover.prom"]


# -- the variables -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    asked = {"textfile": "__claude_failover_config.metrics.textfile", "writes": "__claude_failover_write_paths"}
    probe = {"__claude_failover_probe": {"stdout_lines": [*HOST_FACTS, "textfile_dir=/srv/exporter"]}}
    variable = "claude_failover_metrics_textfile_dir"
    cases = {
        "found": ({**probe, variable: "auto"}, asked),
        "none": ({variable: "auto"}, asked),
        "named": ({**probe, variable: "/srv/metrics"}, asked),
        "empty": ({**probe, variable: ""}, asked),
    }
    return evaluate(str(tmp_path_factory.mktemp("metrics")), COLLECTIONS, cases)


def test_the_daemon_writes_into_a_folder_of_its_own_where_an_exporter_is_found(found: dict[str, Any]) -> None:
    assert found["found"]["textfile"] == f"{OWN}/claude_failover.prom"
    assert OWN in found["found"]["writes"] and "/srv/exporter" not in found["found"]["writes"]


def test_without_an_exporter_there_are_no_metrics(found: dict[str, Any]) -> None:
    assert found["none"]["textfile"] is None and found["empty"]["textfile"] is None
    assert found["none"]["writes"] == found["empty"]["writes"]


def test_a_named_folder_is_taken_as_it_is(found: dict[str, Any]) -> None:
    assert found["named"]["textfile"] == "/srv/metrics/claude_failover.prom"


# -- the link ------------------------------------------------------------------------------------------------------


class Handover:
    """The tasks that hand the metrics to the exporter, with folders of the test's."""

    def __init__(self, root: Path) -> None:
        self.root, self.exporter, self.own = root, root / "exporter", root / "own"
        self.exporter.mkdir()
        self.link = self.exporter / "claude_failover.prom"

    def run(self, wanted: str, *facts: str, check: bool = False, state: str = "present", fails: bool = False) -> str:
        variables = {
            "claude_failover_state": state,
            "claude_failover_metrics_textfile_dir": wanted,
            "__claude_failover_probe": {"stdout_lines": [*HOST_FACTS, *facts]},
            "__claude_failover_own_metrics_dir": str(self.own),
        }
        (self.root / "variables.yml").write_text(yaml.safe_dump(variables))
        files = [os.path.join(ROLE, "defaults", "main.yml"), os.path.join(ROLE, "vars", "main.yml"), "variables.yml"]
        tasks = [{"ansible.builtin.import_tasks": os.path.join(ROLE, "tasks", "metrics.yml")}]
        play = {"hosts": "all", "gather_facts": False, "vars_files": files, "tasks": tasks}
        (self.root / "play.yml").write_text(yaml.safe_dump([play]))
        done = run_playbook(str(self.root / "play.yml"), COLLECTIONS, *(["--check"] if check else []))
        assert (done.returncode == 0) == (not fails), done.stdout + done.stderr
        return done.stdout


def test_the_link_is_made_once_and_goes_when_it_is_not_wanted(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    directory, link = f"textfile_dir={handover.exporter}", f"textfile_link={handover.link}"
    handover.link.write_text("# HELP claude_failover_info of an earlier configuration")
    assert "changed=1" in handover.run("auto", directory, check=True)
    assert not handover.link.is_symlink()
    assert "changed=1" in handover.run("auto", directory)
    assert os.readlink(handover.link) == f"{handover.own}/claude_failover.prom"
    assert "changed=0" in handover.run("auto", directory, link)
    assert "changed=1" in handover.run("", directory, link)
    assert os.listdir(handover.exporter) == []
    handover.run("auto", directory)
    assert "changed=1" in handover.run("auto", directory, link, state="absent")
    assert os.listdir(handover.exporter) == []


def test_a_file_that_is_not_the_roles_stays(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    handover.link.write_text("a person's")
    assert "changed=0" in handover.run(str(handover.exporter), f"textfile_dir={handover.exporter}")
    assert handover.link.read_text() == "a person's"


def test_a_file_of_anothers_in_the_place_of_the_link_fails_and_stays(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    handover.link.write_text("other_metric 1")
    foreign = f"textfile_foreign={handover.link}"
    told = handover.run("auto", f"textfile_dir={handover.exporter}", foreign, fails=True)
    assert "It is left as it is" in told
    assert handover.link.read_text() == "other_metric 1"


def test_a_host_without_an_exporter_is_told_and_does_not_fail(tmp_path: Path) -> None:
    told = Handover(tmp_path).run("auto")
    assert "no node exporter" in told and "changed=0" in told
