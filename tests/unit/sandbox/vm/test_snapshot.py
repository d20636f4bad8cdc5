"""Whether a saved guest fits: what it was made of is compared, one thing after the other."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lab.sandbox.vm import snapshot
from lab.sandbox.vm.parts import Emulator, Parts, Stamp
from lab.sandbox.vm.qemu import Disk, Machine

ID_AT = 1024 + 48


def image(path: Path, identity: bytes) -> None:
    path.write_bytes(bytes(ID_AT) + identity.ljust(16, b"\0"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Parts of a few bytes, and a guest that was saved with them."""
    parts = Parts(tmp_path / "vm")
    parts.folder.mkdir()
    parts.kernel.write_bytes(b"kernel")
    parts.initramfs.write_bytes(b"initramfs")
    image(parts.system, b"system 1")
    image(parts.program, b"program 1")
    parts.write_stamp(Stamp(kernel="6.1"))
    program = tmp_path / "qemu"
    program.write_bytes(b"QEMU 7")
    made = Machine(
        Emulator(str(program)),
        parts,
        (Disk("system", parts.system), Disk("data", tmp_path / "data", True)),
        tmp_path / "console",
        memory=1,
    )
    save(made)
    return made


def save(machine: Machine) -> None:
    folder = machine.parts.snapshot
    folder.mkdir(exist_ok=True)
    with (folder / "memory").open("wb") as memory:
        memory.truncate(machine.memory << 20)
    (folder / "stamp.json").write_text(json.dumps(snapshot.stamp_of(machine)))


def why_not(machine: Machine) -> str:
    return snapshot.why_not(machine.parts.snapshot, machine)


def test_what_was_saved_here_fits(machine: Machine) -> None:
    """Is a guest that was made of the same things used?"""
    assert why_not(machine) == ""
    assert snapshot.accelerator_of(machine.parts.snapshot) == "tcg"


def test_no_saved_guest(machine: Machine, tmp_path: Path) -> None:
    """Is the absence of one, or half of one, told?"""
    assert snapshot.why_not(tmp_path / "none", machine) == "there is no saved guest"
    assert snapshot.accelerator_of(tmp_path / "none") == ""
    for content in ("", "[]", "{"):
        (machine.parts.snapshot / "stamp.json").write_text(content)
        assert why_not(machine) == "there is no saved guest"
    save(machine)
    os.truncate(machine.parts.snapshot / "memory", 5)
    assert why_not(machine) == "the saved guest is damaged"
    os.unlink(machine.parts.snapshot / "memory")
    assert why_not(machine) == "there is no saved guest"


def test_other_files(machine: Machine, tmp_path: Path) -> None:
    """Is another kernel, system, program or QEMU than the saved guest's noticed?"""
    parts = machine.parts
    image(parts.program, b"program 2")
    assert why_not(machine) == "the saved guest is of another program"
    save(machine)
    image(parts.system, b"system 2")
    assert why_not(machine) == "the saved guest is of another system"
    save(machine)
    parts.write_stamp(Stamp(kernel="6.2"))
    assert why_not(machine) == "the saved guest is of another kernel"
    save(machine)
    (tmp_path / "qemu").write_bytes(b"QEMU 8")
    assert why_not(machine) == "the saved guest is of another QEMU"
    save(machine)
    assert why_not(machine) == ""


def test_another_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is another way of running it, another user, or another format noticed?"""
    assert "accelerator" in why_not(replace(machine, accelerator="kvm"))
    assert "disks" in why_not(replace(machine, disks=machine.disks[:1]))
    assert why_not(replace(machine, memory=2)) == "the saved guest is damaged"
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: 4711)
        assert why_not(machine) == "the saved guest is of another user"
    monkeypatch.setattr(snapshot, "FORMAT", snapshot.FORMAT + 1)
    assert why_not(machine) == "the saved guest is of another format"


def test_emulated_processors_are_all_alike(machine: Machine) -> None:
    """May an emulated guest be resumed on another processor, and a real one only on its own?"""
    emulated = snapshot.stamp_of(machine)["processor"]
    assert emulated.startswith("emulated ")
    assert snapshot.stamp_of(replace(machine, accelerator="kvm"))["processor"] != emulated
