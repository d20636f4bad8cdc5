"""One Debian package file: what its control fields say, and the files in it.

Source: deb(5), deb-control(5).  The file is an `ar` archive of `debian-binary`, `control.tar.*`
and `data.tar.*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from lab.errors import InvalidParameter
from lab.image.streams import decompress
from lab.image.tar_reader import TarReader

_MAGIC = b"!<arch>\n"
_HEADER = 60
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True)
class Package:
    """The control fields that matter here.

    `pre_depends` and `depends` are lists of alternatives, by name alone: apt has already chosen
    versions that fit together.  `built` is the time of its build, in seconds since 1970.
    """

    path: Path
    name: str
    version: str
    is_required: bool
    provides: tuple[str, ...]
    pre_depends: tuple[tuple[str, ...], ...]
    depends: tuple[tuple[str, ...], ...]
    built: int

    @property
    def upstream_version(self) -> str:
        """The version without Debian's parts: `1:1.35.0-4+b1` is `1.35.0`, `3.0~rc1+dfsg-1` is `3.0`."""
        bare = self.version.partition(":")[2] or self.version
        return re.split(r"[+~]", bare.rpartition("-")[0] or bare)[0]


def read_package(path: Path) -> Package:
    """Read the control fields; InvalidParameter if the file is no Debian package."""
    built, control = _part(path, "control.tar")
    for member in (reader := TarReader(decompress(BytesIO(control), ""))):
        if member.name.removeprefix(b"./") == b"control":
            return _package(path, b"".join(reader.data()).decode("utf-8", "replace"), built)
    raise InvalidParameter(f"{path.name} is no Debian package: it has no control file")


def files_of(path: Path) -> TarReader:
    """Return the archive of the package's files."""
    return TarReader(decompress(BytesIO(_part(path, "data.tar")[1]), ""))


def parse_control(text: str) -> dict[str, str]:
    """Return the fields of one stanza, by lower-case name; continuation lines are joined."""
    fields: dict[str, str] = {}
    latest = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            fields[latest] = f"{fields.get(latest, '')}\n{line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            latest = name.strip().lower()
            fields[latest] = value.strip()
    return fields


def parse_relations(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the names in a field such as `libc6 (>= 2.36), mawk | awk`, in their alternatives."""
    groups = (
        tuple(match[0] for part in group.split("|") if (match := _NAME.match(part.strip())))
        for group in text.split(",")
    )
    return tuple(group for group in groups if group)


def _package(path: Path, text: str, built: int) -> Package:
    fields = parse_control(text)
    if not fields.get("package") or not fields.get("version"):
        raise InvalidParameter(f"{path.name} is no Debian package: it has no name or version")
    provides = parse_relations(fields.get("provides", ""))
    return Package(
        path=path,
        name=fields["package"],
        version=fields["version"],
        is_required=fields.get("priority") == "required" or fields.get("essential") == "yes",
        provides=tuple(name for group in provides for name in group),
        pre_depends=parse_relations(fields.get("pre-depends", "")),
        depends=parse_relations(fields.get("depends", "")),
        built=built,
    )


def _part(path: Path, prefix: str) -> tuple[int, bytes]:
    """Return time and content of the archive's member whose name starts so."""
    for name, built, content in _members(path):
        if name.startswith(prefix):
            return built, content
    raise InvalidParameter(f"{path.name} is no Debian package: it has no {prefix}")


def _members(path: Path) -> Iterator[tuple[str, int, bytes]]:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InvalidParameter(f"{path.name} is no Debian package")
        while header := file.read(_HEADER):
            try:
                name = header[:16].decode("ascii").rstrip(" /")
                built, size = int(header[16:28]), int(header[48:58])
            except ValueError:
                raise InvalidParameter(f"{path.name} is damaged: a header is malformed") from None
            content = file.read(size) if size >= 0 else b""
            if len(content) != size:
                raise InvalidParameter(f"{path.name} is damaged: it is cut short")
            file.read(size % 2)
            yield name, built, content
