"""How much memory and disk there is, which programs are at hand, and whether QEMU runs.

Source: proc(5); kernel documentation, cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lab.kernel import procfs
from lab.sandbox import cgroup_tree
from lab.sandbox.probes import Step
from lab.sandbox.vm.parts import Emulator
from lab.sandbox.vm.qemu import ARCHITECTURES

_PROGRAM_LIMIT = 10.0
_NO_LIMIT = 1 << 60


class Memory(NamedTuple):
    """Bytes that this place has, and that can still be used of them."""

    total: int
    free: int


def memory() -> Memory:
    """Return the memory that this process may use: the machine's, or less where limits are set."""
    table = _table(Path("/proc/meminfo"))
    total = table.get("MemTotal:", 0) * 1024
    free = table.get("MemAvailable:", table.get("MemFree:", 0)) * 1024
    for limit, used in _limits():
        total, free = min(total, limit), min(free, max(0, limit - used))
    return Memory(total, free)


def free_disk(folder: Path) -> int:
    """Return how many bytes this user can still write to the file system of `folder`."""
    while not os.path.isdir(folder):
        folder = folder.parent
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def first_line(
    command: Sequence[str], environ: Mapping[str, str] | None = None, typed: str = ""
) -> Step:
    """Run a program, with `typed` as its input; `seen` is the first line of what it says."""
    try:
        done = subprocess.run(
            list(command),
            input=typed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROGRAM_LIMIT,
            env={"PATH": os.defpath, "LC_ALL": "C", **(environ or {})},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Step(f"no answer within {_PROGRAM_LIMIT:g} seconds")
    except OSError as error:
        return Step(error.strerror or str(error))
    if done.returncode:
        return Step(_complaint(done))
    return Step(seen=done.stdout.strip().partition("\n")[0])


def try_qemu(emulator: Emulator, accelerator: str) -> Step:
    """Start a machine that does nothing, and end it.  Raises KeyError for a foreign processor.

    QEMU sets the machine's processor up before it waits: where /dev/kvm cannot do that, it ends.
    """
    kind = ARCHITECTURES[platform.machine()]
    words = f"-accel {accelerator} -cpu max -m 64M -nodefaults -display none -S -monitor stdio"
    command = [emulator.program, *emulator.arguments, "-M", kind.machine, *kind.firmware]
    return first_line([*command, *words.split()], emulator.environ, "quit\n")


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    if lines:
        return lines[0]
    code = done.returncode
    return f"ended by signal {-code}" if code < 0 else f"exit code {code}"


def _limits() -> list[tuple[int, int]]:
    """Return the limit and the use of each control group that this process is in."""
    own = procfs.cgroup_paths()
    found = []
    for mount in procfs.mounts():
        if mount.fstype == "cgroup2":
            names, path = ("memory.max", "memory.current"), own.get("", "/")
        elif mount.fstype == "cgroup" and "memory" in mount.super_options.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            path = own.get("memory", "/")
        else:
            continue
        folder, top = cgroup_tree.inside(mount, path), Path(mount.mount_point)
        while True:
            limit, used = _number(folder / names[0]), _number(folder / names[1])
            if limit is not None and used is not None and limit < _NO_LIMIT:
                # files that are only remembered give way
                stat = _table(folder / "memory.stat")
                cache = stat.get("total_inactive_file", stat.get("inactive_file", 0))
                found.append((limit, max(0, used - cache)))
            if folder == top:
                break
            folder = folder.parent
    return found


def _table(path: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
