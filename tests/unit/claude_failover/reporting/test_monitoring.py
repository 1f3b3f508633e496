# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the alert rules, the dashboard and the page about them against the metrics that the daemon writes."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
import yaml
from import_path import ROOT
from metrics_data import EVENTS, RECORD, STATUS
from promtool import promtool

from claude_failover.reporting.event_kinds import KINDS
from claude_failover.reporting.metrics import render
from claude_failover.reporting.tallies import Tallies

MONITORING = os.path.join(ROOT, "roles", "claude_failover", "files", "monitoring")
RULES, STORIES = "claude-failover.rules.yml", "claude-failover.rules.test.yml"
# Of the node exporter: when the file was written.
FOREIGN = {"node_textfile_mtime_seconds"}
EXPOSITION = render({**STATUS, "open_events": EVENTS}, Tallies([RECORD]))
TYPES = {words[2]: words[3] for words in map(str.split, EXPOSITION.splitlines()) if words[:2] == ["#", "TYPE"]}
SAMPLES = [line.rpartition(" ") for line in EXPOSITION.splitlines() if not line.startswith("#")]
WRITTEN = {name.partition("{")[0] for name, _space, _value in SAMPLES}


def read(name: str, folder: str = MONITORING) -> str:
    with open(os.path.join(folder, name), encoding="utf-8") as stream:
        return stream.read()


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(read(RULES))["groups"] for rule in group["rules"]]


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(?:claude_failover|node)_\w+", re.sub(r'"[^"]*"', "", query)))


DASHBOARD: dict[str, Any] = json.loads(read("claude-failover.dashboard.json"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
QUERIES = {
    f"{title} {target['refId']}": target["expr"] for title, panel in PANELS.items() for target in panel["targets"]
}


# -- rules ---------------------------------------------------------------------------------------------------------


def test_prometheus_takes_the_rules() -> None:
    code, told = promtool("check", "rules", RULES, cwd=MONITORING)
    assert code == 0, told


def test_every_story_of_the_rules_goes_as_told() -> None:
    code, told = promtool("test", "rules", STORIES, cwd=MONITORING)
    assert code == 0, told


def test_every_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fires: dict[str, set[bool]] = {}
    for story in yaml.safe_load(read(STORIES))["tests"]:
        for moment in story["alert_rule_test"]:
            fires.setdefault(moment["alertname"], set()).add(bool(moment["exp_alerts"]))
    assert fires == {rule["alert"]: {True, False} for rule in rules()}


def test_every_event_has_an_alert() -> None:
    told = {found for rule in rules() for found in re.findall(r'event="(\w+)"', rule["expr"])}
    assert told == {kind.name for kind in KINDS.values() if kind.lasts}


def test_an_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "error", "{{ $labels.severity }}"), rule["alert"]
        about_event = "event" in rule["labels"] or 'event="' in rule["expr"]
        told = {"summary", "description"} | ({"runbook_url"} if about_event else set())
        assert set(rule["annotations"]) == told, rule["alert"]
        assert "$labels.instance" in rule["annotations"]["summary"], rule["alert"]


def test_an_alert_of_an_event_links_to_its_place_in_the_runbook() -> None:
    """test_runbook.py holds a heading for each event."""
    page = "https://github.com/secuaas/ansible-collection-claude/blob/main/docs/runbook.md"
    found = {rule["annotations"]["runbook_url"] for rule in rules() if "runbook_url" in rule["annotations"]}
    assert found == {f"{page}#{{{{ $labels.event }}}}", f"{page}#switch"}


def test_the_rules_ask_for_series_that_are_written() -> None:
    for rule in rules():
        assert names_in(rule["expr"]), rule["alert"]
        assert names_in(rule["expr"]) <= WRITTEN | FOREIGN, rule["alert"]


# -- the dashboard -------------------------------------------------------------------------------------------------


def test_the_dashboard_has_the_shape_that_grafana_imports() -> None:
    assert DASHBOARD["id"] is None, "Grafana gives it"
    assert re.fullmatch(r"[a-z-]{1,40}", DASHBOARD["uid"])
    variables = {row["name"]: row for row in DASHBOARD["templating"]["list"]}
    assert set(variables) == {"datasource", "instance"}
    assert names_in(variables["instance"]["definition"]) <= WRITTEN
    assert len(PANELS) == len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})
    cells: set[tuple[int, int]] = set()
    for title, panel in PANELS.items():
        assert panel["type"] in ("stat", "table", "bargauge", "timeseries"), title
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, title
        targets = panel["targets"]
        assert len({row["refId"] for row in targets}) == len(targets) >= 1, title
        assert all(row["datasource"] == panel["datasource"] for row in targets), title
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert own and max(x for x, _y in own) < 24 and not own & cells, f"{title} lies on another panel or outside"
        cells |= own


@pytest.mark.parametrize("panel", QUERIES)
def test_a_panel_asks_for_series_that_are_written_of_the_chosen_hosts(panel: str) -> None:
    query = QUERIES[panel]
    assert names_in(query) and names_in(query) <= WRITTEN
    assert query.count('{instance=~"$instance"') == len(re.findall(r"\bclaude_failover_\w+", query))


def test_every_panel_shows_something_of_a_metrics_file(tmp_path: Any) -> None:
    """Ask each query of the panels over an hour of a file's samples, whose counters rise."""
    series = []
    for name, _space, value in SAMPLES:
        metric, _brace, labels = name.partition("{")
        rises = metric.endswith(("_total", "_bucket", "_sum", "_count"))
        named = f'{metric}{{instance="vm-1"' + (f",{labels}" if labels else "}")
        series.append({"series": named, "values": f"{value}+{int(rises)}x60"})
    asked = []
    for query in QUERIES.values():
        expression = query.replace("$__rate_interval", "5m").replace("$instance", "vm-1")
        row = {
            "expr": f"count({expression}) > bool 0",
            "eval_time": "1h",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        asked.append(row)
    document = {"rule_files": [], "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]}
    (tmp_path / "panels.yml").write_text(yaml.safe_dump(document))
    code, told = promtool("test", "rules", "panels.yml", cwd=tmp_path)
    assert code == 0, told


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_lists_every_metric_with_its_type_and_labels_and_no_other() -> None:
    page = read("monitoring.md", os.path.join(ROOT, "docs"))
    rows = re.findall(r"^\| `(claude_failover_\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    labels: dict[str, set[str]] = {name: set() for name in TYPES}
    for name, _space, _value in SAMPLES:
        metric, _brace, pairs = name.partition("{")
        metric = metric if metric in TYPES else metric.rpartition("_")[0]
        labels[metric] |= set(re.findall(r'(?:^|,)(\w+)="', pairs)) - {"le"}
    assert {name: kind for name, kind, _labels in rows} == TYPES
    assert {name: set(re.findall(r"`(\w+)`", named)) for name, _kind, named in rows} == labels


def test_the_page_lists_every_alert_that_is_no_events() -> None:
    page = read("monitoring.md", os.path.join(ROOT, "docs"))
    for rule in rules():
        if "claude_failover_event_active" not in rule["expr"]:
            assert f"`{rule['alert']}`" in page
