"""Which images run on this machine.  Source: containerd's platforms package, also for the wording."""

from __future__ import annotations

import platform
import re

from lab.errors import InvalidParameter
from lab.oci.descriptor import Platform

_COMPONENT = re.compile(r"[A-Za-z0-9_.-]+")
_ARCHITECTURES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
_ARMS = {"armhf": "v7", "armel": "v6"}
_KNOWN_SYSTEMS = frozenset(
    "aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris"
    " windows".split()
)
_KNOWN_ARCHITECTURES = frozenset(
    "386 amd64 arm arm64 ppc64 ppc64le loong64 mips mipsle mips64 mips64le riscv64 s390 s390x"
    " wasm".split()
)
_USUAL = {("amd64", "v1"), ("arm64", "8"), ("arm64", "v8")}
"""Variants that are not told: every machine of the kind is of it."""


def own_platform() -> Platform:
    """Return this machine's platform in the words of OCI images: `linux/amd64`."""
    machine = platform.machine()
    return Platform("linux", _ARCHITECTURES.get(machine, machine))


def parse_platform(text: str) -> Platform:
    """Return the platform that `linux/arm64`, `linux/arm/v7`, `linux` or `arm64` spells.

    Our own for no text.  Raises InvalidParameter.
    """
    if not text:
        return own_platform()
    parts = text.lower().split("/")
    for part in text.split("/"):
        if not _COMPONENT.fullmatch(part):
            raise InvalidParameter(
                f'"{part}" is an invalid component of "{text}": platform specifier component must'
                ' match "^[A-Za-z0-9_.-]+$": invalid argument'
            )
    if len(parts) == 1:
        return _one_word(parts[0], text)
    if len(parts) > 3:
        raise InvalidParameter(f'"{text}": cannot parse platform specifier: invalid argument')
    return Platform("darwin" if parts[0] == "macos" else parts[0], *_machine(*parts[1:]))


def _one_word(word: str, text: str) -> Platform:
    own = own_platform()
    if word in _KNOWN_SYSTEMS or word == "macos":
        return Platform("darwin" if word == "macos" else word, own.architecture)
    architecture, variant = _machine(word)
    if architecture not in _KNOWN_ARCHITECTURES:
        raise InvalidParameter(
            f'"{text}": unknown operating system or architecture: invalid argument'
        )
    return Platform(own.os, architecture, variant)


def _machine(name: str, variant: str = "") -> tuple[str, str]:
    """Return architecture and variant as images call them."""
    if name in _ARMS:
        return "arm", _ARMS[name]
    architecture = _ARCHITECTURES.get(name, name)
    if architecture == "arm":
        return "arm", {"": "v7"}.get(variant, f"v{variant}" if variant.isdecimal() else variant)
    return architecture, "" if (architecture, variant) in _USUAL else variant
