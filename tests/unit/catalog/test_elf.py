"""Tests of the hand-made program."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from lab.catalog.elf import text_program
from lab.errors import InvalidParameter

TEXT = "hello, wörld\n" * 200
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "")


@pytest.mark.skipif(not NATIVE, reason="no program can be made for this processor")
def test_program_runs(tmp_path: Path) -> None:
    """Does the kernel run it, does it write its text and nothing else, and end with 0?"""
    path = tmp_path / "hello"
    path.write_bytes(text_program(NATIVE, TEXT))
    path.chmod(0o755)
    done = subprocess.run([path], capture_output=True, timeout=10, check=True)
    assert (TEXT.encode(), b"") == (done.stdout, done.stderr)


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
def test_headers(architecture: str, machine: int) -> None:
    """Do the headers name the processor, and map the whole file, not writable?"""
    program = text_program(architecture, "x")
    assert (b"\x7fELF", machine) == (program[:4], struct.unpack_from("<H", program, 18)[0])
    kind, flags, offset, start, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", program, 64)
    assert (1, 5, 0, len(program)) == (kind, flags, offset, size)
    entry = struct.unpack_from("<Q", program, 24)[0]
    assert start < entry < start + size
    stack_kind, stack_flags = struct.unpack_from("<II", program, 64 + 56)
    assert (stack_kind, stack_flags) == (0x6474E551, 6), "no executable stack"


def test_arm64_code() -> None:
    """Does the address that the second instruction computes point at the text?"""
    program = text_program("arm64", "text!")
    code = 64 + 2 * 56
    adr = struct.unpack_from("<I", program, code + 4)[0]
    distance = ((adr >> 5) & 0x7FFFF) << 2 | (adr >> 29) & 3
    assert (0x10000001, code + 4 + distance) == (adr & 0x9F00001F, program.index(b"text!"))
    length = struct.unpack_from("<I", program, code + 8)[0]
    assert (length >> 5) & 0xFFFF == 5


def test_limits() -> None:
    """Are other processors, and texts that one write may not take, refused?"""
    with pytest.raises(InvalidParameter, match="riscv64"):
        text_program("riscv64", "x")
    with pytest.raises(InvalidParameter, match="4096"):
        text_program("amd64", "x" * 4097)
