"""Whether the processor's own virtualization can be used, found out by using it.

/dev/kvm may be there and refuse, or hang: only a virtual machine that has run an instruction proves
anything.  Source: kernel documentation, virt/kvm/api.rst.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import struct

from lab.kernel import probe

DEVICE = "/dev/kvm"

_CREATE_VM, _VCPU_MMAP_SIZE, _CREATE_VCPU = 0xAE01, 0xAE04, 0xAE41
_SET_MEMORY, _RUN = 0x4020AE46, 0xAE80
_GET_SREGS, _SET_SREGS, _SET_REGS = 0x8138AE83, 0x4138AE84, 0x4090AE82
_SREGS_BYTES, _EXIT_HLT = 312, 5
_HLT = b"\xf4"
_START = 0x1000


def refusal(limit: float = 1.0, device: str = DEVICE) -> str:
    """Return why no virtual machine can run here; empty if one did.

    Tried in a child process, which is given up after `limit` seconds.
    """
    return probe.attempt(lambda _: _run_one_instruction(device), limit).refusal


def _run_one_instruction(device: str) -> None:
    kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    machine = fcntl.ioctl(kvm, _CREATE_VM, 0)
    if platform.machine() != "x86_64":
        # another processor's registers are another story: that a machine can be made must do
        fcntl.ioctl(machine, _CREATE_VCPU, 0)
        return
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    memory.write(_HLT)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, _SET_MEMORY, struct.pack("=IIQQQ", 0, 0, _START, mmap.PAGESIZE, address))
    processor = fcntl.ioctl(machine, _CREATE_VCPU, 0)
    state = mmap.mmap(processor, fcntl.ioctl(kvm, _VCPU_MMAP_SIZE, 0))
    special = bytearray(_SREGS_BYTES)
    fcntl.ioctl(processor, _GET_SREGS, special)
    # the code segment begins at address 0: base (8 bytes), limit (4), selector (2)
    special[0:8] = bytes(8)
    special[12:14] = bytes(2)
    fcntl.ioctl(processor, _SET_SREGS, special)
    registers = bytearray(18 * 8)
    struct.pack_into("=QQ", registers, 16 * 8, _START, 2)
    fcntl.ioctl(processor, _SET_REGS, registers)
    fcntl.ioctl(processor, _RUN, 0)
    (reason,) = struct.unpack_from("=I", state, 8)
    if reason != _EXIT_HLT:
        raise OSError(f"a virtual machine ended for reason {reason}")
