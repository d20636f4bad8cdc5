"""Tests of taking the images from Docker Hub, which one of the lab's own Hubs stands for."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog import images
from lab.catalog.images import build_catalog
from lab.catalog.recipes import RECIPES
from lab.catalog.release import read_release
from lab.catalog.stamp import Made, is_complete, read_images
from lab.errors import Unavailable
from lab.image.tar_writer import END
from lab.microvm.catalog_disk import read_layers
from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.registry.catalog import Catalog
from lab.registry.endpoint import Endpoint
from lab.registry.hub import Hub
from lab.registry.names import Repository, Tag

from ..registry.helpers import Served, make_image, served, write_layout

LAYER = gzip.compress(END, mtime=0)


@pytest.fixture
def docker_hub(tmp_path: Path) -> Iterator[Served]:
    """Serve what the official images are called, with one empty layer each."""
    folder = tmp_path / "far"
    folder.mkdir()
    made = {}
    for recipe in RECIPES:
        own = ContainerConfig(cmd=(recipe.name,))
        config = ImageConfig("amd64", "linux", own, (Digest.of(END),)).to_bytes()
        made[f"{recipe.name}:{recipe.hub_tag}"] = make_image(LAYER, config=config)
    write_layout(folder / "catalog", made)
    hub = Hub(folder / "hub", folder / "catalog")
    with served(hub.app(), folder) as at:
        yield at
    hub.close()


@pytest.fixture
def no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def build(tmp_path: Path, port: int, steps: list[tuple[str, float]] | None = None) -> list[Made]:
    def start_engine() -> None:
        raise AssertionError("no engine is needed")

    return build_catalog(
        tmp_path / "home" / "catalog",
        tmp_path / "home" / "cache",
        start_engine,  # type: ignore[arg-type]
        lambda *step: steps.append(step) if steps is not None else None,
        Endpoint((f"http://127.0.0.1:{port}",)),
    )


def test_without_apt(tmp_path: Path, docker_hub: Served, no_apt: None) -> None:
    """Does a machine without apt get all images, under their names, ready for both sandboxes?"""
    steps: list[tuple[str, float]] = []
    made = build(tmp_path, docker_hub.port, steps)
    target = tmp_path / "home" / "catalog"
    assert [row.name for row in made] == [recipe.name for recipe in RECIPES]
    assert is_complete(target) and read_images(target) == made
    assert sorted(path.name for path in target.iterdir()) == [
        *("blobs", "catalog.json", "index.json", "oci-layout"),
    ]
    catalog = Catalog(target)
    manifest = catalog.manifest(Repository("library/registry"), Tag("2"))
    config = json.loads(manifest.content)["config"]["digest"]
    content = catalog.blob(Repository("library/registry"), Digest.parse(config)).read_bytes()
    assert json.loads(content)["config"]["Cmd"] == ["registry"]
    assert [layer.diff_id for layer in read_layers(target)] == [Digest.of(END)]
    parts = [part for _, part in steps]
    assert parts == sorted(parts) and steps[-1] == ("the images are ready", 1.0)
    assert ("downloading python", 1.0) not in steps[:1]


def test_second_time(tmp_path: Path, docker_hub: Served, no_apt: None) -> None:
    """Is nothing fetched again when all is there?"""
    build(tmp_path, docker_hub.port)
    assert build(tmp_path, free_port()) == []


def test_other_distributions(
    tmp_path: Path, docker_hub: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are the official images fetched where the packages are not Debian's?"""
    release = tmp_path / "os-release"
    release.write_text('ID=fedora\nPRETTY_NAME="Fedora Linux 41"\n')
    monkeypatch.setattr(images, "read_release", lambda: read_release(release))
    assert len(build(tmp_path, docker_hub.port)) == len(RECIPES)


def test_neither(tmp_path: Path, no_apt: None) -> None:
    """Without apt and without Docker Hub, are both reasons told, and nothing left behind?"""
    with pytest.raises(Unavailable) as caught:
        build(tmp_path, free_port())
    assert "there is no apt-get here" in caught.value.message
    assert "connection refused" in caught.value.message
    assert "connect this machine to the internet" in caught.value.hint
    home = tmp_path / "home"
    assert sorted(path.name for path in home.iterdir()) == [".catalog.lock", "cache"]


def test_damaged_download(tmp_path: Path, docker_hub: Served, no_apt: None) -> None:
    """Is content that is not what its digest promises refused?"""
    blob = tmp_path / "far" / "catalog" / "blobs" / "sha256" / Digest.of(LAYER).hex
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(Unavailable, match="did not give them"):
        build(tmp_path, docker_hub.port)
    assert not (tmp_path / "home" / "catalog").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
