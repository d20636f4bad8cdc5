"""The smallest program there is: it writes one text and ends.

`hello-world` needs a program that runs in an empty file system, so without a C library, and no
compiler may be expected on a learner's machine.  The file is a static ELF executable: a header,
two program headers, eight instructions, the text.

Source: ELF specification (gABI), System V ABI for x86-64 and AArch64, syscall(2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from lab.errors import InvalidParameter

_BASE = 0x400000
_ALIGN = 0x10000  # the largest page size of both processors
_MAX_TEXT = 4096  # a write of this size to a pipe is never partial (pipe(7), PIPE_BUF)

_EXECUTABLE, _LITTLE_ENDIAN_64 = 2, b"\x7fELF\x02\x01\x01" + bytes(9)
_PT_LOAD, _PT_GNU_STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1

_FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_CODE_AT = _FILE_HEADER.size + 2 * _PROGRAM_HEADER.size


class _Target(NamedTuple):
    """A processor: its number in ELF headers, and what makes the code for a text's length."""

    machine: int
    code: Callable[[int], bytes]


def text_program(architecture: str, text: str) -> bytes:
    """Return an executable that writes `text` to standard output and exits with 0.

    `architecture` is `amd64` or `arm64`.  Raises InvalidParameter for another one, and for a text
    of more than 4096 bytes.
    """
    target = _TARGETS.get(architecture)
    if target is None:
        raise InvalidParameter(f"no program can be made for {architecture}")
    content = text.encode()
    if len(content) > _MAX_TEXT:
        raise InvalidParameter(f"the text is longer than {_MAX_TEXT} bytes")
    code = target.code(len(content))
    size = _CODE_AT + len(code) + len(content)
    return _headers(target.machine, size) + code + content


def _headers(machine: int, size: int) -> bytes:
    file_header = _FILE_HEADER.pack(
        _LITTLE_ENDIAN_64,
        _EXECUTABLE,
        machine,
        1,  # version
        _BASE + _CODE_AT,  # entry point
        _FILE_HEADER.size,  # program headers follow at once
        0,  # no section headers: only linkers and debuggers read them
        0,  # flags
        _FILE_HEADER.size,
        _PROGRAM_HEADER.size,
        2,
        0,
        0,
        0,
    )
    load = _PROGRAM_HEADER.pack(_PT_LOAD, _READ | _EXECUTE, 0, _BASE, _BASE, size, size, _ALIGN)
    # without this header the kernel would make the stack executable
    stack = _PROGRAM_HEADER.pack(_PT_GNU_STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return file_header + load + stack


def _amd64(length: int) -> bytes:
    exit_ = bytes.fromhex("b8 3c00000031 ff0f 05")  # mov eax, 60; xor edi, edi; syscall
    tail = b"\xba" + struct.pack("<I", length) + b"\x0f\x05" + exit_  # mov edx, length; syscall
    return (
        bytes.fromhex("b8 01000000")  # mov eax, 1 (write)
        + bytes.fromhex("bf 01000000")  # mov edi, 1 (standard output)
        + b"\x48\x8d\x35"
        + struct.pack("<I", len(tail))  # lea rsi, [rip + what is left of the code]
        + tail
    )


def _arm64(length: int) -> bytes:
    text_from_adr = 7 * 4  # this instruction and the six after it
    return struct.pack(
        "<8I",
        0xD2800020,  # mov x0, 1 (standard output)
        0x10000001 | (text_from_adr >> 2) << 5,  # adr x1, text
        0xD2800002 | length << 5,  # mov x2, length
        0xD2800808,  # mov x8, 64 (write)
        0xD4000001,  # svc 0
        0xD2800000,  # mov x0, 0
        0xD2800BA8,  # mov x8, 93 (exit)
        0xD4000001,  # svc 0
    )


_TARGETS = {"amd64": _Target(62, _amd64), "arm64": _Target(183, _arm64)}
