"""A machine on which the whole catalog can be made: packages of a few bytes, a stand-in engine."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.catalog.deb import files_of
from lab.catalog.images import build_catalog
from lab.catalog.layout import REF_NAME
from lab.catalog.stamp import Made
from lab.catalog.tree import Tree, archive, pieces, read_tree
from lab.image.tar_reader import TarReader

from .fake_engine import FakeEngine, fake_engine
from .helpers import shown, stanza


@dataclass
class Setup:
    """A machine with packages and an engine; `steps` is the progress that was told."""

    target: Path
    cache: Path
    folder: Path
    engines: int = 0
    steps: list[tuple[str, float]] = field(default_factory=list)
    prepare: Callable[[FakeEngine], None] = lambda engine: None

    @contextmanager
    def start_engine(self) -> Iterator[str]:
        self.engines += 1
        folder = self.folder / str(self.engines)
        folder.mkdir()
        with fake_engine(folder) as engine:
            engine.output = lambda command: b"[\nbusybox\nsh\n" if "--list" in command else b""
            engine.change = self.install
            self.prepare(engine)
            yield engine.socket

    def build(self) -> list[Made]:
        return build_catalog(
            self.target, self.cache, self.start_engine, lambda *step: self.steps.append(step)
        )

    def install(self, content: bytes) -> bytes:
        """Do a little of what dpkg, and an engine, would do."""
        tree = read_tree(TarReader(iter([content])))
        for package in [path for path in tree.nodes if b".deb" in path]:
            path = self.folder / package.decode().removeprefix(".build/")
            path.write_bytes(b"".join(pieces(tree.nodes[package].content)))
            tree = tree.with_layer(read_tree(files_of(path)))
            tree.file(f"var/lib/dpkg/info/{path.name.partition('_')[0]}.list", b"")
        return b"".join(archive(with_engines_own(tree)))


def with_engines_own(tree: Tree) -> Tree:
    for path in ("etc/hosts", "dev/console", ".dockerenv"):
        tree.file(path, b"the engine's")
    return tree


PACKAGES = [
    (stanza("base-files", priority="required"), {"etc/os-release": "ID=debian\n"}),
    (stanza("apt", depends="base-files"), {"usr/bin/apt": "apt"}),
    (stanza("usr-is-merged"), {}),
    (stanza("nginx", "1.22.1-9", depends="nginx-common, base-files"), {"usr/sbin/nginx": "nginx"}),
    (stanza("nginx-common"), {}),
    (stanza("curl"), {"usr/bin/curl": "curl"}),
    (stanza("docker-registry", "2.8.2+ds1-1"), {"usr/bin/docker-registry": "registry"}),
    (stanza("ca-certificates"), {}),
    (stanza("apache2-utils"), {"usr/bin/htpasswd": "htpasswd"}),
    (stanza("redis-server", "5:7.0.15-1~deb12u10"), {"usr/bin/redis-server": "redis"}),
    (stanza("python3-minimal", "3.11.2-1+b1"), {"usr/bin/python3": "python"}),
    (stanza("python3", "3.11.2-1+b1", pre_depends="python3-minimal"), {}),
    (stanza("python-is-python3"), {}),
    (stanza("python3-pip", depends="python3"), {"usr/bin/pip": "pip"}),
    (stanza("python3-venv", depends="python3"), {}),
    (stanza("busybox-static", "1:1.35.0-4"), {"bin/busybox": "busybox"}),
]


def blob(target: Path, digest: str) -> bytes:
    return (target / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def image(target: Path, name: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return an image's config, and what its layers hold."""
    index = json.loads((target / "index.json").read_text())
    by_name = {entry["annotations"][REF_NAME]: entry for entry in index["manifests"]}
    manifest = json.loads(blob(target, by_name[name]["digest"]))
    layers = [gzip.decompress(blob(target, layer["digest"])) for layer in manifest["layers"]]
    trees = [shown(read_tree(TarReader(iter([layer])))) for layer in layers]
    return json.loads(blob(target, manifest["config"]["digest"])), trees
