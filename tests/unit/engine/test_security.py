"""Options about what a container may do, read; and Docker's words for what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.security import BUILTIN, PRIVILEGED_WARNING, UNCONFINED, Security
from lab.errors import InvalidParameter, LabError, Unsupported
from lab.runtime import capabilities

PROFILE = '{"defaultAction": "SCMP_ACT_ALLOW"}'


def of(*options: str, **members: Any) -> Security:
    return Security.of({"SecurityOpt": list(options), **members})


def test_what_is_asked_for() -> None:
    """Are the options read in all forms that Docker takes?"""
    assert of() == Security()
    assert of().seccomp == BUILTIN
    assert of("seccomp=unconfined").seccomp == of("seccomp:unconfined").seccomp == UNCONFINED
    assert of(f"seccomp={PROFILE}").seccomp == PROFILE
    assert of("no-new-privileges").no_new_privileges
    assert of("no-new-privileges:true").no_new_privileges
    assert not of("no-new-privileges=false").no_new_privileges
    assert of("label=disable", "apparmor=unconfined").warnings == ()
    assert "the profile mine has no effect" in of("apparmor=mine").warnings[0]


def test_privileged() -> None:
    """Has a privileged container all capabilities and no filter, and says a warning what that means?"""
    made = of(Privileged=True)
    assert (made.seccomp, made.warnings) == (UNCONFINED, (PRIVILEGED_WARNING,))
    assert made.capabilities({"CapDrop": ["ALL"]}) == tuple(capabilities.NAMES)
    assert of("seccomp=builtin", Privileged=True).seccomp == BUILTIN


@pytest.mark.parametrize(
    ("host", "kind", "message"),
    [
        ({"SecurityOpt": ["foo"]}, InvalidParameter, 'invalid --security-opt 1: "foo"'),
        ({"SecurityOpt": ["a=b"]}, InvalidParameter, 'invalid --security-opt 2: "a=b"'),
        ({"SecurityOpt": ["no-new-privileges=x"]}, InvalidParameter, "invalid --security-opt 2"),
        ({"SecurityOpt": ["seccomp={"]}, InvalidParameter, "Decoding seccomp profile failed"),
        ({"SecurityOpt": ["seccomp=[]"]}, InvalidParameter, "it must be an object"),
        ({"Sysctls": {"kernel.hostname": "x"}}, InvalidParameter, "is not in a separate kernel"),
        ({"Sysctls": {"net.../x": "1"}}, InvalidParameter, "is not allowed"),
        ({"Sysctls": {"net.a": "1"}, "NetworkMode": "host"}, InvalidParameter, "host network"),
        ({"Devices": [{"PathOnHost": "/dev/none"}]}, InvalidParameter, 'custom device "/dev/none"'),
        ({"Devices": [{"PathOnHost": "/dev"}]}, Unsupported, "run without --device"),
        (
            {"DeviceRequests": [{"Capabilities": [["gpu"]]}]},
            LabError,
            r'could not select device driver "" with capabilities: \[\[gpu\]\]',
        ),
    ],
)
def test_what_is_refused(host: dict[str, Any], kind: type[LabError], message: str) -> None:
    """Is what cannot be, or cannot be had, refused?"""
    with pytest.raises(kind, match=message):
        Security.of(host)


def test_devices_that_all_have() -> None:
    """Is a device that every container has no problem?"""
    device = {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null"}
    assert Security.of({"Devices": [device]}) == Security()
