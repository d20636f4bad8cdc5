"""Which images run on this machine."""

from __future__ import annotations

import platform

from lab.errors import InvalidParameter
from lab.oci.descriptor import Platform

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def own_platform() -> Platform:
    """Return this machine's platform in the words of OCI images: `linux/amd64`."""
    machine = platform.machine()
    return Platform("linux", _ARCHITECTURES.get(machine, machine))


def parse_platform(text: str) -> Platform:
    """Return the platform that `linux/arm64` or `linux/arm/v7` spells, our own for no text.

    Raises InvalidParameter.
    """
    parts = text.lower().split("/") if text else []
    if not parts:
        return own_platform()
    if len(parts) == 1 and parts[0] == "linux":
        return own_platform()
    if len(parts) not in (2, 3) or not all(parts):
        raise InvalidParameter(
            f'"{text}": unknown operating system or architecture: invalid argument'
        )
    system, machine = parts[:2]
    return Platform(system, _ARCHITECTURES.get(machine, machine), *parts[2:])
