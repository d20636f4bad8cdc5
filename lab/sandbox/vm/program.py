"""The disk with the package `lab`: made anew, in a moment, whenever its sources have changed.

The image's own id is made from the sources' digest, so that a look at it tells its age.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.sandbox.vm.bytecode import compile_module
from lab.sandbox.vm.erofs import Image, put
from lab.sandbox.vm.parts import Parts, image_id

PROGRAM = "/program"
"""Where the guest sees this disk."""

LEFT_OVER = ".program-"
_NOT_IN_GUEST = {"__pycache__", "catalog", "course", "jupyter", "microvm", "widgets"}


def ensure_program(parts: Parts, package: Path | None = None) -> bytes:
    """Make sure that the disk holds today's sources; return its id, 16 bytes.

    `package` is the folder of the package `lab`, by default the running one.  Several may do
    this at once.
    """
    folder = package or Path(__file__).resolve().parents[2]
    sources = dict(_sources(folder))
    identity = _digest(sources)
    if image_id(parts.program) != identity:
        parts.program = parts.own / parts.program.name
    if image_id(parts.program) != identity:
        _make(sources, identity, parts.program)
    return identity


def _sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_IN_GUEST)
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(".pyc"):
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    yield os.path.relpath(path, folder.parent), file.read()


def _digest(sources: dict[str, bytes]) -> bytes:
    running = hashlib.sha256(sys.version.encode())
    for path, content in sources.items():
        running.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return running.digest()[:16]


def _make(sources: dict[str, bytes], identity: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=LEFT_OVER, delete=False) as file:
        try:
            _fill(Image(file, identity), sources)
            os.fchmod(file.fileno(), 0o644)  # parts may be made by one user for others
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def _fill(image: Image, sources: dict[str, bytes]) -> None:
    for path, content in sources.items():
        put(image.root, path, image.file([content]))
        if path.endswith(".py"):
            compiled = compile_module(content, f"{PROGRAM}/{path}")
            if compiled is not None:
                put(image.root, _cache_path(path), image.file([compiled]))
    image.finish()


def _cache_path(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
