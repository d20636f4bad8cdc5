"""Docker's default seccomp profile, compiled to the program that the kernel runs.

The work is done by libseccomp, once per set of capabilities; the spawner only loads the bytes.
Source: seccomp(2).
"""

from __future__ import annotations

import errno
import functools
import platform
import struct

from lab.kernel.libseccomp import ALLOW, Argument, Compare, Filter, errno_action
from lab.runtime import seccomp_rules as rules

_LOAD_NUMBER, _RETURN = 0x20, 0x06
_JUMP_IF_EQUAL, _JUMP_IF_ABOVE, _JUMP_IF_AT_LEAST = 0x15, 0x25, 0x35
"""Instructions of classic BPF.  Source: linux/bpf_common.h."""

_EXTRA_ARCHITECTURES = {"x86_64": ("x86", "x32"), "aarch64": ("arm",)}


@functools.cache
def compile_default(capabilities: tuple[str, ...]) -> bytes:
    """Return the default profile for a container with these capabilities, as classic BPF.

    Raises OSError if the system has no libseccomp.
    """
    machine = platform.machine()
    program = Filter(errno_action(errno.EPERM))
    for name in _EXTRA_ARCHITECTURES.get(machine, ()):
        program.add_architecture(name)
    names = {*rules.ALLOWED, *rules.BY_ARCHITECTURE.get(machine, ())}
    for capability in capabilities:
        names.update(rules.BY_CAPABILITY.get(capability, ()))
    unknown = [name for name in sorted(names) if not program.add(ALLOW, name)]
    _restrict_arguments(program)
    if "CAP_SYS_ADMIN" not in capabilities:
        _restrict_clone(program)
    numbers = sorted(rules.NUMBERS[name] for name in unknown if name in rules.NUMBERS)
    return _newer_calls(numbers) + program.export()


def _newer_calls(allowed: list[int]) -> bytes:
    """Return instructions for calls that this libseccomp does not know by name.

    Those in `allowed` pass.  Those newer than the profile do not exist: programs that try a new
    call first fall back to an old one on ENOSYS, and give up on EPERM.  All others go on to the
    instructions that follow.
    """
    lines = [(_LOAD_NUMBER, 0, 0, 0)]
    # the numbers of the x32 architecture have this bit; over all that is here
    lines.append((_JUMP_IF_AT_LEAST, len(allowed) + 3, 0, 0x40000000))
    for position, number in enumerate(allowed):
        lines.append((_JUMP_IF_EQUAL, len(allowed) - position + 1, 0, number))
    lines.append((_JUMP_IF_ABOVE, 0, 2, max(rules.NUMBERS.values())))
    lines.append((_RETURN, 0, 0, errno_action(errno.ENOSYS)))
    lines.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _restrict_arguments(program: Filter) -> None:
    for value in rules.PERSONALITIES:
        program.add(ALLOW, "personality", Argument(0, Compare.EQ, value))
    low, high = rules.REFUSED_SOCKETS
    program.add(ALLOW, "socket", Argument(0, Compare.LT, low))
    for family in range(low + 1, high):
        program.add(ALLOW, "socket", Argument(0, Compare.EQ, family))
    program.add(ALLOW, "socket", Argument(0, Compare.GT, high))


def _restrict_clone(program: Filter) -> None:
    program.add(ALLOW, "clone", Argument(0, Compare.MASKED_EQ, rules.NAMESPACE_FLAGS))
    # its flags lie in memory, where a filter cannot look: "no such call" makes the C library
    # fall back to clone
    program.add(errno_action(errno.ENOSYS), "clone3")
