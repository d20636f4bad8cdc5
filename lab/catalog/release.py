"""Which Debian release this machine runs, and which processor its images are for."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from lab.errors import Unavailable

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's names of processors, and those that Debian and OCI images share."""

OTHERWISE = (
    "Run the lab on Debian (its container image will do), "
    "or use images of other registries where there is internet."
)
"""What to do on a machine that images cannot be made on."""


@dataclass(frozen=True, slots=True)
class Release:
    """A Debian release: `codename` (bookworm), `version` (12; empty before it is released)."""

    codename: str
    version: str
    architecture: str


def read_release(os_release: Path = Path("/etc/os-release"), machine: str = "") -> Release:
    """Return what this machine runs.

    `machine` is the processor as uname(2) calls it, this machine's by default.  Raises
    Unavailable where it is not Debian, or a processor without a recipe: no image may pretend to
    be another distribution's.  Source: os-release(5).
    """
    known = _parse(os_release)
    if known.get("ID") != "debian":
        name = known.get("PRETTY_NAME") or known.get("ID") or "an unknown system"
        raise Unavailable(
            f"the lab's images are made from Debian's packages, and this machine runs {name}",
            OTHERWISE,
        )
    machine = machine or os.uname().machine
    architecture = MACHINES.get(machine)
    if architecture is None:
        raise Unavailable(
            f"the lab's images can be made for {' and '.join(MACHINES)}, "
            f"and this machine is {machine}",
            OTHERWISE,
        )
    codename = known.get("VERSION_CODENAME", "")
    if not codename:
        raise Unavailable(f"{os_release} does not name this Debian release", OTHERWISE)
    return Release(codename, known.get("VERSION_ID", ""), architecture)


def _parse(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key.strip(): _unquoted(value) for key, _, value in pairs}


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value.strip()
