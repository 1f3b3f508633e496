# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of ``make test``, one function each; its docstring is what `make help` could say of it."""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from machine import apt_install, dotted, oldest_and_newest, pythons, real_python_path
from places import (
    CACHE,
    COLLECTIONS,
    COPY,
    COPY_PARENT,
    E2E_PACKAGES,
    ENGINE_PID,
    INSTALLED,
    NAME,
    NO_ENGINE,
    RESULTS,
    ROOT,
)
from prepare import (
    make_ansible_test_home,
    make_copy,
    make_driver_collections,
    make_installed,
    make_tools,
    make_venv,
    python_venv,
)
from runner import Check, Run, StageError, environment, say


def stage_setup(run: Run) -> None:
    """Environments for the tools and for the oldest and newest Python."""
    run.once("tools", make_tools)
    for version, program in oldest_and_newest():
        make_venv(python_venv(version), "tests/unit/requirements.txt", program)
    run.checks.append(Check("setup", "environments", "passed", 0, passed=1))


def pytest_stage(
    run: Run,
    name: str,
    version: tuple[int, int],
    arguments: Sequence[str],
    limit: float,
    env: dict[str, str] | None = None,
) -> None:
    """Run pytest in the environment of one Python and count its tests."""
    report = os.path.join(RESULTS, f"{run.stage}-{dotted(version)}.xml")
    if os.path.exists(report):
        os.unlink(report)

    def count() -> tuple[int, int, int]:
        suite = next(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - written by our own pytest
        total, failed, skipped = (int(suite.get(key, "0")) for key in ("tests", "failures", "skipped"))
        failed += int(suite.get("errors", "0"))
        return total - failed - skipped, failed, skipped

    python = os.path.join(python_venv(version), "bin", "python")
    run.check(
        name,
        [python, "-m", "pytest", "-q", f"--junitxml={report}", *arguments],
        env=env,
        limit=limit,
        progress=r"^(SKIPPED|FAILED|ERROR) |\[ *\d+%\]",
        count=count,
    )


def stage_unit(run: Run) -> None:
    """The unit and integration tests, on the oldest and on the newest Python at hand."""
    run.once("tools", make_tools)
    chosen = oldest_and_newest()
    if len(chosen) == 1:
        say(f"unit: only Python {dotted(chosen[0][0])} is at hand; another of 3.9 or newer would be tested too")
    for version, program in chosen:
        make_venv(python_venv(version), "tests/unit/requirements.txt", program)
        pytest_stage(run, f"pytest on Python {dotted(version)}", version, [], limit=900)


def stage_lint(run: Run) -> None:
    """ruff, mypy --strict, yamllint, shellcheck, ansible-lint with the production profile."""
    run.once("tools", make_tools)
    run.once("copy", make_copy)
    run.check("ruff", ["ruff", "check", "."])
    run.check("yamllint", ["yamllint", "--strict", "."], cwd=COPY)
    scripts = [name for name in list_copy() if name.endswith(".sh") or has_shell_shebang(name)]
    run.check("shellcheck", ["shellcheck", *scripts], cwd=COPY)
    mypy_path = os.pathsep.join([COPY_PARENT, os.path.join(COPY, "roles", "claude_failover", "files")])
    run.check(
        "mypy",
        ["mypy", "--strict", "--cache-dir", os.path.join(CACHE, "mypy"), *mypy_targets()],
        cwd=COPY,
        env={"MYPYPATH": mypy_path},
    )
    run.check(
        "ansible-lint",
        ["ansible-lint", "--profile", "production", "--strict", "--offline"],
        cwd=COPY,
        env={"ANSIBLE_COLLECTIONS_PATH": COPY_PARENT},
    )


def list_copy() -> list[str]:
    """The files of the copy, relative to it."""
    found: list[str] = []
    for folder, folders, names in os.walk(COPY):
        if folder == COPY:
            folders.remove(".git")
        found += [os.path.relpath(os.path.join(folder, name), COPY) for name in names]
    return sorted(found)


def has_shell_shebang(name: str) -> bool:
    """Whether a file of the copy is a shell script by its first line."""
    with open(os.path.join(COPY, name), "rb") as file:
        return re.match(rb"#! ?(/usr)?/bin/(env )?(ba)?sh\b", file.readline(100)) is not None


def mypy_targets() -> list[str]:
    """The packages and modules that mypy reads, by import name, so that each has one name only."""
    targets = ["-p", "claude_failover"]
    for kind in ("module_utils", "modules", "action", "filter", "plugin_utils"):
        for path in sorted(glob.glob(os.path.join(COPY, "plugins", kind, "*.py"))):
            stem = os.path.splitext(os.path.basename(path))[0]
            targets += ["-m", f"ansible_collections.secuaas.claude.plugins.{kind}.{stem}"]
    return targets


def stage_docs(run: Run) -> None:
    """The documentation of the collection, the role and the plugins."""
    run.once("tools", make_tools)
    run.once("copy", make_copy)
    run.check(
        "antsibull-docs",
        ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "."],
        cwd=COPY,
        env={"HOME": CACHE},
    )  # it writes antsibull.log there


def stage_changelog(run: Run) -> None:
    """The changelog's fragments, and that CHANGELOG.md is what they make."""
    run.once("tools", make_tools)
    run.once("copy", make_copy)
    if run.check("fragments", ["antsibull-changelog", "lint"], cwd=COPY):
        run.check(
            "CHANGELOG.md is up to date",
            [
                "sh",
                "-c",
                f"antsibull-changelog generate && diff -u {shlex.quote(ROOT)}/CHANGELOG.md CHANGELOG.md",
            ],
            cwd=COPY,
        )


def stage_sanity(run: Run) -> None:
    """ansible-test sanity, with no ignore file."""
    run.once("tools", make_tools)
    make_copy()  # the lint of the changelog writes into it
    ignored = glob.glob(os.path.join(COPY, "tests", "sanity", "ignore-*.txt"))
    if ignored:
        run.fail("no ignore file", f"found {', '.join(map(os.path.basename, ignored))}")
        return
    say(f"sanity: Pythons for compile and import: {', '.join(dotted(version) for version, _program in pythons())}")
    run.check(
        "ansible-test",
        ["ansible-test", "sanity", "--local", "--color", "no"],
        cwd=COPY,
        limit=900,
        env={"PATH": real_python_path(), **make_ansible_test_home()},
        progress=r"^(Running sanity test|WARNING|ERROR|FATAL)",
        forbidden="All targets skipped",
    )


def stage_build(run: Run) -> None:
    """Build, install, and read the playbooks from the installed collection."""
    run.once("tools", make_tools)
    run.once("copy", make_copy)
    run.once("installed", make_installed)
    run.checks.append(Check(run.stage, "build and install", "passed", 0, passed=1))
    env = {"ANSIBLE_COLLECTIONS_PATH": COLLECTIONS}
    # A checkout that lies where Ansible looks for the collection needs no installation.
    read = ["ansible-playbook", "-i", "playbooks/inventories/local.yml", "--syntax-check", "playbooks/site.yml"]
    run.check("playbooks/site.yml reads in a checkout", read, cwd=COPY)
    inventory = os.path.join(INSTALLED, "playbooks", "inventories", "local.yml")
    for playbook in (f"{NAME}.site", f"{NAME}.drift"):
        command = ["ansible-playbook", "-i", inventory, "--syntax-check", playbook]
        run.check(f"{playbook} reads", command, env=env, cwd=CACHE)
    for kind, name in (("module", f"{NAME}.claude_shared_symlinks"), ("role", f"{NAME}.claude_failover")):
        run.check(f"documentation of the {kind}", ["ansible-doc", "-t", kind, name], env=env, cwd=CACHE)


def stage_molecule(run: Run) -> None:
    """Every scenario of molecule/, or those that MOLECULE_SCENARIOS names, in containers that boot systemd."""
    run.once("tools", make_tools)
    wanted = os.environ.get("MOLECULE_SCENARIOS", "").split()
    there = sorted(glob.glob(os.path.join(ROOT, "molecule", "*", "molecule.yml")))
    names = [os.path.basename(os.path.dirname(path)) for path in there]
    scenarios = [name for name in names if not wanted or name in wanted]
    engine = os.path.join(ROOT, "molecule", "docker-engine.sh")
    # Only an engine that this run launches is ended with it.
    found = os.path.exists(ENGINE_PID)
    started = subprocess.run([engine, "start"], env=environment(), check=False)
    if started.returncode == NO_ENGINE:
        run.skip("all scenarios", "there is no Docker Engine; INSTALL_DOCKER=1 installs and starts one")
        return
    try:
        if started.returncode != 0:
            raise StageError("the Docker Engine could not be started; see the lines above")
        env = {"ANSIBLE_COLLECTIONS_PATH": COLLECTIONS}
        if "MOLECULE_IMAGE_BOOKWORM" not in os.environ and "MOLECULE_IMAGE_TRIXIE" not in os.environ:
            images = os.path.join(ROOT, "molecule", "build-images.sh")
            if not run.check("images", [engine, "run", images], limit=900, progress="^build-images"):
                return
            env.update(
                MOLECULE_IMAGE_BOOKWORM="claude-failover-molecule:bookworm",
                MOLECULE_IMAGE_TRIXIE="claude-failover-molecule:trixie",
                MOLECULE_PULL="false",
            )
        run.once("driver", make_driver_collections)
        run.once("copy", make_copy)
        run.once("installed", make_installed)
        for scenario in scenarios:
            run.check(
                scenario,
                [engine, "run", "molecule", "test", "-s", scenario],
                env=env,
                limit=1200,
                progress=r"INFO .*(Executing|Running|Completed|Failed)|CRITICAL|fatal: \[",
            )
    finally:
        if not found:
            subprocess.run([engine, "stop"], env=environment(), check=False)


def stage_e2e(run: Run) -> None:
    """The tests that drive the real Claude Code CLI, with no way out of the machine."""
    run.once("tools", make_tools)
    if not glob.glob(os.path.join(ROOT, "tests", "e2e", "test_*.py")):
        run.fail("pytest", "tests/e2e holds no test")
        return
    missing = [package for program, package in E2E_PACKAGES.items() if shutil.which(program) is None]
    if missing:
        apt_install(*missing)
    if subprocess.run(["/usr/bin/python3", "-c", "import yaml"], check=False, capture_output=True).returncode != 0:
        apt_install("python3-yaml")
    version, program = pythons()[-1]
    make_venv(python_venv(version), "tests/unit/requirements.txt", program)
    # With CI=true the tests fail, and are not skipped, where something of the machine is missing.
    pytest_stage(run, f"pytest on Python {dotted(version)}", version, ["tests/e2e"], limit=1500, env={"CI": "true"})


STAGES: dict[str, Callable[[Run], None]] = {
    "setup": stage_setup,
    "lint": stage_lint,
    "unit": stage_unit,
    "docs": stage_docs,
    "changelog": stage_changelog,
    "sanity": stage_sanity,
    "build": stage_build,
    "molecule": stage_molecule,
    "e2e": stage_e2e,
}
ALL = tuple(name for name in STAGES if name != "e2e")
