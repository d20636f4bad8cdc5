"""Reading PortBindings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InvalidParameter
from lab.network.bindings import Port, PortBinding, parse_port_bindings


def binding(host_ip: str = "", host_port: str = "") -> dict[str, Any]:
    return {"80/tcp": [{"HostIp": host_ip, "HostPort": host_port}]}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (binding("", "8080"), [PortBinding(Port(80), "", 8080, 8080)]),
        (binding("127.0.0.1", ""), [PortBinding(Port(80), "127.0.0.1")]),
        (binding("", "0"), [PortBinding(Port(80))]),
        (binding("", "8000-8010"), [PortBinding(Port(80), "", 8000, 8010)]),
        (binding("", "8080/udp"), [PortBinding(Port(80), "", 8080, 8080)]),
        (binding("::1", "8080"), [PortBinding(Port(80), "::1", 8080, 8080)]),
        (binding("::ffff:127.0.0.1", "1"), [PortBinding(Port(80), "127.0.0.1", 1, 1)]),
        ({"53/UDP": [{"HostPort": "53"}]}, [PortBinding(Port(53, "udp"), "", 53, 53)]),
        ({"80": [{}, None]}, [PortBinding(Port(80)), PortBinding(Port(80))]),
        ({"80/tcp": []}, [PortBinding(Port(80))]),
        ({"80/tcp": None}, []),
        ({"90/tcp": [{}], "80/tcp": [{}]}, [PortBinding(Port(80)), PortBinding(Port(90))]),
        ({}, []),
    ],
)
def test_what_docker_accepts(raw: dict[str, Any], expected: list[PortBinding]) -> None:
    """Is each way to write a binding understood as Docker does?"""
    assert parse_port_bindings(raw) == tuple(expected)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"0/tcp": [{}]}, 'invalid port specification: "0/tcp"'),
        ({"aa/tcp": [{}]}, 'invalid port specification: "aa/tcp"'),
        ({"65536": [{}]}, 'invalid port specification: "65536"'),
        ({"80/icmp": [{}]}, 'invalid port specification: "80/icmp"'),
        ({"-80": None}, 'invalid port specification: "-80"'),
        (binding("", "aa80"), 'invalid port specification: "aa80"'),
        (binding("", "8010-8000"), 'invalid port specification: "8010-8000"'),
        (binding("", "8000-"), 'invalid port specification: "8000-"'),
        (binding("", "0-5"), 'invalid port specification: "0-5"'),
        (binding("", "٨٠"), 'invalid port specification: "\\u0668\\u0660"'),
        (binding("here", "80"), 'invalid JSON: ParseAddr("here"): unable to parse IP'),
        ({"80/tcp": {}}, "PortBindings of 80/tcp must be a list"),
        ({"80/tcp": ["8080"]}, "PortBindings of 80/tcp must be a list of objects"),
        ({"80/tcp": [{"HostPort": 8080}]}, "HostIp and HostPort of 80/tcp must be strings"),
    ],
)
def test_what_docker_refuses(raw: dict[str, Any], message: str) -> None:
    """Is a malformed binding refused in Docker's words?"""
    with pytest.raises(InvalidParameter) as caught:
        parse_port_bindings(raw)
    assert caught.value.message == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text() | st.from_regex(r"\d{1,5}(/tcp)?"), JSON, max_size=3))
def test_no_input_breaks_the_parser(raw: dict[str, Any]) -> None:
    """Does every JSON value give bindings with sound numbers, or InvalidParameter?"""
    try:
        found = parse_port_bindings(raw)
    except InvalidParameter:
        return
    for each in found:
        assert 0 < each.port.number <= 65535
        assert 0 <= each.first <= each.last <= 65535


@given(st.integers(1, 65535), st.sampled_from(["tcp", "udp", "sctp"]))
def test_a_port_reads_back_what_it_writes(number: int, protocol: str) -> None:
    """Is the text of a port the port again?"""
    assert Port.parse(str(Port(number, protocol))) == Port(number, protocol)
