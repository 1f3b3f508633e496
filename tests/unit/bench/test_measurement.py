# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of the benches, and the contract between them and their runner."""

from __future__ import annotations

import ast
import glob
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from import_path import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "bench"))

import measurement
import run

FOLDER = os.path.join(ROOT, "tests", "bench")
BENCHES = sorted(glob.glob(os.path.join(FOLDER, "bench_*.py")))


def tree(path: str) -> ast.Module:
    with open(path, encoding="utf-8") as stream:
        return ast.parse(stream.read())


@pytest.mark.parametrize("power", [0.0, 0.55, 1.0, 2.0])
def test_the_exponent_of_a_power_is_that_power(power: float) -> None:
    sizes = [0, 1, 2, 5, 10, 200]
    assert measurement.exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power, abs=0.01)


def test_a_growth_of_one_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected two different ones above 0"):
        measurement.exponent([0, 100, 100], [1, 2, 3])


def test_a_summary_has_median_and_quartiles_in_its_unit() -> None:
    found = measurement.summary([0.004, 0.001, 0.002, 0.003, 0.005])
    assert found == {"median_ms": 3.0, "low_ms": 2.0, "high_ms": 4.0, "samples": 5}
    assert measurement.summary([2.0], "s") == {"median_s": 2.0, "low_s": 2.0, "high_s": 2.0, "samples": 1}
    assert measurement.summary([30.0, 31.0, 29.0], "mib") == {
        "median_mib": 30.0,
        "low_mib": 29.5,
        "high_mib": 30.5,
        "samples": 3,
    }


def test_the_ways_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    samples = measurement.in_turns({"old": lambda: calls.append("old"), "new": lambda: calls.append("new")}, 2)
    assert calls == ["old", "new"] * 3
    assert {name: len(taken) for name, taken in samples.items()} == {"old": 2, "new": 2}


def test_rows_of_the_same_keys_are_one_table_with_units_in_the_head() -> None:
    text = measurement.table(
        [
            {"way": "module", "median_s": 1.25, "note": None},
            {"way": "loop", "median_s": 30.0, "note": "slow"},
            {"growth of": "the loop", "exponent": 1.0},
        ]
    )
    assert text.splitlines() == [
        "way     median s  note",
        "module      1.25  -",
        "loop          30  slow",
        "",
        "growth of  exponent",
        "the loop          1",
    ]


def test_a_parameter_is_an_option_and_the_rows_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(sizes: tuple[int, ...] = (1, 2), rounds: int = 3, blind: bool = False) -> list[measurement.Row]:
        return [{"size": size, "rounds": rounds, "blind": blind} for size in sizes]

    path = tmp_path / "rows.json"
    measurement.main("a title", measure, ["--sizes", "5", "--blind", "--json", str(path)])
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["rows"] == [{"size": 5, "rounds": 3, "blind": True}]
    assert document["options"] == {"sizes": [5], "rounds": 3, "blind": True}
    assert capsys.readouterr().out.splitlines() == ["size  rounds  blind", "   5       3    yes"]


def test_a_bench_that_cannot_run_here_says_so_and_fails_nothing(tmp_path: Path) -> None:
    def measure() -> list[measurement.Row]:
        raise measurement.Skip("no tmux")

    path = tmp_path / "rows.json"
    with pytest.raises(SystemExit) as ended:
        measurement.main("a title", measure, ["--json", str(path)])
    assert ended.value.code == measurement.SKIPPED
    assert json.loads(path.read_text(encoding="utf-8"))["skipped"] == "no tmux"


@pytest.mark.parametrize("path", BENCHES, ids=os.path.basename)
def test_a_bench_finds_what_it_imports_and_tells_its_options(path: str) -> None:
    """No other test imports one."""
    help_text = subprocess.run([sys.executable, path, "--help"], check=True, capture_output=True, text=True).stdout
    assert "--json" in help_text


@pytest.mark.parametrize("path", BENCHES, ids=os.path.basename)
def test_a_bench_keeps_to_the_contract(path: str) -> None:
    found = tree(path)
    assert run.title_of(path), "a bench has a title"
    measure = next(node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == "measure")
    arguments = measure.args
    assert len(arguments.defaults) + len(arguments.kw_defaults) == len(arguments.args) + len(arguments.kwonlyargs)


def test_the_tables_of_the_readme_have_every_bench_and_no_other() -> None:
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as stream:
        tables = stream.read().split("\n## Runs")
    figures, runs = (re.findall(r"^\| `(\w+)`", text, re.MULTILINE) for text in tables)
    assert figures == list(run.benches())
    assert [name for name, _rows_of_it in itertools.groupby(runs)] == figures


def runner(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the runner in a folder of made-up benches."""
    for name in ("run.py", "measurement.py"):
        (folder / "tests" / "bench").mkdir(parents=True, exist_ok=True)
        (folder / "tests" / "bench" / name).write_text((Path(FOLDER) / name).read_text(encoding="utf-8"))
    defaults = folder / "roles" / "claude_failover" / "defaults"
    defaults.mkdir(parents=True)
    (defaults / "main.yml").write_text("claude_failover_claude_version: 2.1.332\n", encoding="utf-8")
    (folder / "galaxy.yml").write_text("version: 9.9.9\n", encoding="utf-8")
    bodies = {
        "good": "return [{'size': size, 'ratio': 2.5}]",
        "absent": "raise measurement.Skip('no npm')",
        "broken": "raise RuntimeError('a session was lost')",
    }
    for name, body in bodies.items():
        text = f"import measurement\nTITLE = 'of {name}'\ndef measure(size: int = 7):\n    {body}\n"
        text += "if __name__ == '__main__':\n    measurement.main(TITLE, measure)\n"
        (folder / "tests" / "bench" / f"bench_{name}.py").write_text(text, encoding="utf-8")
    program = folder / "tests" / "bench" / "run.py"
    return subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, check=False, cwd=folder, timeout=60
    )


def test_the_runner_runs_all_and_fails_for_one_that_fails(tmp_path: Path) -> None:
    done = runner(tmp_path)
    assert done.returncode == 1
    assert "a session was lost" in done.stderr
    document = json.loads((tmp_path / ".cache" / "results" / "bench.json").read_text(encoding="utf-8"))
    absent, broken, good = document["benches"]
    assert (absent["skipped"], absent["rows"]) == ("no npm", [])
    assert broken["failed"].startswith("ended with exit code 1")
    assert good["rows"] == [{"size": 7, "ratio": 2.5}]
    assert document["versions"]["collection"] == "9.9.9"
    assert document["versions"]["claude_code"] == "2.1.332"
    assert document["machine"]["cores"] >= 1
    assert re.search(r"^absent +[\d.]+  skipped: no npm$", done.stdout, re.MULTILINE)


def test_a_bench_that_is_named_runs_alone_and_takes_options(tmp_path: Path) -> None:
    done = runner(tmp_path, "good", "--size", "9", "--json", "here.json")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "here.json").read_text(encoding="utf-8"))
    assert [bench["rows"] for bench in document["benches"]] == [[{"size": 9, "ratio": 2.5}]]


def test_a_bench_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    done = runner(tmp_path, "unheard")
    assert done.returncode == 2
    assert "there is no bench unheard; expected some of absent, broken, good" in done.stderr
