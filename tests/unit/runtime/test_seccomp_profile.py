"""Seccomp profiles of users: Docker's JSON compiled, and put on a process."""

from __future__ import annotations

import errno
import os
import platform
from typing import Any

import pytest

from lab.errors import InvalidParameter
from lab.kernel import syscalls
from lab.kernel.flags import PR
from lab.runtime.seccomp_profile import compile_profile

ALLOW: dict[str, Any] = {"defaultAction": "SCMP_ACT_ALLOW"}


def refusing(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**ALLOW, "syscalls": [{"action": "SCMP_ACT_ERRNO", **rule} for rule in rules]}


def result_under(profile: dict[str, Any], capabilities: tuple[str, ...] = ()) -> int:
    """Return the errno of mkdir(2) of a folder that is there, under the profile: EEXIST if allowed."""
    program = compile_profile(profile, capabilities)
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.prctl(PR.SET_NO_NEW_PRIVS, 1)
            syscalls.seccomp_load(program)
            os.mkdir("/")
        except OSError as error:
            os._exit(error.errno or 0)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


MKDIR = {"names": ["mkdir", "mkdirat"]}
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, errno.EPERM),
        ({"errnoRet": errno.EROFS}, errno.EROFS),
        ({"includes": {"caps": ["CAP_CHOWN"]}}, errno.EEXIST),
        ({"excludes": {"caps": ["CAP_CHOWN"]}}, errno.EPERM),
        ({"includes": {"arches": ["other"]}}, errno.EEXIST),
        ({"includes": {"arches": [MACHINE]}}, errno.EPERM),
        ({"excludes": {"arches": [MACHINE]}}, errno.EEXIST),
        ({"includes": {"minKernel": "99.0"}}, errno.EEXIST),
        ({"includes": {"minKernel": "3.0"}}, errno.EPERM),
        ({"action": "SCMP_ACT_ALLOW"}, errno.EEXIST),
    ],
)
def test_rules(rule: dict[str, Any], expected: int) -> None:
    """Is a call refused just where the rule and its conditions say so?"""
    assert result_under(refusing({**MKDIR, **rule})) == expected


def test_arguments() -> None:
    """Does a condition on an argument hold, and several on one of them each by itself?"""
    assert MACHINE

    def on_mode(*values: int) -> dict[str, Any]:
        index = 1 if platform.machine() == "x86_64" else 2
        name = "mkdir" if platform.machine() == "x86_64" else "mkdirat"
        args = [{"index": index, "value": value, "op": "SCMP_CMP_EQ"} for value in values]
        return {"names": [name], "args": args}

    assert result_under(refusing(on_mode(0o700))) == errno.EEXIST
    assert result_under(refusing(on_mode(0o777))) == errno.EPERM
    assert result_under(refusing(on_mode(0o777, 0o700))) == errno.EPERM


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ({}, "unrecognized action ''"),
        ({"defaultAction": "SCMP_ACT_MAYBE"}, "unrecognized action 'SCMP_ACT_MAYBE'"),
        (refusing({"names": ["read"], "args": [{"index": 0, "op": "?"}]}), "unrecognized operator"),
        ({**ALLOW, "syscalls": "x"}, "syscalls must be a list"),
    ],
)
def test_wrong_profiles(profile: dict[str, Any], message: str) -> None:
    """Is a profile that makes no sense refused?"""
    with pytest.raises(InvalidParameter, match=message):
        compile_profile(profile, ())
