"""What a client asks of a container, checked: Docker's words for what is wrong."""

from __future__ import annotations

import pytest

from lab.engine.security import effective_capabilities
from lab.engine.settings import (
    HOST_DEFAULTS,
    HostSettings,
)
from lab.errors import InvalidParameter, Unsupported
from lab.oci.runtime_spec import Rlimit
from lab.runtime import capabilities
from lab.runtime.cgroups import Limits


def test_the_defaults_ask_for_nothing_special() -> None:
    """Is the HostConfig that an empty request gets a valid one?"""
    settings = HostSettings.from_json(HOST_DEFAULTS)
    assert settings.network == "bridge"
    assert settings.limits == Limits()
    assert settings.capabilities == capabilities.DEFAULT
    assert (settings.auto_remove, settings.readonly, settings.log_limits.driver) == (
        False,
        False,
        "json-file",
    )
    assert settings.shm_bytes == 64 << 20


@pytest.mark.parametrize(
    ("added", "dropped", "expected"),
    [
        ([], [], set(capabilities.DEFAULT)),
        (["SYS_PTRACE"], [], {*capabilities.DEFAULT, "CAP_SYS_PTRACE"}),
        (["cap_sys_ptrace"], ["CHOWN"], {*capabilities.DEFAULT, "CAP_SYS_PTRACE"} - {"CAP_CHOWN"}),
        ([], ["ALL"], set()),
        (["CHOWN"], ["all"], {"CAP_CHOWN"}),
        (["ALL"], [], set(capabilities.NAMES)),
        (["ALL"], ["CHOWN"], set(capabilities.NAMES) - {"CAP_CHOWN"}),
    ],
)
def test_capabilities(added: list[str], dropped: list[str], expected: set[str]) -> None:
    """Is the set Docker's default with what was added and without what was dropped?"""
    assert set(effective_capabilities(added, dropped)) == expected


def test_limits_of_processes() -> None:
    """Are --ulimit's names known, and their values in order?"""
    good = {**HOST_DEFAULTS, "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}]}
    assert HostSettings.from_json(good).rlimits == (Rlimit("RLIMIT_NOFILE", 1, 2),)
    endless = {**HOST_DEFAULTS, "Ulimits": [{"Name": "core", "Soft": -1, "Hard": -1}]}
    assert HostSettings.from_json(endless).rlimits == (Rlimit("RLIMIT_CORE", -1, -1),)
    for wrong in ({"Name": "files"}, {"Name": "nofile", "Soft": 3, "Hard": 2}):
        with pytest.raises(InvalidParameter, match="ulimit"):
            HostSettings.from_json({**HOST_DEFAULTS, "Ulimits": [wrong]})


@pytest.mark.parametrize(
    ("key", "value", "option"),
    [
        ("UsernsMode", "host", "--userns host"),
        ("CgroupParent", "/a", "--cgroup-parent"),
    ],
)
def test_what_is_not_there_yet_is_named(key: str, value: object, option: str) -> None:
    """Is an option that would change something never just left out?"""
    with pytest.raises(Unsupported, match=option):
        HostSettings.from_json({**HOST_DEFAULTS, key: value})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("RestartPolicy", {"Name": "sometimes"}, "unknown policy 'sometimes'"),
        ("LogConfig", {"Type": "parchment"}, "no log driver named 'parchment' is registered"),
        ("StorageOpt", {"size": "1g"}, "--storage-opt is supported only for overlay over xfs"),
        ("Runtime", "crun", "unknown or invalid runtime name: crun"),
        ("UsernsMode", "own", "invalid USER mode: own"),
        ("CgroupnsMode", "own", "invalid cgroup namespace mode: own"),
        ("Isolation", "hyperv", "linux only supports 'default'"),
        ("DeviceCgroupRules", ["c 1:1  rwm"], "invalid device cgroup rule format: 'c 1:1  rwm'"),
        ("ShmSize", -1, "SHM size can not be less than 0"),
        ("Tmpfs", {"relative": ""}, "mount path must be absolute"),
    ],
)
def test_what_docker_refuses_too(key: str, value: object, message: str) -> None:
    """Is what nobody knows a wrong request, not a missing feature?"""
    with pytest.raises(InvalidParameter, match=message):
        HostSettings.from_json({**HOST_DEFAULTS, key: value})
