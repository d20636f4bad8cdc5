"""Tests of making the whole catalog, with packages of a few bytes and a stand-in for the engine."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.catalog import images
from lab.catalog.deb import files_of
from lab.catalog.images import build_catalog
from lab.catalog.layout import REF_NAME
from lab.catalog.release import Release
from lab.catalog.stamp import Made, is_complete
from lab.catalog.tree import Tree, archive, pieces, read_tree
from lab.errors import Unavailable
from lab.image.tar_reader import TarReader

from .fake_engine import FakeEngine, fake_engine
from .helpers import BUILT, shown, stanza, write_deb


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
    (stanza("busybox-static", "1:1.35.0-4"), {"bin/busybox": "busybox"}),
]


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    for name in ("debs", "engines"):
        (tmp_path / name).mkdir()
    files = [write_deb(tmp_path / "debs", control, data) for control, data in PACKAGES]
    monkeypatch.setattr(images, "read_release", lambda: Release("bookworm", "12", "amd64"))
    monkeypatch.setattr(images, "fetch_packages", lambda wanted, cache, release, report: files)
    return Setup(tmp_path / "home" / "catalog", tmp_path / "cache", tmp_path / "engines")


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


def test_all_images(setup: Setup) -> None:
    """Are all images there, under the tags that people type?"""
    made = {row.name: row.tags for row in setup.build()}
    assert made == {
        "debian": ["latest", "bookworm", "bookworm-slim", "12"],
        "nginx": ["latest", "1.22.1", "1.22"],
        "busybox": ["latest", "1.35.0", "1.35"],
        "hello-world": ["latest"],
    }
    assert is_complete(setup.target)


def test_debian(setup: Setup) -> None:
    """Is the base one layer, without what the engine and the installation put there?"""
    setup.build()
    config, layers = image(setup.target, "debian:12")
    assert len(layers) == 1
    (tree,) = layers
    assert tree["usr/bin/apt"] == "apt"
    assert "var/lib/dpkg/info/apt.list" in tree
    assert tree["bin"] == "-> usr/bin"
    assert not [path for path in tree if path.startswith((".", "etc/hosts", "dev/"))]
    assert "No source" not in tree["etc/apt/sources.list"]
    assert all(line.startswith("#") for line in tree["etc/apt/sources.list"].splitlines())
    assert config["config"]["Cmd"] == ["bash"]
    assert config["created"] == "2023-11-14T22:13:20Z", f"the date of the newest package, {BUILT}"


def test_nginx_is_built_on_debian(setup: Setup) -> None:
    """Does nginx share debian's layer, and do its own layers hold only what it adds?"""
    setup.build()
    base, _ = image(setup.target, "debian:latest")
    config, layers = image(setup.target, "nginx:latest")
    assert base["rootfs"]["diff_ids"] == config["rootfs"]["diff_ids"][:1]
    _, packages, pages, logs = layers
    assert {"nginx", "curl"} <= set(packages.values())
    assert "usr/bin/apt" not in packages
    assert "var/lib/dpkg/info/nginx-common.list" in packages
    assert "Welcome to nginx!" in pages["usr/share/nginx/html/index.html"]
    assert logs["var/log/nginx/access.log"] == "-> /dev/stdout"
    settings = config["config"]
    assert settings["Cmd"] == ["nginx", "-g", "daemon off;"]
    assert settings["ExposedPorts"] == {"80/tcp": {}}
    assert (settings["StopSignal"], settings["Env"][1]) == ("SIGQUIT", "NGINX_VERSION=1.22.1")
    history = config["history"]
    assert len([row for row in history if not row.get("empty_layer")]) == 4
    assert history[-1]["created_by"] == 'CMD ["nginx" "-g" "daemon off;"]'


def test_busybox_and_hello(setup: Setup) -> None:
    """Has busybox a link for each command that it names, and is hello-world one file?"""
    setup.build()
    _, (busybox,) = image(setup.target, "busybox:latest")
    assert tuple(busybox[f"bin/{name}"] for name in ("busybox", "sh", "[")) == (
        "busybox",
        "-> busybox",
        "-> busybox",
    )
    assert {"tmp", "root", "etc/passwd"} <= set(busybox)
    config, (hello,) = image(setup.target, "hello-world:latest")
    assert (list(hello), config["config"]["Cmd"]) == (["hello"], ["/hello"])


def test_second_time(setup: Setup) -> None:
    """Is nothing done, and no engine started, when all is there?"""
    setup.build()
    assert setup.build() == []
    assert setup.engines == 1


def test_progress(setup: Setup) -> None:
    """Is progress told in order, up to the end?"""
    setup.build()
    parts = [part for _, part in setup.steps]
    assert parts == sorted(parts)
    assert setup.steps[-1] == ("the images are ready", 1.0)
    assert {"making debian", "making nginx"} <= {name for name, _ in setup.steps}


def test_twice_the_same(setup: Setup, tmp_path: Path) -> None:
    """Do two runs with the same packages give the same image ids?"""
    first = setup.build()
    setup.target = tmp_path / "other" / "catalog"
    assert first == setup.build()


def test_failure_keeps_the_old_catalog(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a failed run leave the old catalog as it was, and nothing beside it?"""
    setup.build()
    before = (setup.target / "index.json").read_bytes()
    monkeypatch.setattr(images, "is_complete", lambda target: False)
    setup.prepare = lambda engine: setattr(engine, "exit_code", 1)
    with pytest.raises(Unavailable, match="exit code 1"):
        setup.build()
    assert before == (setup.target / "index.json").read_bytes()
    assert sorted(p.name for p in setup.target.parent.iterdir()) == [".catalog.lock", "catalog"]


def test_new_catalog_replaces_the_old(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a second catalog take the place of the first, leftovers of a crash removed?"""
    setup.build()
    (setup.target / "marker").touch()
    (setup.target.parent / ".catalog.new").mkdir()
    monkeypatch.setattr(images, "is_complete", lambda target: False)
    setup.build()
    assert not (setup.target / "marker").exists()
    assert sorted(p.name for p in setup.target.parent.iterdir()) == [".catalog.lock", "catalog"]


def test_full_disk(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a full disk told in words, with nothing left behind?"""

    def full(tree: Tree) -> Iterator[bytes]:
        yield b"x"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(images, "archive", full)
    with pytest.raises(Unavailable, match="no space left on device"):
        setup.build()
    assert [path.name for path in setup.target.parent.iterdir()] == [".catalog.lock"]
