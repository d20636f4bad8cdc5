"""`python -m bench`: the figures of the README, as a table."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bench import containers, engines, images
from bench.containers import Use
from bench.engines import Peer
from bench.measure import Case, Pair, cli, compare, median_ms
from lab.kernel import procfs
from lab.sandbox import process, reset


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="a regular expression: which lines to measure")
    options = parser.parse_args()
    catalog = engines.find_catalog()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        head()
        with engines.ours(folder, catalog) as engine, engines.dockers(folder, catalog) as theirs:
            ours = Peer("ours", engine.host)
            pids = family(engine.process.pid)
            # before anything else has been done with it
            idle = sum(procfs.resident_bytes(pid) for pid in pids) / 1e6
            for case in cases(folder, ours, theirs):
                if re.search(options.only, case.name):
                    show(compare(case, ours, theirs, options.rounds))
            if not options.only:
                limits(ours, pids, idle)
        if not options.only:
            start = start_seconds(folder, catalog) * 1000
            print(f"| engine start to first answer | {start:.0f} | | | 700 |", flush=True)


def cases(folder: Path, ours: Peer, theirs: Peer | None) -> Iterator[Case]:
    """Yield everything that is compared."""
    for peer in filter(None, (ours, theirs)):
        cli(peer.host, "run", "-d", "--name", "target", engines.IMAGE, "sleep", "100000")
    yield from containers.cases()
    for peer in filter(None, (ours, theirs)):
        cli(peer.host, "rm", "-f", "target")
    yield from images.cases(folder, ours, theirs)


def limits(ours: Peer, pids: list[int], idle: float) -> None:
    """Show what must not grow, and memory."""
    early, late = containers.one_after_another(ours, pids[-1])
    running = containers.with_running(ours, pids)
    print(f"| daemon, spawner and Hub when idle | {idle:.0f} MB | | | 80 MB |")
    print(f"| the same with 100 containers running | {running:.0f} MB | | | 130 MB |")
    print(f"| daemon after 100, after 1,000 containers | {use(early)}, {use(late)} | | | same |")


def use(of: Use) -> str:
    return f"{of.files} files {of.threads} threads {of.megabytes:.0f} MB"


def start_seconds(folder: Path, catalog: Path) -> float:
    """Return the median seconds from starting the engine to its first answer."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        engine = process.start(folder / "start", folder / "start.sock", catalog=catalog)
        seconds.append(time.perf_counter() - started)
        engine.stop()
    reset.remove(folder / "start")
    return sorted(seconds)[2]


def family(launcher: int) -> list[int]:
    """Return the pids of our spawner and daemon, the launcher's child and grandchild."""
    found = [launcher]
    for entry in sorted(map(int, filter(str.isdecimal, os.listdir("/proc")))):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent in found and re.search(rb"from lab\.(daemon|runtime\.spawner) import", command):
            found.append(entry)
    return found[1:]


def head() -> None:
    """Print the beginning of the table."""
    version = subprocess.run(
        ["dockerd", "--version"], capture_output=True, text=True
    ).stdout.strip()
    print(f"{date.today()}, {os.cpu_count()} processors, Linux {platform.release()}")
    print(f"beside: {version or 'no Docker Engine on this machine'}\n")
    print("| | ours, ms | Docker's, ms | ratio | goal |")
    print("|---|---|---|---|---|", flush=True)


def show(pair: Pair) -> None:
    """Print a line of the table."""
    ratio = "-" if pair.ratio is None else f"{pair.ratio:.2f}"
    cells = pair.name, median_ms(pair.ours), median_ms(pair.theirs), ratio, f"{pair.goal}"
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
