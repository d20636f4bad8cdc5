"""Tests of the disk with the program, and of the names and the stamp of the microVM's parts."""

from __future__ import annotations

import marshal
import os
import platform
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.sandbox.vm.bytecode import compile_module
from lab.sandbox.vm.parts import Parts, Stamp, emulator_name, image_id, sizes_of
from lab.sandbox.vm.program import ensure_program
from tests.unit.sandbox.vm.erofs_reader import read_image


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    for name in ("engine", "jupyter", "engine/__pycache__"):
        (folder / name).mkdir(parents=True)
    (folder / "__init__.py").write_text("answer = 42\n")
    (folder / "engine" / "core.py").write_text("answer = 43\n")
    (folder / "engine" / "profile.json").write_text("{}")
    (folder / "engine" / "__pycache__" / "old.pyc").write_text("")
    (folder / "jupyter" / "start.py").write_text("")
    return folder


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path / "vm")


def test_program_has_sources_and_bytecode(package: Path, parts: Parts) -> None:
    """Does the disk hold what the guest runs, compiled, and nothing that it does not?"""
    ensure_program(parts, package)
    found = read_image(parts.program)
    tag = sys.implementation.cache_tag
    assert found["lab/engine/profile.json"].content == b"{}"
    assert found["lab/engine/core.py"].content == b"answer = 43\n"
    compiled = found[f"lab/engine/__pycache__/core.{tag}.pyc"].content
    assert marshal.loads(compiled[16:]).co_filename == "/program/lab/engine/core.py"
    assert not any("jupyter" in name or "old" in name for name in found)


def test_program_is_made_again_only_when_sources_change(package: Path, parts: Parts) -> None:
    """Is the disk left alone until a source changes, whatever its time says?"""
    first = ensure_program(parts, package)
    made = parts.program.stat().st_ino
    os.utime(package / "__init__.py", (1, 1))
    assert ensure_program(parts, package) == first
    assert parts.program.stat().st_ino == made
    (package / "__init__.py").write_text("answer = 44\n")
    second = ensure_program(parts, package)
    assert second != first
    assert image_id(parts.program) == second
    assert read_image(parts.program)["lab/__init__.py"].content == b"answer = 44\n"
    assert os.listdir(parts.folder) == ["program.erofs"]


def test_bytecode_is_not_checked_against_its_source() -> None:
    """Is a compiled module one that Python takes without looking at the source's time?"""
    compiled = compile_module(b"x = 1", "/program/x.py")
    assert compiled is not None
    assert compiled[:8] == MAGIC_NUMBER + b"\1\0\0\0"
    assert compile_module(b"x = ", "/program/x.py") is None


def test_lab_itself_fits(tmp_path: Path) -> None:
    """Is the lab's own package compiled without a failure, and below 10 MB?"""
    parts = Parts(tmp_path)
    ensure_program(parts)
    found = read_image(parts.program)
    assert "lab/sandbox/vm/modules.py" in found
    assert f"lab/__pycache__/daemon.{sys.implementation.cache_tag}.pyc" in found
    assert parts.program.stat().st_size < 10_000_000


def complete(parts: Parts) -> Stamp:
    """Make files that stand for the guest's parts; return a stamp that fits them."""
    parts.folder.mkdir()
    files = [parts.kernel, parts.initramfs, parts.system]
    for path in files:
        path.write_text(path.name)
    return Stamp(
        architecture=platform.machine(),
        python=platform.python_version(),
        made_of={"guest": "1"},
        sizes=sizes_of(files),
    )


def test_stamp_is_read_back(parts: Parts) -> None:
    """Does the stamp say what was written, and nothing where there is none?"""
    assert parts.read_stamp() == Stamp()
    stamp = complete(parts)
    parts.write_stamp(stamp)
    assert parts.read_stamp() == stamp
    assert parts.whats_wrong() == ""
    parts.require()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1, "odd": 2}'])
def test_damaged_stamp_is_none(parts: Parts, text: str) -> None:
    """Is a stamp that cannot be understood the same as none?"""
    parts.folder.mkdir()
    (parts.folder / "stamp.json").write_text(text)
    assert parts.read_stamp() == Stamp()


def test_what_is_wrong_is_said(parts: Parts) -> None:
    """Does a start learn which part is missing, damaged, or made for another Python?"""
    assert "have not been made" in parts.whats_wrong()
    stamp = complete(parts)
    parts.write_stamp(Stamp(**{**_members(stamp), "python": "3.1.4"}))
    assert "Python 3.1.4" in parts.whats_wrong()
    parts.write_stamp(Stamp(**{**_members(stamp), "architecture": "sparc"}))
    assert "sparc" in parts.whats_wrong()
    parts.write_stamp(stamp)
    parts.system.write_text("cut short")
    assert "system.erofs is missing or damaged" in parts.whats_wrong()
    with pytest.raises(Unavailable) as refused:
        parts.require()
    assert "lab setup" in refused.value.hint


def _members(stamp: Stamp) -> dict[str, object]:
    return {name: getattr(stamp, name) for name in Stamp.__slots__}


def test_own_emulator_comes_first(parts: Parts, tmp_path: Path) -> None:
    """Is QEMU that was unpacked taken before the machine's, and its absence said?"""
    with pytest.raises(Unavailable, match=emulator_name()):
        parts.emulator("")
    machines = tmp_path / "bin"
    own = parts.qemu / "bin"
    for folder in (machines, own):
        folder.mkdir(parents=True)
        (folder / emulator_name()).touch(0o755)
        found = parts.emulator(str(machines))
        assert found.program == str(folder / emulator_name())
    assert found.environ["LD_LIBRARY_PATH"] == str(parts.qemu / "lib")
    assert found.arguments == ("-L", str(parts.qemu / "share"))
