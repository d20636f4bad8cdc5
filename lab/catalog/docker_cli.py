"""The genuine docker CLI, from the distribution's package, for machines that have none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lab.catalog.apt import fetch_one
from lab.catalog.deb import files_of
from lab.catalog.release import read_release
from lab.errors import Unavailable

_PACKAGES = {"bookworm": "docker.io"}
"""The package with the client; where it is split, it is called docker-cli."""


def install(target: Path, cache: Path, report: Callable[[float], None]) -> None:
    """Put the CLI at `target`, unpacked, without installing anything on the system.

    Raises Unavailable, with what to do, if the package cannot be had.
    """
    release = read_release()
    cache.mkdir(parents=True, exist_ok=True)
    package = fetch_one(_PACKAGES.get(release.codename, "docker-cli"), cache, release, report)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    reader = files_of(package)
    for member in reader:
        if member.name.removeprefix(b"./") == b"usr/bin/docker":
            with beside.open("wb") as file:
                for piece in reader.data():
                    file.write(piece)
            beside.chmod(0o755)
            os.replace(beside, target)
            return
    raise Unavailable(f"{package.name} holds no docker CLI", "install the docker CLI yourself")
