"""The default profile, loaded into a forked process and tried out."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence

import pytest

from lab.kernel import syscalls
from lab.kernel.flags import PR
from lab.runtime import capabilities, seccomp_rules
from lab.runtime.seccomp import compile_default

_libc = ctypes.CDLL(None, use_errno=True)
# numbers that are the same on every architecture, where there is one
_OPEN_TREE, _FSOPEN, _CLONE3, _FCHMODAT2, _MSEAL, _FUTURE = 428, 430, 435, 452, 462, 700


def outcome(program: bytes, number: int, *arguments: int) -> int:
    """Return the errno of a system call made under `program`; 0 if it is let through."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(PR.SET_NO_NEW_PRIVS, 1)
        syscalls.seccomp_load(program)
        result = _libc.syscall(number, *arguments, 0, 0, 0, 0)
        os.write(writer, str(ctypes.get_errno() if result < 0 else 0).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return int(text)


def named(name: str) -> int:
    """Return the number of a system call on this machine."""
    library = ctypes.CDLL("libseccomp.so.2")
    return int(library.seccomp_syscall_resolve_name(name.encode()))


@pytest.fixture(scope="module")
def default() -> bytes:
    return compile_default(capabilities.DEFAULT)


@pytest.fixture(scope="module")
def privileged() -> bytes:
    return compile_default(tuple(capabilities.NAMES))


REFUSED = (
    "mount umount2 unshare setns keyctl add_key request_key bpf kexec_load swapon reboot".split()
)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_container_may_not(default: bytes, name: str) -> None:
    """Are the calls that could reach the sandbox refused, before the kernel looks at them?"""
    assert outcome(default, named(name)) == errno.EPERM


@pytest.mark.parametrize("name", "getpid getuid sched_yield fchmodat pidfd_open statx".split())
def test_what_every_program_does(default: bytes, name: str) -> None:
    """Do ordinary calls reach the kernel?"""
    assert outcome(default, named(name)) != errno.EPERM


def test_keys_stay_closed_to_the_privileged(privileged: bytes) -> None:
    """Is the kernel's keyring refused to a container with all capabilities too?"""
    assert outcome(privileged, named("keyctl"), 0, -3, 0) == errno.EPERM


def test_capabilities_open_calls(default: bytes, privileged: bytes) -> None:
    """Does CAP_SYS_ADMIN let mounts through to the kernel, which then decides?"""
    # no file descriptor -1: the kernel itself has looked at it
    assert outcome(privileged, _OPEN_TREE, -1) in (errno.EBADF, errno.EFAULT)
    assert outcome(default, _OPEN_TREE, -1) == errno.EPERM
    assert outcome(default, _FSOPEN) == errno.EPERM


def test_new_namespaces_by_clone(default: bytes) -> None:
    """Is clone with a namespace flag refused, and clone3 told not to exist?"""
    assert outcome(default, named("clone"), 0x10000000) == errno.EPERM
    assert outcome(default, _CLONE3) == errno.ENOSYS


def test_address_families(default: bytes) -> None:
    """Are unix and internet sockets allowed, the kernel's crypto and the hypervisor's not?"""
    number = named("socket")
    assert [outcome(default, number, family, 1, 0) for family in (1, 2)] == [0, 0]
    assert [outcome(default, number, family, 5, 0) for family in (38, 40)] == [errno.EPERM] * 2


def test_calls_of_newer_kernels(default: bytes) -> None:
    """Do calls that the library is too old for work, and unknown ones say that they do not exist?"""
    for number in (_FCHMODAT2, _MSEAL):
        assert outcome(default, number, -1) not in (errno.EPERM, errno.ENOSYS)
    assert outcome(default, seccomp_rules.NUMBERS["lsm_list_modules"]) == errno.EPERM
    assert outcome(default, _FUTURE) == errno.ENOSYS


def test_programs_differ_by_capabilities(default: bytes, privileged: bytes) -> None:
    """Is there one program per set of capabilities, of whole instructions?"""
    programs: Sequence[bytes] = (default, privileged, compile_default(()))
    assert len(set(programs)) == 3
    assert all(len(program) % 8 == 0 for program in programs)
