"""The disk with the guest's root: this machine's own Python, and what the engine needs of it.

    /usr/bin/python3.N                     the interpreter
    /usr/lib/python3.N/                    the standard library, compiled
    /usr/lib/python3.N/site-packages/      the engine's requirements
    /usr/lib/TRIPLET/                      shared libraries, where the loader looks first
    /usr/lib/lab/modules/                  the kernel's modules, in the order of their loading
    /program /catalog /data /host          where the other disks, and the host's files, go

Modules in Python have no source there: the compiled form is half as large, and found sooner.
"""

from __future__ import annotations

import ctypes
import os
import re
import ssl
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from lab.catalog.tree import pieces
from lab.errors import Unavailable
from lab.microvm.kernel import Module
from lab.microvm.libraries import is_elf, libraries_of, loader_of, stripped
from lab.microvm.python import (
    Interpreter,
    distribution_files,
    distributions,
    library_files,
)
from lab.sandbox.vm.bytecode import compile_module
from lab.sandbox.vm.erofs import Image, Node, directory, put, symlink
from lab.sandbox.vm.modules import FOLDER as MODULES
from lab.sandbox.vm.program import PROGRAM

_FOLDERS = (
    *("catalog", "data", "dev", "etc", "host", "proc", "program", "root", "run", "sys"),
    *("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var"),
)
_MERGED = ("bin", "lib", "lib64", "sbin")
_USERS = {
    **{"root": 0, "daemon": 1, "bin": 2, "sys": 3, "games": 5, "man": 6, "lp": 7, "mail": 8},
    **{"news": 9, "uucp": 10, "proxy": 13, "www-data": 33, "backup": 34, "list": 38, "irc": 39},
    **{"_apt": 42, "nobody": 65534},
}
"""Those of every Debian system: `docker top` shows the host's names, and here this is the host."""

_FILES = {
    "etc/passwd": "".join(
        f"{name}:x:{number}:{number}:{name}:/nonexistent:/usr/sbin/nologin\n"
        for name, number in _USERS.items()
    ),
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/hostname": "lab\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",  # of QEMU's user network
}
_BY_NAME = ("libseccomp.so.2",)
"""Libraries that the engine loads by name."""

Spare = Callable[[str], Path]
"""Gives a library, by its name, that the machine does not have itself."""

_COMMANDS = (
    *("cat", "date", "df", "dmesg", "echo", "env", "false", "free", "grep", "head", "hostname"),
    *("id", "ip", "kill", "ls", "lsmod", "mount", "ping", "ps", "pwd", "sh", "sleep", "sort"),
    *("stat", "tail", "top", "true", "uname", "uptime", "wc", "wget", "which"),
)
"""What people type who look into the guest; the engine needs none of it."""

_CERTIFICATES = Path("/etc/ssl/certs")
_BUNDLE = "ca-certificates.crt"
_BY_DIGEST = re.compile(r"[0-9a-f]{8}\.\d+")
"""Names under which OpenSSL finds a certificate when it needs it.  Source: openssl-rehash(1)."""


def start_command(interpreter: Interpreter) -> list[str]:
    """Return what the initramfs starts as the guest's first process."""
    code = (
        f'import sys; sys.path[:0] = ["{PROGRAM}", "{interpreter.packages}"]\n'
        "from lab.sandbox.vm import modules; modules.load()\n"
        "from lab.sandbox.vm.guest import main; main()"
    )
    return [interpreter.guest_program, "-I", "-S", "-c", code]


def write_system(
    file: BinaryIO,
    identity: bytes,
    interpreter: Interpreter,
    modules: Sequence[Module],
    busybox: bytes,
    spare: Spare,
    report: Callable[[float], None],
) -> None:
    """Write the image, named by `identity`.

    `modules` are those that the initramfs does not load, in their order; `busybox` is a program.
    """
    builder = _Builder(Image(file, identity), interpreter, spare)
    builder.furnish(modules)
    builder.add_commands(busybox)
    builder.add_python(report)
    builder.add_libraries()
    builder.image.finish()
    report(1.0)


class _Builder:
    def __init__(self, image: Image, interpreter: Interpreter, spare: Spare) -> None:
        self.image = image
        self._interpreter = interpreter
        self._spare = spare
        self._binaries = [interpreter.program]

    def furnish(self, modules: Sequence[Module]) -> None:
        for folder in _FOLDERS:
            put(self.image.root, folder, directory())
        put(self.image.root, "tmp", directory(0o1777))
        for name in _MERGED:
            put(self.image.root, name, symlink(f"usr/{name}"))
        for path, text in _FILES.items():
            put(self.image.root, path, self.image.file([text.encode()]))
        self.add_certificates()
        for number, module in enumerate(modules):
            content = self.image.file(pieces(module.content))
            put(self.image.root, f"{MODULES}/{number:02}-{module.name}.ko", content)

    def add_certificates(self) -> None:
        """Add the machine's authorities, one by one: a bundle is read whole at each start."""
        places = ssl.get_default_verify_paths()
        found = [path for path in _CERTIFICATES.glob("*.*") if _BY_DIGEST.fullmatch(path.name)]
        for path in sorted(found):
            put(self.image.root, f"{places.openssl_capath}/{path.name}", self.image.copy(path))
        if not found and (bundle := _CERTIFICATES / _BUNDLE).is_file():
            put(self.image.root, places.openssl_cafile, self.image.copy(bundle))

    def add_commands(self, busybox: bytes) -> None:
        put(self.image.root, "usr/bin/busybox", self.image.file([busybox], 0o755))
        for name in _COMMANDS:
            put(self.image.root, f"usr/bin/{name}", symlink("busybox"))

    def add_python(self, report: Callable[[float], None]) -> None:
        program = self._interpreter.guest_program
        put(self.image.root, program, self._binary(self._interpreter.program))
        self._add(self._interpreter.guest_library, library_files(self._interpreter), report)
        for distribution in distributions().values():
            if distribution.files is None:
                name = distribution.metadata["Name"]
                raise Unavailable(
                    f"what belongs to the Python package {name} is not recorded here",
                    "install the lab with pip, in an environment of its own",
                )
            files = distribution_files(distribution)
            self._add(self._interpreter.packages, files, lambda part: None)

    def add_libraries(self) -> None:
        loader = loader_of(self._interpreter.program)
        if not loader:
            raise Unavailable(f"{self._interpreter.program} is no program for this lab")
        needed = libraries_of([*self._binaries, *self._by_name()], loader)
        put(self.image.root, _merged(loader), self._binary(Path(loader)))
        # where the C library lies, the loader looks without being told
        home = _merged(str(needed["libc.so.6"].parent))
        own = {str(path) for path in self._binaries}
        for name, path in needed.items():
            if str(path) not in own:
                put(self.image.root, f"{home}/{name}", self._binary(path))
        for path in self._by_name():
            put(self.image.root, f"{home}/{path.name}", self._binary(path))
        for name in ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"):
            if (path := needed["libc.so.6"].parent / name).is_file():
                put(self.image.root, f"{home}/{name}", self._binary(path))

    def _by_name(self) -> list[Path]:
        return [_loaded_path(name) or self._spare(name) for name in _BY_NAME]

    def _add(
        self, folder: str, files: Iterable[tuple[str, Path]], report: Callable[[float], None]
    ) -> None:
        for count, (name, path) in enumerate(files):
            report(min(count / 1500, 1.0))
            place = f"{folder}/{name}"
            if name.endswith(".py"):
                compiled = compile_module(path.read_bytes(), place)
                if compiled is not None:
                    put(self.image.root, f"{place}c", self.image.file([compiled]))
                    continue
            if ".so" in path.name and is_elf(path):
                self._binaries.append(path)
                put(self.image.root, place, self._binary(path))
            else:
                put(self.image.root, place, self.image.copy(path))

    def _binary(self, path: Path) -> Node:
        return self.image.file([stripped(path.read_bytes())], 0o755)


def _merged(path: str) -> str:
    """Return a path as it is in the guest, whose /lib is a link to /usr/lib."""
    first = path.strip("/").partition("/")[0]
    return f"/usr{path}" if first in _MERGED else path


def _loaded_path(name: str) -> Path | None:
    """Return where the loader finds a library; None if this machine has none."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if os.path.basename(path).startswith(name.split(".so")[0] + ".so"):
                # the name that is asked for is a link beside the file
                return Path(f"/{os.path.dirname(path)}/{name}")
    return None
