"""The few functions of libseccomp that compile a filter.  Source: seccomp_init(3) and its kin.

Bound by its soname: looking a library up by name would start programs, which the engine's
process must not do.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_int, c_uint, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from enum import IntEnum

from lab.errors import SyscallError

ALLOW = 0x7FFF0000
_NO_SUCH_CALL = -1
_TOKENS = {"x86": 0x40000003, "x32": 0x4000003E, "arm": 0x40000028}
"""AUDIT_ARCH values, which libseccomp uses as its architecture tokens."""


def errno_action(number: int) -> int:
    """The action "refuse with this errno"."""
    return 0x00050000 | number


class Compare(IntEnum):
    """How an argument is compared.  Source: seccomp_rule_add(3)."""

    NE = 1
    LT = 2
    LE = 3
    EQ = 4
    GE = 5
    GT = 6
    MASKED_EQ = 7


@dataclass(frozen=True, slots=True)
class Argument:
    """A condition on argument `index` (from 0): `compare` to `value`; for MASKED_EQ a mask."""

    index: int
    compare: Compare
    value: int
    masked: int = 0


class _ArgumentCompare(ctypes.Structure):
    _fields_ = [("arg", c_uint), ("op", c_int), ("a", c_uint64), ("b", c_uint64)]


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = c_void_p
    library.seccomp_init.argtypes = [c_uint32]
    library.seccomp_release.argtypes = [c_void_p]
    library.seccomp_arch_add.argtypes = [c_void_p, c_uint32]
    library.seccomp_syscall_resolve_name.argtypes = [c_char_p]
    library.seccomp_rule_add_array.argtypes = [c_void_p, c_uint32, c_int, c_uint, c_void_p]
    library.seccomp_export_bpf.argtypes = [c_void_p, c_int]
    return library


class Filter:
    """A filter under construction; `default` is the action for calls without a rule.

    Raises OSError at construction if the system has no libseccomp.
    """

    def __init__(self, default: int) -> None:
        self._library = _load()
        self._context = self._library.seccomp_init(default)
        if not self._context:
            raise SyscallError(22, f"seccomp_init({default:#x})")

    def add_architecture(self, name: str) -> None:
        """Let the rules hold for programs of another architecture (`x86`, `x32`, `arm`) too."""
        self._check(self._library.seccomp_arch_add(self._context, _TOKENS[name]), name)

    def add(self, action: int, call: str, *arguments: Argument) -> bool:
        """Add a rule; return False if this libseccomp knows no call of that name."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number == _NO_SUCH_CALL:
            return False
        rows = (_ArgumentCompare * max(len(arguments), 1))()
        for row, argument in zip(rows, arguments, strict=False):
            row.arg, row.op = argument.index, argument.compare
            row.a, row.b = argument.value, argument.masked
        result = self._library.seccomp_rule_add_array(
            self._context, action, number, len(arguments), rows
        )
        self._check(result, call)
        return True

    def export(self) -> bytes:
        """Return the program as classic BPF, 8 bytes an instruction, and end this filter."""
        fd = os.memfd_create("seccomp")
        try:
            self._check(self._library.seccomp_export_bpf(self._context, fd), "export")
            self._library.seccomp_release(self._context)
            return os.pread(fd, os.fstat(fd).st_size, 0)
        finally:
            os.close(fd)

    def _check(self, result: int, what: str) -> None:
        if result < 0:
            raise SyscallError(-result, f"seccomp rule for {what}")
