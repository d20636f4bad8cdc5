"""The distribution's packages that the microVM is made from, downloaded when the first is needed."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from pathlib import Path

from lab.catalog.apt import fetch_packages
from lab.catalog.deb import files_of
from lab.catalog.release import read_release
from lab.errors import Unavailable
from lab.image.tar import Kind
from lab.microvm import qemu_package

_LIBRARIES = {"libseccomp.so.2": "libseccomp2"}
"""What the guest needs, and a machine may lack: libraries, and the packages that they are in."""


class Packages:
    """The kernel's package and its kin; with QEMU and all that it needs if `with_qemu`."""

    def __init__(self, cache: Path, with_qemu: bool, report: Callable[[float], None]) -> None:
        self._cache = cache
        self._with_qemu = with_qemu
        self._report = report
        self._files: list[Path] = []

    def all(self) -> list[Path]:
        """Return all package files.  Raises Unavailable if they cannot be had."""
        if not self._files:
            release = read_release()
            wanted = [f"linux-image-{release.architecture}", "busybox-static"]
            wanted += _LIBRARIES.values()
            if self._with_qemu:
                wanted.append(qemu_package.PACKAGES[platform.machine()])
            self._cache.mkdir(parents=True, exist_ok=True)
            self._files = fetch_packages(wanted, self._cache, release, self._report)
        return self._files

    def find(self, pattern: str) -> Path:
        """Return the package whose file name begins so."""
        for path in self.all():
            if re.match(pattern, path.name):
                return path
        raise Unavailable(f"there is no package {pattern} among those that were downloaded")

    def kernel(self) -> Path:
        """Return the package of the kernel itself: the other one only names the latest."""
        return self.find(r"linux-image-\d")

    def library(self, name: str, folder: Path) -> Path:
        """Unpack a library into `folder`, and return its path there."""
        reader = files_of(self.find(f"{_LIBRARIES[name]}_"))
        for member in reader:
            found = member.name.rpartition(b"/")[2].decode("utf-8", "replace")
            if member.kind is Kind.FILE and found.startswith(name):
                with (folder / name).open("wb") as file:
                    file.writelines(reader.data())
                return folder / name
        raise Unavailable(f"the package {_LIBRARIES[name]} holds no {name}")
