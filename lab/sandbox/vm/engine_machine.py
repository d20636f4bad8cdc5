"""The machine that the engine lives in: the same at set-up, when it is saved, and at each start."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import LabError, Unavailable
from lab.kernel import kvm
from lab.sandbox import probes_machine
from lab.sandbox.vm import snapshot
from lab.sandbox.vm.parts import Parts
from lab.sandbox.vm.program import ensure_program
from lab.sandbox.vm.qemu import KVM, TCG, Disk, Machine

MEMORY = 320
"""MiB of the guest: what the engine and the containers of the lessons need, and some room."""

_NEEDED = 300


def accelerators(parts: Parts, search_path: str) -> tuple[str, ...]:
    """Return how the guest can be run here, the best first.

    What a saved guest was run with has proved itself, so nothing is tried.
    """
    if snapshot.accelerator_of(parts.snapshot) == TCG or kvm.refusal():
        return (TCG,)
    refusal = probes_machine.try_qemu(parts.emulator(search_path), KVM).refusal
    return (TCG,) if refusal else (KVM, TCG)


def engine_machine(
    parts: Parts, search_path: str, accelerator: str, data: Path, console: Path
) -> Machine:
    """Return the machine with its disks; `data` is the learner's.

    Raises Unavailable if something that it consists of is missing.
    """
    parts.require()
    disks = [Disk("system", parts.system), Disk("program", parts.program)]
    if parts.has_catalog():
        disks.append(Disk("catalog", parts.catalog))
    return Machine(
        emulator=parts.emulator(search_path),
        parts=parts,
        disks=(*disks, Disk("data", data, writable=True)),
        console=console,
        accelerator=accelerator,
        memory=MEMORY,
        words=f"lab.uid={os.getuid()} lab.gid={os.getgid()}",
    )


def prepare_program(parts: Parts) -> None:
    """Bring the disk with the program up to date.  Raises LabError if there is no room for it."""
    try:
        ensure_program(parts)
    except OSError as error:
        raise LabError(f"{parts.program} cannot be written: {error.strerror}") from None


def prepare_snapshot(parts: Parts, search_path: str) -> bool:
    """For set-up: save a started guest, unless one is there that fits; return whether it was made.

    Raises LabError if it cannot be made; the lab also works without it, and starts more slowly.
    """
    parts.require()
    prepare_program(parts)
    nowhere = parts.folder / "none"
    ways = [
        engine_machine(parts, search_path, accelerator, nowhere, nowhere)
        for accelerator in accelerators(parts, search_path)
    ]
    if not all(snapshot.why_not(parts.snapshot, machine) for machine in ways):
        return False
    require_memory()
    for machine in ways:
        try:
            snapshot.make(parts, machine)
        except OSError as error:
            raise LabError(f"the microVM cannot be saved: {error.strerror}") from None
        except Unavailable:
            if machine is ways[-1]:
                raise
        else:
            break
    return True


def require_memory() -> None:
    """Raise Unavailable if there is clearly too little memory for the machine."""
    available = probes_machine.memory().free >> 20
    if available < _NEEDED:
        raise Unavailable(
            f"the microVM needs {_NEEDED} MB of memory, and {available} MB are available",
            "end other programs, or use a machine with more memory",
        )
