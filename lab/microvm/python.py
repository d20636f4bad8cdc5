"""What of this Python goes into the guest: its standard library, and the engine's requirements."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lab.errors import Unavailable

REQUIREMENTS = ("aiohttp", "isal", "argon2-cffi")
"""The distributions that the engine imports; what they require themselves is found out."""

_NOT_IN_GUEST = re.compile(
    r"(?:test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|distutils|pydoc_data|venv"
    r"|config-[^/]*|site-packages|dist-packages)/|turtle\.py|lib-dynload/_?(?:test|tkinter|xx).*"
)
_NEVER = re.compile(r"(?:.*/)?(?:__pycache__|tests?)/.*|.*\.(?:pyi|pyx|pxd|c|h|a|hash|exe|txt)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MARKER = re.compile(r";(.*)")
_PROBE = """\
import json, os, site, sys, sysconfig
print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path("stdlib"),
                  site.getsitepackages(["/usr"])[-1]]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python without any virtual environment.

    `packages` is where it looks for distributions when its own prefix is /usr.
    """

    program: Path
    library: Path
    packages: str

    @property
    def guest_program(self) -> str:
        return f"/usr/bin/{self.program.name}"

    @property
    def guest_library(self) -> str:
        # found by the interpreter from where it lies itself
        return f"/usr/{sys.platlibdir}/{self.library.name}"


def read_interpreter() -> Interpreter:
    """Return the Python that this program runs on."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run([base, "-I", "-c", _PROBE], capture_output=True, check=False)
    try:
        program, library, packages = json.loads(done.stdout)
    except ValueError:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise Unavailable(f"the Python {base} does not start: {reason}") from None
    return Interpreter(Path(program), Path(library), packages)


def library_files(interpreter: Interpreter) -> Iterator[tuple[str, Path]]:
    """Yield the standard library's files: the name below its folder, and the path."""
    for place, folders, names in os.walk(interpreter.library):
        below = Path(place).relative_to(interpreter.library)
        folders[:] = sorted(name for name in folders if not _is_left_out(f"{below / name}/"))
        for name in sorted(names):
            path = below / name
            if not _is_left_out(str(path)) and (interpreter.library / path).is_file():
                yield str(path), interpreter.library / path


def _is_left_out(name: str) -> bool:
    return bool(_NOT_IN_GUEST.match(name) or _NEVER.fullmatch(name))


def distributions() -> dict[str, metadata.Distribution]:
    """Return the requirements, and all that they require on this Python, by name.

    Raises Unavailable if one is not installed.
    """
    found: dict[str, metadata.Distribution] = {}
    pending = list(REQUIREMENTS)
    while pending:
        name = pending.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            found[key] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise Unavailable(f"the Python package {name} is not installed") from None
        pending += _required(found[key])
    return dict(sorted(found.items()))


def distribution_files(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Yield a distribution's files that the guest needs: the name below the folder, and the path."""
    for file in distribution.files or ():
        name = file.as_posix()
        if name.startswith(("..", "/")) or _NEVER.fullmatch(name):
            continue
        if ".dist-info/" in name and not name.endswith("/METADATA"):
            continue
        path = Path(str(distribution.locate_file(file)))
        if path.is_file():
            yield name, path


def _required(distribution: metadata.Distribution) -> Iterator[str]:
    """Yield what it requires; with a condition, only what is installed, and nothing for extras."""
    for text in distribution.requires or ():
        name = _NAME.match(text)
        condition = _MARKER.search(text)
        if name is None or (condition and "extra" in condition[1]):
            continue
        if condition is None or _is_installed(name[0]):
            yield name[0]


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
