"""`python -m bench`: the figures of the README, as a table."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

from bench import engines
from bench.measure import Pair, command, compare, median_ms
from lab.kernel import procfs
from lab.sandbox import process, reset


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    catalog = engines.find_catalog()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        start = start_seconds(folder, catalog)
        with engines.ours(folder, catalog) as ours, engines.dockers(folder, catalog) as theirs:
            memory = idle_megabytes(ours.process.pid)
            pairs = measure(ours.host, theirs, rounds)
    report(pairs, start, memory)


def measure(ours: str, theirs: str | None, rounds: int) -> list[Pair]:
    """Time `run` and `exec` on both engines."""
    hosts = [host for host in (ours, theirs) if host]
    for host in hosts:
        command(host, "run", "-d", "--name", "target", engines.IMAGE, "sleep", "100000")()
    pairs = []
    for title, goal, words in (
        ("docker run --rm busybox true", 0.25, ("run", "--rm", engines.IMAGE, "true")),
        ("docker exec CONTAINER true", 0.6, ("exec", "target", "true")),
    ):
        other = command(theirs, *words) if theirs else None
        pairs.append(compare(title, goal, command(ours, *words), other, rounds))
    for host in hosts:
        command(host, "rm", "-f", "target")()
    return pairs


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


def idle_megabytes(launcher: int) -> float:
    """Return the resident memory of our daemon (with the Hub) and spawner, when idle.

    They are the launcher's child and grandchild.
    """
    total, family = 0, {launcher}
    for entry in sorted(map(int, filter(str.isdecimal, os.listdir("/proc")))):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes()
            parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent in family and re.search(rb"from lab\.(daemon|runtime\.spawner) import", command):
            family.add(entry)
            total += procfs.resident_bytes(entry)
    return total / 1e6


def report(pairs: list[Pair], start: float, memory: float) -> None:
    """Print the table."""
    version = subprocess.run(
        ["dockerd", "--version"], capture_output=True, text=True
    ).stdout.strip()
    print(f"{date.today()}, {os.cpu_count()} processors, Linux {platform.release()}")
    print(f"beside: {version or 'no Docker Engine on this machine'}\n")
    print("| | ours, ms | Docker's, ms | ratio | goal |")
    print("|---|---|---|---|---|")
    for pair in pairs:
        ratio = "-" if pair.ratio is None else f"{pair.ratio:.2f}"
        cells = pair.name, median_ms(pair.ours), median_ms(pair.theirs), ratio, f"{pair.goal}"
        print("| " + " | ".join(cells) + " |")
    print(f"| engine start to first answer | {start * 1000:.0f} | | | 700 |")
    print(f"| daemon, spawner and Hub when idle | {memory:.0f} MB | | | 80 MB |")


if __name__ == "__main__":
    main()
