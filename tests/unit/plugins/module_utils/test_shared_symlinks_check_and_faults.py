# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared links: check mode against real runs, missing rights, races and faults of the disk."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
from ansible_collections.secuaas.claude.tests.unit.plugins.link_trees import (
    needs_no_root,
    outcome,
    picture,
    required,
    texts,
)


def mixed(base: str) -> list[str]:
    """Make one account of every kind; return their homes."""
    links.ensure_for_account(f"{base}/right", required(base))
    os.makedirs(f"{base}/divergent")
    os.symlink("elsewhere", f"{base}/divergent/projects")
    os.makedirs(f"{base}/directory/session-env")
    os.makedirs(f"{base}/empty")
    pathlib.Path(base, "file").write_text("mine")
    return [
        f"{base}/{name}" for name in ("right", "divergent", "directory", "empty", "file", "missing", "deep/missing")
    ]


def test_check_mode_touches_nothing(base: str) -> None:
    homes = mixed(base)
    before = picture(base)
    failures, reports = outcome(homes, required(base), check_mode=True)
    assert picture(base) == before
    assert len(failures) == 3
    assert [link.status for link in reports[5].links] == ["missing"] * 3
    assert reports[5].changed
    assert not reports[0].changed


def as_a_run(reports: list[links.AccountReport]) -> list[links.AccountReport]:
    return [
        r._replace(links=tuple(link._replace(status=link.status.replace("missing", "created")) for link in r.links))
        for r in reports
    ]


def test_check_mode_says_what_a_run_then_does(base: str) -> None:
    homes = mixed(base)
    predicted, told = outcome(homes, required(base), check_mode=True)
    failures, reports = outcome(homes, required(base))
    assert predicted == failures
    assert as_a_run(told) == as_a_run(reports)


def test_check_mode_fails_on_divergence_as_a_run_does(base: str) -> None:
    os.makedirs(f"{base}/a")
    os.symlink("elsewhere", f"{base}/a/projects")
    with pytest.raises(links.SharedSymlinkError, match="divergent"):
        links.ensure_for_account(f"{base}/a", required(base), check_mode=True)


def test_check_mode_takes_an_owner_and_group_that_do_not_exist_for_ones_that_will(base: str) -> None:
    report = links.ensure_for_account(
        f"{base}/home/new/a", required(base), check_mode=True, owner="no-such-user-here", group="no-such-group-here"
    )
    assert report.changed
    assert report.created[:2] == (f"{base}/home", f"{base}/home/new")


def test_check_mode_foresees_a_name_that_is_too_long(base: str) -> None:
    wanted = [links.SharedSymlink(f"{base}/shared", "é" * 128)]
    for home in ("exists", "missing"):
        if home == "exists":
            os.mkdir(f"{base}/{home}")
        predicted = outcome([f"{base}/{home}"], wanted, check_mode=True)
        assert "too long" in predicted[0][0]
        assert outcome([f"{base}/{home}"], wanted)[0] == predicted[0]


# ---- Rights and disks --------------------------------------------------------------------------------------


@pytest.fixture
def closed(base: str) -> Iterator[str]:
    """Give a folder in which nothing may be made."""
    folder = f"{base}/closed"
    os.mkdir(folder)
    os.chmod(folder, 0o500)
    yield folder
    os.chmod(folder, 0o700)


@needs_no_root
def test_a_missing_right_is_an_error_and_foreseen(base: str, closed: str) -> None:
    predicted = outcome([closed, f"{closed}/a", f"{base}/b"], required(base), check_mode=True)
    failures, reports = outcome([closed, f"{closed}/a", f"{base}/b"], required(base))
    assert predicted[0] == failures
    assert "Permission denied" in failures[0]
    assert os.listdir(closed) == []
    assert [report.links[0].status for report in reports] == ["error", "error", "created"]


ON_READ_ONLY = """
import json, sys
from ansible_collections.secuaas.claude.plugins.module_utils import shared_symlinks as links
base = sys.argv[1]
told = []
for check_mode in (True, False):
    try:
        links.validate_all([base + "/a", base + "/b", base + "/c"], links.required_shared(base + "/shared"),
                           check_mode=check_mode)
    except links.SharedSymlinkError as error:
        told.append([error.failures, [[link.status for link in report.links] for report in error.reports]])
print(json.dumps(told))
"""


def test_a_read_only_file_system_is_an_error_and_foreseen(base: str) -> None:
    links.ensure_for_account(f"{base}/a", required(base))
    os.mkdir(f"{base}/b")
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    if subprocess.run([*unshare, "sh", "-c", mount, "sh", base], capture_output=True, check=False).returncode != 0:
        pytest.skip("SKIPPED, NOT TESTED: this system lets nobody here mount a folder read-only (unshare --mount)")
    before = picture(base)
    done = subprocess.run(
        [*unshare, "sh", "-c", mount + ' && exec "$2" -c "$3" "$1"', "sh", base, sys.executable, ON_READ_ONLY],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    predicted, (failures, statuses) = json.loads(done.stdout)
    assert predicted == [failures, statuses]
    assert statuses == [["ok"] * 3, ["error"] * 3, ["error"] * 3], "what is right needs no writing"
    assert all("Read-only file system" in failure for failure in failures)
    assert len(failures) == 4
    assert picture(base) == before


def test_a_full_disk_leaves_no_half_of_anything(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "symlink", full)
    failures, reports = outcome([f"{base}/a"], required(base))
    assert len(failures) == 3
    assert "No space left" in failures[0]
    assert os.listdir(f"{base}/a") == []
    assert f"{base}/a" in reports[0].created, "what was made is told all the same"


def test_a_disk_that_cannot_flush_is_told(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    failures, reports = outcome([f"{base}/a"], required(base))
    assert any("power cut" in failure for failure in failures)
    assert [link.status for link in reports[0].links] == ["created"] * 3


def test_every_folder_in_which_something_was_made_is_flushed_once(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert sorted(flushed) == sorted({os.path.dirname(path) for path in report.created})
    flushed.clear()
    links.ensure_for_account(f"{base}/a", required(base))
    assert flushed == []


# ---- Lost races --------------------------------------------------------------------------------------------


class Rival:
    """Somebody else who acts just before we do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        self.real = getattr(os, call)
        self.act: Any = None
        monkeypatch.setattr(os, call, self)

    def __call__(self, *args: Any, **more: Any) -> Any:
        act, self.act = self.act, None
        if act is not None:
            act(*args)
        return self.real(*args, **more)


def test_a_link_that_another_makes_first_is_looked_at_again(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "symlink")
    rival.act = rival.real
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert [link.status for link in report.links] == ["ok", "created", "created"]
    assert f"{base}/a/session-env" not in report.created


def test_a_wrong_link_that_another_makes_first_is_refused(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "symlink")
    rival.act = lambda _target, path: rival.real("elsewhere", path)
    failures, reports = outcome([f"{base}/a"], required(base))
    assert "divergent" in failures[0]
    assert [link.status for link in reports[0].links] == ["divergent", "created", "created"]
    assert os.readlink(f"{base}/a/session-env") == "elsewhere"


def test_a_directory_that_another_makes_first_is_refused(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "symlink")
    rival.act = lambda _target, path: os.mkdir(path)
    failures, _reports = outcome([f"{base}/a"], required(base))
    assert "not a symlink" in failures[0]


def test_a_home_that_another_makes_first_is_used_and_not_ours(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "mkdir")
    rival.act = lambda path, _mode: rival.real(path, 0o711)
    report = links.ensure_for_account(f"{base}/a", required(base))
    assert f"{base}/a" not in report.created
    assert os.stat(f"{base}/a").st_mode & 0o777 == 0o711
    assert len(texts(f"{base}/a")) == 3


def test_a_file_that_another_makes_in_the_place_of_the_home_is_refused(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Rival(monkeypatch, "mkdir")
    rival.act = lambda path, _mode: pathlib.Path(path).write_text("mine")
    failures, _reports = outcome([f"{base}/a"], required(base))
    assert "not a directory: found a regular file" in failures[0]


def test_a_link_that_goes_after_it_came_is_made(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "symlink")

    def come_and_go(target: str, path: str) -> None:
        rival.real("elsewhere", path)
        look = Rival(monkeypatch, "readlink")
        look.act = os.unlink

    rival.act = come_and_go
    assert links.ensure_for_account(f"{base}/a", required(base)).links[0].status == "created"


def test_a_link_that_comes_and_goes_for_ever_is_given_up(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def appears(target: str, path: str) -> None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    monkeypatch.setattr(os, "symlink", appears)
    failures, _reports = outcome([f"{base}/a"], required(base))
    assert "came and went" in failures[0]


def test_a_home_that_goes_during_the_run_is_an_error(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rival = Rival(monkeypatch, "symlink")
    rival.act = lambda _target, path: shutil.rmtree(os.path.dirname(path))
    failures, _reports = outcome([f"{base}/a"], required(base))
    assert "No such file" in failures[0]


def test_what_is_put_in_the_place_of_a_new_home_is_not_re_moded(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkdir(f"{base}/other", 0o711)
    rival = Rival(monkeypatch, "open")

    def swap(path: str, *_more: object) -> None:
        os.rmdir(path)
        os.symlink(f"{base}/other", path)

    rival.act = swap
    before = picture(f"{base}/other")
    failures, _reports = outcome([f"{base}/a"], required(base), mode=0o750)
    assert "Not a directory" in failures[0] or "symbolic links" in failures[0]
    assert picture(f"{base}/other") == before
