"""Reading /proc: of this process, and of texts with every trap."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from lab.kernel import procfs

MOUNTS = """\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 24 0:22 /lab /mnt/with\\040space\\134and\\011tab ro,nosuid master:3 propagate_from:2 - tmpfs a\\040b rw
26 24 0:30 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
27 24 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
"""
CGROUPS = """\
12:memory:/lab-1
4:cpu,cpuacct:/a:b
1:name=systemd:/init
0::/user.slice
"""


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    files: dict[str, str] = {}
    real: Callable[..., Any] = open

    def fake(path: str, *arguments: Any, **options: Any) -> Any:
        return StringIO(files[path]) if path in files else real(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", fake)
    return files


def test_mounts(texts: dict[str, str]) -> None:
    """Are all columns read, however many optional ones there are, and escapes undone?"""
    texts["/proc/7/mountinfo"] = MOUNTS
    root, odd, cpu, unified = procfs.mounts(7)
    assert (root.mount_point, root.fstype, root.source) == ("/", "ext4", "/dev/vda")
    assert odd.mount_point == "/mnt/with space\\and\ttab"
    assert (odd.root, odd.options, odd.super_options) == ("/lab", "ro,nosuid", "rw")
    assert (cpu.root, cpu.super_options) == ("/docker/x", "rw,cpu,cpuacct")
    assert unified.fstype == "cgroup2"


def test_cgroups(texts: dict[str, str]) -> None:
    """Is each controller found, also where two share a hierarchy, and version 2 under no name?"""
    texts["/proc/7/cgroup"] = CGROUPS
    paths = procfs.cgroup_paths(7)
    assert paths["memory"] == "/lab-1"
    assert paths["cpu"] == paths["cpuacct"] == "/a:b"
    assert paths[""] == "/user.slice"


def test_this_process() -> None:
    """Do the functions work on a real process?"""
    assert any(mount.mount_point == "/" for mount in procfs.mounts())
    assert procfs.namespace("self", "net") == os.stat("/proc/self/ns/net").st_ino
    assert 1 << 20 < procfs.resident_bytes() < 1 << 34


def test_start_times() -> None:
    """Has a process one start time, a later one a later one, and one that is gone none?"""
    own = procfs.start_time(os.getpid())
    assert own == procfs.start_time(os.getpid()) > 0
    # a name with everything in it that could be taken for the end of the name
    with subprocess.Popen(
        ["/bin/sh", "-c", 'exec -a "x) R 1 (" sleep 100'], executable="/bin/bash"
    ) as p:
        assert procfs.start_time(p.pid) >= own
        p.kill()
    assert procfs.start_time(p.pid) == 0


def test_which_signals_are_caught() -> None:
    """Is a handler told from none, and is the careful answer given where nothing can be known?"""
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        assert procfs.catches(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert not procfs.catches(os.getpid(), signal.SIGUSR2)
    assert procfs.catches(1 << 30, signal.SIGTERM)
