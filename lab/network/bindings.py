"""The `PortBindings` of a container, checked: which host ports lead to which of its ports.

Source: Docker Engine API, HostConfig.PortBindings; moby api/types/network/port.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from lab.errors import InvalidParameter

PROTOCOLS = ("tcp", "udp", "sctp")

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A container's port: `number` from 1 to 65535, `protocol` in small letters (`tcp`)."""

    number: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"

    @classmethod
    def parse(cls, text: str) -> Port:
        """Return the port that `80/tcp` or `80` names; raises InvalidParameter."""
        number, _, protocol = text.partition("/")
        value, kind = _parse_number(number), protocol.lower() or "tcp"
        if not value or kind not in PROTOCOLS:
            raise _invalid(text)
        return cls(value, kind)


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A wish: that `port` be reachable at one host port between `first` and `last`.

    `host_ip` empty means all addresses of the host; `first` 0 means any port.
    """

    port: Port
    host_ip: str = ""
    first: int = 0
    last: int = 0


def parse_port_bindings(raw: Mapping[str, Any]) -> tuple[PortBinding, ...]:
    """Return the bindings of `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`, ordered by port.

    An empty list stands for one binding to any host port, null for none.  Raises
    InvalidParameter with Docker's wording.
    """
    found = []
    for text, bindings in raw.items():
        port = Port.parse(text)
        if bindings is None:
            continue
        if not isinstance(bindings, list):
            raise InvalidParameter(f"PortBindings of {port} must be a list")
        found += [_parse_binding(port, binding) for binding in bindings or [{}]]
    return tuple(sorted(found, key=lambda binding: binding.port))


def _parse_binding(port: Port, raw: Any) -> PortBinding:
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise InvalidParameter(f"PortBindings of {port} must be a list of objects")
    host_ip, host_port = raw.get("HostIp") or "", raw.get("HostPort") or ""
    if not isinstance(host_ip, str) or not isinstance(host_port, str):
        raise InvalidParameter(f"HostIp and HostPort of {port} must be strings")
    first, last = _parse_range(host_port) if host_port else (0, 0)
    return PortBinding(port, _parse_host_ip(host_ip), first, last)


def _parse_range(text: str) -> tuple[int, int]:
    # a protocol here has no meaning, and Docker passes it over
    start, dash, end = text.partition("/")[0].partition("-")
    first = _parse_number(start)
    last = _parse_number(end) if dash else first
    if first is None or last is None or last < first or (last and not first):
        raise _invalid(text)
    return first, last


def _parse_number(text: str) -> int | None:
    if not _NUMBER.fullmatch(text) or int(text) > 65535:
        return None
    return int(text)


def _parse_host_ip(text: str) -> str:
    if not text:
        return ""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        message = f"invalid JSON: ParseAddr({json.dumps(text)}): unable to parse IP"
        raise InvalidParameter(message) from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def _invalid(text: str) -> InvalidParameter:
    return InvalidParameter(f"invalid port specification: {json.dumps(text)}")
