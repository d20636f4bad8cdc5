"""The genuine docker CLI, from the distribution's package, for machines that have none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.catalog.apt import fetch_one
from lab.catalog.deb import files_of
from lab.catalog.release import read_release
from lab.errors import Unavailable

_PACKAGES = {"bookworm": "docker.io"}
"""The package with the client; where it is split, it is called docker-cli."""

_ARCHIVES = "https://download.docker.com/linux/static/stable/"


def install(target: Path, cache: Path, report: Callable[[float], None]) -> None:
    """Put the CLI at `target`, unpacked, without installing anything on the system.

    Raises Unavailable, with what to do, if the package cannot be had.
    """
    package = _fetch(target, cache, report)
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
    raise _unavailable(target, f"{package.name} has none")


def _fetch(target: Path, cache: Path, report: Callable[[float], None]) -> Path:
    """Return the file of the package.

    Docker's own archives are not fetched: it publishes no digests that they could be checked by.
    """
    try:
        release = read_release()
    except Unavailable:
        raise _unavailable(target, "this machine is no Debian of a known kind") from None
    if shutil.which("apt-get") is None:
        raise _unavailable(target, "there is no apt-get here")
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return fetch_one(_PACKAGES.get(release.codename, "docker-cli"), cache, release, report)
    except Unavailable as error:
        raise _unavailable(target, error.message) from None


def _unavailable(target: Path, reason: str) -> Unavailable:
    return Unavailable(
        "this machine has no docker command, and the set-up fetches one only from Debian's "
        f"packages: {reason}",
        "Install the client, without an engine: your distribution's package (docker-cli, or "
        f"docker.io), or the file `docker` out of an archive of {_ARCHIVES} at {target}. "
        "Then run the set-up again.",
    )
