"""Docker's default seccomp profile, compiled to the program that the kernel runs.

The work is done by libseccomp, once per set of capabilities; the spawner only loads the bytes.
Source: seccomp(2).
"""

from __future__ import annotations

import errno
import platform

from lab.kernel.libseccomp import ALLOW, Argument, Compare, Filter, errno_action
from lab.runtime import seccomp_rules as rules

_EXTRA_ARCHITECTURES = {"x86_64": ("x86", "x32"), "aarch64": ("arm",)}


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
    for name in sorted(names):
        # a call that this libseccomp does not know by name stays refused by number
        program.add(ALLOW, name)
    _restrict_arguments(program)
    if "CAP_SYS_ADMIN" not in capabilities:
        _restrict_clone(program)
    return program.export()


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
