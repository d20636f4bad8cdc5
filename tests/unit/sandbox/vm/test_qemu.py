"""The command line of a machine, and QEMU's process: here a script that stands for it."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.sandbox.vm import qemu
from lab.sandbox.vm.parts import Emulator, Parts
from lab.sandbox.vm.qemu import Disk, Machine, Saved


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    program = tmp_path / "qemu"
    program.write_text('#!/bin/sh\necho "$TOLD $0" >&2\nexec sleep 60\n')
    program.chmod(0o755)
    disks = (Disk("system", tmp_path / "a,b"), Disk("data", tmp_path / "data", writable=True))
    emulator = Emulator(str(program), ("-L", "share"), {"TOLD": "yes"})
    return Machine(emulator, Parts(tmp_path), disks, tmp_path / "console", words="lab.uid=7")


def options(machine: Machine, name: str) -> list[str]:
    line = machine.command(10, 11)
    return [line[at + 1] for at, word in enumerate(line) if word == name]


def test_disks_come_in_order_and_only_the_learner_s_is_writable(machine: Machine) -> None:
    """Are the disks known by their serial numbers, read-only but for one, with commas escaped?"""
    drives = options(machine, "-drive")
    assert "readonly=on" in drives[0] and "a,,b" in drives[0]
    assert "readonly" not in drives[1] and "discard=unmap" in drives[1]
    serials = [each.split("serial=")[1] for each in options(machine, "-device") if "blk" in each]
    assert serials == ["system", "data"]


def test_the_channels_are_inherited(machine: Machine) -> None:
    """Does QEMU get descriptors, and nothing that others could connect to?"""
    channels = options(machine, "-chardev")
    assert "socket,id=qmp,fd=11" in channels
    assert "socket,id=control,fd=10" in channels
    assert not [each for each in machine.command(10, 11) if "server" in each or "hostfwd" in each]


def test_saved_machines_differ_only_in_their_memory(machine: Machine, tmp_path: Path) -> None:
    """Does a machine that is resumed have the devices of the saved one, and memory of its own?"""
    saved = Saved(tmp_path / "state", tmp_path / "memory")
    making, resuming = replace(machine, saving=saved), qemu.resumed(machine, saved)
    assert "share=on" in options(making, "-object")[0]
    assert "share=off" in options(resuming, "-object")[0]
    assert options(making, "-device") == options(resuming, "-device")
    assert options(making, "-append") == options(resuming, "-append")
    assert options(resuming, "-incoming") == ["defer"] and not options(making, "-incoming")


def test_a_machine_without_files_and_network(machine: Machine) -> None:
    """Can a machine be cut off from the host?"""
    alone = replace(machine, shared=None, network=False)
    assert not options(alone, "-netdev") and not options(alone, "-fsdev")
    assert options(machine, "-netdev") and options(machine, "-fsdev")


def test_accelerators(machine: Machine) -> None:
    """Is emulation given a bounded cache, and the processor's virtualization the real processor?"""
    assert options(machine, "-accel") == ["tcg,tb-size=64"]
    fast = replace(machine, accelerator=qemu.KVM)
    assert (options(fast, "-accel"), options(fast, "-cpu")) == (["kvm"], ["max"])


def test_an_unknown_processor(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a machine that nobody has written for refused?"""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(Unavailable, match="no microVM for riscv64"):
        machine.command(3, 4)


def test_the_process_and_its_words(machine: Machine) -> None:
    """Is QEMU started with its environment, and is what it says known when it is killed?"""
    running = qemu.start(machine, tempfile.TemporaryFile())  # noqa: SIM115 - the result's
    end = time.monotonic() + 10
    while not running.said() and time.monotonic() < end:
        time.sleep(0.01)
    assert running.said().startswith("yes ")
    running.process.kill()
    assert running.why_ended() == "it was killed, perhaps for lack of memory"
    running.kill()
    running.kill()


def test_no_such_program(machine: Machine) -> None:
    """Is a missing QEMU told, and nothing left open?"""
    before = len(os.listdir("/proc/self/fd"))
    absent = replace(machine, emulator=Emulator("/nowhere/qemu"))
    with pytest.raises(Unavailable, match="cannot be started"):
        qemu.start(absent, tempfile.TemporaryFile())  # noqa: SIM115 - closed by it
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_dies_with_its_starter(machine: Machine, tmp_path: Path) -> None:
    """Does QEMU end when whoever started it is killed?"""
    script = f"""
import sys, tempfile, time
from pathlib import Path
from lab.sandbox.vm import qemu
from lab.sandbox.vm.parts import Emulator, Parts
folder = Path({str(tmp_path)!r})
machine = qemu.Machine(Emulator(str(folder / "qemu")), Parts(folder), (), folder / "console")
print(qemu.start(machine, tempfile.TemporaryFile()).process.pid, flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    pidfd = os.pidfd_open(pid)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    end = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.01)
    os.close(pidfd)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] not in "ZX"
    except OSError:
        return False
