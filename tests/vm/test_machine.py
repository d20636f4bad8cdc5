"""The second machine, which a lesson looks into."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.config import Config
from lab.course.measurements import measure
from lab.errors import Unavailable
from lab.sandbox.vm.machine import MicroVm


@pytest.fixture(scope="module")
def vm(vm_home: Path) -> Iterator[MicroVm]:
    with MicroVm.boot(config=Config.from_environ({"LAB_HOME": str(vm_home)})) as running:
        yield running


def test_a_machine_of_its_own(vm: MicroVm) -> None:
    """Has it a kernel and processes of its own, and is it one process on the host?"""
    assert 0 < vm.seconds < 60
    kernel = vm.run(["cat", "/proc/version"])
    assert kernel.code == 0
    assert kernel.output != Path("/proc/version").read_text()
    assert "lab.sandbox.vm.guest" in vm.run(["cat", "/proc/1/cmdline"]).output
    assert vm.memory_used() > 50 << 20
    assert b"qemu" in Path(f"/proc/{vm.pid}/cmdline").read_bytes()
    before = vm.processor_seconds()
    assert vm.run(["sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done"]).code == 0
    assert 0 < before < vm.processor_seconds()


def test_commands_tell_their_exit_code(vm: MicroVm) -> None:
    """Are output and exit code a command's own, one after the other?"""
    assert (vm.run(["sh", "-c", "echo out; echo err >&2; exit 3"]).code) == 3
    assert vm.run(["echo", "again"]).output == "again\n"
    assert vm.run(["no-such-command"]).code == 127


def test_a_command_that_does_not_end(vm: MicroVm) -> None:
    """Is it given up after its limit, and does the machine go on?"""
    with pytest.raises(Unavailable, match="did not end within"):
        vm.run(["sleep", "1000"], limit=0.5)
    assert vm.run(["echo", "still"]).output == "still\n"


def test_nothing_of_the_host_is_in_it(vm: MicroVm) -> None:
    """Are the host's files and network out of its reach?"""
    assert vm.run(["ls", "/host"]).output == ""
    assert vm.run(["ls", "/sys/class/net"]).output.split() == ["lo"]


def test_stopped(vm_home: Path) -> None:
    """After it was stopped, is nothing left, the console's text known, and running told to be over?"""
    vm = MicroVm.boot(config=Config.from_environ({"LAB_HOME": str(vm_home)}))
    assert vm.run(["sh", "-c", "echo spoken > /dev/console"]).code == 0
    vm.stop()
    vm.stop()
    assert not vm.is_running and not Path(f"/proc/{vm.pid}").exists()
    assert "spoken" in vm.console()
    with pytest.raises(Unavailable, match="does not run any more"):
        vm.run(["true"])


def test_started_by_a_thread_that_ends(vm_home: Path) -> None:
    """Does a machine outlive the thread that has started it?"""
    config = Config.from_environ({"LAB_HOME": str(vm_home)})
    with ThreadPoolExecutor(1) as pool:
        vm = pool.submit(MicroVm.boot, config=config).result(60)
    with vm:
        assert vm.run(["echo", "alive"]).output == "alive\n"


def test_a_disk_of_its_own(vm_home: Path, vm: MicroVm) -> None:
    """Does a machine with a disk of its own take that room, and does the other only share?"""
    assert vm.disk_used() == 0
    config = Config.from_environ({"LAB_HOME": str(vm_home)})
    with MicroVm.boot(config=config, own_disk=True) as own:
        assert own.disk_used() > 10 << 20
        assert own.disk_shared() < vm.disk_shared()
        assert own.run(["echo", "works"]).output == "works\n"


@pytest.mark.timeout(300)
def test_measured(vm_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are two machines measured: a kernel of their own, twice the memory, a disk for each?"""
    monkeypatch.setenv("LAB_HOME", str(vm_home))
    one, two = measure("vm", counts=(1, 2))
    assert one["kernel"] != platform.release()
    assert two["memory"] > one["memory"] * 1.5
    assert two["disk"] - one["disk"] > 10 << 20
    assert two["start"] > one["start"] > 0 and one["work"] > 0
