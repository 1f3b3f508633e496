# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test the metrics file: its text, what it counts, and what a failing disk or a bug does to it."""

from __future__ import annotations

import os
import re
from types import SimpleNamespace

import pytest
from metrics_data import EVENTS, RECORD, STATUS
from promtool import promtool

from claude_failover.common.release import release_name
from claude_failover.config.holder import ConfigHolder
from claude_failover.config.model import MetricsConfig
from claude_failover.reporting.exposition import Exposition, Histogram
from claude_failover.reporting.metrics import Metrics, render
from claude_failover.reporting.tallies import Tallies


def holder(textfile):
    return ConfigHolder(SimpleNamespace(metrics=MetricsConfig(textfile and str(textfile))))


def metrics(textfile, status=STATUS, tallies=None):
    return Metrics(holder(textfile), tallies or Tallies(), lambda: status)


def judged(text):
    """Give a metrics file to promtool, which tells of a name or a text that Prometheus would not have."""
    code, told = promtool("check", "metrics", text=text)
    return (code, told)


def test_the_metrics_are_in_the_text_format():
    tallies = Tallies([RECORD, RECORD])
    tallies.add_prompt()
    tallies.add_unknown_wording()
    text = render({**STATUS, "open_events": EVENTS}, tallies)
    lines = text.splitlines()
    for line in (
        'claude_failover_account_active{account="a\\"\\\\\\n"} 1',
        'claude_failover_account_login_ok{account="b"} 0',
        'claude_failover_account_login_expires_seconds{account="a\\"\\\\\\n"} 1795723200',
        'claude_failover_account_links_ok{account="b"} 0',
        'claude_failover_account_exhausted_until_seconds{account="a\\"\\\\\\n",limit="five_hour"} 1795383360',
        'claude_failover_sessions{state="idle"} 2',
        'claude_failover_sessions{state="waiting"} 0',
        'claude_failover_tasks{state="queued"} 3',
        'claude_failover_tasks{state="failed"} 0',
        "claude_failover_suspended 1",
        'claude_failover_source_blind{source="transcripts"} 1',
        'claude_failover_source_blind{source="panes"} 0',
        "claude_failover_unsaved_documents 1",
        "claude_failover_cooldown_until_seconds 1795377660",
        "claude_failover_last_switch_duration_seconds 0.25",
        'claude_failover_switches_total{reason="limit",outcome="switched"} 2',
        'claude_failover_switches_total{reason="manual",outcome="failed"} 0',
        'claude_failover_session_results_total{result="continued"} 2',
        'claude_failover_session_results_total{result="gone"} 2',
        'claude_failover_session_results_total{result="draft"} 0',
        'claude_failover_resume_seconds_bucket{le="1"} 2',
        'claude_failover_resume_seconds_bucket{le="20"} 4',
        'claude_failover_resume_seconds_bucket{le="+Inf"} 4',
        "claude_failover_resume_seconds_sum 26.4",
        "claude_failover_resume_seconds_count 4",
        "claude_failover_prompts_sent_total 1",
        "claude_failover_unknown_wordings_total 1",
        'claude_failover_event_active{event="session_down",severity="error"} 2',
        'claude_failover_event_active{event="login_ends",severity="warning"} 0',
        'claude_failover_event_active{event="login_ends",severity="error"} 0',
        'claude_failover_event_active{event="source_blind",severity="warning"} 1',
        'claude_failover_event_active{event="of_a_later_release",severity="info"} 1',
    ):
        assert line in lines, line
    assert re.search(r'^claude_failover_info\{version="0.4.0",release="",python="3[.0-9]+"\} 1$', text, re.MULTILINE)
    assert 'event="switch"' not in text, "it is told once, and so never open"
    assert text.count("account_login_expires_seconds{") == 1, "only where it is known"
    assert text.endswith("\n")
    assert judged(text) == (0, "")


def test_nothing_yet_is_a_valid_file_too():
    empty = {**STATUS, "accounts": [], "sessions": [], "queue": {}, "cooldown_until": None, "last_switch": None}
    text = render(empty, Tallies())
    assert "claude_failover_account_active" not in text
    assert "claude_failover_resume_seconds_count 0" in text.splitlines()
    assert judged(text) == (0, "")


def test_promtool_judges_the_names():
    text = Exposition()
    text.counter("prompts_sent", "A counter whose name lacks its ending.", [({}, 1)])
    code, told = judged(str(text))
    assert code == 3 and "_total" in told


def test_a_histogram_counts_each_observation_in_every_bucket_that_holds_it():
    histogram = Histogram((0.5, 1, 10))
    for value in (0, 0.5, 0.6, 1, 11):
        histogram.observe(value)
    assert histogram.buckets() == [("0.5", 2), ("1", 4), ("10", 4), ("+Inf", 5)]
    assert (histogram.sum, histogram.count) == (13.1, 5)


@pytest.mark.parametrize("seconds", [None, "5", -1, float("nan"), float("inf"), 1e12, 10**400])
def test_a_row_whose_seconds_make_no_sense_is_counted_without_them(seconds):
    tallies = Tallies([{"sessions": [{"name": "a", "method": "hot", "result": "sent", "seconds": seconds}]}])
    assert tallies.results["sent"] == 1
    assert tallies.resume_seconds.count == 0


@pytest.mark.parametrize("result", [None, 3, "of a later release", "x" * 1000])
def test_a_result_of_a_later_release_makes_no_series_of_its_own(result):
    tallies = Tallies([{"sessions": [{"name": "a", "result": result}]}])
    assert tallies.results["other"] == 1
    assert len(tallies.results) < 20


def test_a_checkout_is_no_release():
    assert release_name() is None


def test_the_file_is_readable_for_the_node_exporter_and_counts_go_on(tmp_path):
    path = tmp_path / "cf.prom"
    tallies = Tallies([{"reason": "limit", "outcome": "switched"}])
    tallies.add_record({"reason": "limit", "outcome": "switched"})
    metrics(path, tallies=tallies).write()
    assert 'reason="limit",outcome="switched"} 2' in path.read_text()
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["cf.prom"]


def test_a_bug_in_the_metrics_is_logged_and_ends_nothing(tmp_path, caplog):
    path = tmp_path / "cf.prom"

    def broken():
        raise KeyError("no such key")

    Metrics(holder(path), Tallies(), broken).write()
    assert "metrics: a bug" in caplog.text
    assert not path.exists()


def test_a_window_whose_name_is_no_text_is_written_escaped(tmp_path):
    path = tmp_path / "cf.prom"
    status = {**STATUS, "accounts": [{**STATUS["accounts"][0], "used_percent": {"\ud83d": 5}}]}
    metrics(path, status).write()
    assert "\\ud83d" in path.read_text()


def test_a_label_of_any_text_is_one_that_the_node_exporter_reads(tmp_path):
    path = tmp_path / "cf.prom"
    name = '\ud83d\n"\\' + "x" * 100_000
    status = {**STATUS, "accounts": [{**STATUS["accounts"][0], "used_percent": {name: 5}}]}
    metrics(path, status).write()
    rows = [line for line in path.read_text().splitlines() if "used_percent{" in line]
    found = re.fullmatch(r'[a-z_]+\{account=".*",window="((?:[^"\\\n]|\\[\\"n])*)"\} 5', rows[0])
    assert found is not None
    assert len(found.group(1)) < 250


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
def test_nothing_but_a_regular_file_is_replaced_by_the_metrics(tmp_path, caplog, make):
    path = tmp_path / "cf.prom"
    make(path)
    before = os.lstat(path)
    metrics(path).write()
    assert os.path.samestat(os.lstat(path), before)
    assert "not a regular file" in caplog.text


def test_a_failed_write_of_the_metrics_is_logged_once(tmp_path, caplog):
    writer = metrics(tmp_path / "missing" / "cf.prom")
    for _time in range(3):
        writer.write()
    assert caplog.text.count("cannot write") == 1


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metrics(None).write()
    assert os.listdir(tmp_path) == []
