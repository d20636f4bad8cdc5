"""Tests of the image layout."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from lab.catalog.layout import LayoutWriter
from lab.catalog.tree import Tree, archive
from lab.oci.image_config import ImageConfig
from lab.registry.catalog import Catalog
from lab.registry.names import Repository, Tag


def layer_of(text: str) -> list[bytes]:
    tree = Tree()
    tree.file("file", text.encode() * 1000)
    return list(archive(tree))


def write(folder: Path) -> None:
    folder.mkdir()
    layout = LayoutWriter(folder)
    base, top = (layout.add_layer(layer_of(text)) for text in ("base", "top"))
    config = ImageConfig("amd64", "linux", diff_ids=(base.diff_id,))
    layout.add_image(config, [base.descriptor], ["debian:latest", "debian:12"], {})
    both = ImageConfig("amd64", "linux", diff_ids=(base.diff_id, top.diff_id))
    layout.add_image(both, [base.descriptor, top.descriptor], ["nginx:latest"], {"k": "v"})
    layout.finish()


def test_blobs_are_what_their_digests_say(tmp_path: Path) -> None:
    """Is every blob named after its content, and every layer's diff id that of its tar archive?"""
    folder = tmp_path / "layout"
    write(folder)
    blobs = {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in blobs.items()} == {
        name: name for name in blobs
    }
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((folder / "index.json").read_text())
    manifests = [json.loads(blobs[entry["digest"][7:]]) for entry in index["manifests"]]
    for manifest in manifests:
        config = json.loads(blobs[manifest["config"]["digest"][7:]])
        plain = [gzip.decompress(blobs[layer["digest"][7:]]) for layer in manifest["layers"]]
        digests = ["sha256:" + hashlib.sha256(content).hexdigest() for content in plain]
        assert config["rootfs"]["diff_ids"] == digests
    assert manifests[0]["layers"][0] == manifests[2]["layers"][0], "the base is shared"
    assert len(blobs) == 6, "two layers, two configs, two manifests"


def test_the_hub_reads_it(tmp_path: Path) -> None:
    """Does the Hub find the images under their names?"""
    folder = tmp_path / "layout"
    write(folder)
    catalog = Catalog(folder)
    debian = Repository("library/debian")
    assert list(map(str, catalog.tags(debian))) == ["12", "latest"]
    stored = catalog.manifest(debian, Tag("12"))
    assert stored.digest == catalog.manifest(debian, Tag("latest")).digest
    assert catalog.exists(Repository("library/nginx"))


def test_equal_content_equal_bytes(tmp_path: Path) -> None:
    """Do two runs write the same files?"""
    written = []
    for name in ("one", "two"):
        write(tmp_path / name)
        paths = sorted((tmp_path / name).rglob("*"))
        written.append(
            [(p.relative_to(tmp_path / name), p.is_file() and p.read_bytes()) for p in paths]
        )
    assert written[0] == written[1]


def test_error_while_a_layer_is_made(tmp_path: Path) -> None:
    """Does an error in the stream reach the caller, and is no blob made of the part before it?"""

    def broken() -> object:
        yield b"x" * 1000
        raise ValueError("broken")

    layout = LayoutWriter(tmp_path)
    with pytest.raises(ValueError, match="broken"):
        layout.add_layer(broken())  # type: ignore[arg-type]
    assert not list((tmp_path / "blobs/sha256").iterdir())
