"""The first process of a container with `--init`: it reaps orphans and forwards signals.

It stands for docker-init (tini).  The runtime forks the container's own program first, and the
parent then becomes this program: a static ELF file of a few hundred bytes that no compiler is
needed for, and that holds no memory but a page of stack.  All signals are blocked, and its
environment begins with the program's process number in decimal.  It then repeats: wait for a
signal; for SIGCHLD, reap what has ended, and end with the program's own exit code (128 and the
number of a deadly signal); any other signal goes to the program.

Each line of the listings is an instruction: its bytes, then what they mean.

Source: ELF specification (gABI); System V ABI for x86-64 and AArch64; syscall(2), sigtimedwait(2),
wait4(2), kill(2); pid_namespaces(7).
"""

from __future__ import annotations

import struct

from lab.errors import StartError

PATH = "/sbin/docker-init"
"""Where Docker shows it in a container."""

_BASE = 0x400000
_ALIGN = 0x10000  # the largest page size of both processors
_FILE_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_CODE_AT = _FILE_HEADER.size + 2 * _PROGRAM_HEADER.size
_EXECUTABLE, _LITTLE_ENDIAN_64 = 2, b"\x7fELF\x02\x01\x01" + bytes(9)
_PT_LOAD, _PT_GNU_STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1

_X86_64 = """
_start:
    488b0c24          mov rcx,[rsp]
    488b74cc10        mov rsi,[rsp+rcx*8+0x10]
    31db              xor ebx,ebx
digit:
    0fb606            movzx eax,byte [rsi]
    48ffc6            inc rsi
    83e830            sub eax,0x30
    83f809            cmp eax,0x9
    7707              ja counted
    6bdb0a            imul ebx,ebx,0xa
    01c3              add ebx,eax
    ebeb              jmp digit
counted:
    6aff              push 0xffffffffffffffff
    4889e5            mov rbp,rsp
wait:
    4889ef            mov rdi,rbp
    31f6              xor esi,esi
    31d2              xor edx,edx
    41ba08000000      mov r10d,0x8
    b880000000        mov eax,0x80
    0f05              syscall
    85c0              test eax,eax
    78e8              js wait
    83f811            cmp eax,0x11
    740d              je reap
    89c6              mov esi,eax
    89df              mov edi,ebx
    b83e000000        mov eax,0x3e
    0f05              syscall
    ebd6              jmp wait
reap:
    6a00              push 0x0
    4889e6            mov rsi,rsp
    48c7c7ffffffff    mov rdi,0xffffffffffffffff
    ba01000000        mov edx,0x1
    4531d2            xor r10d,r10d
    b83d000000        mov eax,0x3d
    0f05              syscall
    59                pop rcx
    85c0              test eax,eax
    7eb6              jle wait
    39d8              cmp eax,ebx
    75dc              jne reap
    89cf              mov edi,ecx
    83e77f            and edi,0x7f
    750d              jne signalled
    89cf              mov edi,ecx
    c1ef08            shr edi,0x8
    81e7ff000000      and edi,0xff
    eb03              jmp exit
signalled:
    83ef80            sub edi,0xffffff80
exit:
    b8e7000000        mov eax,0xe7
    0f05              syscall
"""
_AARCH64 = """
_start:
    e10340f9  ldr x1, [sp]
    e26f218b  add x2, sp, x1, lsl #3
    420840f9  ldr x2, [x2, #16]
    13008052  mov w19, #0x0
    44018052  mov w4, #0xa
digit:
    43144038  ldrb w3, [x2], #1
    63c00051  sub w3, w3, #0x30
    7f240071  cmp w3, #0x9
    68000054  b.hi counted
    730e041b  madd w19, w19, w4, w3
    fbffff17  b digit
counted:
    14008092  mov x20, #0xffffffffffffffff
    f40f1ff8  str x20, [sp, #-16]!
    f5030091  mov x21, sp
wait:
    e00315aa  mov x0, x21
    010080d2  mov x1, #0x0
    020080d2  mov x2, #0x0
    030180d2  mov x3, #0x8
    281180d2  mov x8, #0x89
    010000d4  svc #0x0
    1f000071  cmp w0, #0x0
    2bffff54  b.lt wait
    1f440071  cmp w0, #0x11
    c0000054  b.eq reap
    e103002a  mov w1, w0
    e003132a  mov w0, w19
    281080d2  mov x8, #0x81
    010000d4  svc #0x0
    f2ffff17  b wait
reap:
    00008092  mov x0, #0xffffffffffffffff
    a1220091  add x1, x21, #0x8
    220080d2  mov x2, #0x1
    030080d2  mov x3, #0x0
    882080d2  mov x8, #0x104
    010000d4  svc #0x0
    1f000071  cmp w0, #0x0
    4dfdff54  b.le wait
    1f00136b  cmp w0, w19
    e1feff54  b.ne reap
    a10a40b9  ldr w1, [x21, #8]
    20180072  ands w0, w1, #0x7f
    61000054  b.ne signalled
    203c0853  ubfx w0, w1, #8, #8
    02000014  b exit
signalled:
    00000211  add w0, w0, #0x80
exit:
    c80b80d2  mov x8, #0x5e
    010000d4  svc #0x0
"""
_PROGRAMS = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}
"""By the kernel's names of processors: their numbers in ELF headers, and the code."""


def program(machine: str) -> bytes:
    """Return the executable for a processor; StartError if there is none for it."""
    if machine not in _PROGRAMS:
        raise StartError(f"--init is not there for processors of the kind {machine}")
    number, listing = _PROGRAMS[machine]
    code = _assemble(listing)
    size = _CODE_AT + len(code)
    entry = _BASE + _CODE_AT
    file_header = _FILE_HEADER.pack(
        _LITTLE_ENDIAN_64, _EXECUTABLE, number, 1, entry, _FILE_HEADER.size, 0, 0,
        _FILE_HEADER.size, _PROGRAM_HEADER.size, 2, 0, 0, 0,
    )  # fmt: skip
    load = _PROGRAM_HEADER.pack(_PT_LOAD, _READ | _EXECUTE, 0, _BASE, _BASE, size, size, _ALIGN)
    stack = _PROGRAM_HEADER.pack(_PT_GNU_STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return file_header + load + stack + code


def _assemble(listing: str) -> bytes:
    lines = (line.split() for line in listing.splitlines())
    return b"".join(bytes.fromhex(words[0]) for words in lines if len(words) > 1)
