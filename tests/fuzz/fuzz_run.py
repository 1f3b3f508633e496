# Copyright: (c) 2026, secuaas.claude contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fuzz the targets, each for some seconds in a process of its own, and print the executions of each.

With atheris the mutations are guided by the coverage of the daemon's code; without it they are random. An input that
breaks a property is written to the folder of results; ``--replay TARGET FILE`` runs it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import import_path  # makes the daemon and the collection importable

ROOT = Path(import_path.ROOT)
SLOWEST = 10  # seconds for one input
MOST_MEMORY = 2048  # MiB of a process
NAMES = re.compile(r"stat::number_of_executed_units: *(\d+)|executions: (\d+)")


def main() -> int:
    """Run the targets that were asked for; return 1 if one of them broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once (default: one per CPU)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "fuzz", help="where corpus and findings go")
    parser.add_argument("--list", action="store_true", help="print the names of all targets")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="run one input")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        fuzz(arguments.one, arguments.seconds, arguments.folder / arguments.one)
    import fuzz_targets

    known = {target.name: target for target in fuzz_targets.targets()}
    if arguments.replay:
        name, path = arguments.replay
        known[name].check(Path(path).read_bytes())
        return 0
    if arguments.list:
        sys.stdout.write("".join(f"{name}\n" for name in known))
        return 0
    unknown = set(arguments.targets) - known.keys()
    if unknown:
        parser.error(f"found no target {', '.join(sorted(unknown))}; expected of {', '.join(known)}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = [pool.submit(run, name, arguments) for name in arguments.targets or known]
        return max(done.result() for done in runs)


def run(name: str, arguments: argparse.Namespace) -> int:
    """Fuzz one target in a process, print a line of its result, and return 1 if it broke."""
    folder: Path = arguments.folder / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*-*"))
    command = [sys.executable, __file__, "--one", name, "--seconds", str(arguments.seconds)]
    began = time.monotonic()
    command += ["--folder", str(arguments.folder)]
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    # libFuzzer ends its process without cleaning up.
    with (folder / "log").open("wb") as log, tempfile.TemporaryDirectory(prefix="cf-fuzz-", dir=memory) as work:
        environment = {**os.environ, "FUZZ_WORK_FOLDER": work}
        child = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    text = (folder / "log").read_text(errors="replace")
    counts = [int(first or second) for first, second in NAMES.findall(text)]
    found = sorted(set(folder.glob("*-*")) - before)
    result = f"exit code {child.returncode}, see {folder}/log" if child.returncode else "nothing found"
    count = str(counts[-1]) if counts else "?"
    sys.stdout.write(f"{name:16} {count:>9} executions in {time.monotonic() - began:.0f} s: {result}\n")
    for path in found:
        sys.stdout.write(f"{'':16} {path}\n")
    sys.stdout.flush()
    return int(bool(child.returncode) or not counts)


def fuzz(name: str, seconds: int, folder: Path) -> NoReturn:
    """Fuzz one target in this process, and end it."""
    if importlib.util.find_spec("atheris") is None:
        fuzz_at_random(name, seconds, folder)
    import atheris
    from fuzz_mutation import MAX_SIZE, mutate

    with atheris.instrument_imports(include=["claude_failover"]):
        import fuzz_targets
    target = next(each for each in fuzz_targets.targets() if each.name == name)

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.4:
            changed: bytes = atheris.Mutate(data, most)
            return changed
        return mutate(data, chance, target.seeds)[:most]

    for number, content in enumerate(target.seeds):
        (folder / "corpus" / f"seed{number}").write_bytes(content[:MAX_SIZE])
    options = [
        *(f"-max_total_time={seconds}", f"-max_len={MAX_SIZE}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MOST_MEMORY}"),
        *(f"-artifact_prefix={folder}/", "-print_final_stats=1", str(folder / "corpus")),
    ]
    atheris.Setup([sys.argv[0], *options], target.check, custom_mutator=mutator)
    atheris.Fuzz()
    sys.exit(0)


def fuzz_at_random(name: str, seconds: int, folder: Path) -> NoReturn:
    """Check mutations of the seeds without feedback."""
    import fuzz_targets
    from fuzz_mutation import mutate

    target = next(each for each in fuzz_targets.targets() if each.name == name)
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    end, executions = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutate(chance.choice(target.seeds), chance, target.seeds)
        began = time.monotonic()
        try:
            target.check(data)
            if time.monotonic() - began > SLOWEST:
                raise TimeoutError(f"one input took more than {SLOWEST} s")
        except BaseException:
            (folder / f"crash-{seed:08x}-{executions}").write_bytes(data)
            raise
        executions += 1
    sys.stdout.write(f"executions: {executions}\n")
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
