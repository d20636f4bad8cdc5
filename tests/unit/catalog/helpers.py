"""Debian packages of a few bytes, and trees that are easy to read in a test."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

from lab.catalog.tree import Node, Tree, archive, linked_file, pieces
from lab.image.tar import Kind

BUILT = 1_700_000_000


def write_deb(
    folder: Path,
    control: str,
    files: dict[str, str] | None = None,
    *,
    links: dict[str, str] | None = None,
    extension: str = "xz",
) -> Path:
    """Write a package whose control fields and files (content by path) are given."""
    fields = Tree()
    fields.file("control", control.encode())
    data = Tree()
    for path, content in (files or {}).items():
        data.file(path, content.encode(), 0o755 if "bin/" in path else 0o644)
    for path, target in (links or {}).items():
        data.symlink(path, target)
    pack = {"xz": lzma.compress, "gz": gzip.compress}[extension]
    content = b"!<arch>\n" + b"".join(
        [
            _ar_member("debian-binary", b"2.0\n"),
            _ar_member(f"control.tar.{extension}", pack(b"".join(archive(fields)))),
            _ar_member(f"data.tar.{extension}", pack(b"".join(archive(data)))),
        ]
    )
    name = control.partition("Package: ")[2].partition("\n")[0] or "nameless"
    path = folder / f"{name}_1_amd64.deb"
    path.write_bytes(content)
    return path


def stanza(name: str, version: str = "1", **fields: str) -> str:
    """Return control fields; `pre_depends="libc6"` becomes `Pre-Depends: libc6`."""
    lines = [f"Package: {name}", f"Version: {version}"]
    lines += [f"{key.title().replace('_', '-')}: {value}" for key, value in fields.items()]
    return "\n".join(lines) + "\n"


def shown(tree: Tree) -> dict[str, str]:
    """Return what each path is: content, `-> target`, `/` for a directory; links are resolved."""
    return {path.decode(): _shown(linked_file(tree.nodes, path)) for path in tree.nodes}


def _shown(node: Node) -> str:
    if node.member.kind is Kind.DIRECTORY:
        return "/"
    if node.member.kind is Kind.SYMLINK:
        return f"-> {node.member.link.decode()}"
    return b"".join(pieces(node.content)).decode("utf-8", "replace")


def _ar_member(name: str, content: bytes) -> bytes:
    header = f"{name:<16}{BUILT:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
    return header.encode() + content + b"\n" * (len(content) % 2)
