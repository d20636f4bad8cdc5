"""QEMU: the command line of a virtual machine, and its process.

The devices and their order are part of a saved machine: it resumes only in one that was started in
the same way.  Instead of names, QEMU gets descriptors for its two channels, so nobody else can
connect to them, and nothing is left behind.  Source: QEMU documentation, system/invocation.
"""

from __future__ import annotations

import contextlib
import os
import platform
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from lab.errors import Unavailable
from lab.kernel import syscalls
from lab.kernel.flags import PR
from lab.sandbox.vm.parts import Emulator, Parts
from lab.sandbox.vm.qmp import Qmp

TCG, KVM = "tcg", "kvm"
CONTROL_PORT = "lab.control"
"""Name of the virtio-serial port that carries all of the guest's channels."""

HOST_TAG = "host"
"""Mount tag of the host's files (9p)."""

_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What differs between processors: the machine's type, its firmware, the kernel's console.

    `emulated` is the processor for emulation, `options` are the kernel's.
    """

    machine: str
    firmware: tuple[str, ...]
    emulated: str
    console: str
    options: str


ARCHITECTURES = {
    "x86_64": Architecture(
        "q35,vmport=off,smbus=off,sata=off,usb=off,graphics=off",
        ("-bios", "qboot.rom"),
        # wide registers are emulated piece by piece: the C library is faster without them
        "max,avx=off,avx2=off",
        "ttyS0",
        # a clock that a guest finds again when it is resumed on another processor
        "clocksource=hpet tsc=unstable no_timer_check",
    ),
    "aarch64": Architecture("virt", (), "max", "ttyAMA0", ""),
}

_KERNEL_OPTIONS = (
    "quiet loglevel=3 mitigations=off nokaslr panic=-1 cryptomgr.notests audit=0 apparmor=0"
    " random.trust_cpu=on random.trust_bootloader=on"
)


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of the guest, which finds it by its serial number."""

    serial: str
    path: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a machine's state goes to or comes from: its memory in a file of its own.

    Each machine that is resumed maps the memory privately, so several may share one.
    """

    state: Path
    memory: Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine: `memory` in MiB, `cache` for translated code in MiB.

    `words` are added to the kernel's command line; `console` is the file that gets what is
    written to it.  `saving` places the memory so that it can be saved, `resuming` starts from
    what was saved.
    """

    emulator: Emulator
    parts: Parts
    disks: tuple[Disk, ...]
    console: Path
    accelerator: str = TCG
    memory: int = 320
    cache: int = 64
    shared: Path | None = Path("/")
    network: bool = True
    words: str = ""
    saving: Saved | None = None
    resuming: Saved | None = None

    def command(self, control: int, qmp: int) -> list[str]:
        """Return QEMU's command line; the arguments are descriptors that it inherits."""
        try:
            architecture = ARCHITECTURES[platform.machine()]
        except KeyError:
            raise Unavailable(f"there is no microVM for {platform.machine()}") from None
        return [
            self.emulator.program,
            *self.emulator.arguments,
            *_words("-nodefaults -no-user-config -display none -no-reboot -S"),
            *self._processor(architecture),
            *self._kernel(architecture),
            *("-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"),
            *("-chardev", f"file,id=console,path={_quoted(self.console)}"),
            *("-serial", "chardev:console"),
            *("-device", "virtio-serial-pci", "-chardev", f"socket,id=control,fd={control}"),
            *("-device", f"virtserialport,chardev=control,name={CONTROL_PORT}"),
            *self._storage(),
            *self._network(),
            *(("-incoming", "defer") if self.resuming else ()),
        ]

    def _processor(self, architecture: Architecture) -> Iterator[str]:
        machine = architecture.machine
        if place := self.saving or self.resuming:
            share = "on" if self.saving else "off"
            yield "-object"
            yield (
                f"memory-backend-file,id=memory,size={self.memory}M,share={share},"
                f"mem-path={_quoted(place.memory)}"
            )
            machine += ",memory-backend=memory"
        processor = architecture.emulated if self.accelerator == TCG else "max"
        accelerator = f"tcg,tb-size={self.cache}" if self.accelerator == TCG else self.accelerator
        yield from ("-M", machine, "-accel", accelerator, "-cpu", processor)
        yield from ("-m", f"{self.memory}M", "-smp", "1", *architecture.firmware)

    def _kernel(self, architecture: Architecture) -> Iterator[str]:
        yield from ("-kernel", str(self.parts.kernel), "-initrd", str(self.parts.initramfs))
        options = (f"console={architecture.console}", _KERNEL_OPTIONS, architecture.options)
        yield from ("-append", " ".join(filter(None, (*options, self.words))))

    def _storage(self) -> Iterator[str]:
        for disk in self.disks:
            access = "discard=unmap" if disk.writable else "readonly=on"
            yield "-drive"
            yield (
                f"if=none,id={disk.serial},format=raw,aio=threads,{access},"
                f"file={_quoted(disk.path)}"
            )
            yield from ("-device", f"virtio-blk-pci,drive={disk.serial},serial={disk.serial}")
        if self.shared is not None:
            yield "-fsdev"
            yield (
                f"local,id=files,security_model=none,multidevs=remap,path={_quoted(self.shared)}"
            )
            yield from ("-device", f"virtio-9p-pci,fsdev=files,mount_tag={HOST_TAG}")

    def _network(self) -> tuple[str, ...]:
        if not self.network:
            return ()
        return ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")


class Running:
    """A started QEMU.  `control` is our end of the guest's port; `pidfd` is ready when it ends."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, qmp: Qmp, said: IO[bytes]
    ) -> None:
        self.process = process
        self.control = control
        self.qmp = qmp
        self.pidfd = os.pidfd_open(process.pid)
        self._said = said

    def said(self) -> str:
        """Return what QEMU itself has to complain about."""
        self._said.seek(0)
        return self._said.read(4096).decode(errors="replace").strip()

    def why_ended(self) -> str:
        """Return, in a few words, how the process ended."""
        code = self.process.wait()
        if code == -signal.SIGKILL:
            return "it was killed, perhaps for lack of memory"
        return self.said() or (f"signal {-code}" if code < 0 else f"exit code {code}")

    def kill(self) -> None:
        """End it at once, and close everything; may be called again."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self.control.close()
        self.qmp.close()
        self._said.close()


def start(machine: Machine, said: IO[bytes]) -> Running:
    """Start QEMU, which waits to be told to go on; it ends with this process, however that ends.

    What QEMU complains about goes to `said`, which belongs to the result.
    Raises Unavailable if there is no such program.
    """
    with contextlib.ExitStack() as ours:
        control, control_end = socket.socketpair()
        qmp, qmp_end = socket.socketpair()
        for each in (control, qmp, said):
            ours.callback(each.close)
        control.setblocking(False)
        starter = os.getpid()
        environ = {key: os.environ[key] for key in _KEPT if key in os.environ}
        with control_end, qmp_end:
            fds = (control_end.fileno(), qmp_end.fileno())
            try:
                process = _from_lasting_thread(
                    lambda: subprocess.Popen(
                        machine.command(*fds),
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=said,
                        pass_fds=fds,
                        env={**environ, **machine.emulator.environ},
                        preexec_fn=lambda: _die_with(starter),
                    )
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise Unavailable(f"QEMU cannot be started: {error}") from None
        running = Running(process, control, Qmp(qmp), said)
        ours.pop_all()
        return running


def resumed(machine: Machine, saved: Saved) -> Machine:
    """Return the machine, to be started from a saved state."""
    return replace(machine, resuming=saved, saving=None)


def _from_lasting_thread(begin: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a process that dies with this one, from a thread that lasts as long as it does.

    What the kernel calls the parent is the thread that forked, and others may end before.
    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if threading.current_thread() is threading.main_thread():
        return begin()
    started: Future[subprocess.Popen[bytes]] = Future()

    def stay() -> None:
        try:
            process = begin()
        except BaseException as error:
            started.set_exception(error)
            return
        pidfd = os.pidfd_open(process.pid)
        started.set_result(process)
        try:
            waiting = select.poll()
            waiting.register(pidfd, select.POLLIN)
            waiting.poll()
        finally:
            os.close(pidfd)

    threading.Thread(target=stay, name="QEMU's parent", daemon=True).start()
    return started.result()


def _die_with(starter: int) -> None:
    # the terminal's Ctrl-C is for the launcher alone
    os.setsid()
    syscalls.prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:
        os._exit(1)


def _words(line: str) -> list[str]:
    return line.split()


def _quoted(path: Path) -> str:
    """In QEMU's options a comma of a value is written twice."""
    return str(path).replace(",", ",,")
