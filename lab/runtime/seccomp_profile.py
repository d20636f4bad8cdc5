"""A seccomp profile of a user's own, in Docker's JSON form, compiled for the kernel.

Source: Docker's documentation, "Seccomp security profiles for Docker"; OCI runtime-spec, seccomp.
"""

from __future__ import annotations

import errno
import platform
from collections.abc import Collection, Iterator
from typing import Any

from lab.errors import InvalidParameter, SyscallError
from lab.kernel.libseccomp import ALLOW, Argument, Compare, Filter, errno_action
from lab.oci import fields

_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": ALLOW,
}
_ERRNO = "SCMP_ACT_ERRNO"
_OTHER_ARCHITECTURES = {
    "SCMP_ARCH_X86": "x86",
    "SCMP_ARCH_X32": "x32",
    "SCMP_ARCH_ARM": "arm",
}
_NATIVE = {
    "x86_64": ("SCMP_ARCH_X86_64", "amd64"),
    "aarch64": ("SCMP_ARCH_AARCH64", "arm64"),
}
"""The running machine's architecture as profiles call it, and as their conditions do."""


def compile_profile(profile: dict[str, Any], capabilities: Collection[str]) -> bytes:
    """Return a profile as classic BPF, for a container with these capabilities.

    Raises InvalidParameter for a profile that makes no sense, OSError without libseccomp.
    """
    default = _action(profile, "defaultAction", "defaultErrnoRet")
    program = Filter(default)
    try:
        for name in _architectures(profile):
            program.add_architecture(name)
        for rule in fields.objects(profile, "syscalls"):
            if _holds(rule, capabilities):
                _add(program, rule, default)
        return program.export()
    except SyscallError as error:
        raise InvalidParameter(f"error adding seccomp rule: {error.message}") from None


def _architectures(profile: dict[str, Any]) -> Iterator[str]:
    native, _ = _NATIVE.get(platform.machine(), ("", ""))
    wanted = fields.texts(profile, "architectures")
    for entry in fields.objects(profile, "archMap"):
        if entry.get("architecture") == native:
            wanted += fields.texts(entry, "subArchitectures")
    for name in dict.fromkeys(wanted):
        if name in _OTHER_ARCHITECTURES:
            yield _OTHER_ARCHITECTURES[name]


def _holds(rule: dict[str, Any], capabilities: Collection[str]) -> bool:
    """Return whether a rule's conditions are those of this machine and this container."""
    includes, excludes = fields.obj(rule, "includes"), fields.obj(rule, "excludes")
    _, machine = _NATIVE.get(platform.machine(), ("", ""))
    arches, caps = fields.texts(includes, "arches"), fields.texts(includes, "caps")
    if arches and machine not in arches:
        return False
    if not all(name in capabilities for name in caps):
        return False
    minimum = fields.text(includes, "minKernel")
    if minimum and _kernel(platform.release()) < _kernel(minimum):
        return False
    if machine in fields.texts(excludes, "arches"):
        return False
    return not any(name in capabilities for name in fields.texts(excludes, "caps"))


def _add(program: Filter, rule: dict[str, Any], default: int) -> None:
    action = _action(rule, "action", "errnoRet")
    if action == default:
        return
    names = [*fields.texts(rule, "names"), *filter(None, [fields.text(rule, "name")])]
    arguments = list(map(_argument, fields.objects(rule, "args")))
    indexes = [argument.index for argument in arguments]
    for name in names:
        if len(set(indexes)) == len(indexes):
            program.add(action, name, *arguments)
            continue
        # several conditions on one argument: each is a rule of its own, as in runc
        for argument in arguments:
            program.add(action, name, argument)


def _action(source: dict[str, Any], key: str, errno_key: str) -> int:
    name = fields.text(source, key)
    if name == _ERRNO:
        return errno_action(fields.integer(source, errno_key) or errno.EPERM)
    if name not in _ACTIONS:
        raise InvalidParameter(f"invalid seccomp profile: unrecognized action {name!r}")
    return _ACTIONS[name]


def _argument(source: dict[str, Any]) -> Argument:
    name = fields.text(source, "op").removeprefix("SCMP_CMP_")
    if name not in Compare.__members__:
        raise InvalidParameter(f"invalid seccomp profile: unrecognized operator {name!r}")
    index, value = fields.integer(source, "index"), fields.integer(source, "value")
    return Argument(index, Compare[name], value, fields.integer(source, "valueTwo"))


def _kernel(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return int(major or 0), int(minor or 0)
