"""The learner's disk and the room that the host has for it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.sandbox.vm import guest_room, room
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.room import RoomKeeper, room_for

MB = 1 << 20
GB = 1 << 30


@pytest.mark.parametrize(
    ("available", "free", "allocated", "filler"),
    [
        (15 * GB, 100 * GB, 0, 0),
        (15 * GB, GB, 0, 15 * GB - (GB - 96 * MB)),
        # a host without any room still lets the engine start and remove things
        (15 * GB, 0, 0, 15 * GB - 16 * MB),
        # what was removed in the guest is still the disk's on the host
        (15 * GB, 0, 5 * GB, 15 * GB - (4 * GB - 160 * MB)),
        (10 * MB, 0, 0, 0),
    ],
)
def test_size_of_filler(available: int, free: int, allocated: int, filler: int) -> None:
    """Is as much kept from use as the host cannot hold?"""
    assert guest_room.size_of_filler(16 * GB, available, free, allocated) == filler


def test_adapt(tmp_path: Path) -> None:
    """Does the file grow and shrink with the room, without a byte being written?"""
    filler = tmp_path / "filler"
    state = os.statvfs(tmp_path)
    available = state.f_bavail * state.f_frsize
    guest_room.adapt(filler, available + 96 * MB - 64 * MB, 0)
    grown = filler.stat().st_blocks * 512
    assert 32 * MB < grown < available
    guest_room.adapt(filler, available * 2, 0)
    assert filler.stat().st_size == 0


class Machine:
    """A paused machine, and a host whose room can be set."""

    def __init__(self, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.status = GB, "running"
        self.told: list[int] = []
        self.said: list[str] = []
        monkeypatch.setattr(room, "INTERVAL", 0.001)
        monkeypatch.setattr(
            room, "room_for", lambda disk: {"op": "room", "free": self.free, "allocated": 0}
        )
        self.loop = Loop()
        qmp: Any = SimpleNamespace(execute=self.execute)
        self.keeper = RoomKeeper(
            disk,
            self.loop,
            lambda message: self.told.append(message["free"]),
            qmp,
            self.said.append,
        )

    def execute(self, command: str) -> dict[str, str]:
        if command == "cont":
            self.status = "running"
        return {"status": self.status}

    def turn(self) -> None:
        for _ in range(5):
            self.loop.turn(0.05)


def test_room_for(tmp_path: Path) -> None:
    """Is the room that of the file system, and a sparse file's allocation not its size?"""
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(GB)
    found = room_for(disk)
    assert found["free"] > 0
    assert found["allocated"] < MB


def test_guest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the guest told of a change, once, and of none that is small?"""
    machine = Machine(tmp_path, monkeypatch)
    machine.turn()
    machine.free = GB - MB
    machine.turn()
    assert machine.told == []
    machine.free = GB // 2
    machine.turn()
    assert machine.told == [GB // 2]
    machine.keeper.end()
    machine.loop.close()


def test_paused_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a machine that waits for room told of, once, and let go on when there is some?"""
    machine = Machine(tmp_path, monkeypatch)
    machine.free, machine.status = 0, "io-error"
    machine.turn()
    assert len(machine.said) == 1 and "is full" in machine.said[0]
    assert machine.status == "io-error"
    machine.free = GB
    machine.turn()
    assert machine.status == "running"
    machine.keeper.end()
    machine.loop.close()
