# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module claude_failover_release: a real bundle is unpacked, verified, switched to, pruned and removed."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.secuaas.claude.plugins.module_utils import _release_bundle as bundles
from ansible_collections.secuaas.claude.plugins.module_utils import _release_processes as processes
from ansible_collections.secuaas.claude.plugins.module_utils import _release_store as store
from ansible_collections.secuaas.claude.plugins.module_utils._release_layout import Layout
from release_host import MAIN, Host, sources, with_mark


@pytest.fixture
def host(base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(base, monkeypatch, capsys)


def test_it_installs_a_release_that_runs_and_then_finds_nothing_to_do(host: Host) -> None:
    first = host.run()
    name = bundles.release_name(sources("1.0.0"))
    assert name.startswith("1.0.0-")
    assert len(name) == len("1.0.0-") + 12
    assert (first["changed"], first["switched"], first["release"]) == (True, True, name)
    assert first["previous"] is None
    assert first["config_checked"] is True
    assert sorted(first["created"]) == sorted([f"{host.folder}/etc/cf", host.config, host.launcher])
    assert os.readlink(host.layout.current) == f"releases/{name}"
    assert host.start("version") == "1.0.0 ['version'] 0 1"
    assert host.start("hook", "--socket", "x") == f"1.0.0 ['--socket', 'x'] 1 1 {host.layout.library(name)}"
    before = host.tree()
    second = host.run()
    assert second["changed"] is False
    assert second["diff"] == []
    assert host.tree() == before


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_do_not_depend_on_the_umask(host: Host, umask: int) -> None:
    previous = os.umask(umask)
    try:
        host.run()
    finally:
        os.umask(previous)
    installed = [path for path in host.tree() if path.startswith(host.layout.releases)]
    modes = {path: oct(os.lstat(path).st_mode & 0o7777) for path in installed}
    assert {mode for path, mode in modes.items() if not path.endswith("/files.json")} == {"0o755", "0o644"}
    assert {mode for path, mode in modes.items() if path.endswith("/files.json")} == {"0o600"}, "it may hold secrets"
    assert os.stat(host.config).st_mode & 0o7777 == 0o640
    assert os.stat(host.launcher).st_mode & 0o7777 == 0o755
    assert os.stat(os.path.dirname(host.launcher)).st_mode & 0o7777 == 0o755


def test_byte_code_is_used_and_names_the_final_place(host: Host) -> None:
    path = host.run()["path"]
    program = (
        "import sys, claude_failover.inner.deep as deep; "
        "print(deep.__cached__, deep.__spec__.loader.get_code(deep.__name__).co_filename)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {path + '/lib'!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    cached, filename = done.stdout.split()
    assert os.path.isfile(cached)
    assert filename == f"{path}/lib/claude_failover/inner/deep.py"
    with open(cached, "rb") as file:
        flags = file.read(8)[4]
    assert flags == 0b01, "expected unchecked-hash byte code, which no file time can make stale"


@pytest.mark.parametrize("installed", [False, True])
def test_check_mode_predicts_and_touches_nothing(host: Host, installed: bool) -> None:
    if installed:
        host.run()
        with open(host.config, "a", encoding="utf-8") as file:
            file.write("# by hand\n")
        os.chmod(host.launcher, 0o700)
    before = host.tree()
    foreseen = host.run(check=True, version="1.0.1")
    assert host.tree() == before
    real = host.run(version="1.0.1")
    foreseen.pop("invocation", None)
    # Ansible adds owner and mode of a path that exists, as it does after the real run.
    assert {key: real[key] for key in foreseen} == foreseen
    assert real["changed"] is True


TAMPERINGS = {
    "a source changed": lambda lib: append(f"{lib}/claude_failover/inner/deep.py"),
    "a source removed": lambda lib: os.unlink(f"{lib}/claude_failover/inner/deep.py"),
    "a source added": lambda lib: append(f"{lib}/claude_failover/extra.py"),
    "a source behind a link": lambda lib: relink(f"{lib}/claude_failover/inner/deep.py"),
    "byte code changed": lambda lib: append(next(byte_code(lib))),
    "byte code removed": lambda lib: os.unlink(next(byte_code(lib))),
    "a file that others may write": lambda lib: os.chmod(f"{lib}/__main__.py", 0o666),
    "the manifest removed": lambda lib: os.unlink(f"{lib}/../manifest.json"),
    "the manifest torn": lambda lib: os.truncate(f"{lib}/../manifest.json", 10),
}


def append(path: str) -> None:
    with open(path, "ab") as file:
        file.write(b"#")


def relink(path: str) -> None:
    os.rename(path, path + ".moved")
    os.symlink(path + ".moved", path)


def byte_code(lib: str) -> Iterator[str]:
    for where, _folders, files in os.walk(lib):
        yield from (os.path.join(where, name) for name in files if name.endswith(".pyc"))


@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_tampered_release_is_told_and_replaced_by_one_beside_it(host: Host, how: str) -> None:
    path = host.run()["path"]
    TAMPERINGS[how](f"{path}/lib")
    tampered = {name: seen for name, seen in host.tree().items() if name.startswith(path + os.sep)}
    foreseen = host.run(check=True)
    result = host.run()
    assert result["drift"] == foreseen["drift"] != []
    assert all(line.startswith(path) for line in result["drift"])
    assert result["switched"] is True
    assert result["path"] == path + ".2"
    assert host.start("version").startswith("1.0.0 ")
    # What may still run from the old folder is left alone.
    assert {name: seen for name, seen in host.tree().items() if name.startswith(path + os.sep)} == tampered
    assert host.run()["changed"] is False


@pytest.mark.parametrize("what", ["its folder", "every folder"])
def test_a_release_that_is_gone_is_told_and_made_again(host: Host, what: str) -> None:
    installed = host.run()
    shutil.rmtree(installed["path"])
    if what == "every folder":
        os.rmdir(host.layout.releases)
    foreseen, result = host.run(check=True), host.run()
    for told in (foreseen, result):
        assert told["drift"] == [installed["path"] + ": is missing"]
        assert (told["changed"], told["switched"], told["restart"]) == (True, True, True)
        assert (told["release"], told["previous"]) == (installed["release"], installed["release"])
    assert host.start("version").startswith("1.0.0 ")
    assert host.run()["changed"] is False


@pytest.mark.parametrize(
    "text", ["{elsewhere}/{name}", "{releases}/{name}", "{name}", "releases/..", "releases/{name}/"]
)
def test_a_link_that_leads_elsewhere_is_told_and_replaced(host: Host, text: str) -> None:
    """Only the text that is written counts, so that nothing that bears a release's name is taken for it."""
    name = host.run()["release"]
    elsewhere = f"{host.folder}/elsewhere"
    os.makedirs(f"{elsewhere}/{name}/lib")
    os.utime(f"{elsewhere}/{name}", (1, 1))
    os.unlink(host.layout.current)
    os.symlink(text.format(elsewhere=elsewhere, releases=host.layout.releases, name=name), host.layout.current)
    result = host.run()
    assert result["switched"] is True
    assert os.path.isabs(result["previous"])
    assert result["drift"] == []
    assert os.readlink(host.layout.current) == f"releases/{name}"
    assert os.stat(f"{elsewhere}/{name}").st_mtime == 1, "what is not ours was touched"
    assert host.run()["changed"] is False


def test_the_byte_code_of_another_python_is_drift(host: Host) -> None:
    path = host.run()["path"]
    manifest = f"{path}/{store.MANIFEST}"
    with open(manifest, encoding="utf-8") as file:
        text = json.load(file)
    with open(manifest, "w", encoding="utf-8") as file:
        json.dump({**text, "python": "/usr/bin/python3.0"}, file)
    result = host.run()
    assert "/usr/bin/python3.0" in result["drift"][0]
    assert result["path"] == path + ".2"


def test_a_refused_configuration_changes_nothing(host: Host) -> None:
    host.run()
    before = host.tree()
    for check in (True, False):
        result = host.run(check=check, version="2.0.0", config="bad\n")
        assert result["failed"] is True
        assert "found 'bad', expected 'good'" in result["msg"]
        left = {path: seen[-1] for path, seen in host.tree().items()}
        assert left == {path: seen[-1] for path, seen in before.items()}
    assert host.start("version").startswith("1.0.0 ")


def test_the_new_release_judges_the_configuration(host: Host) -> None:
    host.run()
    arguments = host.arguments(version="2.0.0", config="bad\n")
    members = bundles.unpack(base64.b64decode(arguments["bundle"]))
    members["lib/__main__.py"] = MAIN.replace(b'"bad"', b'"worse"')
    result = host.run(files=arguments["files"], bundle=base64.b64encode(bundles.pack(members)).decode())
    assert result["changed"] is True
    assert result["config_checked"] is True


def test_old_releases_go_but_never_one_that_runs_nor_the_one_before(host: Host) -> None:
    first = host.run(keep=2)["path"]
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", f"{first}/lib"])
    try:
        second = host.run(keep=2, version="1.0.1")
        third = host.run(keep=2, version="1.0.2")
        assert (second["removed"], third["removed"]) == ([], [])
        fourth = host.run(keep=2, version="1.0.3")
        assert fourth["removed"] == [second["release"]]
    finally:
        sleeper.kill()
        sleeper.wait()
    foreseen = host.run(keep=2, version="1.0.3", check=True)
    after = host.run(keep=2, version="1.0.3")
    assert foreseen["removed"] == after["removed"] == [os.path.basename(first)]
    assert sorted(os.listdir(host.layout.releases)) == sorted([third["release"], fourth["release"]])


def test_a_folder_of_an_overlays_lower_layer_goes_too(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run(keep=2)
    old = host.run(keep=2, version="1.0.1")["path"]
    host.run(keep=2)
    rename = os.rename

    def as_overlayfs_does(source: str, target: str) -> None:
        if source == old:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", as_overlayfs_does)
    assert host.run(keep=2, version="1.0.2")["removed"] == [os.path.basename(old)]
    assert not os.path.exists(old)
    assert host.run(keep=2, version="1.0.2")["changed"] is False


def test_what_another_installation_did_meanwhile_is_not_done_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, other = store.lock, []

    @contextlib.contextmanager
    def after_another(layout: Layout) -> Iterator[None]:
        monkeypatch.setattr(store, "lock", lock)
        other.append(host.run())
        with lock(layout):
            yield

    monkeypatch.setattr(store, "lock", after_another)
    late = host.run()
    assert (other[0]["changed"], late["changed"]) == (True, False)
    assert os.listdir(host.layout.releases) == [late["release"]]


class Running:
    """A process with the words of a daemon that was started from a release."""

    def __init__(self, library: str, *words: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", library, *words])

    def __enter__(self) -> None:
        """Wait until it has its words: up to then the child has those of this process."""
        while b"time.sleep" not in store._read_bytes(f"/proc/{self.process.pid}/cmdline"):
            assert self.process.poll() is None

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()


def with_restart(host: Host) -> dict[str, Any]:
    """Arguments in which the daemon reads its configuration when it starts, and another file never."""
    arguments = host.arguments()
    members = bundles.unpack(base64.b64decode(arguments["bundle"]))
    members[bundles.FILES + "2"] = b"other"
    files = [dict(entry) for entry in arguments["files"]]
    files[1]["restart"] = True
    files.append({"path": f"{host.folder}/etc/cf/tmux.conf", "src": "x"})
    return {"files": files, "bundle": base64.b64encode(bundles.pack(members)).decode()}


def verdict(host: Host, **arguments: Any) -> tuple[bool, bool, bool]:
    """Run in check mode and then really; both have to say the same: changed, restart, stale."""
    foreseen, real = (host.run(check=check, **arguments) for check in (True, False))
    assert [foreseen[key] for key in ("changed", "restart", "stale")] == [
        real[key] for key in ("changed", "restart", "stale")
    ]
    return real["changed"], real["restart"], real["stale"]


def test_a_restart_is_due_for_new_code_and_for_files_that_the_daemon_reads(host: Host) -> None:
    arguments = with_restart(host)
    assert verdict(host, **arguments) == (True, True, False)
    assert verdict(host, **arguments) == (False, False, False)
    append(f"{host.folder}/etc/cf/tmux.conf")
    assert verdict(host, **arguments) == (True, False, False)
    append(host.config)
    assert verdict(host, **arguments) == (True, True, False)
    os.chmod(host.config, 0o600)
    assert verdict(host, **arguments) == (True, True, False)
    assert verdict(host, version="1.0.1") == (True, True, False)


@pytest.mark.parametrize(
    ("written", "stale"),
    [
        (60.0, True),  # since the daemon was started
        (1.0, False),  # as good as at its start
        (-60.0, False),
        (1e6, False),  # in the future: a clock that was wrong
    ],
)
def test_a_daemon_older_than_what_it_reads_is_stale(
    host: Host, monkeypatch: pytest.MonkeyPatch, written: float, stale: bool
) -> None:
    """As a run leaves it that breaks before the restart; the next one has to find that out."""
    arguments = with_restart(host)
    started = time.time() - 100
    daemon = processes.RunningDaemon(host.run(**arguments)["release"], started)
    os.utime(host.config, (started + written, started + written))
    monkeypatch.setattr(processes, "running_daemons", lambda layout, proc: [daemon])
    assert verdict(host, **arguments) == (False, stale, stale)
    os.unlink(host.config)
    assert verdict(host, **arguments) == (True, True, False)


def test_a_daemon_of_another_release_is_stale(host: Host) -> None:
    old = host.run()["path"]
    with Running(f"{old}/lib", "run"):
        (daemon,) = processes.running_daemons(host.layout)
        assert daemon == (os.path.basename(old), pytest.approx(time.time(), abs=30))
        assert verdict(host) == (False, False, False)
        assert verdict(host, version="1.0.1") == (True, True, False)
        assert verdict(host, version="1.0.1") == (False, True, True)


def test_an_installation_that_the_daemon_was_not_started_with_can_be_taken_back_by_the_next_run(host: Host) -> None:
    """As a run leaves it that breaks before the restart."""
    old = host.run()
    with Running(f"{old['path']}/lib", "run"):
        assert host.run()["replaced"] is False
        new = host.run(version="1.0.1")
        for check in (True, False):
            again = host.run(version="1.0.1", check=check)
            assert (again["changed"], again["restart"], again["replaced"]) == (False, True, True)
    with Running(f"{new['path']}/lib", "run"):
        assert host.run(version="1.0.1")["replaced"] is False
        host.run(state="rolled_back")
        again = host.run(state="rolled_back")
        assert (again["changed"], again["restart"], again["replaced"]) == (False, True, True)
    assert host.run(state="undone")["release"] == new["release"]


@pytest.mark.parametrize("words", [["status"], ["--config", "/x", "run"], ["run", "more"], []])
def test_other_commands_and_other_daemons_are_not_the_daemon(host: Host, words: list[str]) -> None:
    old = host.run()["path"]
    host.run(version="1.0.1")
    with Running(f"{old}/lib", *words):
        assert verdict(host, version="1.0.1") == (False, False, False)


def test_going_back_is_only_a_switch(host: Host) -> None:
    old = host.run()
    host.run(version="1.0.1")
    inode = os.stat(old["path"]).st_ino
    back = host.run()
    assert back["switched"] is True
    assert back["path"] == old["path"]
    assert os.stat(back["path"]).st_ino == inode


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"keep": 1}, "at least 2"),
        ({"root": "opt/cf"}, "absolute path"),
        ({"bundle": "%%%"}, "damaged"),
        ({"bundle": ""}, "damaged"),
        ({"bundle": base64.b64encode(bundles.pack({"lib/x.py": b""})).decode()}, "no release of the daemon"),
        ({"files": [{"path": "/x", "src": "x"}]}, "src of /x is missing"),
        ({"files": [{"path": "/x", "directory": True, "mode": "u=rwx"}]}, "octal number"),
        ({"files": [{"path": "/x", "directory": True, "owner": "no-such-user-cf"}]}, "no-such-user-cf"),
    ],
)
def test_what_makes_no_sense_is_refused(host: Host, arguments: dict[str, Any], expected: str) -> None:
    result = host.run(**arguments)
    assert result["failed"] is True
    assert expected in result["msg"]
    assert os.listdir(host.folder) == []


def test_a_link_in_the_place_of_a_file_is_left_as_it_is(host: Host) -> None:
    os.makedirs(os.path.dirname(host.config))
    os.symlink("/dev/null", host.config)
    result = host.run()
    assert result["failed"] is True
    assert "symbolic link to /dev/null" in result["msg"]
    assert os.readlink(host.config) == "/dev/null"
    assert not os.path.exists(host.layout.root)


def test_an_owner_that_does_not_exist_yet_is_a_prediction_in_check_mode(host: Host) -> None:
    entry = {"path": f"{host.folder}/state", "directory": True, "owner": "no-such-user-cf"}
    assert host.run(check=True, files=[entry])["created"][0] == entry["path"]
    os.mkdir(entry["path"], 0o755)
    assert host.run(check=True, files=[entry])["updated"] == [entry["path"]]


def test_absent_removes_what_it_made_and_nothing_else(host: Host) -> None:
    host.run()
    host.run(version="1.0.1")
    theirs = f"{host.folder}/etc/cf/notes.txt"
    append(theirs)
    before = host.tree()
    foreseen = host.run(state="absent", check=True)
    assert host.tree() == before
    result = host.run(state="absent")
    assert result["removed"] == foreseen["removed"]
    left = sorted(path for path in host.tree() if os.path.isfile(path))
    assert left == [theirs]
    assert not os.path.exists(host.layout.root)
    assert host.run(state="absent")["changed"] is False
    os.unlink(theirs)
    assert host.run(state="absent")["removed"] == [f"{host.folder}/etc/cf"]


def test_absent_leaves_somebody_elses_command(host: Host) -> None:
    host.run()
    with open(host.launcher, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec somebody-elses\n")
    result = host.run(state="absent")
    assert os.path.exists(host.launcher)
    assert host.launcher in result["told"]


def test_a_hook_without_a_release_does_not_fail_a_session(host: Host) -> None:
    host.run()
    os.unlink(host.layout.current)
    assert host.start("hook", "--socket", "x") == ""
    done = subprocess.run([host.launcher, "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "leads to no release" in done.stderr


@pytest.mark.parametrize("hook", ["raise ValueError", "def main(arguments): raise SystemExit(2)", "nonsense ("])
def test_a_release_that_fails_does_not_fail_a_session(host: Host, hook: str) -> None:
    """Claude Code takes exit code 2 of a hook for a refusal, and shows standard error."""
    name = host.run()["release"]
    shutil.rmtree(os.path.join(host.layout.library(name), "claude_failover", "__pycache__"))
    with open(os.path.join(host.layout.library(name), "claude_failover", "hook.py"), "w", encoding="utf-8") as file:
        file.write(hook)
    done = subprocess.run([host.launcher, "hook", "--socket", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ["absolute", "folder"])
def test_a_hook_finds_a_release_by_a_link_or_a_folder_of_somebody_elses(host: Host, kind: str) -> None:
    folder = host.layout.folder(host.run()["release"])
    os.unlink(host.layout.current)
    if kind == "folder":
        os.rename(folder, host.layout.current)
        folder = host.layout.current
    else:
        os.symlink(folder, host.layout.current)
    assert host.start("hook", "--socket", "x") == f"1.0.0 ['--socket', 'x'] 1 1 {folder}/lib"


def test_a_file_with_a_mark_is_made_replaced_and_removed(host: Host) -> None:
    path = f"{host.folder}/share/completions/cf"
    assert path in host.run(**with_mark(host, "# of this role, 1\n"))["created"]
    second = host.run(**with_mark(host, "# of this role, 2\n"))
    assert (second["updated"], second["restart"]) == ([path], False)
    gone = host.run(**with_mark(host, ""), state="absent")
    assert path in gone["removed"]
    assert f"{path} was not written" not in gone["told"]
    assert not os.path.exists(path)


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_somebody_else_has_in_the_place_of_a_marked_file_stays_and_is_told(
    host: Host, kind: str, state: str
) -> None:
    path = f"{host.folder}/share/completions/cf"
    os.makedirs(os.path.dirname(path))
    if kind == "file":
        append(path)
    elif kind == "link":
        os.symlink("/nonexistent", path)
    else:
        os.mkdir(path)
    before = host.tree()[path]
    done = host.run(**with_mark(host, "# of this role\n"), state=state)
    assert f"{path} was not written by this collection, and is left as it is" in done["told"]
    assert path not in [*done.get("created", []), *done.get("updated", []), *done.get("removed", [])]
    assert host.tree()[path] == before
