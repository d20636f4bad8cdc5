"""The body of ContainerCreate: what clients send, completed as Docker completes it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.api.requests import parse_create
from lab.engine.settings import CONFIG_DEFAULTS, HOST_DEFAULTS, HostSettings
from lab.engine.state import Attachment
from lab.errors import InvalidParameter, LabError

# what the docker CLI 28 sends for `docker run busybox`, shortened by what is not looked at
CLI: dict[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": True,
    "AttachStderr": True,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": ["true"],
    "Image": "busybox",
    "Volumes": {},
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": {},
    "HostConfig": {
        "Binds": None,
        "NetworkMode": "default",
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "ConsoleSize": [0, 0],
        "LogConfig": {"Type": "", "Config": {}},
        "MemorySwappiness": -1,
        "ShmSize": 0,
        "IpcMode": "",
        "CgroupnsMode": "",
        "Runtime": "",
        "Memory": 0,
        "PidsLimit": 0,
        "Devices": [],
        "DeviceRequests": None,
        "MaskedPaths": None,
        "ReadonlyPaths": None,
    },
    "NetworkingConfig": {"EndpointsConfig": {"default": None}},
}


def created(**members: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    config, host, _ = parse_create({**CLI, **members})
    return config, host


def test_the_cli_s_empty_values_are_defaults() -> None:
    """Is what the CLI leaves at zero what Docker takes for it?"""
    config, host = created()
    assert {**config, "Cmd": None, "Image": ""} == {
        **CONFIG_DEFAULTS,
        "AttachStdout": True,
        "AttachStderr": True,
    }
    assert {**host, "PidsLimit": None} == HOST_DEFAULTS


def test_docker_py_s_short_body() -> None:
    """Is a body with next to nothing in it completed?"""
    config, host, places = parse_create({"Image": "busybox"})
    assert config == {**CONFIG_DEFAULTS, "Image": "busybox"}
    assert host == HOST_DEFAULTS
    assert places == [Attachment("bridge")]
    HostSettings.from_json(host)


def test_wishes_are_echoed() -> None:
    """Does inspect get back what was asked for, and what Docker adds to it?"""
    wishes = {"Memory": 8 << 20, "NetworkMode": "none", "Annotations": {"a": "b"}}
    _, host = created(HostConfig=wishes, StopTimeout=0)
    assert host["MemorySwap"] == 16 << 20
    assert (host["NetworkMode"], host["Annotations"]) == ("none", {"a": "b"})
    config, _ = created(StopTimeout=0, Cmd="one string", Env=["A=b"], ExposedPorts={"80/tcp": {}})
    assert (config["StopTimeout"], config["Cmd"]) == (0, ["one string"])
    assert config["ExposedPorts"] == {"80/tcp": {}}
    # the defaults themselves are nobody's to change
    assert "Annotations" not in HOST_DEFAULTS and CONFIG_DEFAULTS["Env"] == []


@pytest.mark.parametrize(
    ("members", "kind", "message"),
    [
        ({"Image": ""}, InvalidParameter, "config.Image cannot be empty"),
        ({"Image": 5}, InvalidParameter, "Image must be a string"),
        ({"Env": ["=x"]}, InvalidParameter, "invalid environment variable: =x"),
        ({"Env": [""]}, InvalidParameter, "invalid environment variable: "),
        ({"WorkingDir": "here"}, InvalidParameter, "working directory 'here' is invalid"),
        ({"StopSignal": "NO"}, InvalidParameter, "invalid signal: NO"),
        ({"StopTimeout": "1"}, InvalidParameter, "StopTimeout must be an integer"),
        ({"Labels": {"a": 1}}, InvalidParameter, "Labels must be a map of strings"),
        ({"Tty": 1}, InvalidParameter, "Tty must be a boolean"),
        ({"HostConfig": []}, InvalidParameter, "HostConfig must be an object"),
        ({"HostConfig": {"PortBindings": []}}, InvalidParameter, "PortBindings must be an object"),
        ({"HostConfig": {"ConsoleSize": [1]}}, InvalidParameter, "ConsoleSize must be two numbers"),
        ({"HostConfig": {"LogConfig": "x"}}, InvalidParameter, "LogConfig must be an object"),
        ({"Healthcheck": {"Interval": 5}}, InvalidParameter, "Interval in Healthcheck cannot be"),
        ({"Healthcheck": {"Retries": -1}}, InvalidParameter, "Retries in Healthcheck cannot be"),
        ({"Healthcheck": {"Test": "x"}}, InvalidParameter, "Test must be a list"),
        ({"MacAddress": "02:00"}, InvalidParameter, "invalid MAC address"),
        ({"NetworkingConfig": []}, InvalidParameter, "NetworkingConfig must be an object"),
    ],
)
def test_refusals(members: dict[str, Any], kind: type[LabError], message: str) -> None:
    """Is what is wrong refused with what is wrong?"""
    with pytest.raises(kind, match=message):
        created(**members)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
_members = st.sampled_from(
    sorted({*CLI, "StopSignal", "StopTimeout", "ExposedPorts", "Healthcheck"})
)
_host_members = st.sampled_from(sorted({*HOST_DEFAULTS, "Mounts", "Tmpfs", "Sysctls"}))


@given(
    st.dictionaries(_members, _json, max_size=3), st.dictionaries(_host_members, _json, max_size=3)
)
def test_any_json(members: dict[str, Any], host: dict[str, Any]) -> None:
    """Is whatever a client sends taken, or refused by one of our errors, never by a crash?"""
    body = {**CLI, **members}
    if "HostConfig" not in members:
        body["HostConfig"] = {**CLI["HostConfig"], **host}
    try:
        _, complete, _ = parse_create(body)
        HostSettings.from_json(complete)
    except LabError:
        pass
