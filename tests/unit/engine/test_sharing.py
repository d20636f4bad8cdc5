"""Which shared namespaces make sense together, in Docker's words."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.sharing import check
from lab.errors import InvalidParameter

HOST: dict[str, Any] = {"NetworkMode": "bridge", "PidMode": "", "IpcMode": "private", "UTSMode": ""}
SHARED = {"NetworkMode": "container:web"}


@pytest.mark.parametrize(
    "host",
    [
        {},
        SHARED,
        {"PidMode": "container:web"},
        {"NetworkMode": "host"},
        {"UTSMode": "host"},
        {"PidMode": "host"},
        {"IpcMode": "shareable"},
        {"IpcMode": ""},
        {"IpcMode": "none"},
        {"IpcMode": "host"},
        {"IpcMode": "container:web"},
    ],
)
def test_possible(host: dict[str, Any]) -> None:
    """Is each mode that there is accepted?"""
    check({}, {**HOST, **host})


@pytest.mark.parametrize(
    ("config", "host", "message"),
    [
        ({"Hostname": "a"}, SHARED, "conflicting options: hostname and the network mode"),
        ({}, {**SHARED, "Dns": ["192.0.2.1"]}, "conflicting options: dns and the network mode"),
        (
            {},
            {**SHARED, "ExtraHosts": ["a:192.0.2.1"]},
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        (
            {},
            {**SHARED, "PortBindings": {"80/tcp": [{}]}},
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            {},
            {**SHARED, "PublishAllPorts": True},
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            {"ExposedPorts": {"80/tcp": {}}},
            SHARED,
            "conflicting options: port exposing and the container type network mode",
        ),
        (
            {},
            {"NetworkMode": "container:"},
            "invalid network mode: invalid container format container:<name|id>",
        ),
        ({"Hostname": "a"}, {"UTSMode": "host"}, "conflicting options: hostname and the UTS mode"),
        ({}, {"UTSMode": "own"}, "invalid UTS mode: own"),
        ({}, {"PidMode": "own"}, "invalid PID mode: own"),
        ({}, {"IpcMode": "own"}, "invalid IPC mode: own"),
    ],
)
def test_refused(config: dict[str, Any], host: dict[str, Any], message: str) -> None:
    """Is what does not go together refused in Docker's words?"""
    with pytest.raises(InvalidParameter) as caught:
        check(config, {**HOST, **host})
    assert caught.value.message == message
