"""Recorded builds: a folder each, played to a real Docker Engine once and to ours in the tests.

    recorded/NAME/case.json     what to build, and how commands behave that are not really run
    recorded/NAME/FOLDER/       a context with its Dockerfile; `context` unless case.json says more
    recorded/NAME/stream.N      the messages of build N as Docker sent them, ids numbered
    recorded/NAME/history       how Docker notes the steps of the last image
    recorded/NAME/files         what the last image's file system has that the base image has not

`record.py` writes the last three.  Modes, links and times cannot be kept in a repository, so
case.json tells them.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded"
TIME = 1_700_000_000
BASE_TIME = 1_600_000_000
BASE_NAME = "base:1"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/var:/bin/sh\n"
GROUP = "root:x:0:\nwww:x:34:\nstaff:x:50:\n"
BASE: dict[str, str | tuple[str, str] | None] = {
    "bin": None,
    "etc": None,
    "etc/passwd": PASSWD,
    "etc/group": GROUP,
    "etc/link.conf": ("->", "/srv/real/target.conf"),
    "usr": None,
    "usr/lib": None,
    "usr/lib/old.so": "old",
    "lib": ("->", "usr/lib"),
    "srv": None,
    "srv/real": None,
    "srv/real/target.conf": "target",
    "data": ("->", "/srv/real"),
    "escape": ("->", "../../../../srv/real"),
    "dangling": ("->", "/mnt/new"),
}
"""The base image: None is a directory, a pair a link, a string a file's content."""

_ID = re.compile(r"(?<![0-9a-f])(?:sha256:)?([0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-f])")


@dataclass(frozen=True)
class Case:
    """One folder of `recorded`."""

    name: str
    builds: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    hard_links: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    chowns: bool = False
    own_sums: bool = False
    """Checksums of an image's files are ours: Docker's have the names of the host's users in them."""

    @property
    def folder(self) -> Path:
        return RECORDED / self.name

    def context(self, build: dict[str, Any]) -> bytes:
        """The tar archive of one build's context, always the same bytes."""
        root = self.folder / build.get("context", "context")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(root.rglob("*")):
                name = str(path.relative_to(root))
                if name.endswith(".keep"):
                    continue
                member = tarfile.TarInfo(name)
                content = b""
                if path.is_dir():
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                else:
                    content = path.read_bytes()
                    member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                member.mode = int(self.modes.get(name, f"{member.mode:o}"), 8)
                _add(archive, member, content)
            for name, target in self.links.items():
                _add(archive, _link(name, target, tarfile.SYMTYPE))
            for name, target in self.hard_links.items():
                member = _link(name, target, tarfile.LNKTYPE)
                member.mode = int(self.modes.get(target, "644"), 8)
                _add(archive, member)
        return buffer.getvalue()

    def stream(self, number: int) -> list[dict[str, Any]]:
        text = (self.folder / f"stream.{number}").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def text(self, name: str) -> list[str] | None:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else None


def cases() -> Iterator[Case]:
    """All cases, by name."""
    for path in sorted(RECORDED.glob("*/case.json")):
        yield Case(path.parent.name, **json.loads(path.read_text()))


class Numbers:
    """Replaces ids by numbers in the order of their appearance; short and full ones alike."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return _ID.sub(self._number, text)

    def _number(self, found: re.Match[str]) -> str:
        return self._known.setdefault(found[1][:12], f"<{len(self._known) + 1}>")

    def messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        numbered: list[dict[str, Any]] = json.loads(self(json.dumps(messages)))
        return numbered


def listing(
    path: str, kind: str, mode: int, owner: tuple[int, int], mtime: float, what: str
) -> str:
    """One line about a file of an image; times of the build itself are `now`."""
    when = "now" if mtime > TIME + 1 else str(int(mtime))
    shown = when if kind != "directory" or when == str(TIME) else "-"
    return f"/{path} {kind} {mode & 0o7777:o} {owner[0]}:{owner[1]} {shown} {what}".rstrip()


def _link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    member.mode = 0o777
    return member


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes = b"") -> None:
    member.mtime = TIME
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
