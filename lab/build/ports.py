"""Ports as EXPOSE writes them: `80`, `53/udp`, `8000-8010`, `[[ip:]host port:]port[/protocol]`.

Source: Dockerfile reference, EXPOSE; the forms and errors are those of Docker's `nat` package.
"""

from __future__ import annotations

import ipaddress

from lab.errors import BuildError

_PROTOCOLS = ("tcp", "udp", "sctp")
_LAST = 65535


def exposed_ports(spec: str) -> list[str]:
    """Return the container ports that `spec` names, as `80/tcp`.

    A host's address and port are checked and then ignored, as EXPOSE publishes nothing.
    Raises BuildError with Docker's wording.
    """
    *host, port = spec.rsplit(":", 2)
    port, protocol = _split_protocol(port)
    if len(host) == 2 and host[0]:
        _check_address(host[0])
    if not port:
        raise BuildError(f"No port specified: {spec}<empty>")
    ports = _range(port, "containerPort")
    if host and host[-1]:
        _check_host_range(_range(host[-1], "hostPort"), ports, port, host[-1])
    if protocol.lower() not in _PROTOCOLS:
        raise BuildError(f"Invalid proto: {protocol}")
    return [f"{number}/{protocol.lower()}" for number in ports]


def _split_protocol(port: str) -> tuple[str, str]:
    number, _, protocol = port.partition("/")
    return number, protocol.partition("/")[0] or "tcp"


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise BuildError(f"Invalid ip address: {text}") from None


def _check_host_range(host: range, container: range, port: str, host_port: str) -> None:
    if len(container) not in (1, len(host)):
        raise BuildError(
            f"Invalid ranges specified for container and host Ports: {port} and {host_port}"
        )


def _range(text: str, what: str) -> range:
    first, dash, last = text.partition("-")
    last = last.partition("-")[0] if dash else first
    if not _is_port(first) or not _is_port(last) or int(last) < int(first):
        raise BuildError(f"Invalid {what}: {text}")
    return range(int(first), int(last) + 1)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9 and int(text) <= _LAST
